"""Items of an index: what is written is read back, and ids are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import IndexFolderError
from tagger.search import items
from tagger.search.hints import id_hint
from tagger.search.items import IDS, ITEMS, OFFSETS, Item, ItemStore, ItemWriter

#: Any text, lone surrogates (from file names that are not UTF-8) included.
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def store(folder: Path, *stored: Item) -> ItemStore:
    writer = ItemWriter(folder)
    for item in stored:
        writer.write(item)
    writer.close()
    writer.write_look_up()
    return ItemStore(folder, len(stored))


def with_ids(folder: Path, *ids: str) -> ItemStore:
    return store(folder, *(Item(id_) for id_ in ids))


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Item,
            ANY_TEXT,
            ANY_TEXT,
            st.dictionaries(ANY_TEXT, ANY_TEXT),
            st.just(("season",)),
            ANY_TEXT,
            ANY_TEXT,
            st.dictionaries(ANY_TEXT, ANY_TEXT),
        ),
        min_size=1,
        unique_by=lambda item: item.id,
    )
)
def test_items_are_read_back_and_found_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, stored: list[Item]
) -> None:
    opened = store(tmp_path_factory.mktemp("items"), *stored)
    assert [opened.read(row) for row in range(len(opened))] == stored
    assert [opened.row(item.id) for item in stored] == list(range(len(stored)))
    assert opened.repeated_id() is None


def test_an_unknown_id_has_no_row(tmp_path: Path) -> None:
    assert with_ids(tmp_path, "1163", "1164").row("1165") is None


def test_ids_are_told_apart_where_their_hashes_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_hash", lambda id_: 2**64 - 1)
    opened = with_ids(tmp_path, "c", "a", "b")
    assert [opened.row(id_) for id_ in "abcd"] == [1, 2, 0, None]
    assert opened.repeated_id() is None


def test_a_repeated_id_is_found(tmp_path: Path) -> None:
    assert with_ids(tmp_path, "1", "2", "3", "2").repeated_id() == "2"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("11634", "1163"),
        ("1136", "1163"),
        ("153", "1163"),
        ("images/1163.jpg", "1163"),
        ("01163", "1163"),
        ("SHOES/A", "shoes/a"),
        ("/catalog/shoes/a.png", ""),
        ("shoes/a.png", "shoes/a"),
        ("zzzz", ""),
        ("1163" * 100, ""),
        ("", ""),
        ("..", ""),
        ("a\0b", ""),
    ],
)
def test_a_misspelt_id_gets_a_hint(tmp_path: Path, word: str, meant: str) -> None:
    expected = f' Did you mean "{meant}"?' if meant and word != "153" else ""
    opened = with_ids(tmp_path, "1163", "shoes/a")
    assert id_hint(word, lambda id_: opened.row(id_) is not None) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (OFFSETS, b"no array"),
        (OFFSETS, None),
        (IDS, b""),
        (ITEMS, b'{"id":"1"}\n' * 10),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    with_ids(tmp_path, "1", "2", "3")
    if content is None:
        (tmp_path / name).write_bytes((tmp_path / IDS).read_bytes())
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(IndexFolderError, match=r"is damaged .* make it again"):
        ItemStore(tmp_path, 3)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    with_ids(tmp_path, "1", "2")
    lines = (tmp_path / ITEMS).read_bytes()
    (tmp_path / ITEMS).write_bytes(lines[:-3] + b"##\n")
    opened = ItemStore(tmp_path, 2)
    assert opened.read(0).id == "1"
    with pytest.raises(IndexFolderError, match="item 1 can't be read"):
        opened.read(1)
    with pytest.raises(IndexFolderError, match="item 5 can't be read"):
        opened.read(5)
