"""The approximate index: it finds what exact search finds among real-looking vectors, and says how much of it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, MissingDependencyError
from tagger.search import Index, Item, Query, ann, build_index, near
from tagger.search.filters import parse_filter
from tagger.search.mix import Part, mix

#: Not `importorskip`: ONNX Runtime must be imported before usearch, see `require_usearch`.
pytestmark = pytest.mark.skipif(find_spec("usearch") is None, reason="usearch is not installed")


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    centres = np.random.default_rng(0).standard_normal((40, 32))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 40, count)] + 0.4 * rng.standard_normal((count, 32))).astype(np.float32)


def items(vectors: NDArray[np.float32], prefix: str = "p") -> list[tuple[Item, NDArray[np.float32]]]:
    return [
        (Item(f"{prefix}{row}", f"Product n{row % 50}", {"third": str(row % 3)}, facts={"row": str(row)}), vector)
        for row, vector in enumerate(vectors)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_index(items(clustered(3000, 1)), tmp_path / "index", bundle_id="b", ann=True)
    return tmp_path / "index"


def test_it_finds_what_exact_search_finds(folder: Path) -> None:
    index, exact = Index.open(folder), Index.open(folder, exact=True)
    assert index.recall is not None and index.recall > 0.95 and "hnsw.usearch" in index.manifest.segments[0].files
    index.remove([f"p{row}" for row in range(0, 100)])
    index.add(items(clustered(20, 5), "new"), bundle_id="b")
    exact = Index.open(folder, exact=True)
    queries = [Query(vector / np.linalg.norm(vector)) for vector in clustered(50, 2)]
    queries += [mix(index, [Part("id", f"p{row}")], {}) for row in range(200, 230)]
    for where in ((), (parse_filter("third=1"),), (parse_filter("row<110"),)):
        found, expected = index.search(queries, 10, where=where), exact.search(queries, 10, where=where)
        # The whole hit, scores included. All of them for no query: threads build the graph, a hit may be missing.
        common = [sum(hit in two for hit in one) for one, two in zip(found, expected, strict=True)]
        assert sum(common) / sum(map(len, expected)) > 0.95
    assert {hit.id for hits in found for hit in hits} <= {f"p{row}" for row in range(100, 110)} | {
        f"new{row}" for row in range(20)
    }


def test_what_filters_leave_is_searched_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "FEW", 0)
    monkeypatch.setattr("tagger.search.index.FEW", 0)
    index = Index.open(folder)
    where = [parse_filter("row>=2990")]
    hits = index.search([Query(index.vector("p0"))], 10, where=where)[0]
    assert {hit.id for hit in hits} == {f"p{row}" for row in range(2990, 3000)}


def test_it_is_built_beyond_a_million_and_not_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_index(items(clustered(30, 1)), tmp_path / "small", bundle_id="b").recall is None
    monkeypatch.setattr(ann, "WORTH_IT", 20)
    assert build_index(items(clustered(30, 1)), tmp_path / "large", bundle_id="b").recall is not None
    assert build_index(items(clustered(30, 1)), tmp_path / "no", bundle_id="b", ann=False).recall is None


def test_merging_builds_it_again(folder: Path) -> None:
    index, before = Index.open(folder), Index.open(folder)
    index.add(items(clustered(2000, 3), "q"), bundle_id="b")
    assert before.similar(before.vector("p7"), 1)[0].id == "p7"  # whose files are gone by now
    assert len(index.segments) == 1 and index.recall is not None
    assert index.similar(index.vector("q7"), 1)[0].id == "q7"


def test_a_damaged_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(folder.glob("*/hnsw.usearch"))
    content = path.read_bytes()
    path.write_bytes(b"\0" * len(content))
    with pytest.raises(IndexFolderError, match=r"hnsw\.usearch is damaged"):
        Index.open(folder)
    monkeypatch.setattr("tagger.search.index._MAX_CHECKED_BYTES", 0)
    with pytest.raises(IndexFolderError, match=r"hnsw\.usearch is damaged"):
        Index.open(folder).similar(np.ones(32))


def test_without_usearch_one_is_told_what_to_install(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(
        MissingDependencyError, match=r"usearch is needed to build .*pip install 'catalog-tagger\[ann\]'"
    ):
        build_index(items(clustered(30, 1)), tmp_path / "other", bundle_id="b", ann=True)
    assert not (tmp_path / "other").exists()
    with pytest.raises(MissingDependencyError, match=r"without it, add --exact.*pip install"):
        Index.open(folder).similar(np.ones(32))
    assert Index.open(folder, exact=True).similar(np.ones(32))


def test_photos_can_still_be_embedded_afterwards() -> None:
    """ONNX Runtime crashes where usearch was imported before it."""
    code = "from tagger.search.ann import require_usearch; require_usearch('here'); import onnxruntime"
    subprocess.run([sys.executable, "-c", code], check=True)
