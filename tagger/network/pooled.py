"""A network as it is, without training: photos in, its last feature map pooled by the maximum out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tagger.errors import ConfigError, did_you_mean
from tagger.network.trunks import TRUNKS, application_features, first_line

_BATCH = 64
#: How files of published weights without the top are called.
_WEIGHTS = "…_notop.h5"
PooledNetwork = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def pooled_network(name: str, weights: str, height: int, width: int, seed: int) -> PooledNetwork:
    """Build a network of keras.applications with global max pooling, or one of tagger's own trunks.

    Args:
        name: as keras.applications calls it, in any case, underscores or not, or the name of a trunk.
        weights: "imagenet", a file of weights without the top, or "none" for random ones.
        height: of the photos.
        width: of the photos.
        seed: of random weights.

    Returns:
        A function from photos, uint8 (B, H, W, 3), to features, float32 (B, F), not normalised.

    Raises:
        ConfigError: there is no such network, it can't take photos of that size, or its weights can't be had.
    """
    keras.utils.set_random_seed(seed)
    photos = keras.Input((height, width, 3), dtype="float32", name="photos")
    try:
        prepare, features = _build(name, weights, photos)
    except ValueError as error:
        raise ConfigError(
            f"{name} can't take photos of {height}x{width} ({first_line(error)}). Choose another network."
        ) from error
    model = keras.Model(photos, features)

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
        outputs = [model.predict_on_batch(prepare(batch.astype(np.float32))) for batch in batches]
        return np.concatenate(outputs).astype(np.float32)

    return run


def _build(name: str, weights: str, photos: Any) -> tuple[Callable[[Any], Any], Any]:
    """How photos are prepared, and the features (B, F)."""
    known = _applications()
    found = known.get(_plain(name))
    if found:
        module, application = found
        return module.preprocess_input, application_features(application, _WEIGHTS, photos, weights, pooling="max")
    if name in TRUNKS:
        return _as_it_is, layers.Activation("linear", dtype="float32")(TRUNKS[name].build(photos, weights))
    names = [*TRUNKS, *(application.__name__ for _, application in known.values())]
    raise ConfigError(
        f'No network is called "{name}".{did_you_mean(name, names)} There are the trunks {", ".join(sorted(TRUNKS))}, '
        "and all of keras.applications."
    )


def _applications() -> dict[str, tuple[ModuleType, Any]]:
    """Every network of keras.applications by its name in plain letters, with the module that prepares its photos."""
    modules = [value for value in vars(keras.applications).values() if hasattr(value, "preprocess_input")]
    return {
        _plain(name): (module, value)
        for module in modules
        for name, value in vars(module).items()
        if callable(value) and name[0].isupper()
    }


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _as_it_is(photos: Any) -> Any:
    return photos
