"""Settle on the backend of Keras before Keras is imported."""

from __future__ import annotations

import os
from importlib.util import find_spec

from tagger.errors import ConfigError, MissingDependencyError, did_you_mean

#: Backend → the extra that brings it.
_EXTRAS = {"tensorflow": "train", "jax": "jax", "torch": "torch"}


def settle_backend() -> None:
    """Check KERAS_BACKEND; where it isn't set and TensorFlow isn't installed, set it to the one backend that is.

    Raises:
        ConfigError: KERAS_BACKEND is unknown, or it isn't set and could be either of two.
        MissingDependencyError: KERAS_BACKEND is not installed.
    """
    wanted = os.environ.get("KERAS_BACKEND", "")
    if wanted and wanted not in _EXTRAS:
        raise ConfigError(f'KERAS_BACKEND: expected {_choices()}, got "{wanted}".{did_you_mean(wanted, _EXTRAS)}')
    if wanted and not find_spec(wanted):
        raise MissingDependencyError(wanted, _EXTRAS[wanted], f"with KERAS_BACKEND={wanted}")
    if wanted or find_spec("tensorflow"):
        return
    installed = [name for name in _EXTRAS if find_spec(name)]
    if len(installed) > 1:
        raise ConfigError(f"Expected KERAS_BACKEND to say which to train with: {' or '.join(installed)}.")
    if installed:
        os.environ["KERAS_BACKEND"] = installed[0]


def _choices() -> str:
    *others, last = _EXTRAS
    return f"{', '.join(others)} or {last}"
