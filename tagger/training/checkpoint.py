"""Checkpoints: all that a killed run needs to go on as if nothing had happened. Plain arrays, no pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.errors import TrainingError
from tagger.files import atomic_file
from tagger.training.optimization import WeightAverage

_Arrays = dict[str, NDArray[Any]]

_STATE = "state"


def save_checkpoint(path: Path, model: keras.Model, average: WeightAverage | None, state: dict[str, Any]) -> None:
    """Write model, optimizer and averaged weights, and the JSON-able `state`, into one .npz file.

    Raises:
        OutputError: the file can't be written.
    """
    arrays = _numbered("variable", _variables(model))
    if average is not None:
        arrays |= _numbered("average", average.get_state())
        state = {**state, "average_updates": average.updates}
    arrays[_STATE] = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
    _write(path, arrays)


def load_checkpoint(path: Path, model: keras.Model, average: WeightAverage | None) -> dict[str, Any]:
    """Restore what `save_checkpoint` wrote into a model built and compiled alike; returns its state.

    Raises:
        TrainingError: the file is damaged, or belongs to another network.
    """
    arrays = _read(path)
    _assign(path, _variables(model), _collected("variable", arrays))
    try:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
        if average is not None:
            average.set_state(_collected("average", arrays), int(state.pop("average_updates")))
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return state


def save_weights(path: Path, model: keras.Model) -> None:
    """Write the weights of a model into one .npz file.

    Raises:
        OutputError: the file can't be written.
    """
    _write(path, _numbered("weight", model.weights))


def load_weights(path: Path, model: keras.Model) -> None:
    """Restore what `save_weights` wrote.

    Raises:
        TrainingError: the file is missing, damaged, or belongs to another network.
    """
    _assign(path, model.weights, _collected("weight", _read(path)))


def _variables(model: keras.Model) -> list[Any]:
    # model.variables holds the states of random generators (dropout) beside the weights.
    return [*model.variables, *model.optimizer.variables]


def _numbered(what: str, values: Sequence[Any]) -> _Arrays:
    return {f"{what}_{i}": np.asarray(keras.ops.convert_to_numpy(value)) for i, value in enumerate(values)}


def _collected(what: str, arrays: _Arrays) -> list[NDArray[Any]]:
    names = [name for name in arrays if name.startswith(f"{what}_")]
    return [arrays[f"{what}_{i}"] for i in range(len(names))]


def _assign(path: Path, variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise TrainingError(
            f"{path} belongs to another network than the one to be trained. Resume with the config and the catalog "
            "that it was made with, or choose another --out."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _write(path: Path, arrays: _Arrays) -> None:
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)  # type: ignore[arg-type, unused-ignore]


def _read(path: Path) -> _Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(f"{path} can't be read ({error}). Delete the folder {path.parent} and train again.")
