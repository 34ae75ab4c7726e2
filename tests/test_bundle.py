"""The bundle: opens whole, refuses anything else with a clear error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tagger.bundle import VERSION, Bundle, seal
from tagger.errors import BundleError
from tagger.novelty import Novelty

FILES = ("bundle.json", "calibration.json", "config.json", "labels.json", "metrics.json", "model.onnx", "split.csv")


def change_json(path: Path, **changes: Any) -> None:
    """Change some entries; with `name=None` one goes."""
    value = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({name: entry for name, entry in value.items() if entry is not None}))


def reseal(bundle: Path) -> None:
    """Make the checksums right again, as someone else's program would."""
    (bundle / "bundle.json").unlink()
    seal(bundle, {})


def test_what_a_bundle_holds(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    assert bundle.path == tiny_bundle
    assert (bundle.photo.height, bundle.photo.width) == (20, 16)
    assert "masterCategory" in bundle.label_space.attributes
    assert bundle.calibration.thresholds["displayCategories"] == {"Sale": 0.5, "Café": 0.5}
    assert bundle.metrics == {"epochs": 1}
    assert bundle.split == {"1": "train", "2": "test"}
    assert bundle.model.is_file()
    assert len(bundle.id) == 64
    assert bundle.manifest["command"] == "drawn by hand"


def test_the_int8_model_need_not_be_there(tiny_bundle: Path) -> None:
    before = Bundle.open(tiny_bundle)
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx, .*Train it again, or choose"):
        _ = before.int8_model
    (tiny_bundle / "model.int8.onnx").write_bytes(b"int8")
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx"):  # its checksum is not the bundle's
        _ = Bundle.open(tiny_bundle).int8_model
    reseal(tiny_bundle)
    after = Bundle.open(tiny_bundle)
    assert after.int8_model.read_bytes() == b"int8"
    assert after.id == before.id
    after.int8_model.unlink()
    with pytest.raises(BundleError, match=r"incomplete: model\.int8\.onnx is missing"):
        Bundle.open(tiny_bundle)


def test_the_run_folder_stands_for_its_bundle(tiny_bundle: Path) -> None:
    assert Bundle.open(tiny_bundle.parent).path == tiny_bundle
    assert Bundle.open(str(tiny_bundle.parent)).path == tiny_bundle


def test_a_place_with_other_letters(tiny_bundle: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "größe №42 日本"
    shutil.move(tiny_bundle, elsewhere)
    assert Bundle.open(elsewhere).split


def test_metrics_and_split_may_be_absent_where_they_never_were(tiny_bundle: Path) -> None:
    (tiny_bundle / "metrics.json").unlink()
    (tiny_bundle / "split.csv").unlink()
    reseal(tiny_bundle)
    bundle = Bundle.open(tiny_bundle)
    assert bundle.metrics == {}
    assert bundle.split is None


def test_the_keras_model_may_be_deleted(tiny_bundle: Path) -> None:
    (tiny_bundle / "model.keras").unlink()
    assert Bundle.open(tiny_bundle)


def test_equal_networks_have_equal_ids(tiny_bundle: Path) -> None:
    before = Bundle.open(tiny_bundle).id
    change_json(tiny_bundle / "metrics.json", epochs=2)
    reseal(tiny_bundle)
    assert Bundle.open(tiny_bundle).id == before


# ---- Damage ----


def test_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"There is no bundle .*nowhere"):
        Bundle.open(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(BundleError, match=r"is not a bundle: it holds no bundle\.json"):
            Bundle.open(path)


@pytest.mark.parametrize("name", FILES)
def test_a_half_copied_bundle(tiny_bundle: Path, name: str) -> None:
    (tiny_bundle / name).unlink()
    with pytest.raises(BundleError, match=name):
        Bundle.open(tiny_bundle)


@pytest.mark.parametrize("name", [*FILES[1:], "model.keras"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_byte(tiny_bundle: Path, name: str, place: int) -> None:
    data = bytearray((tiny_bundle / name).read_bytes())
    data[place] ^= 1
    (tiny_bundle / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} is damaged: its checksum"):
        Bundle.open(tiny_bundle)


def test_any_flipped_byte_of_the_manifest(tiny_bundle: Path) -> None:
    """It has no checksum of its own; what remains readable must still describe the files."""
    path = tiny_bundle / "bundle.json"
    good = path.read_bytes()
    start = good.index(b'"files"')
    for place in range(start, len(good) - 10, 7):
        data = bytearray(good)
        data[place] ^= 1
        path.write_bytes(data)
        try:
            opened = Bundle.open(tiny_bundle)
        except BundleError:
            continue
        # Spaces between the entries may change without harm.
        assert opened.manifest == json.loads(good)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short(tiny_bundle: Path, name: str, share: float) -> None:
    data = (tiny_bundle / name).read_bytes()
    (tiny_bundle / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BundleError, match=f"{name} is damaged"):
        Bundle.open(tiny_bundle)


@pytest.mark.parametrize(
    ("version", "step"),
    [(VERSION - 1, "Train it again"), (VERSION + 1, "Upgrade"), ("1.0", "Upgrade"), (None, "Upgrade")],
)
def test_another_version(tiny_bundle: Path, version: Any, step: str) -> None:
    change_json(tiny_bundle / "bundle.json", version=version)
    with pytest.raises(BundleError, match=rf"has version {version}, .* reads version {VERSION}\. {step}"):
        Bundle.open(tiny_bundle)


def test_a_bundle_of_something_else(tiny_bundle: Path) -> None:
    change_json(tiny_bundle / "bundle.json", format="java-bundle")
    with pytest.raises(BundleError, match=r"not a bundle of catalog-tagger: .*'java-bundle'"):
        Bundle.open(tiny_bundle)


@pytest.mark.parametrize("text", ["[]", "{", "\xff", "null", "[" * 100_000])
def test_a_manifest_that_is_no_object(tiny_bundle: Path, text: str) -> None:
    (tiny_bundle / "bundle.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError, match=r"bundle\.json is damaged"):
        Bundle.open(tiny_bundle)


@pytest.mark.parametrize("files", [None, [], {"labels.json": "abc"}, {"model.onnx": {}}])
def test_a_manifest_without_a_proper_list(tiny_bundle: Path, files: Any) -> None:
    change_json(tiny_bundle / "bundle.json", files=files)
    with pytest.raises(BundleError, match=r"damaged \(no list|incomplete: .* is not listed"):
        Bundle.open(tiny_bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_manifest_that_points_outside(tiny_bundle: Path, name: str) -> None:
    files = json.loads((tiny_bundle / "bundle.json").read_text())["files"]
    change_json(tiny_bundle / "bundle.json", files={**files, name: {"bytes": 1, "sha256": ""}})
    with pytest.raises(BundleError, match="outside itself"):
        Bundle.open(tiny_bundle)


# ---- Checksums are right, the content is not ----


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"photo": {"height": 1}}, r"photo\.height"),
        ("calibration.json", {"temperatures": {"gender_softmax": 0}}, r"temperatures\.gender_softmax"),
        ("calibration.json", {"thresholds": {"displayCategories": "low"}}, r"thresholds\.displayCategories"),
        ("calibration.json", {"thresholds": [1]}, "thresholds"),
        ("calibration.json", {"mood": {}}, "mood"),
        ("calibration.json", {"scales": {"use_sigmoid": {"x": {"slope": -1, "offset": 0}}}}, r"scales\..*slope"),
        ("calibration.json", {"curves": {"gender": [[0.9]]}}, r"curves\.gender"),
        ("labels.json", {"attributes": None}, "labels of the bundle"),
    ],
)
def test_settings_that_make_no_sense(tiny_bundle: Path, name: str, changes: dict[str, Any], message: str) -> None:
    change_json(tiny_bundle / name, **changes)
    reseal(tiny_bundle)
    with pytest.raises(BundleError, match=message):
        Bundle.open(tiny_bundle)


def test_settings_that_are_no_more_do_not_matter(tiny_bundle: Path) -> None:
    config = json.loads((tiny_bundle / "config.json").read_text())
    config["training"].update(epochs=3, tempo="presto")
    config["attributes"]["gender"]["mood"] = {}
    change_json(tiny_bundle / "config.json", **config, colour=1)
    reseal(tiny_bundle)
    bundle = Bundle.open(tiny_bundle)
    assert bundle.config.training.epochs == 3
    assert bundle.photo.height == 20


def test_novelty_is_read_from_its_file(tiny_bundle: Path) -> None:
    assert Bundle.open(tiny_bundle).novelty is None
    Novelty(np.eye(3), np.zeros((1, 3))).write(tiny_bundle / "novelty.npy")
    reseal(tiny_bundle)
    novelty = Bundle.open(tiny_bundle).novelty
    assert novelty is not None and novelty.width == 3
    (tiny_bundle / "novelty.npy").write_bytes(b"no array")
    reseal(tiny_bundle)
    with pytest.raises(BundleError, match=r"novelty\.npy can't be read"):
        _ = Bundle.open(tiny_bundle).novelty


@pytest.mark.parametrize("name", ["config.json", "calibration.json", "labels.json"])
def test_a_json_file_that_is_none(tiny_bundle: Path, name: str) -> None:
    (tiny_bundle / name).write_text("no JSON")
    reseal(tiny_bundle)
    with pytest.raises(BundleError, match=rf"{name} is damaged \(no JSON\)"):
        Bundle.open(tiny_bundle)


def test_a_json_file_that_is_far_too_large(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagger.manifest._MAX_TEXT_BYTES", 10)
    with pytest.raises(BundleError, match="larger than"):
        Bundle.open(tiny_bundle)


# ---- Sealing ----


def test_seal_lists_all_files_also_those_of_folders(tiny_bundle: Path) -> None:
    (tiny_bundle / "flags").mkdir()
    (tiny_bundle / "flags" / "weights.npz").write_bytes(b"123")
    reseal(tiny_bundle)
    files = Bundle.open(tiny_bundle).manifest["files"]
    assert set(files) == {*FILES[1:], "model.keras", "flags/weights.npz"}
    assert files["flags/weights.npz"]["bytes"] == 3
    (tiny_bundle / "flags" / "weights.npz").write_bytes(b"124")
    with pytest.raises(BundleError, match=r"weights\.npz is damaged"):
        Bundle.open(tiny_bundle)
