from __future__ import annotations

import json

import pytest

from tagger.catalog.fashion import read_fashion
from tagger.config import CatalogConfig
from tagger.errors import CatalogError

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
SHIRT = "Men,Apparel,Topwear,Shirts,Navy Blue,Fall,2011,Casual"


def write(folder, text, photos=(), records=None):
    (folder / "images").mkdir(exist_ok=True)
    (folder / "styles.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in photos:
        (folder / "images" / name).write_bytes(b"any")
    for id_, record in (records or {}).items():
        (folder / "styles").mkdir(exist_ok=True)
        text = record if isinstance(record, str) else json.dumps(record)
        (folder / "styles" / f"{id_}.json").write_text(text, encoding="utf-8")
    return folder


def read(folder, **settings):
    return read_fashion(folder, CatalogConfig(**settings)).to_catalog()


def findings(catalog):
    return {finding.kind: finding for finding in catalog.report.findings}


def test_reads_rows_photos_and_columns(tmp_path):
    catalog = read(write(tmp_path, f"{HEADER}\n007,{SHIRT},Blue Shirt\n", ["007.jpg"]))
    row = catalog.table.loc["007"]
    assert row["articleType"] == "Shirts"
    assert row["title"] == "Blue Shirt"
    assert row["image"] == str(tmp_path / "images" / "007.jpg")
    assert catalog.attributes == (
        "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "usage",
    )  # fmt: skip
    assert catalog.flags == ()
    assert catalog.report.rows_read == 1
    assert catalog.report.findings == []


def test_commas_without_quotes_stay_in_the_title(tmp_path):
    text = f'{HEADER}\n1,{SHIRT},Live, Love, Laugh\n2,{SHIRT},"Tie, Cufflink"\n3,{SHIRT},3.5" Heel\n'
    catalog = read(write(tmp_path, text))
    assert list(catalog.table["title"]) == ["Live, Love, Laugh", "Tie, Cufflink", '3.5" Heel']
    assert findings(catalog)["unquoted-comma"].examples == ("1",)


def test_a_quote_that_nobody_closed_does_not_swallow_the_next_product(tmp_path):
    catalog = read(write(tmp_path, f'{HEADER}\n1,{SHIRT},"Half quoted\n2,{SHIRT},Whole\n'))
    assert list(catalog.table.index) == ["1", "2"]
    assert catalog.table.loc["2", "title"] == "Whole"


def test_columns_are_known_by_name_in_any_order(tmp_path):
    catalog = read(write(tmp_path, "productDisplayName,articleType,id\nRed, warm,Scarves,5\n"))
    assert catalog.attributes == ("articleType",)
    assert tuple(catalog.table.loc["5", ["title", "articleType"]]) == ("Red, warm", "Scarves")


def test_byte_order_mark_and_crlf(tmp_path):
    catalog = read(write(tmp_path, f"\ufeff{HEADER}\r\n1,{SHIRT},Shirt\r\n"))
    assert catalog.table.loc["1", "title"] == "Shirt"


def test_missing_labels_are_empty_but_an_id_may_be_called_na(tmp_path):
    catalog = read(write(tmp_path, f"{HEADER}\nNA,Men,Apparel,Topwear,Shirts,NA,,2011,Casual,NA\n"))
    assert tuple(catalog.table.loc["NA", ["baseColour", "season", "title"]]) == ("", "", "")


def test_broken_rows_are_dropped_and_reported(tmp_path):
    text = f"{HEADER}\n1,{SHIRT},First\n1,{SHIRT},Second\n2,Men\n,{SHIRT},Nameless\n\n"
    catalog = read(write(tmp_path, text))
    assert list(catalog.table["title"]) == ["First"]
    found = findings(catalog)
    assert (found["id-repeated"].examples, found["row-too-short"].examples) == (("1",), ("line 4",))
    assert found["id-missing"].count == 1
    assert catalog.report.rows_read == 4


def test_photos_and_rows_that_have_no_partner(tmp_path):
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n2,{SHIRT},B\n", ["2.JPG", "3.jpg", "2.png"]))
    assert list(catalog.table["image"]) == ["", str(tmp_path / "images" / "2.JPG")]
    found = findings(catalog)
    assert (found["photo-missing"].action, found["photo-missing"].examples) == ("kept", ("1",))
    assert (found["photo-without-row"].action, found["photo-without-row"].examples) == ("ignored", ("3",))


def test_a_record_adds_metadata_display_categories_and_flags(tmp_path):
    record = {
        "data": {
            "brandName": "Nike",
            "price": 895.0,
            "ageGroup": "Adults-Men",
            "displayCategories": "Sports Wear,Sale",
            "gender": "Women",
            "articleAttributes": {"Fit": "Regular Fit", "Neck": "NA"},
            "productDescriptors": {"description": {"value": "<p>Round&nbsp;neck <b>jersey</b></p>"}},
            "otherFlags": [
                {"dataType": "BOOLEAN", "name": "isFragile", "value": "true"},
                {"dataType": "BOOLEAN", "name": "isLarge", "value": False},
                {"dataType": "STRING", "name": "note", "value": "true"},
            ],
        }
    }
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n2,{SHIRT},B\n", records={"1": record}))
    row = catalog.table.loc["1"]
    assert (row["brand"], row["price"], row["ageGroup"]) == ("Nike", "895", "Adults-Men")
    assert row["displayCategories"] == "Sports Wear|Sale"
    assert row["articleAttributes.Fit"] == "Regular Fit"
    assert row["description"] == "Round neck jersey"
    assert row["gender"] == "Men"
    assert catalog.attributes[-1] == "displayCategories"
    assert catalog.flags == ("isFragile", "isLarge")
    assert (row["isFragile"], row["isLarge"]) == ("true", "false")
    assert set(catalog.table.loc["2", ["brand", "isFragile", "displayCategories"]]) == {""}
    assert findings(catalog)["record-missing"].examples == ("2",)


def test_records_are_left_unread_on_demand(tmp_path, monkeypatch):
    write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", ["1.jpg"], records={"1": {"brandName": "Nike"}})
    monkeypatch.setattr("tagger.catalog.fashion._load_record", lambda path: pytest.fail(f"{path} was read"))
    products = read_fashion(tmp_path, CatalogConfig(), records=False)
    assert products.ids == ["1"] and len(products) == 1
    assert products.columns["title"] == ["A"] and products.columns["articleType"] == ["Shirts"]
    assert products.columns["image"] == [str(tmp_path / "images" / "1.jpg")]
    assert "brand" not in products.columns and "id" not in products.columns
    assert products.report.findings == []


@pytest.mark.parametrize("record", ["{not json", "[]", '{"data": 3}', "", "[" * 100_000])
def test_a_broken_record_is_reported_and_the_product_stays(tmp_path, record):
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", records={"1": record}))
    assert list(catalog.table.index) == ["1"]
    assert findings(catalog)["record-broken"].examples == ("1",)


@pytest.mark.parametrize(
    "record",
    [
        {"data": {"otherFlags": None, "articleAttributes": [], "productDescriptors": {"description": "x"}}},
        {"data": {"otherFlags": [3, {"dataType": "BOOLEAN", "name": None}], "displayCategories": None}},
        {"brandName": None},
    ],
)
def test_records_of_another_shape_add_nothing(tmp_path, record):
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", records={"1": record}))
    assert catalog.flags == ()
    assert catalog.report.findings[0].kind == "photo-missing"
    assert len(catalog.report.findings) == 1


def test_a_too_large_record_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tagger.catalog.fashion._MAX_RECORD_BYTES", 10)
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", records={"1": {"data": {"brandName": "Nike"}}}))
    assert "record-broken" in findings(catalog)


def test_a_long_description_is_cut(tmp_path):
    record = {"productDescriptors": {"description": {"value": "word " * 10_000}}}
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", records={"1": record}))
    assert len(catalog.table.loc["1", "description"]) == 2000


def test_half_a_surrogate_pair_becomes_a_blank(tmp_path):
    record = '{"brandName": "Ni\\ud83dke"}'
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n", records={"1": record}))
    assert catalog.table.loc["1", "brand"] == "Ni ke"


def test_an_id_can_not_lead_out_of_the_catalog(tmp_path):
    inside = tmp_path / "catalog"
    inside.mkdir()
    (tmp_path / "secret.json").write_text('{"brandName": "leaked"}')
    (tmp_path / "secret.jpg").write_bytes(b"any")
    write(inside, f"{HEADER}\n../../secret,{SHIRT},A\n../secret,{SHIRT},B\n", records={"x": {}})
    catalog = read(inside)
    assert set(catalog.table["image"]) == {""}
    assert "brand" not in catalog.table


def test_a_boolean_column_of_styles_is_a_flag(tmp_path):
    catalog = read(write(tmp_path, "id,articleType,giftable\n1,Shirts,Yes\n2,Shirts,no\n3,Shirts,\n"))
    assert catalog.flags == ("giftable",)
    assert list(catalog.table["giftable"]) == ["true", "false", ""]


def test_non_ascii_ids_and_paths(tmp_path):
    folder = tmp_path / "Kätälög"
    folder.mkdir()
    catalog = read(write(folder, f"{HEADER}\nñandú,{SHIRT},Größe\n", ["ñandú.jpg"]))
    assert catalog.table.loc["ñandú", "image"].endswith("Kätälög/images/ñandú.jpg")


def test_photos_from_another_folder(tmp_path):
    write(tmp_path, f"{HEADER}\n1,{SHIRT},A\n")
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "1.png").write_bytes(b"any")
    assert read(tmp_path, image_folder="large").table.loc["1", "image"] == str(tmp_path / "large" / "1.png")


