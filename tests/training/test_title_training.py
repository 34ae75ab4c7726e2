"""The second stage: titles of the drawn products, learnt and written into a bundle."""

from __future__ import annotations

import json

import keras
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from drawn import COLOURS, draw, write_catalog
from PIL import Image

from tagger.bundle import Bundle
from tagger.config import Config, parse_config
from tagger.errors import CatalogError, ConfigError
from tagger.inference import Photo, Tagger
from tagger.network.model import keras_name
from tagger.network.title import build_title_network, round_weights, write_title_onnx
from tagger.training.run import train

NAMES = {"red": "Tomato Mug", "green": "Meadow Mug", "blue": "Ocean Cup"}


def _config(**changes) -> Config:
    settings = {
        "inputs": ["image", "title"],
        "network": {"trunk": "tiny"},
        "photo": {"height": 32, "width": 24},
        "training": {"epochs": 1, "batch_size": 16, "precision": "float32", "ema": 0.8},
        "flags": {"columns": []},
    }
    return parse_config({**settings, **changes}, "the test")


def test_onnx_gives_what_keras_gives(space, tmp_path):
    keras.utils.set_random_seed(0)
    network = build_title_network(space, 50)
    round_weights(network)
    write_title_onnx(network, space, tmp_path / "title.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "title.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert set(names) == {"colour_softmax", "colour_sigmoid", "use_sigmoid"}
    for rows in (np.random.default_rng(0).integers(0, 50, (7, 5)), np.zeros((2, 1)), np.zeros((0, 3))):
        found = dict(zip(names, session.run(names, {"titles": rows.astype(np.int32)}), strict=True))
        expected = network(rows.astype(np.int32))
        for name in names:
            wanted = keras.ops.convert_to_numpy(expected[keras_name(name)])
            np.testing.assert_allclose(found[name], wanted, atol=1e-5)


def test_rounding_changes_little_and_only_once(space):
    keras.utils.set_random_seed(0)
    network = build_title_network(space, 50)
    before = network.get_weights()
    round_weights(network)
    once = network.get_weights()
    round_weights(network)
    for start, first, second in zip(before, once, network.get_weights(), strict=True):
        np.testing.assert_allclose(first, start, atol=np.abs(start).max() / 200 + 1e-7)
        np.testing.assert_allclose(second, first, rtol=1e-6)


def test_full_tables_stay_small(space, tmp_path):
    write_title_onnx(build_title_network(space, 16_384), space, tmp_path / "title.onnx")
    assert (tmp_path / "title.onnx").stat().st_size < 900_000


@pytest.fixture
def catalog(tmp_path):
    """Titles say the colour; the photos show another one, so that only titles help. Some products have no title."""
    path = write_catalog(tmp_path / "catalog", 90)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["name"] = [NAMES.get(colour, "") for colour in table["colour"]]
    rng = np.random.default_rng(1)
    for image in table["image"]:
        Image.fromarray(draw(str(rng.choice(list(COLOURS))), rng)).save(path.parent / image)
    table.to_csv(path, index=False)
    return path


def test_a_run_learns_to_read_titles_and_tags_without_them(catalog, tmp_path):
    columns = {"columns": {"title": "name"}}
    folder = train(_config(catalog=columns), catalog, tmp_path / "run")
    bundle = Bundle.open(folder)
    listed = json.loads((folder / "bundle.json").read_text())["files"]
    assert {name for name in listed if name.startswith("title/")} == {
        "title/model.onnx", "title/vocabulary.npy", "title/fusion.json", "title/calibration.json",
    }  # fmt: skip
    assert set(bundle.metrics["inputs"]) == {"image", "title", "both"}
    assert bundle.metrics["inputs"]["both"]["colour"] > 0.9 > bundle.metrics["inputs"]["image"]["colour"]

    image = str(catalog.parent / pd.read_csv(catalog)["image"][0])
    tagger = Tagger.open(folder)
    photos = [
        Photo("1", image, "mug TOMATO"),
        Photo("2", image, "Océan cup"),
        Photo("3", image),
        Photo("4", "", "Ocean"),
    ]
    for inputs, expected in (("auto", ["red", "blue", None, "blue"]), ("title", ["red", "blue", None, "blue"])):
        found = [tagged.tags.get("colour") for tagged in tagger.run(photos, inputs=inputs)]
        assert [tag.label for tag, wanted in zip(found, expected, strict=True) if wanted] == ["red", "blue", "blue"]
        assert (found[2] is None) == (inputs == "title")


def test_stopped_while_it_learns_titles_a_run_goes_on_with_them(catalog, tmp_path):
    config, out = _config(catalog={"columns": {"title": "name"}}), tmp_path / "run"

    def stop(step, steps, what):
        if what.startswith("titles, epoch 3/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, catalog, out, progress=stop)
    assert not [path for path in out.iterdir() if path.is_dir() or path.name.startswith(".")]
    told = []
    folder = train(config, catalog, out, resume=True, progress=lambda *step: told.append(step[2]))
    assert not [what for what in told if what.startswith("epoch")]
    assert "both" in Bundle.open(folder).metrics["inputs"]


def test_without_titles_there_is_nothing_to_read(catalog, tmp_path):
    with pytest.raises(CatalogError, match=r"asks for titles .* Name their column with --set catalog\.columns\.title"):
        train(_config(), catalog, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("inputs", [[], ["title"], ["title", "image"], ["image", "image"]])
def test_inputs_are_the_image_or_image_and_title(inputs):
    with pytest.raises(ConfigError, match=r"expected \[image\] or \[image, title\], got"):
        _config(inputs=inputs)


def test_where_no_validation_product_has_a_title_both_count_alike(catalog, tmp_path):
    table = pd.read_csv(catalog, dtype=str, keep_default_na=False)
    table["split"] = ["train"] * (len(table) - 20) + ["validation"] * 20
    table.loc[table["split"] == "validation", "name"] = ""
    table.to_csv(catalog, index=False)
    bundle = Bundle.open(train(_config(catalog={"columns": {"title": "name"}}), catalog, tmp_path / "run"))
    part = json.loads((bundle.path / "title" / "fusion.json").read_text())
    assert {(head["photo"], head["title"]) for head in part.values()} == {(1, 1)}
