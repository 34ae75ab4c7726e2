from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.catalog.cells import CellReader, are_flags, flag, read_lines, unique_rows
from tagger.catalog.table import CleaningReport
from tagger.config import CatalogConfig
from tagger.errors import CatalogError

CELLS = CellReader(CatalogConfig())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (" NA ", ""),
        ("nan", ""),
        (float("nan"), ""),
        ("Navy Blue", "Navy Blue"),
        ("a\tb\nc", "a b c"),
        (7, "7"),
        (7.0, "7"),
        (7.25, "7.25"),
        (True, "true"),
        (b"\xff\xd8", ""),
        ("Größe", "Größe"),
    ],
)
def test_single(value, text):
    assert CELLS.single(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("Casual|Sports", "Casual|Sports"), ("Casual | Casual|NA|", "Casual"), (["b", None, "a"], "b|a"), ([], "")],
)
def test_several(value, text):
    assert CELLS.several(value) == text


def test_several_with_another_separator():
    assert CellReader(CatalogConfig(separator=";")).several("a; b;a") == "a|b"
    assert CELLS.several("a,b", separator=",") == "a|b"


@given(st.text())
def test_reading_a_cell_twice_changes_nothing_more(text):
    once = CELLS.several(text)
    assert CELLS.several(once) == once


@pytest.mark.parametrize(
    ("value", "expected"), [("True", "true"), (" no", "false"), ("1", "true"), ("2", ""), (None, "")]
)
def test_flag(value, expected):
    assert flag(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["true", "", "false"], True),
        (["TRUE", "true"], True),
        (["yes", "no"], True),
        (["0", "1", ""], True),
        (["1", "1"], False),
        (["true", "no"], False),
        (["0", "1", "2"], False),
        (["", ""], False),
        ([], False),
    ],
)
def test_are_flags(values, expected):
    assert are_flags(values) is expected


def test_unique_rows_keeps_the_first_and_tells_the_others():
    report = CleaningReport()
    assert unique_rows(["a", "", "b", "a"], report) == [0, 2]
    assert [(f.kind, f.examples) for f in report.findings] == [("id-missing", ("row 2",)), ("id-repeated", ("a",))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_lines_knows_every_line_end_and_the_byte_order_mark(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"id{end}1\u2028x\x0cy".encode())
    report = CleaningReport()
    assert read_lines(path, report) == ["id", "1\u2028x\x0cy"]
    assert report.findings == []


def test_read_lines_reports_bytes_that_are_not_utf8(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id\n1\nGröße\n".encode("latin-1"))
    report = CleaningReport()
    assert read_lines(path, report)[2] == "Gr\ufffd\ufffde"
    assert [(f.kind, f.count, f.examples) for f in report.findings] == [("not-utf-8", 1, ("line 3",))]


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", "id,image\n".encode("utf-16"), b"PK\x03\x04\0\0"])
def test_read_lines_refuses_what_holds_no_text(tmp_path, data):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(CatalogError, match=r"a\.csv"):
        read_lines(path, CleaningReport())


def test_read_lines_names_a_missing_file(tmp_path):
    with pytest.raises(CatalogError, match="No such file"):
        read_lines(tmp_path / "none.csv", CleaningReport())
