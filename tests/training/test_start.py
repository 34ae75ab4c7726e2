"""A run that starts from a bundle: which weights it takes, what it refuses, and how it is resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from bundles import bundle_config, write_random_bundle
from drawn import COLOURS, draw, make_table, write_catalog

from tagger.bundle import Bundle, seal
from tagger.config import AttributeConfig, Config, load_config
from tagger.errors import BundleError, ConfigError, TrainingError
from tagger.labels import LabelSpace, fit_label_space
from tagger.network.model import build_network, with_embedding
from tagger.training.run import train
from tagger.training.start import Start, find_start, record_start, recorded_start, start_settings
from tagger.training.weights import open_network, take_over

CONFIG = bundle_config("tiny")


def _photos(count: int = 6) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw(colour, rng) for _, colour in zip(range(count), 2 * list(COLOURS), strict=False)])


@pytest.fixture
def bundle(space: LabelSpace, tmp_path: Path, _tiny_trunk: None) -> Bundle:
    return write_random_bundle(tmp_path / "bundle", space, "tiny", onnx=False)


def _network(space: LabelSpace, config: Config = CONFIG) -> keras.Model:
    return build_network(space, config.network, config.photo)


def _values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in model.weights]


def test_the_network_of_a_bundle_is_the_saved_one(bundle: Bundle) -> None:
    saved = keras.saving.load_model(bundle.path / "model.keras", compile=False)
    opened, photos = open_network(bundle), _photos()
    for name, expected in saved(photos).items():
        np.testing.assert_array_equal(opened(photos)[name], expected, err_msg=name)


def test_the_same_labels_give_the_same_network(bundle: Bundle, space: LabelSpace) -> None:
    model = _network(space)
    take_over(bundle, model, space)
    expected = open_network(bundle)(_photos())
    for name, logits in model(_photos()).items():
        np.testing.assert_array_equal(logits, expected[name], err_msg=name)


def test_labels_are_matched_by_their_names(bundle: Bundle, space: LabelSpace) -> None:
    """`colour` has its labels in another order and a new one, `use` no sigmoid head; `mood` is new."""
    table = make_table(60, missing=0)
    table["colour"] = table["colour"].replace("blue", "violet")
    table.loc[table.index[:40], "colour"] = "green"
    table["use"], table["mood"] = "home", ["calm", "loud"] * 30
    settings = {name: AttributeConfig() for name in ("colour", "use", "mood")}
    others = fit_label_space(table, settings)
    model = _network(others)
    before = {name: _values(model.get_layer(name)) for name in ("colour_softmax", "use_softmax", "mood_softmax")}
    take_over(bundle, model, others)

    donor = open_network(bundle)
    kernel, bias = _values(model.get_layer("colour_softmax"))
    known_kernel, known_bias = _values(donor.get_layer("colour_softmax"))
    ours, theirs = others["colour"].classes, space["colour"].classes
    assert ours[0] == "green" and "violet" in ours
    for label in ("red", "green"):
        np.testing.assert_array_equal(kernel[:, ours.index(label)], known_kernel[:, theirs.index(label)])
        assert bias[ours.index(label)] == known_bias[theirs.index(label)]
    violet = ours.index("violet")
    np.testing.assert_array_equal(kernel[:, violet], before["colour_softmax"][0][:, violet])
    for name in ("use_softmax", "mood_softmax"):
        for value, old in zip(_values(model.get_layer(name)), before[name], strict=True):
            np.testing.assert_array_equal(value, old)
    np.testing.assert_array_equal(_values(model.get_layer("embedding"))[0], _values(donor.get_layer("embedding"))[0])


def test_a_share_of_the_weights_is_taken_over(bundle: Bundle, space: LabelSpace) -> None:
    """Those of labels that the bundle doesn't know stay whole."""
    table = make_table(60, missing=0)
    table["colour"] = table["colour"].replace("blue", "violet")
    others = fit_label_space(table, {"colour": AttributeConfig()})
    model, donor = _network(others), open_network(bundle)
    embedding, kernel = _values(model.get_layer("embedding"))[0], _values(model.get_layer("colour_softmax"))[0]
    take_over(bundle, model, others, share=0.25)
    theirs = _values(donor.get_layer("embedding"))[0]
    np.testing.assert_allclose(_values(model.get_layer("embedding"))[0], 0.75 * embedding + 0.25 * theirs, atol=1e-6)
    blended, known = _values(model.get_layer("colour_softmax"))[0], _values(donor.get_layer("colour_softmax"))[0]
    for label, place in ((label, others["colour"].classes.index(label)) for label in others["colour"].classes):
        expected = kernel[:, place]
        if label != "violet":
            expected = 0.75 * expected + 0.25 * known[:, space["colour"].classes.index(label)]
        np.testing.assert_allclose(blended[:, place], expected, atol=1e-6)


