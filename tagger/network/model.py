"""The whole network: photo in, embedding and the logits of every head out."""

from __future__ import annotations

import re
from typing import Any

import keras
from keras import layers

from tagger.config import NetworkConfig, PhotoConfig
from tagger.decoding import EMBEDDING as EMBEDDING
from tagger.errors import ConfigError
from tagger.labels import LabelSpace
from tagger.network.trunks import find_trunk, first_line


def build_network(space: LabelSpace, network: NetworkConfig, photo: PhotoConfig, any_size: bool = False) -> keras.Model:
    """Build the multi-task network.

    Input shape: photos (B, H, W, 3), uint8; preprocessing is inside.
    Output shape: a dict of float32 logits (B, C) by `keras_name`. Softmax and sigmoid are applied after the model,
    where the temperature that calibrates them is known. The features that all heads share are the output of the
    layer "embedding" (B, E).

    Args:
        any_size: accept photos of any height and width, for progressive resizing; the trunk must pool globally.

    Raises:
        ConfigError: the trunk or its weights are unknown, or it can't take photos of that size.
    """
    trunk = find_trunk(network.trunk)
    if any_size and not trunk.any_size:
        raise ConfigError(
            f"The trunk {network.trunk} takes photos of one size only: expected training.small_share: 0. "
            "Set it so, or choose another trunk."
        )

    # ---- Trunk ----
    size = (None, None) if any_size else (photo.height, photo.width)
    photos = keras.Input((*size, 3), dtype="uint8", name="photos")
    try:
        features = trunk.build(photos, network.weights)  # (B, F)
    except ValueError as error:
        raise ConfigError(
            f"The trunk {network.trunk} can't take photos of {photo.height}x{photo.width} ({first_line(error)}). "
            "Raise photo.height and photo.width, or choose another trunk."
        ) from error

    # ---- Embedding ----
    embedding = layers.Dense(network.embedding or trunk.embedding, activation="relu", name=EMBEDDING)(features)
    shared = layers.Dropout(trunk.dropout if network.dropout is None else network.dropout)(embedding)

    # ---- Heads ----
    outputs = {
        name: layers.Dense(len(output.values), dtype="float32", name=name)(shared)
        for output in space.outputs()
        for name in [keras_name(output.name)]
    }
    return keras.Model(photos, outputs, name=network.trunk)


def with_embedding(model: keras.Model, space: LabelSpace) -> keras.Model:
    """The same network as the bundle needs it: outputs by `output_name`, the embedding (B, E) among them."""
    names = space.output_names
    embedding: Any = model.get_layer(EMBEDDING).output
    cast = layers.Activation("linear", dtype="float32", name="embedding_output")(embedding)
    outputs = {name: model.output[keras_name(name)] for name in names}
    return keras.Model(model.input, {**outputs, EMBEDDING: cast}, name=model.name)


def keras_name(output: str) -> str:
    """The name of an output inside Keras, which takes no spaces and no letters beyond ASCII; usually the same."""
    return re.sub(r"[^A-Za-z0-9_]", lambda letter: f"-{ord(letter[0]):x}-", output)
