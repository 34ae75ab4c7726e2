"""Mixtures of two training photos with mixed targets: what keeps a network from learning its photos by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.config import AugmentationConfig
from tagger.training.augmentation import rectangle


def mix(
    photos: NDArray[np.uint8],
    targets: dict[str, NDArray[np.float32]],
    weights: dict[str, NDArray[np.float32]],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], dict[str, Any], dict[str, Any]]:
    """Mix some of the photos of a batch with another one of it, and their targets in the same proportion.

    `config.mixup` of them are blended (Zhang et al. 2018, https://arxiv.org/abs/1710.09412), `config.cutmix` get a
    rectangle of the other photo (Yun et al. 2019, https://arxiv.org/abs/1905.04899). How much stays of a photo is
    drawn evenly from [0, 1].

    Args:
        photos: uint8 (B, H, W, 3).
        targets: by output, (B, C), one-hot or multi-hot.
        weights: by output, (B,); 0 where a label is missing.

    Returns:
        New photos, targets and weights of the same shapes.
    """
    count = len(photos)
    kinds = rng.random(count)
    partners = rng.permutation(count)
    kept = rng.random(count)
    blended = kinds < config.mixup
    cut = ~blended & (kinds < config.mixup + config.cutmix)
    photos = photos.copy()
    others = photos[partners]
    share = kept[blended, None, None, None].astype(np.float32)
    photos[blended] = (photos[blended] * share + others[blended] * (1 - share)).round().astype(np.uint8)
    for i in np.flatnonzero(cut):
        box = rectangle(1 - kept[i], photos.shape[1], photos.shape[2], rng)
        photos[i][box] = others[i][box]
        kept[i] = 1 - photos[i][box].size / photos[i].size
    kept = np.where(blended | cut, kept, 1.0).astype(np.float32)
    mixed_targets, mixed_weights = {}, {}
    for name, target in targets.items():
        # A label that is missing takes no part, so that the other one's counts alone, for as much as is seen of it.
        ours, theirs = kept * weights[name], (1 - kept) * weights[name][partners]
        total = ours + theirs
        scale = np.maximum(total, np.finfo(np.float32).tiny)
        mixed_targets[name] = (ours / scale)[:, None] * target + (theirs / scale)[:, None] * target[partners]
        mixed_weights[name] = total
    return photos, mixed_targets, mixed_weights
