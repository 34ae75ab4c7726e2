"""A compact bundle: small, answers as the full one, can be fine-tuned; refused where that is not so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from bundles import write_random_bundle
from drawn import make_part, write_catalog
from onnx import helper, numpy_helper

from tagger.bundle import Bundle, seal
from tagger.errors import BundleError, CatalogError, OutputError, TrainingError
from tagger.inference.agreement import tag_agreement
from tagger.labels import LabelSpace
from tagger.training.compact import compact_bundle
from tagger.training.compact_weights import read_weights, write_weights
from tagger.training.weights import open_network

MB = 10**6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, space: LabelSpace) -> Bundle:
    return write_random_bundle(tmp_path_factory.mktemp("full") / "bundle", space, "cnn_gap")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("catalog") / "c", 210)


def _same(first: Path, second: Path, pixels: np.ndarray) -> dict[str, float]:
    return {"colour": 1.0, "use": 0.995}


@pytest.fixture(scope="module")
def compact(bundle: Bundle, catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("compact") / "out"
    assert compact_bundle(bundle.path, catalog, out, MB, _same) == {"colour": 1.0, "use": 0.995}
    return Bundle.open(out)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_it_holds(bundle: Bundle, compact: Bundle) -> None:
    files = set(bundle.manifest["files"]) - {"model.keras", "split.csv"} | {"weights.npz", "split.csv.gz", "card.md"}
    assert set(compact.manifest["files"]) == files
    assert _bytes(compact.path) < 0.4 * _bytes(bundle.path)
    assert compact.split == bundle.split
    assert compact.metrics == bundle.metrics | {
        "compact_agreement": {"colour": 1.0, "use": 0.995}, "compact_photos": 208
    }  # fmt: skip
    about = {name: value for name, value in compact.manifest.items() if name not in ("files", "compacted_from")}
    assert about == {name: value for name, value in bundle.manifest.items() if name != "files"}
    assert compact.manifest["compacted_from"] == bundle.id != compact.id
    assert (compact.path / "card.md").read_text().startswith("# Model card: out\n")


def test_it_answers_as_the_full_one(bundle: Bundle, compact: Bundle, space: LabelSpace) -> None:
    pixels = make_part(space, 300, seed=5).pixels
    agreement = tag_agreement(bundle.path, compact.path, pixels)
    assert set(agreement) == {"colour", "use"}
    assert min(agreement.values()) > 0.97


def test_other_networks_answer_otherwise(bundle: Bundle, space: LabelSpace, tmp_path: Path) -> None:
    other = write_random_bundle(tmp_path / "other", space, "cnn_gap")
    pixels = make_part(space, 100, seed=5).pixels
    assert tag_agreement(bundle.path, bundle.path, pixels) == {"colour": 1.0, "use": 1.0}
    assert min(tag_agreement(bundle.path, other.path, pixels).values()) < 1


def test_the_weights_for_fine_tuning_are_those_of_the_network(bundle: Bundle, compact: Bundle) -> None:
    """The kernels are not stored twice: they come out of model.onnx."""
    assert compact.compact_weights and compact.compact_weights.stat().st_size < 25_000
    full, small = (open_network(each) for each in (bundle, compact))
    for ours, theirs in zip(small.get_weights(), full.get_weights(), strict=True):
        assert np.abs(ours - theirs).max() <= 1e-3 * np.abs(theirs).max()


def test_a_tighter_budget_takes_more_away(bundle: Bundle, compact: Bundle, catalog: Path, tmp_path: Path) -> None:
    tight = _bytes(compact.path) - 100
    compact_bundle(bundle.path, catalog, tmp_path / "without int8", tight, _same)
    smaller = Bundle.open(tmp_path / "without int8")
    assert "model.int8.onnx" not in smaller.manifest["files"] and "int8_agreement" not in smaller.metrics
    assert smaller.id == compact.id
    tight = _bytes(smaller.path) - 30_000
    compact_bundle(bundle.path, catalog, tmp_path / "in int8", tight, _same)
    assert _bytes(tmp_path / "in int8") <= tight
    assert Bundle.open(tmp_path / "in int8").id != compact.id
    with pytest.raises(TrainingError, match=r"can't be made smaller than 0\.\d+ MB, expected at most 0\.05 MB"):
        compact_bundle(bundle.path, catalog, tmp_path / "no", 50_000, _same)
    assert not (tmp_path / "no").exists()


def test_other_tags_are_refused(bundle: Bundle, catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"tags on 99\.5% of 208 photos, found use 99\.49%\. Allow more"):
        compact_bundle(bundle.path, catalog, tmp_path / "out", MB, lambda *_: {"colour": 1.0, "use": 0.9949})
    assert not (tmp_path / "out").exists()


def test_bad_input(bundle: Bundle, compact: Bundle, catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is a compact bundle already"):
        compact_bundle(compact.path, catalog, tmp_path / "out", MB, _same)
    with pytest.raises(CatalogError, match=r"has 19 readable photos that the bundle was not trained on"):
        compact_bundle(bundle.path, write_catalog(tmp_path / "few", 20), tmp_path / "out", MB, _same)
    with pytest.raises(OutputError, match="holds other files than a bundle"):
        compact_bundle(bundle.path, catalog, catalog.parent, MB, _same)
    assert catalog.exists()


@pytest.mark.parametrize("damage", [b"", b"PK no zip", None])
def test_damaged_weights(compact: Bundle, tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "weights.npz"
    whole = (compact.path / "weights.npz").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(BundleError, match=r"weights\.npz can't be read"):
        read_weights(path, compact.model)


def test_weights_that_would_run_code(compact: Bundle, tmp_path: Path) -> None:
    with (tmp_path / "weights.npz").open("wb") as file:
        np.savez(file, layout=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BundleError, match=r"weights\.npz can't be read"):
        read_weights(tmp_path / "weights.npz", compact.model)


def test_weights_that_unpack_to_too_much(compact: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagger.training.compact_weights._MAX_BYTES", 1000)
    with pytest.raises(BundleError, match="unpacks to more than"):
        read_weights(compact.path / "weights.npz", compact.model)


def test_weights_of_another_network(bundle: Bundle, compact: Bundle, tmp_path: Path) -> None:
    changed = shutil.copytree(compact.path, tmp_path / "changed")
    write_weights([np.zeros(3)], {}, changed / "weights.npz")
    seal(changed, {})
    with pytest.raises(BundleError, match=r"expected 23 tensors, found 1 of other shapes"):
        open_network(Bundle.open(changed))


@pytest.mark.parametrize("axes", [(3, 2, 0, 1), (0, 1, 2, 3)])
def test_a_kernel_is_found_however_it_was_turned(tmp_path: Path, axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    kernel, factors = rng.normal(size=(3, 3, 8, 20)).astype("f4"), rng.uniform(-2, 2, 20).astype("f4")
    factors[3] = 1e-6  # a channel that batch normalization all but switched off
    unknown = rng.normal(size=(40, 30)).astype("f4")
    stored = {"found": (kernel * factors).transpose(axes), "other": rng.normal(size=(30, 40)).astype("f4")}
    tensors = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in stored.items()]
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [], tensors)), tmp_path / "m.onnx")
    write_weights([kernel, unknown], stored, tmp_path / "w.npz")
    read = read_weights(tmp_path / "w.npz", tmp_path / "m.onnx")
    np.testing.assert_allclose(read[0], kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(read[1], unknown, rtol=1e-3, atol=1e-3)
    assert (tmp_path / "w.npz").stat().st_size < 2 * unknown.size + 2000
