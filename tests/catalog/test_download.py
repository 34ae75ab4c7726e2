from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tagger.catalog.download import download_catalog
from tagger.errors import CatalogError, MissingDependencyError


class NoConnection(OSError):
    pass


@pytest.fixture
def kaggle(monkeypatch):
    """Stand-ins for kagglehub and requests; `answer` is what a download gives or raises."""
    hub, requests = ModuleType("kagglehub"), ModuleType("requests")
    requests.ConnectionError = requests.Timeout = NoConnection
    hub.calls = []

    def dataset_download(handle, output_dir=None):
        hub.calls.append((handle, output_dir))
        if isinstance(hub.answer, Exception):
            raise hub.answer
        return str(hub.answer)

    hub.dataset_download = dataset_download
    monkeypatch.setitem(sys.modules, "kagglehub", hub)
    monkeypatch.setitem(sys.modules, "requests", requests)
    return hub


def test_gives_the_topmost_folder_with_styles(kaggle, tmp_path):
    for place in ("data/styles.csv", "data/again/styles.csv"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("id\n")
    kaggle.answer = tmp_path
    assert download_catalog("fashion", tmp_path / "out") == tmp_path / "data"
    assert kaggle.calls == [("paramaggarwal/fashion-product-images-small", str(tmp_path / "out"))]


def test_offline_gives_one_clear_line(kaggle):
    kaggle.answer = NoConnection("HTTPSConnectionPool(…)\nMax retries exceeded")
    with pytest.raises(CatalogError, match=r"^Can't reach www\.kaggle\.com: .* by hand") as caught:
        download_catalog("fashion")
    assert "\n" not in str(caught.value)


def test_other_trouble_keeps_its_first_line(kaggle):
    kaggle.answer = ValueError("403 Client Error.\nlong story")
    with pytest.raises(CatalogError, match=r"403 Client Error\.") as caught:
        download_catalog("fashion")
    assert "long story" not in str(caught.value)


def test_a_download_without_styles(kaggle, tmp_path):
    kaggle.answer = tmp_path
    with pytest.raises(CatalogError, match=r"Expected styles\.csv"):
        download_catalog("fashion")


def test_an_unknown_name():
    with pytest.raises(CatalogError, match='Did you mean "fashion"'):
        download_catalog("fashon")


def test_without_kagglehub(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingDependencyError, match=r"catalog-tagger\[download\]"):
        download_catalog("fashion")
