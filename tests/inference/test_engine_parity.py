"""On real photos every engine and precision answers as the trained network does, within stated bounds."""

from __future__ import annotations

import csv
import importlib.util
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.config import EngineName, EnginePrecision, PhotoConfig, parse_config
from tagger.decoding import Outputs
from tagger.errors import PhotoError
from tagger.inference.engine import open_engine

pytestmark = pytest.mark.slow

#: Largest difference of an output, relative to its largest value. In float32 the order of sums alone differs: each
#: engine fuses and blocks the layers in its own way, which moves the last bits of a 24-bit significand.
FULL_PRECISION_DIFFERENCE = 1e-5
#: bfloat16 keeps 8 bits of the significand, so that one rounding is off by up to 0.4 %, and some twenty layers add up.
AUTO_DIFFERENCE = 0.02
#: Share of the labels (most likely class of each softmax head) that stay. What rounding turns over was nearly a tie.
AUTO_AGREEMENT = 0.99
#: An activation in int8 has 255 steps from its least to its largest value: coarser than bfloat16 for all but the
#: largest. A network trained for so few steps has more near ties than a finished one.
INT8_AGREEMENT = 0.97

PHOTO = PhotoConfig(height=80, width=60)
TRAINED_ON, COMPARED_ON = 512, 256

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")


@pytest.fixture(scope="module")
def rows(real_catalog: Path) -> list[dict[str, str]]:
    """Rows of styles.csv whose photo is there, in a fixed random order, the path in `image`."""
    with (real_catalog / "styles.csv").open(encoding="utf-8", newline="") as file:
        found = [{**row, "image": str(real_catalog / "images" / f"{row['id']}.jpg")} for row in csv.DictReader(file)]
    random.Random(0).shuffle(found)
    return [row for row in found[: 2 * (TRAINED_ON + COMPARED_ON)] if Path(row["image"]).is_file()]


@pytest.fixture(scope="module")
def photos(rows: list[dict[str, str]]) -> NDArray[np.uint8]:
    """Photos that the network was not trained on, uint8 (N, 80, 60, 3)."""
    from tagger.catalog.photos import decode_photo

    decoded = []
    for row in rows[TRAINED_ON : TRAINED_ON + COMPARED_ON]:
        try:
            decoded.append(decode_photo(row["image"], PHOTO))
        except PhotoError:
            continue
    assert len(decoded) > COMPARED_ON / 2
    return np.stack(decoded)


@pytest.fixture(scope="module")
def bundle(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The default network, trained for some dozen steps."""
    from tagger.training.run import train

    folder = tmp_path_factory.mktemp("parity")
    with (folder / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "image", "masterCategory", "subCategory", "gender"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows[:TRAINED_ON])
    settings = {
        "photo": PHOTO.model_dump(),
        "attributes": {"masterCategory": {"heads": "both"}, "subCategory": {"parent": "masterCategory"}, "gender": {}},
        "training": {"epochs": 3, "batch_size": 32, "ema": 0.8, "learning_rate": 3e-3},
    }
    return Bundle.open(train(parse_config(settings, "the test"), folder / "products.csv", folder / "run"))


@pytest.fixture(scope="module")
def expected(bundle: Bundle, photos: NDArray[np.uint8]) -> Outputs:
    """What Keras answers in float32."""
    import keras

    model = keras.saving.load_model(bundle.path / "model.keras")
    return {name: np.asarray(value) for name, value in model.predict_on_batch(photos).items()}


def answers(bundle: Bundle, photos: NDArray[np.uint8], engine: EngineName, precision: EnginePrecision) -> Outputs:
    return open_engine(bundle, engine, precision).run(photos)


def difference(found: Outputs, expected: Outputs) -> float:
    assert set(found) == set(expected)
    return max(float(np.abs(found[name] - value).max() / np.abs(value).max()) for name, value in expected.items())


def agreement(found: Outputs, expected: Outputs) -> float:
    heads = [name for name in expected if name.endswith("_softmax")]
    assert len(heads) == 3
    return float(np.mean([found[name].argmax(axis=1) == expected[name].argmax(axis=1) for name in heads]))


def test_the_network_has_learnt_to_tell_products_apart(expected: Outputs) -> None:
    for name in ("masterCategory_softmax", "subCategory_softmax", "gender_softmax"):
        assert len(np.unique(expected[name].argmax(axis=1))) > 1  # or else any engine would agree


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_full_precision_gives_what_keras_gives(
    bundle: Bundle, photos: NDArray[np.uint8], expected: Outputs, engine: EngineName
) -> None:
    assert difference(answers(bundle, photos, engine, "float32"), expected) < FULL_PRECISION_DIFFERENCE


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_what_the_engine_thinks_best_is_near(
    bundle: Bundle, photos: NDArray[np.uint8], expected: Outputs, engine: EngineName
) -> None:
    found = answers(bundle, photos, engine, "auto")
    assert difference(found, expected) < AUTO_DIFFERENCE
    assert agreement(found, expected) >= AUTO_AGREEMENT


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_int8_gives_nearly_the_same_labels(
    bundle: Bundle, photos: NDArray[np.uint8], expected: Outputs, engine: EngineName
) -> None:
    found = answers(bundle, photos, engine, "int8")
    assert difference(found, expected) > FULL_PRECISION_DIFFERENCE  # it is another model indeed
    assert agreement(found, expected) >= INT8_AGREEMENT
    assert min(bundle.metrics["int8_agreement"].values()) >= INT8_AGREEMENT - 0.05  # of a few dozen photos
