"""The configs of the repository load, and begin with a command that runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagger.config import load_config

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_config_loads_and_says_how_to_run_it(path: Path) -> None:
    config = load_config(path)
    head = path.read_text(encoding="utf-8").splitlines()[:3]
    assert all(line.startswith("# ") for line in head)
    assert f"tagger train --config configs/{path.name} " in head[1]
    override = head[2].split("--set ")[1].split()[0]
    assert load_config(path, [override]) != config


def test_fashion_config_has_the_heads_that_the_readme_names() -> None:
    attributes = load_config(ROOT / "configs" / "fashion.yaml").attributes
    both = [name for name, settings in attributes.items() if settings.heads == "both"]
    assert both == ["masterCategory", "subCategory", "gender", "season", "usage"]
    assert attributes["displayCategories"].heads == "sigmoid"
