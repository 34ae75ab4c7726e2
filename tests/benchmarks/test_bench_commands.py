from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import search, startup, tag, train
from benchmarks.__main__ import main
from benchmarks.measure import ROOT


def _run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def bundle(tiny_bundle: Path) -> Path:
    """Without the model for fine-tuning, which TensorFlow would take long to open."""
    (tiny_bundle / "model.keras").unlink()
    return tiny_bundle


def test_tag(bundle: Path, sample_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag, "SHORT", tag.Sizes(photos=70, loop=2, large=2, growth=(3, 300)))
    shared = ("--short", "--rounds", 1, "--model", bundle, "--data", sample_catalog, "--out", tmp_path / "out")
    text = _run("tag", *shared)
    assert text.rstrip() == (tmp_path / "out" / "tag.md").read_text(encoding="utf-8").rstrip()
    report = json.loads((tmp_path / "out" / "tag.json").read_text(encoding="utf-8"))
    files, limits, large, growth = report["tables"]
    assert [row[:2] for row in files["rows"]] == [
        ["tagger tag", 70],
        ["tagger tag --engine=onnxruntime --engine-precision=float32", 70],
    ]
    assert [row[0] for row in limits["rows"]][-1] == "decoding alone"
    assert len(limits["rows"]) == 3
    assert [row[:2] for row in large["rows"]] == [["tagger tag, large", 2], ["decoding alone", 2]]
    assert [row[0] for row in growth["rows"]] == [3, 300]
    assert "int8" in text and "holds no model.keras" in text
    assert "Failed" not in text


def test_startup(bundle: Path, sample_catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "SHORT", startup.Sizes(embedded=10, indexed=35))
    text = _run("startup", "--short", "--rounds", 1, "--model", bundle, "--data", sample_catalog)
    for command in ("python -c pass", "tagger --help", "tagger tag PHOTO", "tagger similar ID", "tagger similar PHOTO"):
        assert f"| {command} | " in text
    assert "holds 35 products" in text
    assert "Failed" not in text


def test_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SHORT", (300,))
    monkeypatch.setattr(search, "_free_memory", lambda: 500_000)
    text = _run("search", "--short", "--rounds", 1)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| 300 ")]
    contenders = ["tagger.search", "tagger.search, approximate", "NumPy"]
    assert [row[1] for row in rows[:-1]] == contenders * 2
    same_hits = [float(row[-1].strip("| ")) for row in rows[3:6]]
    # Threads build the graph, so that it is not always the same one and may miss a hit.
    assert same_hits[0] == same_hits[2] == 1 and same_hits[1] > 0.9
    assert len(rows[-1]) == 3
    assert "scikit-learn, brute, cosine with 300 vectors: it needs about" in text


@pytest.mark.slow
def test_train(sample_catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SHORT", train.Sizes(steps=2, batch_size=32))
    monkeypatch.delitem(train._VARIANTS, "stock_bfloat16")
    text = _run("train", "--short", "--rounds", 1, "--data", sample_catalog, "--config", ROOT / "configs/demo.yaml")
    for contender in ("tagger train, full size", "Keras layers and fit, float32, full size", "full size"):
        assert f"| {contender} | " in text
    assert "Failed" not in text


def test_a_wrong_catalog_is_said(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(main, ["tag", "--model", str(bundle), "--data", str(tmp_path / "empty")])
    assert result.exit_code == 1
    assert "holds no photo" in result.output


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, benchmarks.__main__; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"numpy", "PIL", "keras", "tensorflow", "onnxruntime", "sklearn"}.isdisjoint(done.stdout.split())
