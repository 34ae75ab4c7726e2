"""Imports only run upwards in the layers, and TensorFlow is not reached from below the bundle."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tagger"
#: From the top of the picture to the bottom; modules of one entry may import each other.
LAYERS = [
    {"_version", "cores", "errors", "progress"},
    {"arrays", "config", "files"},
    {"manifest", "pretrained"},
    {"catalog"},
    {"labels"},
    {"calibration", "decoding", "novelty", "titles"},
    {"colours", "fusion", "neighbours", "similarity"},
    {"bundle", "title_part"},
    {"own_products"},
    {"network", "flags"},
    {"inference"},
    {"training"},
    {"search", "report"},
    {"retrieval", "maps"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
#: A run draws its curves with the plots of the reports, and writes its card as they do.
EXCEPTIONS = {("training", "report")}
TRAINING_ONLY = {"tensorflow", "keras"}
MAY_IMPORT_KERAS = ("network/", "training/", "flags/network.py")
#: Below the bundle; the command line stands apart, since `tagger train` calls the training.
TAGGING = {"inference", "search", "report"}


def _modules() -> list[Path]:
    entrances = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
    return sorted(set(PACKAGE.rglob("*.py")) - entrances)


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"tagger.{alias.name}" for alias in node.names} if node.module == "tagger" else {node.module}
    return names


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_from_above(path: Path) -> None:
    layer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in _imported(path):
        if name.startswith("tagger."):
            imported = name.split(".")[1]
            allowed = RANK[imported] <= RANK[layer] or (layer, imported) in EXCEPTIONS
            assert allowed, f"{layer} imports {name}, which stands below it"
            across = layer in TAGGING and imported in ("network", "training")
            assert not across, f"{layer} imports {name}, although it stands below the bundle"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_keras_stays_above_the_bundle(path: Path) -> None:
    if str(path.relative_to(PACKAGE).as_posix()).startswith(MAY_IMPORT_KERAS):
        return
    roots = {name.split(".")[0] for name in _imported(path)}
    assert not roots & TRAINING_ONLY


@pytest.mark.parametrize(
    "module",
    [
        "tagger.cli.main",
        "tagger.cli.tag",
        "tagger.cli.similar",
        "tagger.cli.index",
        "tagger.inference.tagger",
        "tagger.search.index",
        "tagger.search.build",
        "tagger.search.many",
        "tagger.search.gallery",
    ],
)
def test_tagging_imports_nothing_heavy(module: str) -> None:
    heavy = {
        "tensorflow",
        "keras",
        "pandas",
        "sklearn",
        "scipy",
        "matplotlib",
        "seaborn",
        "pyarrow",
        "tf2onnx",
        "usearch",
    }
    code = f"import sys, {module}; print(' '.join(sorted({{n.split('.')[0] for n in sys.modules}})))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy.isdisjoint(loaded)


def test_the_photos_of_a_catalog_are_found_without_pandas(tmp_path: Path) -> None:
    (tmp_path / "styles.csv").write_text("id,articleType\n1,Cups\n")
    code = (
        "import sys; from tagger.inference.sources import find_sources;"
        f"print(len(list(find_sources([{str(tmp_path)!r}]))), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
