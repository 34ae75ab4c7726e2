"""`python -m benchmarks postgres` fills and asks a real server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from benchmarks.__main__ import main
from tagger.search import Item, build_index
from tests.search.postgres_server import server

__all__ = ["server"]


def test_postgres(server: str, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((120, 8))
    items = [Item(f"p{row}", f"Red shirt {row}", {"gender": "Men"}) for row in range(120)]
    build_index(zip(items, vectors, strict=True), tmp_path / "index", bundle_id="b")
    arguments = ["--index", tmp_path / "index", "--url", server, "--count", 300, "--out", tmp_path / "out"]
    result = CliRunner().invoke(main, ["postgres", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    built, asked = json.loads((tmp_path / "out" / "postgres.json").read_text(encoding="utf-8"))["tables"]
    assert [(row[0], row[5]) for row in built["rows"]] == [(300, 1.0)]
    assert [(row[:2], row[-1]) for row in asked["rows"]] == [([300, "exact"], 1.0), ([300, "HNSW"], 1.0)]
    assert "pgvector" in result.stdout
