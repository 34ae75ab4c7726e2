"""Building an index: whole or not at all, and never in the place of something else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import IndexFolderError, OutputError
from tagger.search import Index, Item, build_index
from tagger.search.manifest import MANIFEST
from tagger.search.segment import VECTORS

Pair = tuple[Item, list[float]]


def pairs(count: int) -> Iterator[Pair]:
    return ((Item(str(number)), [1.0, float(number)]) for number in range(count))


@pytest.mark.parametrize("count", [1, 9, 10, 1234])
def test_the_vectors_are_a_plain_npy_file_of_any_length(tmp_path: Path, count: int) -> None:
    index = build_index(pairs(count), tmp_path / "index", bundle_id="b")
    (segment,) = index.segments
    vectors = np.load(segment.folder / VECTORS, allow_pickle=False)
    assert vectors.shape == (count, 2) and vectors.dtype == np.float16
    np.testing.assert_array_equal(vectors, index.vectors([str(number) for number in range(count)]))
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, rtol=1e-3)


def test_the_manifest_says_where_it_came_from(tmp_path: Path) -> None:
    bundle = tmp_path / "run" / "bundle"
    index = build_index(pairs(3), tmp_path / "indexes" / "a", bundle_id="b", bundle_path=bundle)
    manifest = json.loads((index.path / MANIFEST).read_text())
    assert (manifest["format"], manifest["version"], manifest["count"]) == ("catalog-tagger-index", 2, 3)
    assert manifest["places"] == [str(bundle), str(Path("../../run/bundle"))]
    assert index.bundle_id == "b"
    assert [os.path.normpath(place) for place in index.bundle_paths()] == [str(bundle)] * 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "found none"),
        ([(Item("a"), [1.0]), (Item("b"), [2.0]), (Item("a"), [3.0])], 'every id once, found "a"'),
        ([(Item("a"), [1.0, 2.0]), (Item("b"), [1.0])], "embeddings of 2 numbers, product b has 1"),
        ([(Item("a"), [1.0, float("nan")])], "finite numbers as the embedding of product a"),
        ([(Item("a"), [float("inf")])], "finite numbers"),
        ([(Item("a"), [])], "finite numbers"),
        ([(Item("a"), [[1.0]])], "finite numbers"),
    ],
)
def test_bad_items_are_refused_and_nothing_is_left(tmp_path: Path, bad: list[Pair], message: str) -> None:
    with pytest.raises(IndexFolderError, match=message):
        build_index(bad, tmp_path / "index", bundle_id="b")
    assert list(tmp_path.iterdir()) == []


def test_an_index_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Pair]:
        yield from pairs(5)
        raise KeyboardInterrupt

    build_index(pairs(3), tmp_path / "index", bundle_id="b")
    with pytest.raises(KeyboardInterrupt):
        build_index(interrupted(), tmp_path / "index", bundle_id="b")
    assert len(Index.open(tmp_path / "index")) == 3
    build_index(pairs(4), tmp_path / "index", bundle_id="b")
    assert len(Index.open(tmp_path / "index")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"dear")
    with pytest.raises(OutputError, match="holds other files than an index"):
        build_index(pairs(3), tmp_path / "photos", bundle_id="b")
    assert (tmp_path / "photos" / "1.jpg").read_bytes() == b"dear"
    (tmp_path / "empty").mkdir()
    assert len(build_index(pairs(3), tmp_path / "empty", bundle_id="b")) == 3


@pytest.mark.parametrize("content", ['{"name": "my search site"}', "[]", "var site"])
def test_an_index_json_of_ones_own_is_never_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    (tmp_path / "vectors.npy").write_bytes(b"dear")
    with pytest.raises(OutputError, match="holds other files than an index"):
        build_index(pairs(3), tmp_path, bundle_id="b")
    assert (tmp_path / MANIFEST).read_text() == content and (tmp_path / "vectors.npy").read_bytes() == b"dear"


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("dear")
    with pytest.raises(OutputError, match="a file of that name is there"):
        build_index(pairs(3), tmp_path / "notes", bundle_id="b")


def test_an_index_of_the_earlier_version_is_refused_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / MANIFEST).write_text('{"format": "catalog-tagger-index", "version": 1}')
    (folder / "notes.txt").write_text("dear")
    with pytest.raises(IndexFolderError, match="Make it again with `tagger index`"):
        Index.open(folder)
    index = build_index(pairs(3), folder, bundle_id="b")
    assert len(index) == 3
    assert {path.name for path in folder.iterdir()} == {
        MANIFEST,
        "lock",
        "notes.txt",
        index.manifest.segments[0].name,
    }
