"""The engines give the same answers, in order, in the precision that is asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.bundle import Bundle, seal
from tagger.config import EngineName, InferenceConfig
from tagger.errors import BundleError, MissingDependencyError
from tagger.inference import Photo, Tagger
from tagger.inference.engine import Engine, open_engine

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="openvino is not installed")
ENGINES = ["onnxruntime", pytest.param("openvino", marks=needs_openvino)]


def photos(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 20, 16, 3), dtype=np.uint8)


def settle(bundle: Path, **inference: str) -> Bundle:
    """Give a bundle other settings, and checksums that fit."""
    config = Bundle.open(bundle).config
    (bundle / "config.json").write_text(
        config.model_copy(update={"inference": InferenceConfig.model_validate(inference)}).model_dump_json()
    )
    seal(bundle, {})
    return Bundle.open(bundle)


@needs_openvino
def test_openvino_in_full_precision_gives_what_onnx_runtime_gives(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    expected = open_engine(bundle, "onnxruntime").run(photos(5))
    found = open_engine(bundle, "openvino", "float32").run(photos(5))
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_answers_in_order(tiny_bundle: Path, name: EngineName) -> None:
    engine = open_engine(Bundle.open(tiny_bundle), name)
    batches = [photos(size, seed) for seed, size in enumerate([3, 1, 4, 1, 5, 9, 2])]
    answers = list(engine.stream(batches))
    assert len(answers) == len(batches)
    for batch, answer in zip(batches, answers, strict=True):
        for output, value in engine.run(batch).items():
            assert value.shape[0] == len(batch)
            np.testing.assert_array_equal(answer[output], value)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_reads_only_a_few_batches_ahead(tiny_bundle: Path, name: EngineName) -> None:
    engine: Engine = open_engine(Bundle.open(tiny_bundle), name)
    read = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield photos(2)

    stream = engine.stream(endless())
    next(stream)
    assert read < 100


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_left_early_can_be_followed_by_another(tiny_bundle: Path, name: EngineName) -> None:
    engine = open_engine(Bundle.open(tiny_bundle), name)
    for _ in range(3):
        stream = engine.stream(photos(2, seed) for seed in range(20))
        first = next(stream)
        stream.close()  # type: ignore[attr-defined]
        for output, value in engine.run(photos(2, 0)).items():
            np.testing.assert_array_equal(first[output], value)


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
    bundle = Bundle.open(tiny_bundle)
    with pytest.raises(MissingDependencyError, match=r"engine that --engine asks for.*catalog-tagger\[openvino\]"):
        open_engine(bundle, "openvino")
    assert "ONNX Runtime" in repr(open_engine(bundle))
    bundle = settle(tiny_bundle, engine="openvino")
    with pytest.raises(MissingDependencyError, match=r"config\.json of .*bundle asks for, or say --engine onnxruntime"):
        open_engine(bundle)
    assert "ONNX Runtime" in repr(open_engine(bundle, "onnxruntime"))


@pytest.mark.parametrize("name", ENGINES)
def test_a_damaged_model_is_refused(tiny_bundle: Path, name: EngineName) -> None:
    (tiny_bundle / "model.onnx").write_bytes(b"no model")
    seal(tiny_bundle, {})
    with pytest.raises(BundleError, match=r"(?s)model\.onnx can't be run by .* Copy the bundle again"):
        open_engine(Bundle.open(tiny_bundle), name)


def test_the_bundle_says_what_is_not_asked_for(tiny_bundle: Path) -> None:
    bundle = settle(tiny_bundle, engine="onnxruntime")
    assert repr(open_engine(bundle)) == "ONNX Runtime on the CPU, float32"
    bundle = settle(tiny_bundle, engine_precision="int8")
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx"):
        Tagger.open(tiny_bundle)
    assert Tagger.open(tiny_bundle, engine_precision="float32")
    assert open_engine(bundle, "onnxruntime", "auto")


@needs_openvino
def test_openvino_says_how_it_computes(tiny_bundle: Path) -> None:
    bundle = settle(tiny_bundle, engine="openvino", engine_precision="float32")
    assert repr(open_engine(bundle)) == "OpenVINO on the CPU, float32"
    assert "OpenVINO" in repr(open_engine(bundle, "auto"))


@needs_openvino
def test_openvino_computes_in_bfloat16_only_where_that_is_faster(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would, on Intel processors with avx512_bf16 and no AMX, which are slower then."""
    monkeypatch.setattr("tagger.inference.engine.cpu_is_faster_in_bfloat16", lambda: False)
    assert repr(open_engine(Bundle.open(tiny_bundle), "openvino", "auto")) == "OpenVINO on the CPU, float32"


@pytest.mark.parametrize("name", ENGINES)
def test_int8_is_a_model_of_its_own(tiny_bundle: Path, name: EngineName) -> None:
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx, .* Train it again, or choose another"):
        open_engine(Bundle.open(tiny_bundle), name, "int8")
    (tiny_bundle / "model.int8.onnx").write_bytes((tiny_bundle / "model.onnx").read_bytes())
    seal(tiny_bundle, {})
    assert ", int8" in repr(open_engine(Bundle.open(tiny_bundle), name, "int8"))
    (tiny_bundle / "model.int8.onnx").write_bytes(b"no model")
    seal(tiny_bundle, {})
    with pytest.raises(BundleError, match=r"model\.int8\.onnx can't be run by"):
        open_engine(Bundle.open(tiny_bundle), name, "int8")
    open_engine(Bundle.open(tiny_bundle), name)
