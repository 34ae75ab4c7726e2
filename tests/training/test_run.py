"""Whole runs of the tiny network, from a catalog on disk to a bundle that tags."""

from __future__ import annotations

import json
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from drawn import draw, write_catalog
from PIL import Image

from tagger.bundle import Bundle
from tagger.config import Config, parse_config
from tagger.errors import CatalogError, ConfigError, TrainingError
from tagger.inference import Tagger
from tagger.training import export
from tagger.training.run import train


def _config(**changes) -> Config:
    settings = {
        "network": {"trunk": "tiny"},
        "photo": {"height": 32, "width": 24},
        "training": {"epochs": 2, "batch_size": 16, "precision": "float32", "ema": 0.8, "learning_rate": 0.02},
    }
    return parse_config({**settings, **changes}, "the test")


@pytest.fixture
def catalog(tmp_path):
    return write_catalog(tmp_path / "catalog", 60)


@pytest.fixture
def falsified(monkeypatch):
    """Let the exported model give other numbers than Keras."""
    run = export._run_onnx
    with monkeypatch.context() as patch:
        patch.setattr(export, "_run_onnx", lambda *a: {name: value + 1 for name, value in run(*a).items()})
        yield patch


def test_a_run_ends_with_a_bundle_that_tags(catalog, tmp_path, monkeypatch):
    out = tmp_path / "runs" / "größe"
    config = _config(training={"epochs": 12, "batch_size": 16, "learning_rate": 0.03, "ema": 0.8, "patience": 0})
    told = []
    assert train(config, catalog, out, progress=lambda *step: told.append(step)) == out / "bundle"
    files = {"config.yaml", "split.csv", "history.csv", "curves.png", "checkpoint.npz", "best.npz", "bundle"}
    assert {path.name for path in out.iterdir()} == files
    assert (12 * [3])[-1] == told[-1][1] and told[-1][2] == "epoch 12/12"

    history = pd.read_csv(out / "history.csv")
    assert list(history["epoch"]) == list(range(1, 13))
    bundle = Bundle.open(out)
    metrics = json.loads((bundle.path / "metrics.json").read_text())
    assert metrics["part"] == "validation" and metrics["photos"] == 6
    assert metrics["onnx_difference"] < 1e-4
    assert metrics["mean_macro_f1"] == pytest.approx(history["mean_macro_f1"].max(), abs=0.05)
    assert set(metrics["tag_accuracy"]) == set(metrics["tag_majority_accuracy"]) == {"colour", "use"}
    card = (bundle.path / "card.md").read_text(encoding="utf-8")
    assert f"{metrics['tag_accuracy']['colour']:.3f}" in card and "card.md" in bundle.manifest["files"]
    assert bundle.split == pd.read_csv(out / "split.csv").set_index("id")["part"].to_dict()
    assert bundle.manifest["products"] == 60 and bundle.manifest["seed"] == 0
    assert set(bundle.photo_signs) == set(bundle.split)

    tagger = Tagger.open(out, "onnxruntime")
    rng = np.random.default_rng(5)
    shown = ["red", "green", "blue"] * 10
    pixels = np.stack([draw(colour, rng) for colour in shown])
    tags = tagger.tag_pixels(pixels)
    assert np.mean([tag["colour"].label == colour for tag, colour in zip(tags, shown, strict=True)]) > 0.9

    model = keras.saving.load_model(bundle.path / "model.keras")
    outputs = model.predict_on_batch(pixels)
    similar = bundle.similarity.vectors(outputs, bundle.label_space)
    np.testing.assert_allclose(tagger.scores(pixels)["embedding"], similar, atol=1e-3)
    assert set(outputs) == {"colour_softmax", "use_sigmoid", "embedding"}


