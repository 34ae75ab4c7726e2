"""What all tests share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import hypothesis
import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Said before any test imports TensorFlow: its start-up notes would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What runs in the background of a script inherits that Ctrl-C is ignored; the processes that tests interrupt must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long one example takes says more of how busy the machine is.
hypothesis.settings.register_profile("tagger", deadline=None)
hypothesis.settings.load_profile("tagger")


#: What red, green and blue say for each class or label.
_WEIGHTS = {
    "masterCategory_softmax": [[9, 0, 0], [0, 9, 0], [0, 0, 9]],
    "masterCategory_sigmoid": [[9, 0, 0], [0, 9, 0], [0, 0, 9]],
    "articleType_softmax": [[9, 0, 0, 3], [0, 9, 0, 0], [0, 0, 9, 0]],
    "gender_softmax": [[9, 0, 0], [0, 0, 9], [0, 9, 0]],
    "gender_sigmoid": [[9, -9], [-9, 9], [9, 9]],
    "season_softmax": [[1], [1], [1]],
    "displayCategories_sigmoid": [[9, -9], [9, 9], [-9, -9]],
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep photo caches out of the home of whoever runs the tests; one for the session, so that they are reused."""
    monkeypatch.setenv("TAGGER_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def real_catalog() -> Path:
    """Folder of the real catalog in the fashion layout."""
    folder = os.environ.get("TAGGER_REAL_CATALOG", "")
    if not folder:
        pytest.skip("TAGGER_REAL_CATALOG names no folder with the real catalog")
    return Path(folder)


@pytest.fixture(scope="session")
def sample_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn catalog."""
    from tagger.catalog.sample import draw_sample

    folder = tmp_path_factory.mktemp("sample")
    draw_sample(folder, products=240, seed=7)
    return folder


@pytest.fixture(scope="session")
def _tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network only sees the mean colour: red is a T-shirt, green are shoes, blue is a belt, black is anything."""
    from tagger.bundle import seal
    from tagger.config import Composite, Config
    from tagger.files import write_json, write_text
    from tagger.labels import Attribute, Family, LabelSpace

    both, unisex = ("softmax", "sigmoid"), Composite(label="Unisex", means=("Men", "Women"))
    types, categories = ("Tshirts", "Sports Shoes", "Belts", "Shirts"), ("Apparel", "Footwear", "Accessories")
    attributes = [
        Attribute("masterCategory", categories, categories, both, "softmax"),
        Attribute("articleType", types, (), ("softmax",), "softmax", "masterCategory"),
        Attribute("gender", ("Men", "Unisex", "Women"), ("Men", "Women"), both, "sigmoid", None, (unisex,)),
        Attribute("season", ("Summer",), (), ("softmax",), "softmax"),
        Attribute("displayCategories", ("Sale", "Café"), ("Sale", "Café"), ("sigmoid",), "sigmoid", multi_valued=True),
    ]
    combinations = np.array([[0, 0], [0, 3], [1, 1], [2, 2]])
    space = LabelSpace({a.name: a for a in attributes}, (Family(("masterCategory", "articleType"), combinations),))
    settings = {
        a.name: {"heads": "both" if len(a.heads) == 2 else a.heads[0], "primary": a.primary, "parent": a.parent}
        for a in attributes
    }
    config = Config.model_validate({"photo": {"height": 20, "width": 16}, "attributes": settings})

    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(_colour_network(_WEIGHTS))
    (folder / "model.keras").write_bytes(b"for fine-tuning")
    write_json(folder / "labels.json", space.to_json())
    write_json(
        folder / "calibration.json",
        {"thresholds": {"displayCategories": {"Sale": 0.5, "Café": 0.5}}, "review": {"masterCategory": 0.9}},
    )
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(folder / "metrics.json", {"epochs": 1})
    write_text(folder / "split.csv", "id,part\n1,train\n2,test\n")
    seal(folder, {"command": "drawn by hand"})
    return folder


@pytest.fixture
def tiny_bundle(_tiny_bundle: Path, tmp_path: Path) -> Path:
    """A small bundle of one's own, made without TensorFlow."""
    return shutil.copytree(_tiny_bundle, tmp_path / "tiny" / "bundle")


@pytest.fixture
def shipped(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the small bundle in the place of the models that come with the package; returns its folder."""
    folder = tmp_path / "pretrained"
    monkeypatch.setattr("tagger.pretrained._FOLDER", folder)
    return shutil.copytree(tiny_bundle, folder / "fashion")


@pytest.fixture
def titled_bundle(tiny_bundle: Path) -> Path:
    """The same, and it reads titles: "shirt" says what red says, "shoes" what green does, "belt" what blue does.

    A title counts twice as much as a photo. With a title, categories need a confidence of 1 to be accepted.
    """
    import zlib

    from tagger.bundle import seal
    from tagger.calibration import Calibration
    from tagger.fusion import HeadFusion
    from tagger.title_part import TitlePart
    from tagger.titles import Vocabulary

    folder = tiny_bundle / "title"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(_word_network(_WEIGHTS))
    words = Vocabulary(np.array([zlib.crc32(word) for word in (b"shirt", b"shoes", b"belt")], dtype=np.uint32))
    heads = {name: HeadFusion(1, 2, (0,) * len(rows[0])) for name, rows in _WEIGHTS.items()}
    limits = {"displayCategories": {"Sale": 0.5, "Café": 0.5}}
    both, title = (Calibration(thresholds=limits, review={"masterCategory": review}) for review in (1, 0.5))
    TitlePart(folder, words, heads, both, title).write()
    seal(tiny_bundle, {"command": "drawn by hand"})
    return tiny_bundle


def know_similarity(bundle: Path, width: int = 3) -> None:
    """Let embeddings tell looks and tags: every direction counts, in reverse order."""
    from tagger.bundle import Bundle, seal
    from tagger.similarity import SimilaritySpace

    space = Bundle.open(bundle).label_space
    parents = {attribute.parent for attribute in space.attributes.values()}
    rows = width + sum(
        len(a.classes) for a in space.attributes.values() if not a.multi_valued and a.name not in parents
    )
    SimilaritySpace(np.eye(rows, dtype=np.float32)[:, ::-1], width).write(bundle / "similarity.npy")
    seal(bundle, {})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", os.fspath(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", os.fspath(folder)], check=True)


_CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_CHROMIUM_FLAGS))
        yield browser
        browser.close()


class PageOpener:
    """Opens HTML files from disk: `open_page(path, width=400)`.

    `troubles` holds what the pages wrote to the console, raised, or asked for beside themselves and what is inside.
    """

    def __init__(self, browser: Browser) -> None:
        self.troubles: list[str] = []
        self._browser = browser
        self._pages: list[Page] = []

    def __call__(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        page = self._browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        self._pages.append(page)
        url = path.resolve().as_uri()
        page.on("console", lambda said: self.troubles.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"raised: {error}"))
        page.on("request", lambda request: self._note(request.url, url))
        page.goto(url)
        return page

    def close(self) -> None:
        for page in self._pages:
            page.close()

    def _note(self, asked: str, page: str) -> None:
        if asked.partition("#")[0] != page and not asked.startswith("data:"):
            self.troubles.append(f"asked for {asked}")


@pytest.fixture
def open_page(_chromium: Browser) -> Iterator[PageOpener]:
    """A `PageOpener`; the test fails at its end where a page gave trouble."""
    opener = PageOpener(_chromium)
    yield opener
    opener.close()
    assert opener.troubles == []


def _colour_network(weights: dict[str, list[list[float]]]) -> bytes:
    """ONNX model: photos uint8 (B, 20, 16, 3) → mean colour (B, 3), between 0 and 1, as embedding → a layer a head."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", ["photos"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "255"], ["embedding"]),
    ]
    nodes += [helper.make_node("Gemm", ["embedding", f"{name}_weights"], [name]) for name in weights]
    tensors = {"255": 255, **{f"{name}_weights": value for name, value in weights.items()}}
    widths = {"embedding": 3, **{name: len(value[0]) for name, value in weights.items()}}
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("photos", TensorProto.UINT8, ["B", 20, 16, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", width]) for name, width in widths.items()],
        [numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def _word_network(weights: dict[str, list[list[float]]]) -> bytes:
    """ONNX model: rows of three words, int32 (B, T), 0 for none → for each head the sum of what they say."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, tensors = [], {"along": np.array([1])}
    for name, rows in weights.items():
        tensors[f"{name}_table"] = np.array([[0.0] * len(rows[0]), *rows], dtype=np.float32)
        nodes.append(helper.make_node("Gather", [f"{name}_table", "titles"], [f"{name}_words"]))
        nodes.append(helper.make_node("ReduceSum", [f"{name}_words", "along"], [name], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("titles", TensorProto.INT32, ["B", "T"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", len(rows[0])]) for name, rows in weights.items()],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())
