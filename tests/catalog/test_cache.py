from __future__ import annotations

import os
import time
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.catalog import cache as cache_module
from tagger.catalog.cache import default_folder, open_cache
from tagger.catalog.table import Catalog, CleaningReport
from tagger.config import PhotoConfig
from tagger.errors import MissingDependencyError, OutputError, PhotoError

PHOTO = PhotoConfig(height=20, width=16)


def catalog_of(photos: dict[str, Path | str]) -> Catalog:
    table = pd.DataFrame(
        {"image": [str(path) for path in photos.values()]}, index=pd.Index(photos, name="id"), dtype="str"
    )
    return Catalog(Path(), table, (), (), CleaningReport())


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    paths: dict[str, Path | str] = {}
    for id_ in ("10", "9", "ü"):
        paths[id_] = tmp_path / f"{id_}.png"
        Image.fromarray(rng.integers(0, 256, (20, 16, 3), dtype=np.uint8)).save(paths[id_])
    return paths


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """Counts the photos that are decoded."""
    seen = []
    real = cache_module.decode_photos

    def counting(paths, photo):
        for pixels in real(paths, photo):
            seen.append(1)
            yield pixels

    monkeypatch.setattr(cache_module, "decode_photos", counting)
    return seen


def test_each_product_finds_its_own_pixels(photos, folder):
    cache = open_cache(catalog_of(photos), PHOTO, folder)
    assert cache.pixels.shape == (3, 20, 16, 3)
    assert cache.pixels.dtype == np.uint8
    for id_, path in photos.items():
        assert np.array_equal(cache.pixels[cache.rows[id_]], np.asarray(Image.open(path)))


