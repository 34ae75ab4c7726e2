from __future__ import annotations

import pytest
from click.testing import CliRunner

from tagger.cli import download
from tagger.errors import CatalogError


def test_prints_the_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "download_catalog", lambda name, out: out / name)
    result = CliRunner().invoke(download.command, ["fashion", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.stdout == f"{tmp_path / 'fashion'}\n"


def test_help_lists_the_catalogs():
    assert "fashion-full:" in CliRunner().invoke(download.command, ["--help"]).output


def test_an_unknown_name_is_an_error():
    with pytest.raises(CatalogError, match="there are: fashion"):
        CliRunner().invoke(download.command, ["nothing"], catch_exceptions=False)
