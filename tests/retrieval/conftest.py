"""Products whose embeddings, texts, heads and photos all say the colour."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.retrieval.collection import Collection, Text
from tagger.retrieval.ranking import unit

COLOURS = {"Red": (250, 20, 20), "Green": (20, 250, 20), "Blue": (20, 20, 250), "White": (240, 240, 240)}
TYPES = ("Shirt", "Belt")


def make_collection(count: int = 80, seed: int = 0) -> Collection:
    """Products of all colours and types in turn, a little different from each other."""
    random = np.random.default_rng(seed)
    colours, types = list(COLOURS), np.arange(count) // len(COLOURS) % len(TYPES)
    codes = np.arange(count) % len(COLOURS)
    rgb = np.array([COLOURS[colours[code]] for code in codes], dtype=np.float64)
    pixels = np.clip(rgb[:, None, None] + random.normal(0, 4, (count, 20, 16, 3)), 0, 255).astype(np.uint8)
    vectors = np.concatenate([np.eye(4)[codes], 0.5 * np.eye(2)[types], np.zeros((count, 6))], axis=1)
    heads = 0.9 * np.eye(4)[codes] + 0.025
    return Collection(
        ids=[str(row) for row in range(count)],
        labels={
            "articleType": np.array([TYPES[kind] for kind in types], dtype=object),
            "baseColour": np.array([colours[code] for code in codes], dtype=object),
        },
        vectors=unit(vectors + random.normal(0, 0.03, vectors.shape)),
        texts=[Text(f"{colours[code]} {TYPES[kind]}") for code, kind in zip(codes, types, strict=True)],
        heads={"baseColour": heads.astype(np.float32)},
        pixels=pixels,
        pixel_rows=np.arange(count),
    )


@pytest.fixture
def products() -> Collection:
    """Eighty products."""
    return make_collection()
