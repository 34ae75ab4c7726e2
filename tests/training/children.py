"""Python of its own for each test: a process has one backend of Keras, and one set of devices."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

#: Makes the processor look like two devices; said before anything else in a child.
TWO_DEVICES = """
import os
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
else:
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
"""
TAGGER = "from tagger.cli.main import main; main()"


def need(backend: str) -> None:
    """Skip the test where a backend of Keras is not installed."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")


def run_python(backend: str, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code beside the helpers of the tests, with a backend of Keras, on the processor."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.fspath(Path(__file__).parent),
    }
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)


def train(backend: str, catalog: Path, out: Path, *more: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """`tagger train` on drawn photos, in no time."""
    settings = [
        "network.trunk=cnn_gap", "network.embedding=8", "photo.height=32", "photo.width=24", "training.batch_size=17",
        "training.precision=float32", "training.epochs=3", "training.ema=0.9", "flags.columns=[]", *more,
    ]  # fmt: skip
    options = [word for setting in settings if "=" in setting for word in ("--set", setting)]
    flags = [word for word in more if "=" not in word]
    return run_python(backend, before + TAGGER, "train", "--data", catalog, "--out", out, *options, *flags)
