"""Weights of a bundle for a new network: trunk and embedding as they are, heads label by label.

Nothing of a bundle is run: the network is built from its settings, and only numbers are read, from `model.keras` or,
in a compact bundle, `weights.npz`.
"""

from __future__ import annotations

import logging
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.errors import BundleError, ConfigError
from tagger.labels import LabelSpace
from tagger.network.model import build_network, keras_name, with_embedding
from tagger.network.trunks import first_line
from tagger.training.compact_weights import read_weights
from tagger.training.optimization import numeric_precision

_log = logging.getLogger(__name__)

_KERAS = "model.keras"


def open_network(bundle: Bundle, precision: str = "float32") -> keras.Model:
    """The network of a bundle with its weights, float32, with the outputs of `with_embedding`.

    Args:
        precision: that its layers compute in, see `numeric_precision`.

    Raises:
        BundleError: the bundle has no weights for fine-tuning, or they are damaged or those of another network.
        ConfigError: its trunk is not one of this program.
    """
    settings = bundle.config.network.model_copy(update={"weights": "none"})
    with numeric_precision(precision):
        model = with_embedding(build_network(bundle.label_space, settings, bundle.photo), bundle.label_space)
    if bundle.compact_weights:
        _assign(model, read_weights(bundle.compact_weights, bundle.model), bundle.compact_weights)
    else:
        _load_keras(model, bundle.path / _KERAS)
    return model


def _load_keras(model: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise BundleError(
            f"The bundle {path.parent} has no {path.name}, which fine-tuning starts from. Copy the bundle as a whole, "
            "or train it again."
        )
    try:
        # Keras only warns of layers that the file lacks, and would leave them as they were drawn.
        with warnings.catch_warnings(action="error", category=UserWarning):
            model.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning, zipfile.BadZipFile) as error:
        raise BundleError(
            f"{path} does not hold the weights of the network that config.json speaks of ({first_line(error)}). "
            "Copy or train the bundle again."
        ) from error


def _assign(model: keras.Model, weights: list[NDArray[np.float32]], path: Path) -> None:
    if [tuple(v.shape) for v in model.weights] != [weight.shape for weight in weights]:
        raise BundleError(
            f"{path} does not hold the weights of the network that config.json speaks of: expected "
            f"{len(model.weights)} tensors, found {len(weights)} of other shapes. Copy or train the bundle again."
        )
    for variable, weight in zip(model.weights, weights, strict=True):
        variable.assign(weight)


def take_over(bundle: Bundle, model: keras.Model, space: LabelSpace, share: float = 1.0) -> None:
    """Give a network the weights of a bundle, as far as they fit its labels.

    Trunk and embedding get all of theirs. A head of the same attribute and kind gets, for each label that the bundle
    knows, the weights of that label; other labels and heads stay as they are.

    Args:
        bundle: where to start from.
        model: from `build_network`.
        space: its labels.
        share: of the bundle's weights in those that the network gets; the rest are what it has.

    Raises:
        ConfigError: the network or its photo size is not that of the bundle.
        BundleError: see `open_network`.
    """
    donor = open_network(bundle)
    ours, theirs = (_heads(labels) for labels in (space, bundle.label_space))
    body, source = _body(model, ours), _body(donor, theirs)
    if [tuple(v.shape) for v in body] != [tuple(v.shape) for v in source]:
        network, photo = bundle.config.network, bundle.photo
        raise ConfigError(
            f"The weights of {bundle.path} don't fit the network: expected network.trunk: {network.trunk}, "
            f"network.embedding: {network.embedding or 'null'} and photos of {photo.height}x{photo.width} (height x "
            "width), as in the bundle. Leave these settings out to have them so."
        )
    for variable, value in zip(body, source, strict=True):
        variable.assign(_blended(variable, value, share))
    known = {
        name: _take_over_head(model, donor, name, ours[name], theirs[name], share) for name in ours if name in theirs
    }
    kept = ", ".join(f"{name} {count} of {len(ours[name])} labels" for name, count in known.items() if count)
    what = f"trunk, embedding and {f'heads {kept}' if kept else 'no head'}"
    _log.info("Weights of %s: %s", bundle.path, f"{share:.0%} of {what}" if share < 1 else what)


def _blended(ours: Any, theirs: Any, share: float) -> NDArray[np.float32]:
    ours, theirs = (np.asarray(keras.ops.convert_to_numpy(values)) for values in (ours, theirs))
    return np.asarray(ours * (1 - share) + theirs * share, dtype=np.float32)


def _heads(space: LabelSpace) -> dict[str, tuple[str, ...]]:
    """Name of each head's layer → what its outputs stand for."""
    return {keras_name(output.name): output.values for output in space.outputs()}


def _body(model: keras.Model, heads: Collection[str]) -> list[Any]:
    """The variables of all layers but the heads, in an order that the architecture alone decides."""
    return [variable for layer in model.layers if layer.name not in heads for variable in layer.weights]


def _take_over_head(
    model: keras.Model, donor: keras.Model, name: str, ours: tuple[str, ...], theirs: tuple[str, ...], share: float
) -> int:
    """Take over the weights of the labels that both heads know; returns how many there are."""
    place = {label: column for column, label in enumerate(theirs)}
    to = [column for column, label in enumerate(ours) if label in place]
    source = [place[ours[column]] for column in to]
    for variable, value in zip(model.get_layer(name).weights, donor.get_layer(name).weights, strict=True):
        mixed = np.array(keras.ops.convert_to_numpy(variable))  # (E, C) or (C,)
        mixed[..., to] = _blended(mixed[..., to], keras.ops.convert_to_numpy(value)[..., source], share)
        variable.assign(mixed)
    return len(to)
