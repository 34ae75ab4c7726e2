"""Trunks by name. To add one, write a function from photos to features here and decorate it with `@trunk`.

A trunk takes photos (B, H, W, 3), uint8, and returns features (B, F). It brings its own preprocessing, so that a
model file needs no instructions beside it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tagger.errors import ConfigError, did_you_mean
from tagger.network.layers import FusedBatchNormalization

Tensor = Any
BuildTrunk = Callable[[Tensor, str], Tensor]
_SECONDS_TO_ANSWER = 30


@dataclass(frozen=True)
class Trunk:
    """A trunk and what fits it by default.

    Args:
        build: (photos, weights) → features; `weights` is "none", "imagenet" or a path.
        embedding: units of the embedding layer.
        dropout: share of the embedding dropped while training.
        any_size: whether one network can take photos of several sizes.
    """

    build: BuildTrunk
    embedding: int
    dropout: float
    any_size: bool


TRUNKS: dict[str, Trunk] = {}


def trunk(embedding: int = 256, dropout: float = 0.2, any_size: bool = True) -> Callable[[BuildTrunk], BuildTrunk]:
    """Register the decorated function under its own name."""

    def register(build: BuildTrunk) -> BuildTrunk:
        TRUNKS[build.__name__] = Trunk(build, embedding, dropout, any_size)
        return build

    return register


def find_trunk(name: str) -> Trunk:
    """Return the trunk of that name.

    Raises:
        ConfigError: no trunk is called so.
    """
    if name not in TRUNKS:
        known = ", ".join(sorted(TRUNKS))
        raise ConfigError(f'No trunk is called "{name}".{did_you_mean(name, TRUNKS)} There are: {known}.')
    return TRUNKS[name]


# ---- From scratch, for small photos ----------------------------------------------------------------------------


@trunk(embedding=128, dropout=0.5, any_size=False)
def cnn_baseline(photos: Tensor, weights: str) -> Tensor:
    """Three convolutions with pooling, flattened; 128 units and dropout 0.5 follow."""
    _only_from_scratch("cnn_baseline", weights)
    x = layers.Rescaling(1 / 255)(photos)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.Flatten()(x)


@trunk(embedding=256, dropout=0.5, any_size=False)
def cnn_deep(photos: Tensor, weights: str) -> Tensor:
    """`cnn_baseline` with its 128 units and dropout, so that 256 units and a second dropout follow."""
    _only_from_scratch("cnn_deep", weights)
    x = cnn_baseline(photos, "none")
    x = layers.Dense(128, activation="relu")(x)
    return layers.Dropout(0.5)(x)


@trunk(embedding=256, dropout=0.2)
def cnn_gap(photos: Tensor, weights: str) -> Tensor:
    """The convolutions of `cnn_baseline` with batch normalization and global average pooling."""
    _only_from_scratch("cnn_gap", weights)
    x = layers.Rescaling(1 / 127.5, offset=-1)(photos)
    for filters in (32, 64, 128):
        x = _convolve(x, filters)
        x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)


@trunk(embedding=256, dropout=0.2)
def resnet_small(photos: Tensor, weights: str) -> Tensor:
    """Seven residual blocks of widths 32 to 256 (He et al. 2015, https://arxiv.org/abs/1512.03385).

    Most of the work is done at a quarter of the photo's height and width and below, in widths that are multiples of 32,
    which matrix units of CPUs and GPUs like.
    """
    _only_from_scratch("resnet_small", weights)
    return _residual_stages(_plain_stem(photos, 32), 32, blocks=(1, 2, 2, 2))


@trunk(embedding=256, dropout=0.2)
def resnet_se(photos: Tensor, weights: str) -> Tensor:
    """`resnet_small` with a block moved from its last stage to the one before, and channels that weigh each other.

    It has the same number of multiplications and a quarter fewer parameters. The blocks of the last two stages end in
    squeeze-and-excitation (Hu et al. 2018, https://arxiv.org/abs/1709.01507).
    """
    _only_from_scratch("resnet_se", weights)
    return _residual_stages(_plain_stem(photos, 32), 32, blocks=(1, 2, 3, 1), excited_from=2)


@trunk(embedding=256, dropout=0.2)
def resnet_deep_stem(photos: Tensor, weights: str) -> Tensor:
    """`resnet_se` whose first convolution leaves no pixel out, before a second one halves height and width.

    Half the first width at the full size tells details that a stride would blur, for a twentieth more multiplications
    (He et al. 2018, https://arxiv.org/abs/1812.01187, ResNet-C).
    """
    _only_from_scratch("resnet_deep_stem", weights)
    x = _convolve(_scaled(photos), 16)
    x = _convolve(x, 32, strides=2)
    return _residual_stages(x, 32, blocks=(1, 2, 3, 1), excited_from=2)


@trunk(embedding=256, dropout=0.2)
def resnet_wide(photos: Tensor, weights: str) -> Tensor:
    """`resnet_se` of twice the width, so four times the multiplications: a teacher for smaller networks."""
    _only_from_scratch("resnet_wide", weights)
    return _residual_stages(_plain_stem(photos, 64), 64, blocks=(1, 2, 3, 1), excited_from=2)


@trunk(embedding=256, dropout=0.2)
def resnet_fine(photos: Tensor, weights: str) -> Tensor:
    """A stage at the photo's full height and width before those of `resnet_se`, five times the multiplications.

    A teacher for smaller networks, like `resnet_wide`, which sees other things.
    """
    _only_from_scratch("resnet_fine", weights)
    return _residual_stages(_convolve(_scaled(photos), 32), 32, blocks=(1, 2, 2, 3, 1), excited_from=2)


def _scaled(photos: Tensor) -> Tensor:
    return layers.Rescaling(1 / 127.5, offset=-1)(photos)


def _plain_stem(photos: Tensor, filters: int) -> Tensor:
    return _convolve(_scaled(photos), filters, strides=2)


def _residual_stages(x: Tensor, width: int, blocks: tuple[int, ...], excited_from: int | None = None) -> Tensor:
    """Stages of residual blocks whose widths double from the first; those from `excited_from` on squeeze and excite."""
    stages: list[Tensor] = []
    for stage, count in enumerate(blocks):
        excited = excited_from is not None and stage >= excited_from
        for block in range(count):
            x = _residual_block(x, width * 2**stage, strides=2 if stage and block == 0 else 1, excited=excited)
        # Every stage has its say: colours and textures are told better by the early ones.
        stages.append(layers.GlobalAveragePooling2D()(x))
    return layers.Concatenate()(stages)


def _convolve(x: Tensor, filters: int, size: int = 3, strides: int = 1, activation: str | None = "relu") -> Tensor:
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = FusedBatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def _residual_block(x: Tensor, filters: int, strides: int, excited: bool) -> Tensor:
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        # Averaging before the 1x1 convolution keeps what a stride would skip (He et al. 2018, ResNet-D).
        shortcut = layers.AveragePooling2D(strides, padding="same")(x) if strides > 1 else x
        shortcut = _convolve(shortcut, filters, size=1, activation=None)
    x = _convolve(x, filters, strides=strides)
    x = _convolve(x, filters, activation=None)
    if excited:
        x = _excite(x)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def _excite(x: Tensor, reduction: int = 4) -> Tensor:
    """Scale each channel by a gate that the means of all channels decide on."""
    channels = x.shape[-1]
    gates = layers.GlobalAveragePooling2D()(x)  # (B, C)
    gates = layers.Dense(channels // reduction, activation="relu")(gates)
    gates = layers.Dense(channels, activation="sigmoid")(gates)
    return layers.Multiply()([x, layers.Reshape((1, 1, channels))(gates)])


def _only_from_scratch(name: str, weights: str) -> None:
    if weights != "none":
        raise ConfigError(
            f'The trunk {name} has no published weights: expected network.weights: none, got "{weights}".'
        )


# ---- From keras.applications -----------------------------------------------------------------------------------


@trunk()
def mobilenet_v3_small(photos: Tensor, weights: str) -> Tensor:
    """MobileNetV3-Small (Howard et al. 2019, https://arxiv.org/abs/1905.02244)."""
    file = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    return application_features(keras.applications.MobileNetV3Small, file, photos, weights)


@trunk()
def mobilenet_v3_large(photos: Tensor, weights: str) -> Tensor:
    """MobileNetV3-Large (Howard et al. 2019, https://arxiv.org/abs/1905.02244)."""
    file = "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5"
    return application_features(keras.applications.MobileNetV3Large, file, photos, weights)


@trunk()
def efficientnet_v2_b0(photos: Tensor, weights: str) -> Tensor:
    """EfficientNetV2-B0 (Tan & Le 2021, https://arxiv.org/abs/2104.00298)."""
    # What include_preprocessing brings, but its Normalization layer loses its constants on the way to ONNX.
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = layers.Rescaling((1 / 255 / deviation).tolist(), offset=(-mean / deviation).tolist())(photos)
    file = "efficientnetv2-b0_notop.h5"
    return application_features(keras.applications.EfficientNetV2B0, file, x, weights, include_preprocessing=False)


@trunk()
def resnet50(photos: Tensor, weights: str) -> Tensor:
    """ResNet-50 (He et al. 2015, https://arxiv.org/abs/1512.03385)."""
    # The published weights expect blue-green-red with the means of ImageNet subtracted.
    bgr = keras.ops.flip(photos, axis=-1)
    bgr = layers.Rescaling(1.0, offset=[-103.939, -116.779, -123.68])(bgr)
    file = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return application_features(keras.applications.ResNet50, file, bgr, weights)


def application_features(
    application: Any, file: str, photos: Tensor, weights: str, pooling: str = "avg", **options: Any
) -> Tensor:
    """Features of a network of keras.applications.

    Args:
        application: its function there.
        file: name of its published weights without the top, for errors.
        photos: prepared as it expects them, (B, H, W, 3).
        weights: "none", "imagenet" or a path.
        pooling: of the last feature map, "avg" or "max".
        options: others of its function.

    Raises:
        ConfigError: the weights can't be had, or are those of another network.
    """
    name = application.__name__
    if weights not in ("none", "imagenet") and not Path(weights).is_file():
        raise ConfigError(
            f"network.weights: expected none, imagenet or a file such as {file}, but there is no file {weights}."
        )
    try:
        with _quietly():
            network = application(
                include_top=False,
                weights=None if weights == "none" else weights,
                input_shape=tuple(photos.shape[1:]),
                pooling=pooling,
                **options,
            )
    except Exception as error:  # Keras raises a bare Exception where a download fails, h5py its own kinds
        if weights == "none":
            raise
        if weights == "imagenet":
            models = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
            raise ConfigError(
                f"The ImageNet weights of {name} can't be had ({error}). Put the file {file} into {models}, or give "
                "its path as network.weights."
            ) from error
        reason = first_line(error)
        raise ConfigError(f"network.weights: {weights} doesn't fit {name}, expected its {file}. {reason}") from error
    return network(photos)


def first_line(error: Exception) -> str:
    """What Keras says first; lists of layers follow."""
    return str(error).strip().partition("\n")[0]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what Keras says of a download off stdout, and don't wait for a server that doesn't answer.

    Its warnings say that weights of another photo size are loaded, which is meant, or precede an error.
    """
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_TO_ANSWER)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        socket.setdefaulttimeout(timeout)