@pytest.mark.parametrize("changes", [{"trunk": "cnn_gap"}, {"trunk": "tiny", "embedding": 8}])
def test_another_network_is_one_clear_error(bundle: Bundle, space: LabelSpace, changes: dict) -> None:
    config = load_config(defaults={"network": changes, "photo": {"height": 32, "width": 24}})
    with pytest.raises(
        ConfigError, match=r"expected network\.trunk: tiny, network\.embedding: null and photos of 32x24"
    ):
        take_over(bundle, _network(space, config), space)


def test_other_photo_sizes_fit_where_the_trunk_takes_any(bundle: Bundle, space: LabelSpace) -> None:
    config = load_config(defaults={"network": {"trunk": "tiny"}, "photo": {"height": 64, "width": 64}})
    take_over(bundle, _network(space, config), space)


@pytest.mark.parametrize("damage", [b"", b"PK", b"no zip at all"])
def test_damaged_weights(bundle: Bundle, damage: bytes) -> None:
    (bundle.path / "model.keras").write_bytes(damage)
    with pytest.raises(BundleError, match=r"model\.keras does not hold the weights"):
        open_network(bundle)


def test_weights_of_another_network(bundle: Bundle, space: LabelSpace) -> None:
    other = Config.model_validate({"network": {"trunk": "tiny", "embedding": 5}, "photo": {"height": 32, "width": 24}})
    with_embedding(_network(space, other), space).save(bundle.path / "model.keras")
    with pytest.raises(BundleError, match=r"model\.keras does not hold the weights of the network"):
        open_network(bundle)


def test_a_bundle_without_weights(bundle: Bundle) -> None:
    (bundle.path / "model.keras").unlink()
    with pytest.raises(BundleError, match=r"which fine-tuning starts from"):
        open_network(Bundle.open(bundle.path))


def test_settings_of_the_bundle_give_way_to_those_asked_for(bundle: Bundle, tmp_path: Path) -> None:
    settings = start_settings(bundle)
    config = load_config(defaults=settings)
    assert (config.photo.height, config.photo.width, config.network.trunk) == (32, 24, "tiny")
    assert config.training.batch_size < 64 and config.training.augmentation.scale > 0.2
    file = tmp_path / "config.yaml"
    file.write_text("training: {epochs: 7}\nphoto: {height: 48}\n")
    config = load_config(file, ["training.augmentation.shift=0"], settings)
    training, photo = config.training, config.photo
    assert (training.epochs, training.augmentation.shift, photo.height, photo.width) == (7, 0, 48, 24)
    assert training.augmentation.scale > 0.2  # the rest of the section stays
    assert start_settings(bundle)["training"]["augmentation"]["shift"] > 0  # nor does the next run see the override
    file.write_text("training: 3\n")
    with pytest.raises(ConfigError, match="training"):
        load_config(file, (), settings)


