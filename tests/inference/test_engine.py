"""The engines give the same answers, in order."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import BundleError, MissingDependencyError
from tagger.inference import Photo, Tagger
from tagger.inference.engine import Engine, OnnxRuntimeEngine, open_engine

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="openvino is not installed")
ENGINES = ["onnxruntime", pytest.param("openvino", marks=needs_openvino)]


def photos(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 20, 16, 3), dtype=np.uint8)


@needs_openvino
def test_openvino_in_full_precision_gives_what_onnx_runtime_gives(tiny_bundle: Path) -> None:
    from tagger.inference.engine import OpenVinoEngine

    model = tiny_bundle / "model.onnx"
    expected = OnnxRuntimeEngine(model).run(photos(5))
    found = OpenVinoEngine(model, precision="f32").run(photos(5))
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_answers_in_order(tiny_bundle: Path, name: str) -> None:
    engine = open_engine(tiny_bundle / "model.onnx", name)  # type: ignore[arg-type]
    batches = [photos(size, seed) for seed, size in enumerate([3, 1, 4, 1, 5, 9, 2])]
    answers = list(engine.stream(batches))
    assert len(answers) == len(batches)
    for batch, answer in zip(batches, answers, strict=True):
        for output, value in engine.run(batch).items():
            assert value.shape[0] == len(batch)
            np.testing.assert_array_equal(answer[output], value)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_reads_only_a_few_batches_ahead(tiny_bundle: Path, name: str) -> None:
    engine: Engine = open_engine(tiny_bundle / "model.onnx", name)  # type: ignore[arg-type]
    read = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield photos(2)

    stream = engine.stream(endless())
    next(stream)
    assert read < 100


def test_a_batch_of_broken_photos_keeps_its_place(tiny_bundle: Path, tmp_path: Path) -> None:
    from PIL import Image

    good, broken = tmp_path / "good.png", tmp_path / "broken.jpg"
    Image.new("RGB", (16, 20), (255, 0, 0)).save(good)
    broken.write_text("no photo")
    paths = [good, good, broken, broken, good, broken]
    tagged = list(Tagger.open(tiny_bundle).run([Photo(str(i), str(p)) for i, p in enumerate(paths)], batch_size=2))
    assert [result.id for result in tagged] == [str(i) for i in range(6)]
    assert [bool(result.error) for result in tagged] == [p == broken for p in paths]
    assert {result.tags["masterCategory"].label for result in tagged if not result.error} == {"Apparel"}


def test_openvino_by_name_must_be_installed(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"catalog-tagger\[fast\]"):
        open_engine(tiny_bundle / "model.onnx", "openvino")
    assert "ONNX Runtime" in repr(open_engine(tiny_bundle / "model.onnx"))


@pytest.mark.parametrize("name", ENGINES)
def test_a_damaged_model_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(BundleError, match="Copy the bundle again"):
        open_engine(tmp_path / "model.onnx", name)  # type: ignore[arg-type]
