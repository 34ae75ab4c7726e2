"""Models that come with the package: from names to folders, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagger.bundle import Bundle
from tagger.errors import BundleError
from tagger.pretrained import default_model, find_model, shipped_models


def test_a_name_is_the_shipped_model(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped_models() == {"fashion": shipped}
    assert find_model("fashion") == find_model(Path("fashion")) == default_model() == shipped
    assert Bundle.open("fashion").path == shipped


def test_a_path_wins_over_a_name(
    shipped: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_bundle.rename(tmp_path / "fashion")
    assert Bundle.open("fashion").path == Path("fashion")
    assert default_model() == shipped


@pytest.mark.parametrize("path", ["models/fashion", "fashion/bundle", "/fashion", "..", "."])
def test_what_looks_like_a_path_is_one(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model(path) == Path(path)
    with pytest.raises(BundleError, match=r"There is no bundle|is not a bundle"):
        Bundle.open(path)


def test_an_unknown_name_lists_the_known_ones(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r'no bundle fashio, .*Did you mean "fashion"\? There are: fashion\.'):
        find_model("fashio")
    with pytest.raises(BundleError, match=r"no model is shipped under this name\. There are: fashion\."):
        find_model("zzz")


def test_an_installation_without_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tagger.pretrained._FOLDER", tmp_path)
    (tmp_path / "empty").mkdir()
    assert shipped_models() == {}
    with pytest.raises(BundleError, match=r'No model is shipped under the name "fashion" with this installation'):
        default_model()
    with pytest.raises(BundleError, match=r"This installation has none\. Check the path, or train one"):
        find_model("fashion")
