"""What neighbours say beside the heads, and the file that remembers them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tagger.decoding import sigmoid, softmax
from tagger.errors import BundleError
from tagger.labels import Attribute, LabelSpace
from tagger.neighbours import Neighbours

SPACE = LabelSpace(
    {
        "use": Attribute("use", ("Casual", "Sports"), ("Casual", "Sports"), ("softmax", "sigmoid"), "softmax"),
    }
)


def known(**changes) -> Neighbours:
    """Four products at the ends of two axes; the last one's use is unknown."""
    codes = np.int8([[127, 0], [0, 127], [-127, 0], [0, -127]])
    labels = {
        "use_softmax": np.int32([0, 1, 1, -1]),
        "use_sigmoid": np.array([[1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 0, 0]], dtype=np.bool_),
    }
    shares = {"use_softmax": 0.5, "use_sigmoid": 0.5}
    plain = Neighbours(np.zeros(3, np.float32), np.eye(3, 2, dtype=np.float32), codes, 1 / 127, 2, 1.0, shares, labels)
    return replace(plain, **changes)


def outputs(*embeddings) -> dict[str, np.ndarray]:
    rows = len(embeddings)
    return {
        "use_softmax": np.zeros((rows, 2), np.float32),
        "use_sigmoid": np.zeros((rows, 2), np.float32),
        "embedding": np.float32(embeddings).reshape(rows, 3),
    }


def test_the_nearest_have_a_say_by_their_distance() -> None:
    # Cosines 0.8 and 0.6 with the first two products; the third number of the embedding is along no axis.
    blended = known().blend(outputs([8, 6, 100]))
    weight = 1 / (1 + np.exp(-0.2))
    expected = 0.5 * 0.5 + 0.5 * np.array([[weight, 1 - weight]])
    np.testing.assert_allclose(softmax(blended["use_softmax"]), expected, atol=1e-5)
    np.testing.assert_allclose(sigmoid(blended["use_sigmoid"]), expected, atol=1e-5)
    np.testing.assert_array_equal(blended["embedding"], [[8, 6, 100]])


def test_who_knows_nothing_has_no_say() -> None:
    # Equally near to the first product and to the one whose use is unknown: half of the share goes to the former.
    blended = known().blend(outputs([1, -1, 0]))
    np.testing.assert_allclose(softmax(blended["use_softmax"]), [[0.75 * 0.5 + 0.25, 0.75 * 0.5]], atol=1e-5)
    np.testing.assert_allclose(sigmoid(blended["use_sigmoid"]), [[0.75 * 0.5 + 0.25, 0.75 * 0.5]], atol=1e-5)
    alone = known(count=1).blend(outputs([0, -1, 0]))
    np.testing.assert_allclose(softmax(alone["use_softmax"]), [[0.5, 0.5]], atol=1e-5)


def test_a_small_spread_leaves_the_nearest_alone() -> None:
    blended = known(spread=0.01).blend(outputs([8, 6, 0]))
    np.testing.assert_allclose(softmax(blended["use_softmax"]), [[0.75, 0.25]], atol=1e-5)


def test_an_output_without_a_share_is_left_as_it_is() -> None:
    before = outputs([1, 0, 0], [0, 1, 0])
    before["use_softmax"][:] = [[3, -1], [0, 2]]
    after = known(shares={"use_softmax": 0.0, "use_sigmoid": 0.5}).blend(before)
    assert after["use_softmax"] is before["use_softmax"]
    assert not np.allclose(after["use_sigmoid"], before["use_sigmoid"])


def test_many_photos_none_and_one_at_the_mean() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(200, 3))
    together = known().blend(outputs(*embeddings))["use_softmax"]
    alone = np.concatenate([known().blend(outputs(row))["use_softmax"] for row in embeddings])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert known().blend(outputs())["use_softmax"].shape == (0, 2)
    assert np.isfinite(known().blend(outputs([0, 0, 0]))["use_softmax"]).all()


def test_it_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "neighbours.npz"
    known().write(path)
    again = Neighbours.read(path, SPACE)
    assert again.width == 3 and again.count == 2 and again.shares == known().shares
    photos = outputs(*np.random.default_rng(0).normal(size=(20, 3)))
    for name, values in known().blend(photos).items():
        np.testing.assert_allclose(again.blend(photos)[name], values, atol=1e-5)


def arrays(**changes) -> dict[str, np.ndarray]:
    whole = {
        "mean": np.zeros(3, np.float16), "axes": np.eye(3, 2, dtype=np.float16), "codes": known().codes,
        "settings": np.array([1 / 127, 2, 1.0]), "shares": np.array([0.5, 0.5]),
        "labels_0": known().labels["use_softmax"], "labels_1": np.packbits(known().labels["use_sigmoid"], axis=1),
    }  # fmt: skip
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(4, np.float16)}, "belong together"),
        ({"codes": np.zeros((4, 2), np.float32)}, "belong together"),
        ({"axes": np.full((3, 2), np.nan, np.float16)}, "outside its range"),
        ({"settings": np.array([1 / 127, 5, 1.0])}, "outside its range"),
        ({"settings": np.array([1 / 127, 2, 0.0])}, "outside its range"),
        ({"settings": np.array([1 / 127, 2])}, "can't be read"),
        ({"shares": np.array([0.5, 1.5])}, "outside its range"),
        ({"shares": np.array([0.5])}, "can't be read"),
        ({"labels_0": np.int32([0, 1, 2, -1])}, "other labels"),
        ({"labels_0": np.int32([0, 1])}, "other labels"),
        ({"labels_1": np.zeros((4, 2), np.uint8)}, "other labels"),
        ({"labels_1": np.array([{}], dtype=object)}, "can't be read"),
    ],
)
def test_what_is_no_memory_of_products(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "neighbours.npz"
    np.savez(path, **arrays())
    assert Neighbours.read(path, SPACE)
    np.savez(path, **arrays(**changes))
    with pytest.raises(BundleError, match=message):
        Neighbours.read(path, SPACE)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "neighbours.npz"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"neighbours\.npz can't be read .* Copy the bundle again"):
        Neighbours.read(path, SPACE)


def test_an_archive_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "neighbours.npz"
    known().write(path)
    monkeypatch.setattr("tagger.neighbours._MAX_BYTES", 100)
    with pytest.raises(BundleError, match="unpacks to more than"):
        Neighbours.read(path, SPACE)
