"""Which backend of Keras a command trains with."""

from __future__ import annotations

import os

import pytest

from tagger.cli import _backend
from tagger.errors import ConfigError, MissingDependencyError


@pytest.fixture
def settle(monkeypatch):
    """Settle with those packages installed; returns what KERAS_BACKEND is then."""

    def run(installed: set[str], wanted: str = "") -> str:
        monkeypatch.setenv("KERAS_BACKEND", wanted)
        monkeypatch.setattr(_backend, "find_spec", lambda name: name in installed or None)
        _backend.settle_backend()
        return os.environ["KERAS_BACKEND"]

    return run


@pytest.mark.parametrize(
    ("installed", "wanted", "settled"),
    [
        ({"tensorflow", "jax", "torch"}, "", ""),  # left to Keras
        ({"tensorflow", "jax"}, "jax", "jax"),
        ({"torch"}, "", "torch"),
        (set(), "", ""),  # what is missing is said by the import
    ],
)
def test_what_is_wanted_or_else_what_is_there(settle, installed, wanted, settled):
    assert settle(installed, wanted) == settled


def test_two_backends_but_tensorflow_must_be_chosen_from(settle):
    with pytest.raises(ConfigError, match="Expected KERAS_BACKEND to say which to train with: jax or torch"):
        settle({"jax", "torch"})


def test_a_backend_that_is_not_there(settle):
    with pytest.raises(ConfigError, match=r'expected tensorflow, jax or torch, got "tensorfow"\. Did you mean'):
        settle({"tensorflow"}, "tensorfow")
    with pytest.raises(MissingDependencyError, match=r"^torch is needed with KERAS_BACKEND=torch\. .*tagger\[torch\]"):
        settle({"tensorflow"}, "torch")
