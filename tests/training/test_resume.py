"""A run that was killed and resumed is the run that would have been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import write_catalog

SETTINGS = [
    "network.trunk=cnn_gap", "network.embedding=8", "photo.height=32", "photo.width=24", "training.batch_size=16",
    "training.precision=float32", "training.epochs=4", "training.small_share=0.25", "training.patience=0",
    "training.ema=0.9", "flags.columns=[]",
]  # fmt: skip
#: One thread, so that sums are always taken in the same order.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _command(catalog: Path, out: Path, *more: str) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [sys.executable, "-m", "tagger", "train", "--data", str(catalog), "--out", str(out), *settings, *more]


def _start(*arguments) -> subprocess.Popen[str]:
    environment = {**os.environ, **ONE_THREAD}
    return subprocess.Popen(_command(*arguments), env=environment, text=True, stderr=subprocess.PIPE)


def _wait_for(run: subprocess.Popen[str], checkpoint: Path, newer_than: int = 0) -> None:
    deadline = time.monotonic() + 120
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns <= newer_than:
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def catalog(tmp_path) -> Path:
    return write_catalog(tmp_path / "catalog", 80)


def _same(ours: Path, theirs: Path) -> None:
    timings = ["seconds", "photos_per_second"]
    history = [pd.read_csv(run / "history.csv").drop(columns=timings) for run in (ours, theirs)]
    pd.testing.assert_frame_equal(*history, rtol=1e-5)
    for name in ("best.npz", "checkpoint.npz"):
        with np.load(ours / name) as a, np.load(theirs / name) as b:
            assert a.files == b.files
            for key in a.files:
                if key != "state":
                    np.testing.assert_allclose(a[key], b[key], rtol=1e-4, atol=1e-6, err_msg=key)
    for name in ("labels.json", "config.json", "split.csv"):
        assert (ours / "bundle" / name).read_bytes() == (theirs / "bundle" / name).read_bytes()


@pytest.mark.slow
def test_killed_resumed_interrupted_and_resumed_is_the_same_run(catalog, tmp_path):
    out, checkpoint = tmp_path / "run", tmp_path / "run" / "checkpoint.npz"
    killed = _start(catalog, out)
    _wait_for(killed, checkpoint)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (out / "bundle").exists()

    interrupted = _start(catalog, out, "--resume")
    _wait_for(interrupted, checkpoint, newer_than=checkpoint.stat().st_mtime_ns)
    interrupted.send_signal(signal.SIGINT)
    _, errors = interrupted.communicate()
    assert interrupted.returncode == 130
    assert "To go on after the last whole epoch, give the same command with --resume." in errors
    assert "Traceback" not in errors and "oneDNN" not in errors
    assert not (out / "bundle").exists()

    for run in (_start(catalog, out, "--resume"), _start(catalog, tmp_path / "whole")):
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    _same(out, tmp_path / "whole")
