from __future__ import annotations

import json
import sys

import pytest

from tagger.catalog.tabular import read_table
from tagger.config import CatalogConfig
from tagger.errors import CatalogError, MissingDependencyError

ROWS = [
    {"id": "1", "image": "1.jpg", "colour": "red", "fragile": "yes", "name": "Red cup"},
    {"id": "2", "image": "2.jpg", "colour": "red", "fragile": "no", "name": "Red mug"},
    {"id": "3", "image": "3.jpg", "colour": "blue", "fragile": "", "name": "Blue cup"},
    {"id": "4", "image": "4.jpg", "colour": "blue|green", "fragile": "no", "name": "Blue mug"},
    {"id": "5", "image": "5.jpg", "colour": "green", "fragile": "no", "name": "Green mug"},
    {"id": "6", "image": "6.jpg", "colour": "NA", "fragile": "no", "name": "Mug"},
    {"id": "7", "image": "gone.jpg", "colour": "red", "fragile": "no", "name": "Lost mug"},
]


def write(folder, suffix, rows=ROWS, delimiter=","):
    for row in rows:
        if row.get("image") and row["image"] != "gone.jpg":
            (folder / row["image"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / row["image"]).write_bytes(b"any")
    path = folder / f"products{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), path)
    else:
        lines = [delimiter.join(rows[0]), *(delimiter.join(row.values()) for row in rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(path, **settings):
    return read_table(path, CatalogConfig(**settings)).to_catalog()


def kinds(catalog):
    return {finding.kind: finding.examples for finding in catalog.report.findings}


@pytest.mark.parametrize(
    ("suffix", "delimiter"),
    [(".csv", ","), (".csv", ";"), (".csv", "\t"), (".tsv", "\t"), (".jsonl", ""), (".parquet", "")],
)
def test_every_format_gives_the_same_catalog(tmp_path, suffix, delimiter):
    catalog = read(write(tmp_path, suffix, delimiter=delimiter))
    assert list(catalog.table.index) == ["1", "2", "3", "4", "5", "6", "7"]
    assert list(catalog.table["colour"]) == ["red", "red", "blue", "blue|green", "green", "", "red"]
    assert list(catalog.table["fragile"]) == ["true", "false", "", "false", "false", "false", "false"]
    assert catalog.attributes == ("colour",)
    assert catalog.flags == ("fragile",)
    assert catalog.table.loc["1", "image"] == str(tmp_path / "1.jpg")
    assert catalog.table.loc["7", "image"] == ""
    assert kinds(catalog) == {"photo-missing": ("7",)}
    assert catalog.report.rows_read == 7


def test_the_mapping_gives_our_names_and_makes_attributes(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("sku,photo,what,price\n007,a.jpg,A cup,5\n008,b.jpg,A mug,6\n")
    catalog = read(path, columns={"id": "sku", "image": "photo", "articleType": "what"})
    assert list(catalog.table.index) == ["007", "008"]
    assert catalog.attributes == ("articleType",)
    assert list(catalog.table["price"]) == ["5", "6"]


def test_one_column_may_serve_twice_and_hides_its_namesake(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("title,name,image\nold,new,a.jpg\n")
    catalog = read(path, columns={"id": "name", "title": "name"})
    assert catalog.table.loc["new", "title"] == "new"
    assert kinds(catalog)["column-hidden"] == ("title",)


def test_a_missing_mapped_column_is_named_with_the_nearest(tmp_path):
    path = write(tmp_path, ".csv")
    with pytest.raises(CatalogError, match=r'"color".*has: id, image, colour, fragile, name.*Did you mean "colour"'):
        read(path, columns={"articleType": "color"})


def test_without_a_photo_column_the_error_names_the_others(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,picture\n1,a.jpg\n")
    with pytest.raises(CatalogError, match=r"id, picture.*catalog\.columns\.image=COLUMN"):
        read(path)


def test_a_table_without_photos_is_read_where_it_may_have_none(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("title,colour\nA cup,red\nA mug,blue\n")
    for columns in ({}, {"image": "photo"}):  # also where another catalog had its photos in a column of that name
        table = read(path, photos=False, columns=columns).table
        assert list(table.index) == ["1", "2"] and list(table["image"]) == ["", ""]
        assert list(table["title"]) == ["A cup", "A mug"]
    path.write_text("image,title\na.jpg,A cup\n")
    (tmp_path / "a.jpg").touch()
    assert list(read(path, photos=False).table["image"]) == [str(tmp_path / "a.jpg")]


def test_ids_from_photos_or_else_from_rows(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("image\nx/a.jpg\nx/b.jpg\n")
    assert list(read(path).table.index) == ["a", "b"]
    path.write_text("image\nx/a.jpg\ny/a.jpg\n")
    assert list(read(path).table.index) == ["1", "2"]


def test_ids_stay_text(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image\n0012,a\nNA,b\n1e5,c\n")
    assert list(read(path).table.index) == ["0012", "NA", "1e5"]


def test_numbers_of_parquet_become_plain_text(tmp_path):
    rows = [{"id": 1, "image": "a", "year": 2011.0}, {"id": 2, "image": "b", "year": None}]
    path = write(tmp_path, ".parquet", rows)
    catalog = read(path)
    assert list(catalog.table.index) == ["1", "2"]
    assert list(catalog.table["year"]) == ["2011", ""]


def test_nested_values_get_dotted_names_and_lists_are_several_values(tmp_path):
    rows = [{"id": i, "image": "a", "meta": {"kind": "cup"}, "tags": ["x", "y"]} for i in range(4)]
    for suffix in (".jsonl", ".parquet"):
        catalog = read(write(tmp_path, suffix, rows))
        assert list(catalog.table["meta.kind"]) == ["cup"] * 4
        assert list(catalog.table["tags"]) == ["x|y"] * 4
        assert catalog.attributes == ("tags",)


def test_the_separator_of_the_config_spares_titles(tmp_path):
    path = tmp_path / "products.tsv"
    path.write_text("id\timage\tuse\ttitle\n" + "".join(f"{i}\ta\tx, y\tOne, two\n" for i in range(4)))
    catalog = read(path, separator=",")
    assert set(catalog.table["use"]) == {"x|y"}
    assert set(catalog.table["title"]) == {"One, two"}


def test_titles_links_numbers_and_constants_are_no_attributes(tmp_path):
    path = tmp_path / "products.csv"
    lines = [f"{i},a,Cup {i},http://x/{i},{i % 3},cup,{'SML'[i % 3]}" for i in range(12)]
    path.write_text("id,image,name,link,stars,kind,size\n" + "\n".join(lines))
    assert read(path).attributes == ("size",)


def test_too_many_labels_are_no_attribute_unless_mapped(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image,word\n" + "".join(f"{i},a,w{i % 201}\n" for i in range(500)))
    assert read(path).attributes == ()
    assert read(path, columns={"word": "word"}).attributes == ("word",)


def test_photo_paths_absolute_in_another_folder_and_with_dots(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "list").mkdir()
    photo = tmp_path / "photos" / "a.jpg"
    photo.write_bytes(b"any")
    path = tmp_path / "list" / "products.csv"
    path.write_text(f"id,image\n1,{photo}\n2,../photos/a.jpg\n3,a.jpg\n4,{'x' * 5000}\n5,../photos\n")
    assert list(read(path).table["image"]) == [str(photo), str(photo), "", "", ""]
    assert read(path, image_folder="../photos").table.loc["3", "image"] == str(photo)


def test_a_split_column_is_taken_as_the_split(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image,split\n1,a,train\n2,b,Val\n3,c,test\n")
    assert list(read(path).table["split"]) == ["train", "validation", "test"]


def test_a_split_column_of_another_meaning_is_not_used(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image,split\n1,a,train\n2,b,banana\n")
    catalog = read(path)
    assert "split" not in catalog.table
    assert kinds(catalog)["split-unknown"] == ("banana",)


def test_repeated_and_missing_ids_and_uneven_lines(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image\n1,a,,\n1,b\n,c\n2\n3,d,surplus\n\n4,e\n")
    catalog = read(path)
    assert list(catalog.table.index) == ["1", "4"]
    assert kinds(catalog)["row-uneven"] == ("line 5", "line 6")
    assert catalog.report.rows_read == 6


def test_quoted_cells_may_span_lines(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text('id,image,title\n1,a,"Cup, ""big""\nand red"\n')
    assert read(path).table.loc["1", "title"] == 'Cup, "big" and red'


def test_a_quote_that_nobody_closed_is_found(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text('id,image\n1,a\n2,"b\n3,c\n')
    with pytest.raises(CatalogError, match=r"line 3: .*quotes"):
        read(path)


def test_columns_of_the_same_name_are_refused(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("id,image,a,a\n1,2,3,4\n")
    with pytest.raises(CatalogError, match="found twice: a"):
        read(path)


@pytest.mark.parametrize("line", ["{broken", "[1, 2]", '"text"', "[" * 100_000])
def test_a_bad_line_of_json_is_named(tmp_path, line):
    path = tmp_path / "products.jsonl"
    path.write_text('{"id": 1, "image": "a"}\n\n' + line + "\n")
    with pytest.raises(CatalogError, match="line 3: expected"):
        read(path)


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "id,image\n"), ("b.csv", "id,image\n,x\n"), ("c.jsonl", "{}\n"), ("d.tsv", "id\n")]
)
def test_a_table_without_products(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CatalogError, match="Expected products"):
        read(path)


def test_not_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "products.parquet"
    path.write_text("id,image\n1,a\n")
    with pytest.raises(CatalogError, match="can't be read as Parquet"):
        read(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "products.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingDependencyError, match=r"catalog-tagger\[parquet\]"):
        read(tmp_path / "products.parquet")


@pytest.mark.parametrize("head", ["\n \n", "sep=;\n", '"sep=;"\n\n', "\nSEP=;\n"])
def test_what_stands_above_the_header(tmp_path, head):
    (tmp_path / "products.csv").write_text(f"{head}id;image;kind\n1;a.png;cup, blue\n2;b.png;mug;odd\n")
    catalog = read(tmp_path / "products.csv")
    assert list(catalog.table["kind"]) == ["cup, blue"]
    line = head.count("\n") + 3
    assert next(f for f in catalog.report.findings if f.kind == "row-uneven").examples == (f"line {line}",)


def test_a_long_cell(tmp_path):
    (tmp_path / "products.csv").write_text(f"id,image,text\n1,a.png,{'x' * 200_000}\n")
    assert len(read(tmp_path / "products.csv").table.loc["1", "text"]) == 200_000


def test_dates_of_parquet_beyond_those_of_python(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    far = pa.array([2**61], pa.timestamp("us"))
    parquet.write_table(pa.table({"id": ["1"], "image": ["a"], "until": far}), tmp_path / "products.parquet")
    assert list(read(tmp_path / "products.parquet").table.index) == ["1"]
    twice = pa.Table.from_arrays([pa.array(["1"])] * 3, names=["id", "image", "id"])
    parquet.write_table(twice, tmp_path / "products.parquet")
    with pytest.raises(CatalogError, match="found twice: id"):
        read(tmp_path / "products.parquet")
