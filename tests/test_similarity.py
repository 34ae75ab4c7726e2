"""The vectors that similar products are found by, and the file that they are made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tagger.errors import BundleError
from tagger.labels import Attribute, LabelSpace
from tagger.similarity import SimilaritySpace, side_by_side
from tagger.training.similarity import learn_similarity


def _single(name, *classes, parent=None):
    return Attribute(name, classes, (), ("softmax",), "softmax", parent)


SPACE = LabelSpace(
    {
        "group": _single("group", "Tops", "Bottoms"),
        "type": _single("type", "Shirt", "Skirt", "Jeans", parent="group"),
        "colour": Attribute("colour", ("Red", "Blue"), ("Red", "Blue"), ("sigmoid",), "sigmoid"),
        "shops": Attribute("shops", ("A", "B"), ("A", "B"), ("sigmoid",), "sigmoid", multi_valued=True),
    }
)


def outputs(count=40, seed=0, **changes):
    rng = np.random.default_rng(seed)
    widths = {"group_softmax": 2, "type_softmax": 3, "colour_sigmoid": 2, "shops_sigmoid": 2, "embedding": 6}
    drawn = {name: rng.normal(size=(count, width)).astype(np.float32) for name, width in widths.items()}
    return drawn | {name: np.float32(value) for name, value in changes.items()}


def test_cosines_of_looks_and_tags_add_up():
    # Two photos of the same look, sure to be of different types, and of a colour that nobody knows.
    same = {"embedding": [[3, 0, 4, 0, 0, 0], [6, 0, 8, 0, 0, 0]], "colour_sigmoid": [[0, 0], [0, 0]]}
    photos = side_by_side(outputs(2, **same, type_softmax=[[99, 0, 0], [0, 99, 0]]), SPACE)
    np.testing.assert_allclose(np.linalg.norm(photos, axis=1), 1, rtol=1e-6)
    assert photos.dtype == np.float32
    assert photos[0] @ photos[1] == pytest.approx(0.4 + 0.3, abs=1e-4)
    alike = side_by_side(outputs(2, **same, type_softmax=[[99, 0, 0], [99, 0, 0]]), SPACE)
    assert alike[0] @ alike[1] == pytest.approx(1, abs=1e-4)


def test_parents_and_what_has_several_values_take_no_part():
    first = outputs(5)
    other = first | {"group_softmax": -first["group_softmax"], "shops_sigmoid": -first["shops_sigmoid"]}
    np.testing.assert_array_equal(side_by_side(first, SPACE), side_by_side(other, SPACE))
    assert side_by_side(first, SPACE).shape == (5, 6 + 3 + 2)


def test_without_such_attributes_looks_decide():
    space = LabelSpace({"shops": SPACE["shops"]})
    first = outputs(5)
    expected = first["embedding"] / np.linalg.norm(first["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(side_by_side(first, space), expected, rtol=1e-5)


def test_all_directions_keep_every_cosine_and_few_the_most_of_it():
    photos, others = outputs(200), outputs(30, seed=1)
    full = side_by_side(others, SPACE)
    everything = learn_similarity(photos, SPACE, 1024)
    assert everything.axes.shape == (11, 11) and everything.width == 6
    vectors = everything.vectors(others, SPACE)
    np.testing.assert_allclose(vectors @ vectors.T, full @ full.T, atol=2e-3)
    few = learn_similarity(photos, SPACE, 4).vectors(others, SPACE)
    assert few.shape == (30, 4)
    # The first singular directions keep more than any others could on these photos, far more than chance.
    kept = np.linalg.norm(learn_similarity(photos, SPACE, 4).vectors(photos, SPACE)) ** 2
    first_columns = np.linalg.norm(side_by_side(photos, SPACE)[:, :4]) ** 2
    assert kept > 1.5 * first_columns
    assert learn_similarity(photos, SPACE, 0) is None


def test_the_same_photos_give_the_same_file_in_any_order(tmp_path):
    """Sums that come out otherwise in their last bits, as they do on more cores, make no other network of a bundle."""
    photos = outputs(2000)
    for name, order in (("a", slice(None)), ("b", slice(None, None, -1))):
        shown = {head: values[order] for head, values in photos.items()}
        learn_similarity(shown, SPACE, 5).write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_gives_back_the_same_vectors(tmp_path: Path):
    space = learn_similarity(outputs(100), SPACE, 5)
    space.write(tmp_path / "similarity.npy")
    read = SimilaritySpace.read(tmp_path / "similarity.npy", SPACE)
    assert read.width == 6
    np.testing.assert_array_equal(read.vectors(outputs(3), SPACE), space.vectors(outputs(3), SPACE))


@pytest.mark.parametrize(
    "stored",
    [
        np.zeros((11, 5), np.float32),
        np.zeros((5, 2), np.float16),  # no room for an embedding beside five labels
        np.zeros((11, 12), np.float16),
        np.zeros((11, 0), np.float16),
        np.full((11, 5), np.nan, np.float16),
        np.zeros(11, np.float16),
        np.array([{"a": 1}], dtype=object),
    ],
    ids=["float32", "narrow", "wide", "empty", "nan", "flat", "pickle"],
)
def test_other_files_are_refused(tmp_path: Path, stored):
    np.save(tmp_path / "similarity.npy", stored, allow_pickle=True)
    with pytest.raises(BundleError, match=r"similarity.npy can't be read .* Copy the bundle again"):
        SimilaritySpace.read(tmp_path / "similarity.npy", SPACE)


def test_a_file_that_is_no_array_is_refused(tmp_path: Path):
    (tmp_path / "similarity.npy").write_bytes(b"")
    with pytest.raises(BundleError, match="Copy the bundle again"):
        SimilaritySpace.read(tmp_path / "similarity.npy", SPACE)