def test_without_an_id_column_the_error_names_the_others(tmp_path):
    with pytest.raises(CatalogError, match=r"column id .* found: sku, articleType"):
        read(write(tmp_path, "sku,articleType\n1,Shirts\n"))


def test_without_products_the_error_says_so(tmp_path):
    with pytest.raises(CatalogError, match="found 0 rows"):
        read(write(tmp_path, HEADER + "\n"))


@pytest.mark.slow
def test_the_real_catalog(real_catalog):
    catalog = read(real_catalog)
    assert len(catalog) == catalog.report.rows_read > 30_000
    assert catalog.table.index.is_unique
    assert {"isFragile", "isHazmat"} <= set(catalog.flags)
    assert catalog.table["title"].str.contains(",").any()
    for name in (*catalog.attributes, *catalog.flags):
        assert not set(catalog.table[name]) & {"NA", "nan", "None"}


def test_columns_are_renamed_as_the_config_says(tmp_path):
    text = "sku,sex,gender,articleType,material\n1,Men,odd,Shirts,Wool\n2,Women,odd,Cups,Clay\n"
    columns = {"id": "sku", "gender": "sex", "fabric": "material"}
    catalog = read(write(tmp_path, text), columns=columns)
    assert list(catalog.table.index) == ["1", "2"] and list(catalog.table["gender"]) == ["Men", "Women"]
    assert catalog.attributes == ("gender", "articleType", "fabric")
    assert findings(catalog)["column-hidden"].examples == ("gender",)
    with pytest.raises(CatalogError, match=r'asks for a column "material" \(as fabric\).*Did you mean "materia"'):
        read(write(tmp_path, text.replace("material", "materia")), columns=columns)


