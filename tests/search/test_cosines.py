"""Cosines are the same from half precision and from the copy in single, and the copy is only made where it pays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.search import cosines
from tagger.search.cosines import Cosines


def units(count: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, 9)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("kept", [0, cosines.KEPT])
@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("step", [None, 1, 2, 40])
def test_they_are_products_of_the_vectors(
    monkeypatch: pytest.MonkeyPatch, kept: int, queries: int, step: int | None
) -> None:
    monkeypatch.setattr(cosines, "KEPT", kept)
    monkeypatch.setattr(cosines, "_ROWS", 16)
    vectors, asked = units(101, 0).astype(np.float16), units(queries, 1)
    rows = None if step is None else np.arange(10, 90, step)
    compare = Cosines(vectors)
    expected = asked.astype(np.float64) @ vectors[slice(10, 90) if rows is None else rows].astype(np.float64).T
    for _ in range(3):
        np.testing.assert_allclose(compare(asked, 10, 90, rows), expected, atol=1e-6)


def test_the_copy_comes_with_the_second_look_at_all_and_not_for_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, query = units(50, 0).astype(np.float16), units(1, 1)
    compare = Cosines(vectors)
    compare(query, 0, 50, np.array([3]))
    compare(query, 0, 50, None)
    assert compare._kept is None
    compare(query, 0, 50, None)
    assert compare._kept is not None and compare._kept.nbytes == 2 * vectors.nbytes
    monkeypatch.setattr(cosines, "KEPT", vectors.nbytes)
    large = Cosines(vectors)
    for _ in range(3):
        large(query, 0, 50, None)
    assert large._kept is None
