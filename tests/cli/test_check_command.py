from __future__ import annotations

import pytest
from click.testing import CliRunner
from PIL import Image

from tagger.cli.check import command
from tagger.errors import CatalogError, ConfigError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("TAGGER_CACHE", str(tmp_path / "cache"))
    for kind, colour in (("cup", "red"), ("mug", "blue")):
        folder = tmp_path / "photos" / kind
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (60, 80 + number), colour).save(folder / f"{number}.jpg")
    return tmp_path / "photos"


def test_prints_the_report_and_writes_it(photos, tmp_path):
    result = CliRunner().invoke(command, [str(photos), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"# Check of {photos}")
    assert "- label: cup 3 · mug 3" in result.stdout
    assert "Written:" in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.md", "check.json"}


def test_settings_reach_the_report(photos):
    result = CliRunner().invoke(command, [str(photos), "--set", "catalog.layout=photos"], catch_exceptions=False)
    assert "The catalog has no attributes." in result.stdout


def test_errors_are_left_to_the_main_command(photos):
    with pytest.raises(CatalogError, match="There is no file or folder"):
        CliRunner().invoke(command, [str(photos / "nowhere")], catch_exceptions=False)
    with pytest.raises(ConfigError):
        CliRunner().invoke(command, [str(photos), "--set", "nonsense=1"], catch_exceptions=False)