def test_a_column_has_one_name(tmp_path):
    with pytest.raises(CatalogError, match=r'gives the column "sex" .* two names, gender and audience'):
        read(write(tmp_path, "id,sex\n1,Men\n"), columns={"gender": "sex", "audience": "sex"})


def test_settings_of_another_layout_leave_our_names(tmp_path):
    catalog = read(write(tmp_path, f"{HEADER}\n1,{SHIRT},Shirt\n"), columns={"id": "sku", "image": "photo"})
    assert list(catalog.table.index) == ["1"] and findings(catalog)["column-absent"].examples == ("sku",)


@pytest.mark.parametrize("header", ["id,gender,articleType,id", "id,title,articleType,productDisplayName"])
def test_columns_of_the_same_name_are_refused(tmp_path, header):
    with pytest.raises(CatalogError, match=r"must have different names; found twice: (id|title)"):
        read(write(tmp_path, f"{header}\n1,Men,Shirts,2\n"))


def test_a_split_is_taken_and_a_column_of_another_meaning_is_not(tmp_path):
    catalog = read(write(tmp_path, "id,articleType,split\n1,Cups,train\n2,Cups,val\n"))
    assert list(catalog.table["split"]) == ["train", "validation"]
    catalog = read(write(tmp_path, "id,articleType,split\n1,Cups,train\n2,Cups,half\n"))
    assert "split" not in catalog.table and findings(catalog)["split-unknown"].examples == ("half",)
