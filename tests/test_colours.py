"""Shares of a palette's colours, what they say beside the heads, and the file that keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tagger.colours import CELLS, PARTS, Colours, Layer, cells, colour_shares
from tagger.errors import BundleError
from tagger.labels import Attribute, LabelSpace

SPACE = LabelSpace(
    {
        "hue": Attribute("hue", ("Red", "Blue"), ("Red", "Blue"), ("softmax", "sigmoid"), "softmax"),
        "fit": Attribute("fit", ("S", "M"), (), ("softmax",), "softmax"),
    }
)
RED, BLUE, WHITE = (250, 10, 10), (10, 10, 250), (255, 255, 255)


def palette() -> np.ndarray:
    """Two colours, red or not; the very light is background."""
    red, green, blue = np.unravel_index(np.arange(CELLS), (32, 32, 32))
    return np.where((red > 29) & (green > 29) & (blue > 29), 2, np.where(red > blue, 0, 1)).astype(np.uint8)


def known(**changes) -> Colours:
    """Says "Red" by the share of red in all of the photo, "Blue" by that of the other colour."""
    hidden = np.zeros((PARTS * 3, 2), np.float32)
    hidden[0, 0] = hidden[1, 1] = 1
    head = Layer(4 * np.eye(2, dtype=np.float32), np.float32([0, 0.5]))
    plain = Colours(palette(), Layer(hidden, np.zeros(2, np.float32)), {"hue_softmax": head}, {"hue_softmax": 0.25})
    return replace(plain, **changes)


def photo(*bands, height: int = 12, width: int = 8) -> np.ndarray:
    """Bands of colours from the top, uint8 (1, height, width, 3)."""
    rows = [np.full((height // len(bands), width, 3), band, np.uint8) for band in bands]
    return np.concatenate(rows)[None]


def test_cells_of_the_colour_cube() -> None:
    corners = np.uint8([[[[0, 0, 0], [7, 7, 7], [8, 0, 0], [0, 8, 0], [0, 0, 8], [255, 255, 255]]]])
    np.testing.assert_array_equal(cells(corners)[0, 0], [0, 0, 1024, 32, 1, CELLS - 1])


def test_shares_in_each_part_of_a_photo() -> None:
    found = colour_shares(photo(RED, BLUE, WHITE), palette(), 2).reshape(PARTS, 3) ** 2
    # All: half of what is no background is red. The centre is rows 3 to 8: one of red, four of blue, one of white.
    np.testing.assert_allclose(found[0], [0.5, 0.5, 1 / 3], atol=1e-6)
    np.testing.assert_allclose(found[1], [1 / 5, 4 / 5, 1 / 6], atol=1e-6)
    np.testing.assert_allclose(found[2:], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-6)


def test_the_mirror_image_says_the_same_and_each_photo_for_itself() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (5, 13, 9, 3), dtype=np.uint8)
    together = known().logits(photos)["hue_softmax"]
    np.testing.assert_allclose(known().logits(photos[:, :, ::-1])["hue_softmax"], together, atol=1e-6)
    alone = [known().logits(one[None])["hue_softmax"][0] for one in photos]
    np.testing.assert_allclose(alone, together, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (80, 60)])
def test_photos_of_any_size_and_of_background_alone(size: tuple[int, int]) -> None:
    found = colour_shares(np.full((2, *size, 3), 255, np.uint8), palette(), 2)
    assert found.shape == (2, PARTS * 3) and np.isfinite(found).all()
    assert found[0, 2] == 1 and not found[:, :2].any()
    assert known().logits(np.zeros((0, *size, 3), np.uint8))["hue_softmax"].shape == (0, 2)


def test_heads_and_colours_are_pooled() -> None:
    outputs = {
        "hue_softmax": np.float32([[1, 2]]),
        "hue_sigmoid": np.float32([[3, 4]]),
        "fit_softmax": np.float32([[5, 6]]),
        "embedding": np.float32([[7]]),
    }
    said = known().logits(photo(RED, BLUE))
    np.testing.assert_allclose(said["hue_softmax"], [[4 * np.sqrt(0.5), 4 * np.sqrt(0.5) + 0.5]], atol=1e-5)
    after = known().blend(outputs, said)
    np.testing.assert_allclose(after["hue_softmax"], 0.75 * outputs["hue_softmax"] + 0.25 * said["hue_softmax"])
    assert all(after[name] is values for name, values in outputs.items() if name != "hue_softmax")


def test_it_is_read_back(tmp_path: Path) -> None:
    sigmoid = Layer(np.float32([[1, -1], [0, 2]]), np.float32([0.25, 0]))
    both = known(heads={"hue_sigmoid": sigmoid, **known().heads}, shares={"hue_sigmoid": 0.1, "hue_softmax": 0.25})
    path = tmp_path / "colours.npz"
    both.write(path, SPACE)
    again = Colours.read(path, SPACE)
    assert again.shares == both.shares
    photos = np.random.default_rng(0).integers(0, 256, (5, 12, 8, 3), dtype=np.uint8)
    for name, values in both.logits(photos).items():
        np.testing.assert_allclose(again.logits(photos)[name], values, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"palette": np.zeros(CELLS, np.int32)}, "belong together"),
        ({"palette": np.zeros(100, np.uint8)}, "belong together"),
        ({"palette": np.full(CELLS, 3, np.uint8)}, "belong together"),
        ({"hidden_weights": np.zeros((16, 2), np.float16)}, "belong together"),
        ({"hidden_weights": np.full((15, 2), np.nan, np.float16)}, "belong together"),
        ({"hidden_bias": np.zeros(3, np.float32)}, "belong together"),
        ({"shares": np.array([1.5, 0, 0])}, "between 0 and 1"),
        ({"shares": np.array([np.nan, 0, 0])}, "between 0 and 1"),
        ({"shares": np.array([0.5])}, "can't be read"),
        ({"shares": np.array([0.5, 0.5, 0])}, "can't be read"),
        ({"head_0_weights": np.zeros((2, 3), np.float16), "head_0_bias": np.zeros(3, np.float32)}, "other labels"),
        ({"palette": np.array([{}], dtype=object)}, "can't be read"),
    ],
)
def test_what_is_no_palette(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "colours.npz"
    known().write(path, SPACE)
    with np.load(path) as file:
        whole = dict(file)
    np.savez(path, **whole)
    assert Colours.read(path, SPACE)
    np.savez(path, **{**whole, **changes})
    with pytest.raises(BundleError, match=message):
        Colours.read(path, SPACE)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "colours.npz"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"colours\.npz can't be read .* Copy the bundle again"):
        Colours.read(path, SPACE)


def test_an_archive_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "colours.npz"
    known().write(path, SPACE)
    monkeypatch.setattr("tagger.colours._MAX_BYTES", 100)
    with pytest.raises(BundleError, match="unpacks to more than"):
        Colours.read(path, SPACE)
