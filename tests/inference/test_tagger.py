"""The tagger: tags, order, streaming, broken photos, and bundles whose files don't belong together."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from tagger.bundle import Bundle, seal
from tagger.colours import CELLS, PARTS, Colours, Layer, cells
from tagger.cores import usable_cores
from tagger.errors import BundleError
from tagger.inference import Photo, Tag, Tagger
from tagger.labels import output_name
from tagger.neighbours import Neighbours
from tagger.novelty import Novelty
from tests.conftest import know_similarity

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def tagger(tiny_bundle: Path) -> Tagger:
    return Tagger.open(tiny_bundle, "onnxruntime")  # in full precision anywhere


@pytest.fixture(scope="module")
def shared(_tiny_bundle: Path) -> Tagger:
    """One for all examples of hypothesis."""
    return Tagger.open(_tiny_bundle, "onnxruntime")


def plain(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Photos of one colour each, (N, 20, 16, 3)."""
    return np.array(colours, dtype=np.uint8)[:, None, None].repeat(20, axis=1).repeat(16, axis=2)


def draw(path: Path, colour: tuple[int, int, int] = RED) -> Photo:
    Image.new("RGB", (16, 20), colour).save(path, format="PNG")
    return Photo(path.stem, str(path))


# ---- Tags ----


def test_tags_of_known_photos(tagger: Tagger) -> None:
    tags = tagger.tag_pixels(plain(RED, GREEN, BLUE))
    assert [{name: tag.label for name, tag in row.items()} for row in tags] == [
        {"masterCategory": "Apparel", "articleType": "Tshirts", "gender": "Men", "season": "Summer",
         "displayCategories": "Sale"},
        {"masterCategory": "Footwear", "articleType": "Sports Shoes", "gender": "Women", "season": "Summer",
         "displayCategories": "Sale|Café"},
        {"masterCategory": "Accessories", "articleType": "Belts", "gender": "Unisex", "season": "Summer",
         "displayCategories": ""},
    ]  # fmt: skip


def test_confidence_runners_up_and_review(tagger: Tagger) -> None:
    black = tagger.tag_pixels(plain((0, 0, 0)))[0]
    assert black["masterCategory"] == Tag("Apparel", 0.3333, (("Footwear", 0.3333), ("Accessories", 0.3333)), True)
    assert black["articleType"] == Tag("Tshirts", 0.25, (("Sports Shoes", 0.25), ("Belts", 0.25)))
    assert black["gender"] == Tag("Men", 0.3333, (("Unisex", 0.3333), ("Women", 0.3333)))
    assert black["season"] == Tag("Summer", 1.0)
    assert black["displayCategories"] == Tag("Sale|Café", 0.5)
    red = tagger.tag_pixels(plain(RED))[0]
    assert not red["masterCategory"].needs_review
    assert red["displayCategories"].runners_up == (("Café", pytest.approx(0.0001)),)


@pytest.mark.parametrize(("top_k", "runners_up"), [(1, 0), (2, 1), (3, 2), (100, 3)])
def test_top_k_counts_the_answer(tagger: Tagger, top_k: int, runners_up: int) -> None:
    assert len(tagger.tag_pixels(plain(RED), top_k)[0]["articleType"].runners_up) == runners_up


@given(arrays.arrays(np.uint8, (3, 3)), st.integers(1, 4))
def test_tags_make_sense_whatever_the_photo(shared: Tagger, colours: NDArray[np.uint8], top_k: int) -> None:
    space = shared.bundle.label_space
    (family,) = space.families
    seen = {(space["masterCategory"].classes[a], space["articleType"].classes[b]) for a, b in family.combinations}
    for tags in shared.tag_pixels(plain(*colours.tolist()), top_k):
        assert (tags["masterCategory"].label, tags["articleType"].label) in seen
        for name, tag in tags.items():
            assert 0 <= tag.confidence <= 1
            assert len(tag.runners_up) <= top_k - 1
            others = [label for label, _ in tag.runners_up]
            assert set(others) <= {*space[name].classes, *space[name].labels}
            assert not {*tag.label.split("|")} & {*others}
            assert [p for _, p in tag.runners_up] == sorted((p for _, p in tag.runners_up), reverse=True)


