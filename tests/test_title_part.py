from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagger.bundle import Bundle, seal
from tagger.errors import BundleError
from tagger.title_part import TitlePart, has_title_part


def change(bundle: Path, name: str, text: str | None) -> Bundle:
    """Put another text into a file of the part, or delete it, and seal the bundle again."""
    path = bundle / "title" / name
    path.unlink() if text is None else path.write_text(text)
    seal(bundle, {})
    return Bundle.open(bundle)


def test_what_was_written_is_read(titled_bundle: Path) -> None:
    bundle = Bundle.open(titled_bundle)
    part = TitlePart.of(bundle)
    assert has_title_part(bundle)
    assert len(part.vocabulary) == 4
    assert (part.heads["gender_softmax"].photo, part.heads["gender_softmax"].title) == (1, 2)
    assert (part.both.review, part.title.review) == ({"masterCategory": 1}, {"masterCategory": 0.5})


def test_a_bundle_that_saw_photos_alone(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    assert not has_title_part(bundle)
    with pytest.raises(BundleError, match=r"can't read titles.* Train one with inputs: \[image, title\]"):
        TitlePart.of(bundle)


@pytest.mark.parametrize("name", ["vocabulary.npy", "fusion.json", "calibration.json"])
def test_a_part_that_is_incomplete(titled_bundle: Path, name: str) -> None:
    with pytest.raises(BundleError, match=rf"incomplete: title/{name} is missing"):
        TitlePart.of(change(titled_bundle, name, None))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("fusion.json", "{", "no JSON"),
        ("fusion.json", "{}", "don't belong together"),
        ("fusion.json", '{"a": {"photo": 1}}', r"a\.title: Field required"),
        ("calibration.json", '{"both": {}}', "don't belong together"),
        ("calibration.json", '{"both": {}, "title": {"code": 1}}', "Unexpected keyword"),
        ("vocabulary.npy", "text", "can't be read"),
    ],
)
def test_a_part_that_is_damaged(titled_bundle: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        TitlePart.of(change(titled_bundle, name, text))


def test_heads_of_another_bundle(titled_bundle: Path) -> None:
    heads = json.loads((titled_bundle / "title" / "fusion.json").read_text())
    heads["gender_softmax"]["bias"].append(0)
    with pytest.raises(BundleError, match="don't belong together"):
        TitlePart.of(change(titled_bundle, "fusion.json", json.dumps(heads)))
