from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from tagger.bundle import Bundle, seal
from tagger.catalog.cache import perceptual_hashes
from tagger.catalog.photos import decode_photo
from tagger.catalog.splits import read_split, write_split
from tagger.catalog.table import Catalog, CleaningReport
from tagger.cli.main import cli
from tagger.errors import BundleError
from tagger.own_products import photo_sign, recorded_split
from tagger.report.select import select_products
from tagger.training.start import Start

IDS = [f"{i}" for i in range(20)]


def draw(folder: Path, seed: int, side: int = 40, quality: int = 95) -> dict[str, str]:
    """Photos of coarse shapes; the same seed gives the same shapes."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    images = {}
    for id_ in IDS:
        shapes = Image.fromarray(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8))
        images[id_] = str(folder / f"{id_}.jpg")
        shapes.resize((side * 4 // 5, side), Image.Resampling.BICUBIC).save(images[id_], quality=quality)
    return images


def catalog_of(images: dict[str, str], **columns: list[str]) -> Catalog:
    table = pd.DataFrame({"image": list(images.values()), **columns}, index=pd.Index(list(images), name="id"))
    return Catalog(Path("shop"), table, (), (), CleaningReport())


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Bundle:
    """It was trained on ten products, and remembers what the photos of all twenty look like."""
    photo = Bundle.open(tiny_bundle).photo
    pixels = np.stack([decode_photo(path, photo) for path in draw(tmp_path / "trained", seed=1).values()])
    signs = {id_: photo_sign(int(hash_)) for id_, hash_ in zip(IDS, perceptual_hashes(pixels), strict=True)}
    parts = pd.Series(["train"] * 10 + ["test"] * 10, index=IDS)
    write_split(parts, tiny_bundle / "split.csv", signs)
    seal(tiny_bundle, {"command": "drawn by hand"})
    return Bundle.open(tiny_bundle)


def test_the_same_photos_are_known_also_when_saved_anew_and_larger(bundle, tmp_path):
    catalog = catalog_of(draw(tmp_path / "again", seed=1, side=200, quality=70))
    assert recorded_split(bundle, catalog) == bundle.split


def test_other_photos_under_the_same_ids_are_other_products(bundle, tmp_path, caplog):
    catalog = catalog_of(draw(tmp_path / "other", seed=2))
    assert recorded_split(bundle, catalog) == {}
    assert "20 product(s) have the ids of products that the bundle was trained on" in caplog.text


def test_a_catalog_that_has_changed_a_little_is_still_the_same(bundle, tmp_path):
    images = draw(tmp_path / "old", seed=1) | dict(list(draw(tmp_path / "new", seed=2).items())[:5])
    assert recorded_split(bundle, catalog_of(images)) == bundle.split


def test_without_a_photo_that_can_be_read_ids_decide(bundle, tmp_path):
    assert recorded_split(bundle, catalog_of({"1": str(tmp_path / "gone.jpg"), "2": ""})) == bundle.split


def test_a_bundle_that_knows_no_photos_goes_by_ids(tiny_bundle, tmp_path):
    bundle = Bundle.open(tiny_bundle)
    assert bundle.photo_signs == {}
    assert recorded_split(bundle, catalog_of(draw(tmp_path / "other", seed=2))) == {"1": "train", "2": "test"}


def test_products_of_another_catalog_were_not_learned_from(bundle, tmp_path):
    start = Start.at(bundle.path)
    assert start.learned(catalog_of(draw(tmp_path / "other", seed=2))) == frozenset()
    assert start.learned(catalog_of(draw(tmp_path / "same", seed=1))) == frozenset(IDS[:10])


def test_another_catalog_is_judged_by_its_own_split(bundle, tmp_path):
    catalog = catalog_of(draw(tmp_path / "other", seed=2), split=["test", *["train"] * 19])
    selection = select_products(catalog, "test", recorded_split(bundle, catalog))
    assert (selection.ids, selection.notes) == (["0"], ())


def test_evaluate_says_nothing_of_training_on_products_of_another_catalog(bundle, tmp_path):
    images = draw(tmp_path / "images", seed=2)
    rows = pd.DataFrame({"id": IDS, "image": list(images.values()), "masterCategory": ["Apparel", "Footwear"] * 10})
    rows.to_csv(tmp_path / "shop.csv", index=False)
    arguments = ["evaluate", "--model", str(bundle.path), "--data", str(tmp_path / "shop.csv")]
    refused = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "a")])
    assert "the bundle knows none of its products" in str(refused.exception)
    judged = CliRunner().invoke(cli, [*arguments, "--split", "all", "--out", str(tmp_path / "b")])
    assert judged.exit_code == 0 and "TRAINED on" not in judged.stderr


def test_a_split_with_signs_is_read_as_a_split(bundle):
    assert read_split(bundle.path / "split.csv").to_dict() == bundle.split


@pytest.mark.parametrize("sign", ["xyz", "12345", "-001"])
def test_a_damaged_sign(bundle, sign):
    (bundle.path / "split.csv").write_text(f"id,part,photo\n1,train,{sign}\n")
    seal(bundle.path, {"command": "drawn by hand"})
    with pytest.raises(BundleError, match="damaged"):
        _ = Bundle.open(bundle.path).split
