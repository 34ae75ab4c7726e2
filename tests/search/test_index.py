"""The index: exact search, and refusal of what is not a whole index of this version."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, SearchError
from tagger.search import Hit, Index, Item, best, build_index
from tagger.search import index as index_module
from tagger.search.manifest import MANIFEST
from tagger.search.postings import IDF, WORDS, read_weights
from tagger.search.segment import FILES, VECTORS
from tagger.search.text import WordWeights


def random_vectors(count: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def build(folder: Path, vectors: NDArray[np.float32]) -> Index:
    items = (Item(f"p{row}", f"Product {row}", {"colour": "Blue"}) for row in range(len(vectors)))
    return build_index(zip(items, vectors, strict=True), folder, bundle_id="b")


def halved(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Unit vectors as an index keeps them."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float16).astype(np.float64)


def segment_of(folder: Path) -> Path:
    """The folder of the only segment."""
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tmp_path / "index", random_vectors(50, 7))
    return tmp_path / "index"


@pytest.mark.parametrize("chunk", [1, 7, 50, 10_000])
@pytest.mark.parametrize("k", [1, 5, 49, 500])
def test_the_nearest_are_exact_in_chunks_of_any_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, k: int
) -> None:
    monkeypatch.setattr(best, "RANGE", chunk)
    query = random_vectors(1, 7, seed=1)[0]
    cosine = halved(random_vectors(50, 7)) @ (query / np.linalg.norm(query))
    hits = Index.open(folder).similar(query, k)
    assert [hit.id for hit in hits] == [f"p{row}" for row in np.argsort(-cosine)[:k]]
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(cosine)[::-1][:k], atol=1e-6)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_of_equal_products_the_first_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(best, "RANGE", chunk)
    vectors = random_vectors(101, 5)
    vectors[[2, 40, 41, 77, 100]] = vectors[2]
    index = build(tmp_path / "index", vectors)
    assert [hit.id for hit in index.similar(vectors[2], 3)] == ["p2", "p40", "p41"]
    assert [hit.id for hit in index.similar_to("p40", 3)] == ["p2", "p41", "p77"]
    assert index.similar(vectors[2], 5)[-1].score == index.similar(vectors[2], 1)[0].score == pytest.approx(1, abs=1e-3)


def test_the_query_and_excluded_products_are_left_out(folder: Path) -> None:
    index = Index.open(folder)
    assert "p3" not in {hit.id for hit in index.similar_to("p3", 50)}
    hits = index.similar(index.vector("p3"), 100, exclude=["p3", "p4", "unknown"])
    assert len(hits) == 48
    assert not {"p3", "p4"} & {hit.id for hit in hits}


def test_hits_carry_what_is_known_of_the_product(folder: Path) -> None:
    index = Index.open(folder)
    hit = index.similar(index.vector("p7"), 1)[0]
    assert (hit.id, hit.title, hit.labels) == ("p7", "Product 7", {"colour": "Blue"})
    assert repr(hit).startswith("Hit('p7', ") and hit.score == hit.image_score == pytest.approx(1, abs=1e-3)
    assert hit.text_score is None
    assert isinstance(hit, Hit) and -1 <= hit.score <= 1
    assert repr(index).endswith("50 products, 7 dimensions)")
    assert len(index) == 50 and "p7" in index and "q" not in index
    assert index.item("p7") == Item("p7", "Product 7", {"colour": "Blue"})


def test_vectors_have_length_one_and_zeros_stay(tmp_path: Path) -> None:
    index = build(tmp_path / "index", np.array([[3, 4], [0, 0], [1e-30, 0]], dtype=np.float32))
    np.testing.assert_allclose(index.vectors(["p0", "p1", "p2"]), [[0.6, 0.8], [0, 0], [1, 0]], atol=5e-4)
    assert [hit.score for hit in index.similar([0, 1], 3)] == pytest.approx([0.8, 0, 0], abs=5e-4)
    with pytest.raises(SearchError, match="no direction"):
        index.similar_to("p1")


@pytest.mark.parametrize("query", [[0.0] * 7, [np.nan] * 7, [np.inf] * 7])
def test_a_query_without_direction_is_refused(folder: Path, query: list[float]) -> None:
    with pytest.raises(SearchError, match="no direction"):
        Index.open(folder).similar(query)


@pytest.mark.parametrize("shape", [(), (6,), (8,), (1, 7)])
def test_a_query_of_another_shape_is_refused(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(SearchError, match="embeddings of 7 numbers"):
        Index.open(folder).similar(np.ones(shape))


def test_k_must_be_positive(folder: Path) -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Index.open(folder).similar(np.ones(7), 0)


def test_an_unknown_id_is_refused_with_a_hint(folder: Path) -> None:
    with pytest.raises(SearchError, match=r'"p100" among the 50 of .* Did you mean "p10"'):
        Index.open(folder).vector("p100")


@pytest.mark.parametrize("name", [*FILES, WORDS, IDF])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (segment_of(folder) / name).unlink()
    with pytest.raises(IndexFolderError, match=rf"incomplete: 000001-\w+/{name} is missing"):
        Index.open(folder)


@pytest.mark.parametrize("name", [*FILES, WORDS, IDF])
def test_a_file_cut_short_is_named(folder: Path, name: str) -> None:
    path = segment_of(folder) / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IndexFolderError, match=rf"{name} is damaged \(expected {len(content)} bytes"):
        Index.open(folder)


@pytest.mark.parametrize("name", [*FILES, WORDS, IDF])
def test_a_flipped_byte_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = segment_of(folder) / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexFolderError, match=f"{name} is damaged .*checksum"):
        Index.open(folder)
    # Of large files only the size is checked at once.
    monkeypatch.setattr(index_module, "_MAX_CHECKED_BYTES", 0)
    with pytest.raises(IndexFolderError, match="is damaged"):
        Index.open(folder).verify()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e4])
def test_damaged_vectors_never_give_hits(folder: Path, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    monkeypatch.setattr(index_module, "_MAX_CHECKED_BYTES", 0)
    path = segment_of(folder) / VECTORS
    vectors = np.load(path)
    vectors[20] = value
    np.save(path, vectors)
    with pytest.raises(IndexFolderError, match="not of length 1"):
        Index.open(folder).similar(np.ones(7))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_a_damaged_number_is_noticed_where_the_query_does_not_look_at_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    monkeypatch.setattr(index_module, "_MAX_CHECKED_BYTES", 0)
    path = segment_of(folder) / VECTORS
    vectors = np.load(path)
    vectors[20] = [1, value, 0, 0, 0, 0, 0]
    np.save(path, vectors)
    index = Index.open(folder)
    for ask in (lambda: index.similar(np.eye(7)[0]), lambda: index.vector("p20"), lambda: list(index.scan())):
        with pytest.raises(IndexFolderError, match=r"vectors.npy is damaged .*not of length 1.*Copy the index again"):
            ask()


@pytest.mark.parametrize("change", [{"count": 49}, {"count": 51}])
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, change: dict[str, int]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["segments"][0] |= change
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(IndexFolderError, match=r"damaged \(expected"):
        Index.open(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "not an index of catalog-tagger"),
        (b'{"format": "catalog-tagger-bundle", "version": 2}', "not an index of catalog-tagger"),
        (b'{"format": "catalog-tagger-index", "version": 2}', "entries are missing"),
        (b'{"format": "catalog-tagger-index", "version": 1}', r"version 1, .* version 2\. Make it again with `tagger"),
        (b'{"format": "catalog-tagger-index", "version": 3}', r"version 3, this program .* reads version 2\. Upgrade"),
        (b" " * 4_000_001, "too large"),
    ],
)
def test_another_manifest_is_refused(folder: Path, content: bytes, message: str) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(IndexFolderError, match=message):
        Index.open(folder)


def test_an_index_that_may_not_be_read_is_not_called_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(IndexFolderError, match=r"Can't read .*json \(Permission denied\)\. Check who may read it"):
        Index.open(folder)


@pytest.mark.parametrize("key", ["dimensions", "bundle_id", "segments", "generation", "places"])
@pytest.mark.parametrize("value", [None, 0, True, {"a": 1}, [1]])
def test_a_manifest_with_a_wrong_entry_is_refused(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(IndexFolderError, match=r"entries are missing or of the wrong kind"):
        Index.open(folder)


@pytest.mark.parametrize("name", ["..", "../other", "/etc", "000001", ""])
def test_a_manifest_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["segments"][0]["name"] = name
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(IndexFolderError, match=r"entries are missing or of the wrong kind"):
        Index.open(folder)


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match=r"There is no index .*none\. Check the path"):
        Index.open(tmp_path / "none")
    with pytest.raises(IndexFolderError, match=r"is not an index: it holds no index\.json"):
        Index.open(tmp_path)


def test_an_index_that_is_changed_while_it_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segments are read, then merged by somebody else, before the weights of its words are read."""
    changed: list[int] = []

    def read_late(segment: Path) -> WordWeights:
        if not changed:
            changed.append(1)
            build_index([(Item("new", "New"), [1, 0, 0])], folder, bundle_id="b")
        return read_weights(segment)

    monkeypatch.setattr(index_module, "read_weights", read_late)
    assert len(Index.open(folder)) == 1
