from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tagger.report.thumbnails import SIDE, Picture, make_strip, make_thumbnail


def photo(height: int, width: int, colour: tuple[int, int, int] = (200, 30, 40)) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def pixels_of(picture: Picture) -> np.ndarray:
    head, data = picture.uri.split(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize(
    ("size", "expected"), [((80, 60), (80, 60)), ((400, 200), (SIDE, SIDE // 2)), ((16, 16), (16, 16))]
)
def test_a_thumbnail_keeps_the_aspect_within_the_bound(size, expected):
    picture = make_thumbnail(photo(*size), "a shirt")
    assert (picture.height, picture.width) == expected
    shown = pixels_of(picture)
    assert shown.shape == (*expected, 3)
    assert abs(shown.mean(axis=(0, 1)) - (200, 30, 40)).max() < 4


def test_a_strip_shows_photos_from_left_to_right():
    strip = pixels_of(make_strip([photo(80, 60, (255, 0, 0)), photo(80, 60, (0, 0, 255))], "two"))
    assert strip.shape[0] == 80
    assert strip[:, :50, 0].mean() > 240 > 20 > strip[:, :50, 2].mean()
    assert strip[:, -50:, 2].mean() > 240 > 20 > strip[:, -50:, 0].mean()
