"""The palette of a catalog, a small network that learns what its colours say, and how much that counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from PIL import Image, ImageCms
from sklearn.cluster import KMeans

from tagger.colours import CELLS, LEVELS, Colours, Layer, cells, colour_shares, pooled
from tagger.config import AttributeConfig, ColoursConfig, TrainingConfig
from tagger.decoding import Scores
from tagger.labels import LabelSpace
from tagger.network.model import keras_name
from tagger.progress import Progress, silent
from tagger.training.batches import TrainingPart
from tagger.training.prepare import Prepared
from tagger.training.shares import best_share, losses_of_shares
from tagger.training.small import Learning, fit_small
from tagger.training.targets import Targets

_log = logging.getLogger(__name__)

#: Products that are learned from: more say little more of the palette's colours.
_MOST = 40_000
_UNITS = 256
_EPOCHS = 12
_BATCH = 256
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.01
#: Shares of the inputs and of the units that a step does without.
_DROPPED = (0.1, 0.5)
#: Added to the deviation of an input, so that a colour of a few photos does not shout.
_LEAST_DEVIATION = 0.01
_SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
#: With fewer held-out products nothing would be clearly better.
_MIN_KNOWN = 100
#: Paired standard errors by which more must be right: many heads are tried, and one in six is one better by chance.
_ERRORS = 1.5
#: By which logits may be divided when a share is judged, since they are calibrated afterwards.
_TEMPERATURES = (0.6, 0.8, 1.0, 1.25, 1.6, 2.0)
#: What is so light is background: each of red, green and blue in the uppermost sixteenth.
_BACKGROUND = LEVELS - LEVELS // 16


def learn_colours(
    prepared: Prepared,
    outputs: Scores,
    config: ColoursConfig,
    seed: int,
    progress: Progress = silent,
) -> Colours | None:
    """Learn from the train part what colours say, and choose on validation how much that counts for each output.

    Args:
        prepared: the catalog, with a validation part.
        outputs: logits of the photo network for the validation part, by output name.
        config: how many colours.
        seed: of the palette, the weights and the order.
        progress: told about the steps.

    Returns:
        None where none are asked for, where photos are all background, where there are too few products, or where
        colours say nothing that the heads don't.
    """
    held_out = prepared.training_part("validation")
    enough = any((weights > 0).sum() >= _MIN_KNOWN for weights in held_out.targets.weights.values())
    if not config.count or not enough:
        return None
    started = time.monotonic()
    training = prepared.training_part("train").sample(_MOST, seed)
    palette = learn_palette(training, config.count, seed)
    count = int(palette.max())
    if not count:
        return None
    seen, unseen = (Learning(part, _shares_of(part, palette, count)) for part in (training, held_out))
    space = prepared.answers
    learned = _learn(space, palette, seen, unseen, outputs, prepared.attributes, seed, progress)
    gained = {output.attribute.name: output.attribute for output in space.outputs() if output.name in learned.shares}
    if 0 < len(gained) < len(space.attributes):
        # Once more for these alone: all units are theirs then.
        learned = _learn(LabelSpace(gained), palette, seen, unseen, outputs, prepared.attributes, seed, progress)
    _log.info(
        "Colours: a palette of %d, learned after %.0f s, shares %s",
        count, time.monotonic() - started, "  ".join(f"{n} {s:.2f}" for n, s in learned.shares.items()) or "none",
    )  # fmt: skip
    return learned if learned.shares else None


def _learn(
    space: LabelSpace,
    palette: NDArray[np.uint8],
    seen: Learning,
    unseen: Learning,
    outputs: Scores,
    attributes: dict[str, AttributeConfig],
    seed: int,
    progress: Progress,
) -> Colours:
    """Learn what colours say of the attributes of a space; no heads where that is nothing new."""
    keras.utils.set_random_seed(seed)
    network = _build(space, seen.rows)
    settings = TrainingConfig(
        epochs=_EPOCHS, batch_size=_BATCH, learning_rate=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY,
        label_smoothing=0, warmup_epochs=0.5, optimizer="adamw", seed=seed,
    )  # fmt: skip
    fit_small(
        network, space, attributes, seen, unseen, settings,
        lambda epoch, step, steps: progress(step, steps, f"colours, epoch {epoch}/{_EPOCHS}"),
    )  # fmt: skip
    return _with_shares(_taken_from(network, space, palette), unseen.rows, outputs, unseen.part.targets)


def learn_palette(part: TrainingPart, count: int, seed: int) -> NDArray[np.uint8]:
    """Sort the cells of the colour cube into the colours that photos hold, see `Colours.palette`.

    The colours are clusters (k-means) in CIELAB, where distances are like those that people see; a cell counts as the
    square root of its pixels, so that rare colours get their places, too.

    Args:
        count: of colours, at most; fewer where the photos have fewer.
    """
    pixels = np.zeros(CELLS, dtype=np.int64)
    for photos in _photos(part):
        pixels += np.bincount(cells(photos).ravel(), minlength=CELLS)
    background = np.stack(np.unravel_index(np.arange(CELLS), (LEVELS,) * 3), axis=1).min(axis=1) >= _BACKGROUND
    pixels[background] = 0
    seen = np.flatnonzero(pixels)
    count = min(count, len(seen))
    palette = np.zeros(CELLS, dtype=np.uint8)
    if count:
        lab = _lab_of_cells()
        clusters = KMeans(count, n_init=1, random_state=seed).fit(lab[seen], sample_weight=np.sqrt(pixels[seen]))
        palette = clusters.predict(lab).astype(np.uint8)
    palette[background] = count
    return palette


def _shares_of(part: TrainingPart, palette: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
    """`colour_shares` of the photos of a part, float32 (N, F)."""
    return np.concatenate([colour_shares(photos, palette, count) for photos in _photos(part)])


def logits_of(colours: Colours, part: TrainingPart) -> dict[str, NDArray[np.float32]]:
    """What colours say of the photos of a part, by output name, float32 (N, C)."""
    batches = [colours.logits(photos) for photos in _photos(part)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in colours.heads}


def _photos(part: TrainingPart) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(part.rows), _BATCH):
        yield np.asarray(part.pixels[part.rows[start : start + _BATCH]])


def _lab_of_cells() -> NDArray[np.float32]:
    """The centres of the cells in CIELAB, float32 (`CELLS`, 3)."""
    cube = np.stack(np.unravel_index(np.arange(CELLS), (LEVELS,) * 3), axis=1) * (256 // LEVELS) + 128 // LEVELS
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = ImageCms.applyTransform(Image.fromarray(cube.astype(np.uint8)[None]), to_lab)
    lab = np.asarray(image)[0]
    # Pillow gives the lightness as 0 to 255, and the other two as signed bytes.
    lightness, others = lab[:, :1] * np.float32(100 / 255), lab[:, 1:].view(np.int8).astype(np.float32)
    return np.concatenate([lightness, others], axis=1, dtype=np.float32)


def _build(space: LabelSpace, seen: NDArray[np.float32]) -> keras.Model:
    """Shares (B, F), brought to mean 0 and deviation 1, to a dict of logits (B, C) by `keras_name`."""
    shares = keras.Input((seen.shape[1],), name="shares")
    mean, scale = seen.mean(axis=0), 1 / (seen.std(axis=0) + _LEAST_DEVIATION)
    x = layers.Rescaling(scale.tolist(), offset=(-mean * scale).tolist(), name="standard")(shares)
    x = layers.Dropout(_DROPPED[0])(x)
    x = layers.Dense(_UNITS, activation="relu", dtype="float32", name="hidden")(x)
    x = layers.Dropout(_DROPPED[1])(x)
    outputs = {
        name: layers.Dense(len(output.values), dtype="float32", name=name)(x)
        for output in space.outputs()
        for name in [keras_name(output.name)]
    }
    return keras.Model(shares, outputs, name="colours")


def _taken_from(network: keras.Model, space: LabelSpace, palette: NDArray[np.uint8]) -> Colours:
    """The trained network as a file will hold it, every output among its heads, none with a share yet."""
    standard, hidden = network.get_layer("standard"), _layer(network, "hidden")
    scale, offset = (np.asarray(values, dtype=np.float32) for values in (standard.scale, standard.offset))
    first = Layer(_rounded(scale[:, None] * hidden.weights), offset @ hidden.weights + hidden.bias)
    names = space.output_names
    heads = {name: _layer(network, keras_name(name)) for name in names}
    heads = {name: Layer(_rounded(head.weights), head.bias) for name, head in heads.items()}
    return Colours(palette, first, heads, {})


def _layer(network: keras.Model, name: str) -> Layer:
    weights, bias = (np.asarray(keras.ops.convert_to_numpy(v)) for v in network.get_layer(name).weights)
    return Layer(weights, bias)


def _rounded(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values.astype(np.float16), dtype=np.float32)


def _with_shares(colours: Colours, unseen: NDArray[np.float32], outputs: Scores, targets: Targets) -> Colours:
    """The same with the shares of least loss, and only the heads that get one."""
    hidden = np.maximum(unseen @ colours.hidden.weights + colours.hidden.bias, 0)
    shares = {}
    for name, head in colours.heads.items():
        known = targets.weights[name] > 0
        if known.sum() >= _MIN_KNOWN:
            said = hidden[known] @ head.weights + head.bias
            mixtures = (pooled(outputs[name][known], said, share) for share in _SHARES)
            losses = losses_of_shares(mixtures, targets.values[name][known], _TEMPERATURES, _ERRORS)
            shares[name] = best_share(_SHARES, losses)
    shares = {name: share for name, share in shares.items() if share}
    return replace(colours, heads={name: colours.heads[name] for name in shares}, shares=shares)
