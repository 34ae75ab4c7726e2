"""The benchmark `novelty`: its pictures, its figures, and what it can't measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import novelty
from benchmarks.__main__ import main
from tagger.bundle import seal
from tagger.catalog.read import read_products
from tagger.novelty import Novelty
from tagger.retrieval.pictures import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_drawn_again_alike_and_each_is_another(kind: str) -> None:
    first, again, other = (np.asarray(KINDS[kind](np.random.default_rng(seed)), dtype=float) for seed in (0, 0, 1))
    assert first.shape[2] == 3 and min(first.shape[:2]) >= 300
    assert (first == again).all()
    assert first.shape != other.shape or np.abs(first - other).mean() > 0.5


def test_novelty(tiny_bundle: Path, sample_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "SHORT", 3)
    command = ["novelty", "--short", "--model", str(tiny_bundle), "--data", str(sample_catalog)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1 and "can't tell what is no product. Train it again" in result.stderr
    # Nearly white is what the photos of the sample catalog are, on the whole.
    Novelty(8 * np.eye(3), 8 * np.full((1, 3), 3**-0.5)).write(tiny_bundle / "novelty.npy")
    seal(tiny_bundle, {})
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1 and "none of its photos is in the test part" in result.stderr
    ids = read_products(sample_catalog).ids
    (tiny_bundle / "split.csv").write_text("id,part\n" + "".join(f"{id_},test\n" for id_ in ids))
    seal(tiny_bundle, {})
    result = CliRunner().invoke(main, [*command, "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    (table,) = json.loads((tmp_path / "novelty.json").read_text(encoding="utf-8"))["tables"]
    assert [row[0] for row in table["rows"]] == [*KINDS, "all of them", "products"]
    figures = {row[0]: row[1:] for row in table["rows"]}
    assert figures["gradient"][0] > 0.9 and figures["gradient"][1] == 100  # in colours that no product is full of
    assert figures["products"][1] < 20