def test_the_pixels_are_memory_mapped_and_read_only(photos, folder):
    cache = open_cache(catalog_of(photos), PHOTO, folder)
    assert isinstance(cache.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        cache.pixels[0] = 0


def test_broken_and_missing_photos_are_told_and_take_no_row(photos, folder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"")
    photos |= {"0": tmp_path / "broken.jpg", "5": tmp_path / "gone.jpg", "7": ""}
    cache = open_cache(catalog_of(photos), PHOTO, folder)
    assert set(cache.rows) == {"10", "9", "ü"}
    assert cache.pixels.shape == (3, 20, 16, 3)
    assert np.array_equal(cache.pixels[cache.rows["9"]], np.asarray(Image.open(photos["9"])))
    assert set(cache.problems) == {"0", "5"}
    assert "empty" in cache.problems["0"]
    assert "can't be opened" in cache.problems["5"]


def test_select_follows_the_ids_asked_for(photos, folder, tmp_path):
    cache = open_cache(catalog_of(photos | {"5": tmp_path / "gone.jpg", "7": ""}), PHOTO, folder)
    rows = cache.select(["ü", "10", "ü"])
    assert rows.dtype == np.int64
    assert rows.tolist() == [cache.rows["ü"], cache.rows["10"], cache.rows["ü"]]
    assert cache.select([]).shape == (0,)
    with pytest.raises(PhotoError, match=r"Product 5 .*can't be opened"):
        cache.select(["5"])
    with pytest.raises(PhotoError, match=r"Product 7 .*names no photo"):
        cache.select(["7"])


def test_photos_are_decoded_once(photos, folder, decoded):
    first = open_cache(catalog_of(photos), PHOTO, folder)
    second = open_cache(catalog_of(dict(reversed(photos.items()))), PHOTO, folder)
    assert len(decoded) == 3
    assert second.rows == first.rows
    assert np.array_equal(first.pixels, second.pixels)


def test_a_changed_photo_is_decoded_again(photos, folder):
    open_cache(catalog_of(photos), PHOTO, folder)
    Image.new("RGB", (16, 20), "red").save(photos["9"])
    cache = open_cache(catalog_of(photos), PHOTO, folder)
    assert cache.pixels[cache.rows["9"], 0, 0].tolist() == [255, 0, 0]


def test_a_photo_touched_but_of_the_same_size_is_decoded_again(photos, folder, decoded):
    open_cache(catalog_of(photos), PHOTO, folder)
    os.utime(photos["9"], ns=(1, 1))
    open_cache(catalog_of(photos), PHOTO, folder)
    assert len(decoded) == 6


def test_other_settings_have_a_cache_of_their_own(photos, folder):
    open_cache(catalog_of(photos), PHOTO, folder)
    assert open_cache(catalog_of(photos), PhotoConfig(height=16, width=16), folder).pixels.shape == (3, 16, 16, 3)
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_cache_is_made_again(photos, folder, decoded):
    whole = open_cache(catalog_of(photos), PHOTO, folder)
    expected = np.array(whole.pixels)
    for name in ("pixels.npy", "contents.json"):
        path = whole.folder / name
        path.write_bytes(path.read_bytes()[:-10])
        assert np.array_equal(open_cache(catalog_of(photos), PHOTO, folder).pixels, expected)
    assert len(decoded) == 9


def test_an_interrupted_run_leaves_nothing_behind(photos, folder, monkeypatch):
    def interrupted(paths, photo):
        yield np.zeros((20, 16, 3), dtype=np.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module, "decode_photos", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_cache(catalog_of(photos), PHOTO, folder)
    assert list(folder.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(photos, folder):
    for name, age in (("old", 7200), ("new", 10)):
        unfinished = folder / f".photos-abc.{name}" / "pixels.npy"
        unfinished.parent.mkdir(parents=True)
        unfinished.touch()
        os.utime(unfinished, (time.time() - age,) * 2)
    open_cache(catalog_of(photos), PHOTO, folder)
    assert [path.name for path in folder.glob(".*")] == [".photos-abc.new"]


def test_a_full_disk_is_told(photos, folder, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module, "_write_header", full)
    with pytest.raises(OutputError, match="No space left on device"):
        open_cache(catalog_of(photos), PHOTO, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("photos_left", [0, 1])
def test_few_or_no_readable_photos_are_fine(photos, folder, photos_left):
    few = dict(list(photos.items())[:photos_left]) | {"gone": "/nowhere/a.jpg"}
    cache = open_cache(catalog_of(few), PHOTO, folder)
    assert cache.pixels.shape == (photos_left, 20, 16, 3)
    assert cache.hashes.shape == (photos_left,)


def test_progress_ends_with_all_photos_done(photos, folder):
    calls = []
    open_cache(catalog_of(photos), PHOTO, folder, lambda done, total, what: calls.append((done, total)))
    assert calls[0] == (0, 3)
    assert calls[-1] == (3, 3)


@pytest.fixture
def shapes(tmp_path):
    """Photos of coarse shapes: larger than what is hashed, smaller, of its size, and of another format."""
    rng = np.random.default_rng(0)
    paths: dict[str, Path | str] = {}
    for id_, size, suffix in (
        ("1", (300, 500), "jpg"),
        ("2", (33, 40), "png"),
        ("3", (60, 80), "jpg"),
        ("4", (90, 70), "png"),
    ):
        paths[id_] = tmp_path / f"{id_}.{suffix}"
        coarse = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(paths[id_])
    return paths


def test_hashes_are_those_of_imagehash(shapes, folder, decoded):
    cache = open_cache(catalog_of(shapes), PhotoConfig(), folder)
    assert cache.hashes.dtype == np.uint64
    for id_ in shapes:
        photo = Image.fromarray(cache.pixels[cache.rows[id_]])
        assert f"{cache.hashes[cache.rows[id_]]:016x}" == str(imagehash.phash(photo))
    assert len(decoded) == 4  # no photo twice


@pytest.mark.parametrize(("height", "width"), [(69, 52), (20, 16), (200, 150), (60, 80)])
def test_hashes_are_the_same_in_caches_of_any_size(shapes, folder, tmp_path, height, width):
    shapes |= {"0": tmp_path / "gone.jpg", "9": ""}
    expected = open_cache(catalog_of(shapes), PhotoConfig(), folder)
    cache = open_cache(catalog_of(shapes), PhotoConfig(height=height, width=width), folder)
    assert cache.rows == expected.rows and len(cache) == 4
    assert cache.hashes.tolist() == expected.hashes.tolist()
    own = cache_module.perceptual_hashes(cache.pixels)
    assert own.tolist() != expected.hashes.tolist()  # the size does make a difference


def test_hashes_of_an_older_program_are_not_taken(shapes, folder):
    cache = open_cache(catalog_of(shapes), PhotoConfig(height=69, width=52), folder)
    np.save(cache.folder / "hashes.npy", cache_module.perceptual_hashes(cache.pixels))
    expected = open_cache(catalog_of(shapes), PhotoConfig(), folder).hashes
    assert cache.hashes.tolist() == expected.tolist()


def test_a_photo_that_is_gone_before_it_is_hashed_is_told(shapes, folder):
    cache = open_cache(catalog_of(shapes), PHOTO, folder)
    Path(shapes["2"]).unlink()
    with pytest.raises(PhotoError, match=r"2\.png: can't be opened"):
        _ = cache.hashes
    assert not list(cache.folder.glob("hashes*"))


def test_hashes_are_computed_once(photos, folder, monkeypatch):
    first = open_cache(catalog_of(photos), PHOTO, folder).hashes
    monkeypatch.setattr(cache_module, "perceptual_hashes", lambda pixels: pytest.fail("computed again"))
    assert np.array_equal(open_cache(catalog_of(photos), PHOTO, folder).hashes, first)


def test_without_imagehash_the_error_names_the_extra(photos, folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    with pytest.raises(MissingDependencyError, match=r"imagehash is needed .*catalog-tagger\[report\]"):
        _ = open_cache(catalog_of(photos), PHOTO, folder).hashes


def test_the_default_folder_follows_the_environment(monkeypatch):
    monkeypatch.delenv("TAGGER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_folder() == Path("/x/catalog-tagger")
    monkeypatch.setenv("TAGGER_CACHE", "/y")
    assert default_folder() == Path("/y")
    monkeypatch.delenv("TAGGER_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/z")
    assert default_folder() == Path("/z/.cache/catalog-tagger")
