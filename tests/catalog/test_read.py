from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tagger.catalog.read import fit_layout, read_catalog, read_products
from tagger.config import CatalogConfig
from tagger.errors import CatalogError, MissingDependencyError


def fill(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_every_layout_is_found(tmp_path):
    fashion = fill(tmp_path / "fashion", styles_csv="id,articleType\n1,Cup\n", images__1_jpg="x")
    table = fill(tmp_path / "table", products_CSV="id,image\n7,1.jpg\n", x_jpg="x") / "products.CSV"
    photos = fill(tmp_path / "photos", a_jpg="x")
    classes = fill(tmp_path / "classes", cup__1_jpg="x", mug__1_jpg="x")
    assert read_catalog(fashion).attributes == ("articleType",)
    assert list(read_catalog(table).table.index) == ["7"]
    assert list(read_catalog(str(photos)).table.index) == ["a"]
    assert read_catalog(classes).attributes == ("label",)


def test_a_table_among_photos_is_pointed_to(tmp_path, caplog):
    both = fill(tmp_path / "both", products_csv="id,image\n7,1.jpg\n", images__1_jpg="x")
    assert list(read_catalog(both).table.index) == ["images/1"]
    assert f"read as a folder of photos, without the table in it. Did you mean {both / 'products.csv'}?" in caplog.text
    caplog.clear()
    read_catalog(both, CatalogConfig(layout="photos"))
    assert not caplog.text


@pytest.mark.parametrize(
    ("trained", "other", "layout"),
    [
        ("fashion", "table", "auto"),
        ("fashion", "photos", "auto"),
        ("table", "fashion", "auto"),
        ("photos", "photos", "photos"),
        ("classes", "photos", "classes"),
        ("classes", "table", "auto"),
        ("classes", "fashion", "auto"),
    ],
)
def test_what_was_said_of_a_layout_stays_only_where_it_can_not_be_recognised(tmp_path, trained, other, layout):
    paths = {
        "fashion": fill(tmp_path / "fashion", styles_csv="id,articleType\n1,Cup\n", images__1_jpg="x"),
        "table": fill(tmp_path / "table", products_csv="id,image\n7,1.jpg\n") / "products.csv",
        "photos": fill(tmp_path / "photos", cup__a_jpg="x"),
    }
    config = CatalogConfig(layout=trained, separator=";")
    assert fit_layout(config, paths[other]) == CatalogConfig(layout=layout, separator=";")


def test_the_table_of_a_catalog_holds_the_columns_of_the_products(tmp_path):
    folder = fill(tmp_path, styles_csv="id,articleType,ok\n07,Cup,yes\n1,,no\n", images__1_jpg="x")
    products, catalog = read_products(folder), read_catalog(folder)
    assert products.ids == list(catalog.table.index) == ["07", "1"]
    assert catalog.table.index.name == "id"
    assert products.columns == catalog.table.to_dict("list")
    assert products.columns["image"] == ["", str(folder / "images" / "1.jpg")]
    assert (products.attributes, products.flags) == (catalog.attributes, catalog.flags) == (("articleType",), ("ok",))
    assert products.report == catalog.report and products.root == catalog.root == folder
    assert len(products) == len(catalog) == 2


def test_products_of_every_layout_are_read_without_pandas(tmp_path, monkeypatch):
    # A file in the way: pyarrow can't cope with sys.modules["pandas"] = None.
    fill(tmp_path / "first", pandas_py="raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"), prepend=os.pathsep)
    fill(tmp_path / "fashion", styles_csv="id,articleType\n1,Cup\n", images__1_jpg="x", styles__1_json="{}")
    fill(tmp_path / "table", products_csv="id,image\n7,1.jpg\n", products_jsonl='{"id": 7, "image": "1.jpg"}\n')
    fill(tmp_path / "classes", cup__1_jpg="x", mug__1_jpg="x")
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": [7], "image": ["1.jpg"]})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "table" / "products.parquet")
    tables = [f"table/products.{suffix}" for suffix in ("csv", "jsonl", "parquet")]
    paths = [str(tmp_path / name) for name in ("fashion", *tables, "classes")]
    code = f"from tagger.catalog.read import read_products;print([read_products(path).ids for path in {paths}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[['1'], ['7'], ['7'], ['7'], ['cup/1', 'mug/1']]\n"


def test_a_catalog_as_a_table_needs_pandas(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r"pandas is needed .*catalog-tagger\[report\]"):
        read_catalog(fill(tmp_path, styles_csv="id,articleType\n1,Cup\n"))


def test_styles_csv_stands_for_its_folder(tmp_path):
    folder = fill(tmp_path, styles_csv="id,articleType\n1,Cup\n", images__1_jpg="x")
    assert read_catalog(folder / "styles.csv").table.loc["1", "image"] == str(folder / "images" / "1.jpg")
    table = CatalogConfig(layout="table", columns={"image": "id"})
    assert read_catalog(folder / "styles.csv", table).root == folder / "styles.csv"


def test_the_layout_of_the_config_wins(tmp_path):
    folder = fill(tmp_path, styles_csv="id,articleType\n1,Cup\n", images__1_jpg="x")
    assert list(read_catalog(folder, CatalogConfig(layout="photos")).table.index) == ["images/1"]


@pytest.mark.parametrize(
    ("name", "layout", "message"),
    [
        ("nowhere", "auto", "There is no file or folder"),
        ("empty", "auto", "Expected photos"),
        ("notes.txt", "auto", "no table"),
        ("notes.txt", "photos", "needs a folder"),
        ("notes.txt", "fashion", "needs a folder"),
        ("empty", "table", "no table"),
    ],
)
def test_what_is_no_catalog_gets_the_list_of_layouts(tmp_path, name, layout, message):
    (tmp_path / "empty").mkdir()
    fill(tmp_path, notes_txt="hello")
    with pytest.raises(CatalogError, match=f"{message}.*A catalog is a folder with styles.csv.*folder per class"):
        read_catalog(tmp_path / name, CatalogConfig(layout=layout))


def test_layout_fashion_without_styles(tmp_path):
    with pytest.raises(CatalogError, match=r"styles\.csv"):
        read_catalog(tmp_path, CatalogConfig(layout="fashion"))


def test_a_table_in_a_folder_is_pointed_to(tmp_path):
    with pytest.raises(CatalogError, match=r"Did you mean .*goods\.csv\?"):
        read_catalog(fill(tmp_path, goods_csv="id\n1\n"))
