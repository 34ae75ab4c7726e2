"""Precision at k by label, against a plain count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.search import quality
from tagger.search.quality import neighbour_agreement


def plain(vectors: np.ndarray, labels: list[str], k: int) -> float:
    known = [row for row, label in enumerate(labels) if label]
    shares = []
    for query in known:
        others = sorted((row for row in known if row != query), key=lambda row: -float(vectors[row] @ vectors[query]))
        shares.append(np.mean([labels[row] == labels[query] for row in others[:k]]))
    return float(np.mean(shares))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 50), st.integers(1, 100))
def test_it_is_the_plain_count_in_chunks_of_any_size(seed: int, count: int, k: int, scores: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 4)).astype(np.float32)
    labels = ["a", "b", *rng.choice(["a", "b", "c", ""], count - 2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "_SCORES", scores)
        assert neighbour_agreement(vectors, labels, k) == pytest.approx(plain(vectors, labels, k))


def test_clusters_agree_and_noise_does_not() -> None:
    rng = np.random.default_rng(0)
    labels = ["a", "b"] * 50
    noise = rng.standard_normal((100, 8)).astype(np.float32)
    clusters = noise * 0.01 + np.array([[1.0] * 8, [-1.0] * 8] * 50, dtype=np.float32)
    assert neighbour_agreement(clusters, labels) == 1
    assert neighbour_agreement(noise, labels) == pytest.approx(0.5, abs=0.1)


def test_what_can_not_be_measured_is_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="got 2 labels and 3 vectors"):
        neighbour_agreement(vectors, ["a", "b"])
    with pytest.raises(ValueError, match="got 1 products"):
        neighbour_agreement(vectors, ["a", "", ""])
    with pytest.raises(ValueError, match="k of at least 1"):
        neighbour_agreement(vectors, ["a", "a", "a"], 0)
