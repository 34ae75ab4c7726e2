"""`tagger train` from a drawn catalog to a bundle that tags; what it says and where."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tagger.catalog.cache import open_cache
from tagger.catalog.read import read_catalog
from tagger.cli.train import command
from tagger.errors import CatalogError, ConfigError, OutputError, TrainingError
from tagger.inference import Tagger

ROOT = Path(__file__).parents[2]
QUICK = [
    "network.trunk=cnn_gap", "photo.height=40", "photo.width=30", "training.batch_size=16", "training.epochs=20",
    "training.ema=0.9", "training.learning_rate=0.004", "flags.epochs=2",
]  # fmt: skip


def _arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--data", str(data), "--out", str(out), *(word for setting in QUICK for word in ("--set", setting)), *more]


def _invoke(*arguments):
    return CliRunner().invoke(command, _arguments(*arguments), catch_exceptions=False)


@pytest.mark.slow
def test_a_drawn_catalog_becomes_a_bundle_that_tags(sample_catalog, tmp_path):
    out = tmp_path / "run"
    result = _invoke(sample_catalog, out, "--config", str(ROOT / "configs" / "demo.yaml"))
    assert result.exit_code == 0
    assert result.stdout == f"{out / 'bundle'}\n"
    said = [line for line in result.stderr.splitlines() if "epoch 20/20  loss" in line]  # not a line of progress
    assert len(said) == 1 and "validation macro-F1" in said[0]
    assert said[0] in (out / "train.log").read_text()
    assert not logging.getLogger("tagger").handlers

    tagger = Tagger.open(out, "onnxruntime")
    assert (out / "bundle" / "flags").is_dir()
    catalog = read_catalog(sample_catalog)
    photos = open_cache(catalog, tagger.bundle.photo)
    parts = tagger.bundle.split or {}
    ids = [id_ for id_ in photos.rows if parts[id_] != "train" and catalog.table.loc[id_, "masterCategory"]]
    truth = catalog.table.loc[ids, "masterCategory"].to_numpy()
    tags = tagger.tag_pixels(photos.pixels[photos.select(ids)])
    accuracy = np.mean([tag["masterCategory"].label == label for tag, label in zip(tags, truth, strict=True)])
    _, counts = np.unique(truth, return_counts=True)
    assert accuracy > counts.max() / counts.sum() + 0.2


def test_a_finished_or_missing_run_is_told(tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with pytest.raises(TrainingError, match="There is no run to resume"):
        _invoke(tmp_path, out, "--resume")
    (out / "config.yaml").write_text("{}")
    with pytest.raises(TrainingError, match="already holds a run"):
        _invoke(tmp_path, out)


def test_a_run_refused_at_once_leaves_no_folder(tmp_path):
    with pytest.raises(CatalogError):
        _invoke(tmp_path / "nothing", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_after_ctrl_c_the_way_on_is_said(tmp_path, monkeypatch):
    def interrupted(config, data, out, **_):
        (out / "config.yaml").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr("tagger.training.run.train", interrupted)
    result = CliRunner().invoke(command, _arguments(tmp_path, tmp_path / "run"))
    assert result.exit_code != 0
    assert result.stderr.startswith("To go on after the last whole epoch, give the same command with --resume.\n")
    assert not logging.getLogger("tagger").handlers


def test_before_there_is_a_run_no_way_on_is_said(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tagger.training.run.train", interrupted)
    assert "--resume" not in CliRunner().invoke(command, _arguments(tmp_path, tmp_path / "run")).stderr


def test_a_run_folder_that_can_not_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"Can't write .*file"):
        _invoke(tmp_path, tmp_path / "file")


def test_mistakes_in_the_arguments(tmp_path):
    with pytest.raises(CatalogError, match="There is no file or folder"):
        _invoke(tmp_path / "nowhere", tmp_path / "run")
    with pytest.raises(ConfigError, match="nowhere"):
        _invoke(tmp_path, tmp_path / "run", "--config", str(tmp_path / "nowhere.yaml"))
    with pytest.raises(ConfigError, match=r"training\.epoch: .* Did you mean .epochs"):
        _invoke(tmp_path, tmp_path / "run", "--set", "training.epoch=3")
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_the_script_is_the_command():
    help_ = subprocess.run(
        [sys.executable, ROOT / "train.py", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "--resume" in help_.stdout and "--data CATALOG" in help_.stdout
