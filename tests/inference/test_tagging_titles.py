"""Photos with titles: red and "shirt" are a T-shirt, green and "shoes" shoes, blue and "belt" a belt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.bundle import seal
from tagger.errors import BundleError
from tagger.inference import Photo, Tagged, Tagger


def draw(path: Path, title: str = "", colour: str = "red") -> Photo:
    Image.new("RGB", (16, 20), colour).save(path, format="PNG")
    return Photo(path.stem, str(path), title)


@pytest.fixture
def tagger(titled_bundle: Path) -> Tagger:
    return Tagger.open(titled_bundle, "onnxruntime")


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """All kinds of products in one batch."""
    return [
        draw(tmp_path / "both.png", "A blue BELT"),
        draw(tmp_path / "image.png"),
        Photo("title", str(tmp_path / "missing.png"), "shoes"),
        draw(tmp_path / "unknown.png", "zapatos"),
        Photo("nothing", ""),
        draw(tmp_path / "agreed.png", "shirt", "red"),
    ]


def labels(found: list[Tagged]) -> list[str]:
    return [tagged.tags["articleType"].label if tagged.tags else "" for tagged in found]


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_each_product_is_answered_from_what_it_has(tagger: Tagger, photos: list[Photo], batch_size: int) -> None:
    found = list(tagger.run(photos, batch_size=batch_size))
    assert [tagged.id for tagged in found] == [photo.id for photo in photos]
    assert [tagged.inputs for tagged in found] == ["image+title", "image", "title", "image", "", "image+title"]
    assert labels(found) == ["Belts", "Tshirts", "Sports Shoes", "Tshirts", "", "Tshirts"]
    assert [bool(tagged.error) for tagged in found] == [False, False, True, False, True, False]
    assert "No such file" in found[2].error
    assert [tagged.embedding is None for tagged in found] == [False, False, True, False, True, False]
    assert found[0].heads["gender_softmax"] and found[2].heads["gender_softmax"]


def test_both_are_fused_and_have_a_calibration_of_their_own(tagger: Tagger, photos: list[Photo]) -> None:
    both, image, title = list(tagger.run(photos))[:3]
    logits = np.array([9, 0, 0]) + 2 * np.array([0, 0, 9])  # red, and twice what "belt" says
    expected = np.exp(logits - logits.max())
    assert both.tags["masterCategory"].confidence == pytest.approx((expected / expected.sum())[2], abs=1e-4)
    reviewed = [tagged.tags["masterCategory"].needs_review for tagged in (both, image, title)]
    assert reviewed == [True, False, False]


def test_photos_without_titles_are_tagged_as_ever(titled_bundle: Path, photos: list[Photo]) -> None:
    plain = [photo._replace(title="") for photo in photos]
    knowing = list(Tagger.open(titled_bundle, "onnxruntime").run(plain))
    asked = list(Tagger.open(titled_bundle, "onnxruntime").run(photos, inputs="image"))
    for one, other in zip(knowing, asked, strict=True):
        assert (one.tags, one.heads, one.error, one.inputs) == (other.tags, other.heads, other.error, other.inputs)
        np.testing.assert_array_equal(one.embedding, other.embedding)


def test_a_mixed_batch_leaves_the_answers_from_photos_as_they_are(tagger: Tagger, photos: list[Photo]) -> None:
    (mixed,) = tagger.score(photos)
    (alone,) = tagger.score(photos, inputs="image")
    answered = [name for name in mixed.inputs if name]
    for name, values in alone.scores.items():
        np.testing.assert_array_equal(mixed.scores[name][answered.index("image")], values[1])
        assert mixed.scores[name].dtype == np.float32


def test_titles_alone_open_no_photo(tagger: Tagger, photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagger.inference.reading.decode_photo", lambda path, config: pytest.fail(f"{path} was read"))
    found = list(tagger.run(photos, inputs="title", batch_size=4))
    assert labels(found) == ["Belts", "", "Sports Shoes", "", "", "Tshirts"]
    assert {tagged.error for tagged in found if not tagged.tags} == {
        "The product has no title that says anything to the bundle."
    }
    assert all(tagged.embedding is None for tagged in found)
    assert next(tagger.run([Photo("1", "", "")], inputs="title")).inputs == ""


def test_titles_are_only_read_by_a_bundle_that_can(tiny_bundle: Path, photos: list[Photo]) -> None:
    tagger = Tagger.open(tiny_bundle, "onnxruntime")
    assert not tagger.reads_titles
    assert [tagged.inputs for tagged in tagger.run(photos)] == ["image", "image", "", "image", "", "image"]
    with pytest.raises(BundleError, match="can't read titles"):
        list(tagger.run(photos, inputs="title"))


def test_the_title_network_is_not_opened_for_photos(tagger: Tagger, photos: list[Photo]) -> None:
    list(tagger.run([photo._replace(title="") for photo in photos]))
    assert "_reader" not in vars(tagger)


@pytest.mark.parametrize("content", [b"no model", b""])
def test_a_title_network_that_is_none(titled_bundle: Path, photos: list[Photo], content: bytes) -> None:
    (titled_bundle / "title" / "model.onnx").write_bytes(content)
    seal(titled_bundle, {})
    with pytest.raises(BundleError, match=r"title/model\.onnx can't be run"):
        list(Tagger.open(titled_bundle, "onnxruntime").run(photos))
