"""Distances from what a catalog shows, and the file that holds what they are measured by."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import BundleError
from tagger.novelty import Novelty, scaled


def test_the_distance_from_the_nearest_centre() -> None:
    novelty = Novelty(np.diag([1.0, 10.0]), np.array([[1.0, 0.0], [0.0, 10.0]]))
    embeddings = np.float32([[4, 0], [0, 1], [3, 4]])
    # (3, 4) becomes (0.6, 8), 2.09 from the second centre.
    np.testing.assert_allclose(novelty.scores(embeddings), [0, 0, np.hypot(0.6, 2)], atol=1e-5)
    assert novelty.scores(embeddings).dtype == np.float32


def test_no_photo_and_a_network_that_is_silent() -> None:
    novelty = Novelty(np.eye(2), np.ones((1, 2)))
    assert novelty.scores(np.empty((0, 2), np.float32)).shape == (0,)
    np.testing.assert_allclose(novelty.scores(np.zeros((1, 2), np.float32)), [np.sqrt(2)])
    np.testing.assert_allclose(scaled(np.float32([[0, 0], [7.2, 9.6]])), [[0, 0], [0.6, 0.8]])


def test_it_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    novelty = Novelty(rng.normal(size=(256, 256)), rng.normal(size=(142, 256)))
    novelty.write(tmp_path / "novelty.npy")
    again = Novelty.read(tmp_path / "novelty.npy")
    assert again.width == novelty.width == 256 and again.centres.shape == (142, 256)
    embeddings = rng.normal(size=(20, 256)).astype(np.float32)
    np.testing.assert_allclose(again.scores(embeddings), novelty.scores(embeddings), rtol=2e-3)
    assert (tmp_path / "novelty.npy").stat().st_size < 300_000


def stored(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


LARGER = stored(np.zeros((3, 2), np.float16)).replace(b"(3, 2)", b"(9" + b"9" * 9 + b", 2)").replace(b" " * 9, b"", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "novelty"),
        (b"PK\x03\x04 no array", "magic string"),
        (stored(np.zeros((3, 2), np.float32)), "expected a matrix of float16"),
        (stored(np.zeros((2, 2), np.float16)), "more rows than columns"),
        (stored(np.zeros(4, np.float16)), "expected a matrix"),
        (stored(np.zeros((3, 0), np.float16)), "more rows than columns"),
        (stored(np.full((3, 2), np.nan, np.float16)), "not finite"),
        (stored(np.zeros((3, 2), np.float16))[:-1], "novelty"),
        (LARGER, "novelty"),
        (stored(np.array([{"a": 1}], dtype=object)), "Python objects"),
    ],
)
def test_a_file_that_holds_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "novelty.npy"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=message):
        Novelty.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Copy the bundle again"):
        Novelty.read(tmp_path / "novelty.npy")
