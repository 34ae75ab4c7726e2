"""How much of which colours a photo holds has a say in what the heads answer.

A network that learns under changes of light, and that mixes colours with shapes, is not sure of the colours themselves.
A small network that sees nothing else errs in other cases, so that both together know more than each of them. Photos
are described by the shares of the colours of a palette in five parts of the photo: a bag of colours (Wengert et al.
2011, https://doi.org/10.1145/2072298.2072034).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.arrays import read_archive, write_archive
from tagger.decoding import Outputs, Scores
from tagger.labels import LabelSpace

#: The cube of colours is cut into cells of 8 x 8 x 8: finer differences come from the JPEG.
LEVELS = 32
CELLS = LEVELS**3
#: Upper, middle and lower third, all of them, and the centre: each the same in the mirror image.
PARTS = 5
_MAX_COLOURS = 255
_MAX_BYTES = 100_000_000


class Layer(NamedTuple):
    """Weights float32 (I, O) and bias float32 (O,) of a layer."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Colours:
    """A palette, and a small network that has learned what its colours say.

    Args:
        palette: which of the K colours each cell of the colour cube counts as, uint8 (`CELLS`,); K is the background.
        hidden: from the shares of the colours, `PARTS` times K + 1 of them, to H units.
        heads: from these to the logits of an output, by output name; the other outputs are left to the heads alone.
        shares: weight of these logits beside those of the head, 0 to 1, by output name.
    """

    palette: NDArray[np.uint8]
    hidden: Layer
    heads: Mapping[str, Layer]
    shares: Mapping[str, float]

    def logits(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """What the colours say, by output name, float32 (B, C), of photos uint8 (B, H, W, 3)."""
        count = len(self.hidden.weights) // PARTS - 1
        hidden = np.maximum(colour_shares(photos, self.palette, count) @ self.hidden.weights + self.hidden.bias, 0)
        return {name: hidden @ head.weights + head.bias for name, head in self.heads.items()}

    def blend(self, outputs: Scores, colours: Scores) -> Outputs:
        """The same outputs, whose logits say what heads and colours say together: a logarithmic opinion pool.

        Args:
            outputs: logits by output name, float32 (B, C), and others, which stay.
            colours: what `logits` gives for the same photos.
        """
        blended = dict(outputs)
        for name, logits in colours.items():
            blended[name] = pooled(outputs[name], logits, self.shares[name])
        return blended

    def write(self, path: Path, space: LabelSpace) -> None:
        """Write one .npz file.

        Args:
            space: the labels of the bundle that it belongs to.

        Raises:
            OutputError: the file can't be written.
        """
        names = space.output_names
        arrays: dict[str, NDArray[Any]] = {
            "palette": self.palette,
            "shares": np.array([self.shares.get(name, 0.0) for name in names]),
            **_stored("hidden", self.hidden),
        }
        for name, head in self.heads.items():
            arrays |= _stored(f"head_{names.index(name)}", head)
        write_archive(path, arrays)

    @classmethod
    def read(cls, path: Path, space: LabelSpace) -> Colours:
        """Read what `write` wrote; no pickle is loaded.

        Args:
            space: the labels of the bundle that it belongs to.

        Raises:
            BundleError: the file can't be read, or is not of these labels.
        """
        return read_archive(path, _MAX_BYTES, lambda arrays: _checked(arrays, space))


def pooled(head: NDArray[np.float32], colours: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Logits (B, C) of the geometric mean, with weights 1 - `share` and `share`, of what both say (B, C)."""
    return np.asarray((1 - share) * head + share * colours, dtype=np.float32)


def cells(photos: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The cell of the colour cube that each pixel lies in, (B, H, W), of photos (B, H, W, 3)."""
    red, green, blue = np.moveaxis(photos // (256 // LEVELS), -1, 0).astype(np.uint16)
    return np.asarray((red * LEVELS + green) * LEVELS + blue, dtype=np.uint16)


def colour_shares(photos: NDArray[np.uint8], palette: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
    """Square roots of the shares of the palette's colours in each part of a photo, float32 (B, `PARTS` * (K + 1)).

    Shares are of what is no background. The last of each part is the background's own share.

    Args:
        photos: uint8 (B, H, W, 3).
        palette: uint8 (`CELLS`,), see `Colours`.
        count: of its colours, K.
    """
    found = palette[cells(photos)]  # (B, H, W)
    _, height, width = found.shape
    third, quarter, margin = height // 3, height // 4, width // 4
    bands = [found[:, :third], found[:, third : height - third], found[:, height - third :]]
    upper, middle, lower = (_counted(band, count) for band in bands)
    centre = _counted(found[:, quarter : height - quarter, margin : width - margin], count)
    parts = [upper + middle + lower, centre, upper, middle, lower]
    return np.concatenate([np.sqrt(_shares(part)) for part in parts], axis=1)


def _counted(found: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
    """How many pixels of each photo (B, H, W) have each colour and the background, (B, K + 1)."""
    photos = len(found)
    of_photo = (np.arange(photos) * (count + 1))[:, None, None]
    counted = np.bincount((found + of_photo).ravel(), minlength=photos * (count + 1))
    return counted.reshape(photos, count + 1).astype(np.float32)


def _shares(counted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares of the colours among themselves, and of the background in all, (B, K + 1)."""
    shown = counted[:, :-1].sum(axis=1, keepdims=True)
    total = shown + counted[:, -1:]
    return np.concatenate([counted[:, :-1] / np.maximum(shown, 1), counted[:, -1:] / np.maximum(total, 1)], axis=1)


def _stored(name: str, layer: Layer) -> dict[str, NDArray[Any]]:
    return {f"{name}_weights": layer.weights.astype(np.float16), f"{name}_bias": layer.bias.astype(np.float32)}


def _checked(arrays: Mapping[str, NDArray[Any]], space: LabelSpace) -> Colours:
    """Put together what a file holds.

    Raises:
        ValueError: it is of another kind than expected, or of other labels.
    """
    palette, hidden = arrays["palette"], _checked_layer(arrays, "hidden")
    count, odd = divmod(len(hidden.weights), PARTS)
    if (
        (str(palette.dtype), palette.shape) != ("uint8", (CELLS,))
        or odd
        or not palette.max() < count <= _MAX_COLOURS + 1
    ):
        raise ValueError("expected a palette and a network that belong together")
    heads, shares = {}, {}
    for number, (name, attribute, head) in enumerate(space.outputs()):
        share = float(arrays["shares"][number])
        if not 0 <= share <= 1:
            raise ValueError("a share is not between 0 and 1")
        if share:
            heads[name], shares[name] = _checked_layer(arrays, f"head_{number}"), share
            if heads[name].weights.shape != (len(hidden.bias), len(attribute.values(head))):
                raise ValueError("it is of other labels")
    return Colours(palette, hidden, heads, shares)


def _checked_layer(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    weights, bias = arrays[f"{name}_weights"], arrays[f"{name}_bias"]
    kinds = [(str(weights.dtype), weights.ndim), (str(bias.dtype), bias.shape)]
    if kinds != [("float16", 2), ("float32", weights.shape[1:])] or not (
        np.isfinite(weights).all() and np.isfinite(bias).all()
    ):
        raise ValueError("expected layers of numbers that belong together")
    return Layer(weights.astype(np.float32), bias)