def test_scores_are_probabilities_by_output_name(tagger: Tagger) -> None:
    scores = tagger.scores(plain(RED, BLUE))
    assert set(scores) == {
        "masterCategory_softmax", "masterCategory_sigmoid", "articleType_softmax", "gender_softmax",
        "gender_sigmoid", "season_softmax", "displayCategories_sigmoid", "embedding",
        "gallery_embedding",
    }  # fmt: skip
    assert all(values.dtype == np.float32 and len(values) == 2 for values in scores.values())
    np.testing.assert_allclose(scores["embedding"], [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(scores["articleType_softmax"].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(scores["gender_sigmoid"], [[0.99988, 0.00012], [0.99988, 0.99988]], atol=1e-5)


def test_no_photo_has_no_tags(tagger: Tagger) -> None:
    assert tagger.tag_pixels(np.empty((0, 20, 16, 3), np.uint8)) == []


@pytest.mark.parametrize("pixels", [np.zeros((1, 16, 20, 3), np.uint8), np.zeros((1, 20, 16, 3), np.float32)])
def test_pixels_of_another_shape_or_type(tagger: Tagger, pixels: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected photos uint8 \(N, 20, 16, 3\), got"):
        tagger.scores(pixels)


# ---- What needs review ----


def recalibrate(bundle: Path, **changes: Any) -> None:
    calibration = json.loads((bundle / "calibration.json").read_text(encoding="utf-8"))
    (bundle / "calibration.json").write_text(json.dumps({**calibration, **changes}), encoding="utf-8")
    seal(bundle, {})


def needs_review(tagger: Tagger, colour: tuple[int, int, int]) -> dict[str, bool]:
    return {name: tag.needs_review for name, tag in tagger.tag_pixels(plain(colour))[0].items()}


def test_an_unsure_article_type_leaves_its_parent_answered(tiny_bundle: Path) -> None:
    recalibrate(tiny_bundle, review={"masterCategory": 0.9, "articleType": 0.9})
    dark = (85, 0, 0)  # T-shirts and shirts are both likely, and both are apparel
    tagger = Tagger.open(tiny_bundle, "onnxruntime")
    tags = tagger.tag_pixels(plain(dark))[0]
    assert tags["masterCategory"].label == "Apparel" and tags["masterCategory"].confidence > 0.9
    assert tags["articleType"].confidence < 0.9
    assert (tags["masterCategory"].needs_review, tags["articleType"].needs_review) == (False, True)


def test_another_target_precision(tiny_bundle: Path) -> None:
    curves = {"masterCategory": [[0.5, 0.3], [0.9, 0.6], [0.99, 0.9999]], "gender": []}
    recalibrate(tiny_bundle, curves=curves)
    marks = {}
    for target in (0.5, 0.9, 0.995):
        tagger = Tagger.open(tiny_bundle, "onnxruntime", None, target)
        assert tagger.target_precision == target
        assert needs_review(tagger, RED)["gender"]  # nothing says that any confidence will do
        marks[target] = [needs_review(tagger, colour)["masterCategory"] for colour in ((0, 0, 0), RED)]
    assert marks == {0.5: [False, False], 0.9: [True, False], 0.995: [True, True]}
    assert Tagger.open(tiny_bundle, "onnxruntime").target_precision == 0.95


@pytest.fixture
def choosy(tiny_bundle: Path) -> Path:
    """A bundle whose catalog shows red and green photos only."""
    Novelty(2 * np.eye(3), 2 * np.eye(3)[:2]).write(tiny_bundle / "novelty.npy")
    seal(tiny_bundle, {})
    return tiny_bundle


def test_what_is_like_nothing_in_the_catalog_needs_review(choosy: Path, tmp_path: Path) -> None:
    tagger = Tagger.open(choosy, "onnxruntime")
    assert set(needs_review(tagger, RED).values()) == {False}
    assert set(needs_review(tagger, BLUE).values()) == {True}
    np.testing.assert_allclose(tagger.scores(plain(RED, BLUE))["novelty"], [[0], [2 * np.sqrt(2)]], atol=1e-3)
    broken = Photo("missing", str(tmp_path / "missing.jpg"))
    found = list(tagger.run([draw(tmp_path / "red.png"), broken, draw(tmp_path / "blue.png", BLUE)]))
    assert [tagged.not_a_product for tagged in found] == [False, False, True]
    assert [tagged.novelty for tagged in found] == [0, None, pytest.approx(2.8284, abs=1e-3)]


def test_a_bundle_that_can_not_tell_never_says_so(tagger: Tagger, tmp_path: Path) -> None:
    (found,) = tagger.run([draw(tmp_path / "blue.png", BLUE)])
    assert found.novelty is None and not found.not_a_product


def test_novelty_of_another_model(choosy: Path) -> None:
    Novelty(np.eye(4), np.zeros((1, 4))).write(choosy / "novelty.npy")
    seal(choosy, {})
    with pytest.raises(BundleError, match="expected an output embedding of 4 columns, found 3"):
        Tagger.open(choosy)


# ---- Neighbours ----


def remember(bundle: Path, width: int = 3) -> None:
    """A product like a red photo was made for Women, and nobody knows more of it."""
    space = Bundle.open(bundle).label_space
    labels: dict[str, NDArray[Any]] = {}
    for output in space.outputs():
        columns = len(output.values)
        unknown = np.zeros((1, 1 + columns), np.bool_) if output.head == "sigmoid" else np.full(1, -1, np.int32)
        labels[output.name] = unknown
    gender = space["gender"]
    name = output_name(gender, gender.primary)
    if gender.primary == "softmax":
        labels[name][:] = gender.classes.index("Women")
    else:
        labels[name][0, [0, 1 + gender.labels.index("Women")]] = True
    shares = {known: 0.9 if known == name else 0.0 for known in labels}
    axes = np.eye(width, 2, dtype=np.float32)
    codes = np.int8([[127, 0]])
    Neighbours(np.zeros(width, np.float32), axes, codes, 1 / 127, 1, 0.1, shares, labels).write(
        bundle / "neighbours.npz"
    )
    seal(bundle, {})


def test_neighbours_have_a_say(tiny_bundle: Path, tmp_path: Path) -> None:
    before = Tagger.open(tiny_bundle, "onnxruntime").tag_pixels(plain(RED))[0]
    remember(tiny_bundle)
    tagger = Tagger.open(tiny_bundle, "onnxruntime")
    assert repr(tagger._engine) == "ONNX Runtime on the CPU, float32"
    after = tagger.tag_pixels(plain(RED))[0]
    assert (before["gender"].label, after["gender"].label) == ("Men", "Women")
    assert {**after, "gender": before["gender"]} == before
    (found,) = tagger.run([draw(tmp_path / "red.png")])
    assert found.tags == after


def test_neighbours_of_another_model(tiny_bundle: Path) -> None:
    remember(tiny_bundle, width=4)
    with pytest.raises(BundleError, match="expected an output embedding of 4 columns, found 3"):
        Tagger.open(tiny_bundle)


# ---- Colours ----


def test_colours_have_a_say(tiny_bundle: Path, tmp_path: Path) -> None:
    before = Tagger.open(tiny_bundle, "onnxruntime").tag_pixels(plain(RED, GREEN))
    whole, space = Bundle.open(tiny_bundle), Bundle.open(tiny_bundle).label_space
    palette = np.zeros(CELLS, np.uint8)
    palette[cells(np.uint8([[[GREEN]]])).ravel()] = 1
    hidden = np.zeros((PARTS * 3, 1), np.float32)
    hidden[1] = 1  # the share of green
    heads = {}
    for name, label in (("masterCategory", "Accessories"), ("articleType", "Belts")):
        classes = space[name].classes
        says = 100 * np.eye(len(classes), dtype=np.float32)[[classes.index(label)]]
        heads[f"{name}_softmax"] = Layer(says, np.zeros(len(classes), np.float32))
    colours = Colours(palette, Layer(hidden, np.zeros(1, np.float32)), heads, dict.fromkeys(heads, 0.5))
    colours.write(tiny_bundle / "colours.npz", space)
    seal(tiny_bundle, {})
    assert Bundle.open(tiny_bundle).id == whole.id  # embeddings are of looks alone here
    tagger = Tagger.open(tiny_bundle, "onnxruntime")
    after = tagger.tag_pixels(plain(RED, GREEN))
    assert after[0]["articleType"].label == before[0]["articleType"].label == "Tshirts"
    assert (before[1]["articleType"].label, after[1]["articleType"].label) == ("Sports Shoes", "Belts")
    paths = [draw(tmp_path / f"{number}.png", colour) for number, colour in enumerate((RED, GREEN, GREEN, RED, GREEN))]
    found = [tagged.tags["articleType"].label for tagged in tagger.run(paths, batch_size=2)]
    assert found == ["Tshirts", "Belts", "Belts", "Tshirts", "Belts"]


# ---- Similar products ----


def test_embeddings_tell_tags_as_well(tiny_bundle: Path) -> None:
    plainly = Tagger.open(tiny_bundle, "onnxruntime")
    before = plainly.scores(plain(RED, GREEN))
    know_similarity(tiny_bundle)
    tagger = Tagger.open(tiny_bundle, "onnxruntime")
    after = tagger.scores(plain(RED, GREEN))
    np.testing.assert_allclose(np.linalg.norm(after["embedding"], axis=1), 1, atol=1e-3)
    looks = before["embedding"] / np.linalg.norm(before["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(after["embedding"][:, :-4:-1] / np.sqrt(0.4), looks, atol=1e-3)
    for name in before.keys() - {"embedding", "gallery_embedding"}:
        np.testing.assert_array_equal(after[name], before[name])
    # Embeddings of the two bundles can't be compared.
    assert tagger.bundle.id != plainly.bundle.id


def test_what_the_title_says_of_the_tags_is_in_the_embedding(titled_bundle: Path, tmp_path: Path) -> None:
    know_similarity(titled_bundle)
    tagger = Tagger.open(titled_bundle, "onnxruntime")
    photo = draw(tmp_path / "1.png", RED)
    titled = Photo("2", photo.path, title="belt")
    seen, read, unknown = tagger.run([photo, titled, Photo("3", photo.path, title="of no known word")])
    (asked_by_photo,) = tagger.run([titled], inputs="image")
    assert seen.embedding is not None and read.embedding is not None
    assert read.inputs == "image+title" and read.tags != seen.tags
    np.testing.assert_allclose(np.linalg.norm(read.embedding), 1, atol=1e-3)
    # The looks come last here, and are those of the photo.
    np.testing.assert_allclose(read.embedding[:-4:-1], seen.embedding[:-4:-1], atol=1e-6)
    assert np.abs(read.embedding[:-3] - seen.embedding[:-3]).max() > 0.01
    for other in (unknown, asked_by_photo):
        np.testing.assert_allclose(other.embedding, seen.embedding, atol=1e-6)


def test_similarity_of_another_model(tiny_bundle: Path) -> None:
    know_similarity(tiny_bundle, width=4)
    with pytest.raises(BundleError, match="expected an output embedding of 4 columns, found 3"):
        Tagger.open(tiny_bundle)


# ---- Many photos ----


def test_results_come_in_order_with_ids_heads_and_embeddings(tagger: Tagger, tmp_path: Path) -> None:
    colours = [RED, GREEN, BLUE] * 7
    photos = [draw(tmp_path / f"№{i}.png", colour) for i, colour in enumerate(colours)]
    found = list(tagger.run(photos, batch_size=4, top_k=2))
    assert [(tagged.id, tagged.image) for tagged in found] == [(photo.id, photo.path) for photo in photos]
    assert [tagged.tags["articleType"].label for tagged in found[:3]] == ["Tshirts", "Sports Shoes", "Belts"]
    assert all(list(tagged.heads) == ["masterCategory_sigmoid", "gender_softmax"] for tagged in found)
    assert list(found[1].heads["gender_softmax"]) == ["Women", "Men"]
    for tagged, colour in zip(found, colours, strict=True):
        assert tagged.embedding is not None
        np.testing.assert_allclose(tagged.embedding, np.array(colour) / 255)
        assert tagged.error == ""


def test_a_broken_photo_does_not_stop_the_others(tagger: Tagger, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    photos = [
        Photo("text", str(text)), draw(tmp_path / "good.png"), Photo("missing", str(tmp_path / "missing.jpg")),
        Photo("none", ""), Photo("folder", str(tmp_path)), draw(tmp_path / "last.png"),
    ]  # fmt: skip
    for batch_size in (1, 2, 64):
        found = list(tagger.run(photos, batch_size=batch_size))
        assert [tagged.id for tagged in found] == [photo.id for photo in photos]
        assert [bool(tagged.error) for tagged in found] == [True, False, True, True, True, False]
        assert "not a photo" in found[0].error
        assert "No such file" in found[2].error
        assert found[3].error == "The catalog names no photo for this product, or one that is not there."
        assert all(not tagged.tags and tagged.embedding is None for tagged in found if tagged.error)


def test_no_photo_at_all(tagger: Tagger) -> None:
    assert list(tagger.run([])) == []


def test_an_endless_stream_is_read_only_as_far_as_needed(tagger: Tagger, tmp_path: Path) -> None:
    counter = itertools.count()
    endless = (draw(tmp_path / f"{number}.png") for number in counter)
    results = tagger.run(endless, batch_size=4)
    assert [tagged.id for tagged in itertools.islice(results, 9)] == [str(number) for number in range(9)]
    assert next(counter) <= 9 + 4 * (usable_cores() + 7)  # a batch a core, and a few that wait
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_what_goes_wrong_in_the_stream_is_passed_on(tagger: Tagger, tmp_path: Path) -> None:
    def broken() -> Iterator[Photo]:
        yield draw(tmp_path / "a.png")
        raise OSError("the list is gone")

    with pytest.raises(OSError, match="the list is gone"):
        list(tagger.run(broken()))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


# ---- Bundles whose files don't belong together ----


def change_labels(bundle: Path, position: int, **changes: Any) -> None:
    labels = json.loads((bundle / "labels.json").read_text(encoding="utf-8"))
    labels["attributes"][position].update(changes)
    (bundle / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    seal(bundle, {})


@pytest.mark.parametrize(
    ("position", "changes", "message"),
    [
        (0, {"classes": ["a", "b", "c", "d"]}, "expected an output masterCategory_softmax of 4 columns, found 3"),
        (2, {"labels": ["Men"]}, "expected an output gender_sigmoid of 1 columns, found 2"),
        (3, {"name": "brand"}, "expected an output brand_softmax of 1 columns, found none"),
        (4, {"labels": ["Sale", "Café", "New"]}, "expected an output displayCategories_sigmoid of 3 columns, found 2"),
    ],
)
def test_labels_of_another_model(tiny_bundle: Path, position: int, changes: dict[str, Any], message: str) -> None:
    change_labels(tiny_bundle, position, **changes)
    assert Bundle.open(tiny_bundle)
    with pytest.raises(BundleError, match=message):
        Tagger.open(tiny_bundle)


def test_a_photo_size_of_another_model(tiny_bundle: Path) -> None:
    config = json.loads((tiny_bundle / "config.json").read_text())
    config["photo"]["height"] = 32
    (tiny_bundle / "config.json").write_text(json.dumps(config))
    seal(tiny_bundle, {})
    with pytest.raises(BundleError, match="takes no photos of 32 x 16"):
        Tagger.open(tiny_bundle)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_model_that_is_none(tiny_bundle: Path, content: bytes) -> None:
    (tiny_bundle / "model.onnx").write_bytes(content)
    seal(tiny_bundle, {})
    with pytest.raises(BundleError, match=r"model\.onnx can't be run by"):
        Tagger.open(tiny_bundle)


def test_a_model_without_an_embedding(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tagger.inference.engine import OnnxRuntimeEngine

    run = OnnxRuntimeEngine.run
    monkeypatch.setattr(
        OnnxRuntimeEngine, "run", lambda self, photos: {k: v for k, v in run(self, photos).items() if k != "embedding"}
    )
    with pytest.raises(BundleError, match="expected an output embedding, found none"):
        Tagger.open(tiny_bundle, "onnxruntime")