def test_the_run_folder_remembers_the_start(bundle: Bundle, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start = find_start(bundle.path, run, resume=False)
    assert start == Start(str(bundle.path), bundle.id)
    record_start(start, run)
    assert (
        recorded_start(run) == find_start(None, run, resume=True) == find_start(bundle.path, run, resume=True) == start
    )
    assert start.open().id == bundle.id


def test_a_run_goes_on_from_where_it_started_only(bundle: Bundle, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"was started from scratch, not from .*bundle\. Leave out --from"):
        find_start(bundle.path, run, resume=True)
    record_start(Start.at(bundle.path), run)
    other = shutil.copytree(bundle.path, tmp_path / "other")
    (other / "model.onnx").write_bytes(b"another")
    seal(other, {})
    with pytest.raises(TrainingError, match=r"another network, .*bundle, not from .*other\. Give --from .*bundle to"):
        find_start(other, run, resume=True)
    shutil.rmtree(bundle.path)
    other.rename(bundle.path)
    with pytest.raises(TrainingError, match="is not the one any more"):
        Start(**json.loads((run / "start.json").read_text())).open()


@pytest.mark.parametrize("text", ["", "[]", '{"model": "a"}', "\xff"])
def test_a_damaged_note_of_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "start.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(TrainingError, match=r"start\.json can't be read"):
        recorded_start(tmp_path)


@pytest.mark.slow
def test_a_whole_run_starts_from_a_bundle_and_goes_on_without_it(space: LabelSpace, tmp_path: Path) -> None:
    """Hardly trained, the new network has the trunk of the bundle and another head; its labels are other ones."""
    start = write_random_bundle(tmp_path / "start", space, "cnn_gap", onnx=False)
    data = write_catalog(tmp_path / "catalog", 40)
    data.write_text(data.read_text().replace("colour", "shade").replace(",red,", ",crimson,"))
    overrides = ["training.epochs=1", "training.learning_rate=1e-9", "training.precision=float32", "flags.columns=[]"]
    config = load_config(None, overrides, start_settings(start))
    out = tmp_path / "run"
    bundle = Bundle.open(train(config, data, out, start=start.path))
    assert bundle.manifest["started_from"] == {"model": start.path.name, "id": start.id}
    assert set(bundle.label_space["shade"].classes) == {"crimson", "green", "blue"}

    def check(bundle: Bundle) -> None:
        ours, theirs = (open_network(each).get_layer("embedding").get_weights() for each in (bundle, start))
        for value, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-5)

    check(bundle)
    shutil.rmtree(out / "bundle")
    check(Bundle.open(train(config, data, out, resume=True)))
    # Killed before the first epoch was over, it needs the bundle again.
    (out / "checkpoint.npz").unlink()
    shutil.rmtree(start.path)
    with pytest.raises(BundleError, match=r"There is no bundle .*start"):
        train(config, data, out, resume=True)


@pytest.mark.slow
def test_a_run_ends_with_a_share_of_the_weights_that_it_started_from(space: LabelSpace, tmp_path: Path) -> None:
    start = write_random_bundle(tmp_path / "start", space, "cnn_gap", onnx=False)
    data = write_catalog(tmp_path / "catalog", 40)
    settings = [
        "training.epochs=4",
        "training.ema=0",
        "training.warmup_epochs=0",
        "training.learning_rate=0.02",
        "training.precision=float32",
        "flags.columns=[]",
    ]

    def embedding(bundle: Bundle) -> np.ndarray:
        return _values(open_network(bundle).get_layer("embedding"))[0]

    ends = {}
    for share in (0, 0.5):
        config = load_config(None, [*settings, f"training.start_share={share}"], start_settings(start))
        ends[share] = embedding(Bundle.open(train(config, data, tmp_path / f"{share}", start=start.path)))
    assert np.abs(ends[0] - embedding(start)).max() > 0.01
    np.testing.assert_allclose(ends[0.5], (ends[0] + embedding(start)) / 2, atol=2e-3)


def test_a_share_of_a_start_needs_one(tmp_path: Path) -> None:
    config = load_config(None, ["training.start_share=0.5"])
    with pytest.raises(
        TrainingError, match=r"start_share: expected 0 for a run from scratch, got 0\.5\. Give .*--from"
    ):
        train(config, tmp_path, tmp_path / "run")