def test_a_bundle_that_differs_is_not_written_and_resume_goes_straight_to_it(catalog, tmp_path, falsified, monkeypatch):
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"differs from the Keras model .* The bundle was not written"):
        train(_config(), catalog, out)
    assert {path.name for path in out.iterdir() if path.is_dir() or path.name.startswith(".")} == set()
    falsified.undo()
    told = []
    train(_config(), catalog, out, resume=True, progress=lambda *step: told.append(step[2]))
    assert Bundle.open(out).metrics["part"] == "validation"
    assert not [what for what in told if what.startswith("epoch")]

    # The same folder, now with things wrong in it.
    with pytest.raises(TrainingError, match="already holds a run"):
        train(_config(), catalog, out)
    other = write_catalog(tmp_path / "other", 61)
    with pytest.raises(TrainingError, match="catalog or its split is not the one"):
        train(_config(), other, out, resume=True)
    checkpoint = out / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(TrainingError, match=rf"checkpoint\.npz can't be read .* Delete the folder {out} and train"):
        train(_config(), catalog, out, resume=True)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"network": {"trunk": "tinny"}}, ConfigError, 'Did you mean "tiny"'),
        ({"network": {"trunk": "cnn_deep"}, "training": {"small_share": 0.5}}, ConfigError, "one size only"),
        ({"flags": {"columns": ["isFragil"]}}, CatalogError, "isFragil"),
        ({"split": {"stratify": "kind"}}, CatalogError, 'stratify by "kind"'),
    ],
)
def test_what_is_wrong_is_said_before_the_folder_is_taken(catalog, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        train(_config(**changes), catalog, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_without_a_validation_part_the_train_part_calibrates(catalog, tmp_path):
    config = _config(split={"train": 0.8, "validation": 0.0, "test": 0.2})
    metrics = Bundle.open(train(config, catalog, tmp_path / "run")).metrics
    assert metrics["part"] == "train" and metrics["photos"] == 48


def test_one_attribute_with_one_class_and_fewer_products_than_a_batch(catalog, tmp_path):
    table = pd.read_csv(catalog, dtype=str).iloc[:12].drop(columns="use").assign(colour="any")
    table.to_csv(catalog, index=False)
    config = _config(attributes={"colour": {"heads": "both"}}, training={"epochs": 1, "batch_size": 64})
    with warnings.catch_warnings(action="error", category=SyntaxWarning):
        tagger = Tagger.open(train(config, catalog, tmp_path / "run"))
    tag = tagger.tag_pixels(np.zeros((1, 32, 24, 3), np.uint8))[0]["colour"]
    assert (tag.label, tag.confidence, tag.runners_up, tag.needs_review) == (
        "any",
        1.0,
        (),
        True,
    )  # one product proves little


def test_odd_names_of_attributes_labels_ids_and_folders(tmp_path):
    folder = tmp_path / "Möbel & Co"
    rng = np.random.default_rng(0)
    rows = []
    for number in range(40):
        colour = ("red", "blue")[number % 2]
        (folder / "bilder").mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(colour, rng)).save(folder / "bilder" / f"stück {number}.png")
        labels = {
            "Base colour": colour,
            "größe/size": "S" if number % 2 else "größer",
            "价格": "高" if number % 2 else "低",
        }
        rows.append({"id": f"№ {number}", "image": f"bilder/stück {number}.png", **labels})
    pd.DataFrame(rows).to_csv(folder / "produkte.csv", index=False)
    tagger = Tagger.open(train(_config(), folder / "produkte.csv", tmp_path / "läufe" / "1"))
    (tags,) = tagger.tag_pixels(draw("red", rng)[None])
    assert set(tags) == {"Base colour", "größe/size", "价格"}


def test_flags_are_trained_with_it(catalog, tmp_path):
    table = pd.read_csv(catalog, dtype=str, keep_default_na=False)
    table["masterCategory"] = ["Home" if number % 2 else "Garden" for number in range(len(table))]
    table["isFragile"] = ["true" if number % 2 else "false" for number in range(len(table))]
    table.to_csv(catalog, index=False)
    config = _config(flags={"columns": ["isFragile"], "epochs": 2}, attributes={"colour": {}})
    bundle = Bundle.open(train(config, catalog, tmp_path / "run"))
    assert (bundle.path / "flags" / "flags.onnx").exists()
    listed = json.loads((bundle.path / "bundle.json").read_text())["files"]
    assert "flags/flags.onnx" in listed
