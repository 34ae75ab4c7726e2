"""How often two bundles give the same tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.inference.tagger import Tagger
from tagger.progress import Progress, silent

_BATCH = 64


def tag_agreement(
    first: Path, second: Path, pixels: NDArray[np.uint8], progress: Progress = silent
) -> dict[str, float]:
    """Share of photos that two bundles answer alike, by attribute; of several labels at once, all must be the same.

    Both run with ONNX Runtime in full precision.

    Args:
        first: a bundle.
        second: another one with the same attributes and photo size.
        pixels: decoded photos, uint8 (N, H, W, 3), at least one.
    """
    taggers = [Tagger.open(path, "onnxruntime", "float32") for path in (first, second)]
    same = dict.fromkeys(taggers[0].bundle.label_space.attributes, 0)
    for start in range(0, len(pixels), _BATCH):
        photos = np.asarray(pixels[start : start + _BATCH])
        for ours, theirs in zip(*(tagger.tag_pixels(photos, top_k=1) for tagger in taggers), strict=True):
            for name in same:
                same[name] += ours[name].label == theirs[name].label
        progress(start + len(photos), len(pixels), "photos tagged by both")
    return {name: count / len(pixels) for name, count in same.items()}
