from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest
from children import run_python
from drawn import make_part

from tagger.config import NetworkConfig, PhotoConfig
from tagger.errors import TrainingError
from tagger.network.model import build_network, with_embedding
from tagger.training import export
from tagger.training.export import export_onnx, float32_copy
from tagger.training.quantization import quantize_convolutions

PHOTO = PhotoConfig(height=32, width=24)

#: Exports a saved network in a process where other layers were built before.
EXPORT = """
import sys
from pathlib import Path
import keras, numpy as np
from tagger.training.export import export_onnx
from tagger.training.quantization import quantize_convolutions

keras.Sequential([keras.Input((8, 8, 3)), *(keras.layers.Conv2D(4, 3) for _ in range(3)), keras.layers.Dense(3)])
model = keras.saving.load_model(sys.argv[1], compile=False)
photos = np.load(sys.argv[2])
export_onnx(model, photos, Path(sys.argv[3]))
quantize_convolutions(Path(sys.argv[3]), photos, Path(sys.argv[4]))
"""


@pytest.fixture
def model(space):
    keras.utils.set_random_seed(0)
    return with_embedding(build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO), space)


@pytest.fixture
def photos(space):
    return make_part(space, 9).pixels


def _run(path, photos):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert session.get_inputs()[0].type == "tensor(uint8)"
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: photos}), strict=True))


def test_onnx_gives_what_keras_gives(model, photos, tmp_path):
    difference = export_onnx(model, photos, tmp_path / "model.onnx")
    assert difference < 1e-4
    for batch in (photos, photos[:1]):  # of any batch size
        expected, found = model.predict_on_batch(batch), _run(tmp_path / "model.onnx", batch)
        assert set(found) == {"colour_softmax", "colour_sigmoid", "use_sigmoid", "embedding"}
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-4)


@pytest.mark.parametrize("trunk", ["cnn_gap", pytest.param("resnet_se", marks=pytest.mark.slow)])
def test_the_same_weights_give_the_same_bytes(trunk, space, photos, tmp_path):
    """Whatever the process has built before: by these bytes a bundle knows its network."""
    first, again = (with_embedding(build_network(space, NetworkConfig(trunk=trunk), PHOTO), space) for _ in range(2))
    again.set_weights(first.get_weights())
    files = [(tmp_path / f"{name}.onnx", tmp_path / f"{name}.int8.onnx") for name in ("first", "again", "elsewhere")]
    for model, (exact, int8) in zip((first, again), files, strict=False):
        export_onnx(model, photos, exact)
        assert quantize_convolutions(exact, photos, int8)
    first.save(tmp_path / "model.keras")
    np.save(tmp_path / "photos.npy", photos)
    done = run_python("tensorflow", EXPORT, tmp_path / "model.keras", tmp_path / "photos.npy", *files[2])
    assert done.returncode == 0, done.stderr
    for written in zip(*files, strict=True):
        assert len({path.read_bytes() for path in written}) == 1
    first.get_layer("use_sigmoid").bias.assign([0.1, 0, 0])
    export_onnx(first, photos, tmp_path / "other.onnx")
    assert (tmp_path / "other.onnx").read_bytes() != files[0][0].read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("trunk", ["cnn_deep", "resnet_small", "resnet_se", "resnet50", "efficientnet_v2_b0"])
def test_other_trunks_export_too(trunk, space, tmp_path, monkeypatch):
    # The large networks themselves take half a minute; what is asked here is whether all around them can be exported.
    for application in ("ResNet50", "EfficientNetV2B0"):
        monkeypatch.setattr(keras.applications, application, keras.applications.MobileNetV3Small)
    photo = PhotoConfig(height=64, width=48)
    model = with_embedding(build_network(space, NetworkConfig(trunk=trunk), photo), space)
    photos = np.random.default_rng(0).integers(0, 256, (3, 64, 48, 3), dtype=np.uint8)
    assert export_onnx(model, photos, tmp_path / "model.onnx") < 1e-3
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(photos)["use_sigmoid"], model(photos)["use_sigmoid"], atol=1e-5)


def test_a_model_that_differs_is_refused(model, photos, tmp_path, monkeypatch):
    run = export._run_onnx

    def falsify(path, photos):
        return {name: value + (name == "use_sigmoid") * 0.1 for name, value in run(path, photos).items()}

    monkeypatch.setattr(export, "_run_onnx", falsify)
    with pytest.raises(TrainingError, match=r"differs from the Keras model by 0\.\d+, more than 0\.001"):
        export_onnx(model, photos, tmp_path / "model.onnx")


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_that_computes_nonsense_is_refused(model, photos, tmp_path, value):
    model.get_layer("use_sigmoid").bias.assign([value, 0, 0])
    with pytest.raises(TrainingError, match="differs"):
        export_onnx(model, photos, tmp_path / "model.onnx")


def test_a_model_with_other_outputs_is_refused(model, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_run_onnx", lambda *_: {"other": np.zeros(1)})
    with pytest.raises(TrainingError, match=r"has the outputs \['other'\], not \['colour_sigmoid'"):
        export_onnx(model, photos, tmp_path / "model.onnx")


def test_the_copy_computes_in_full_precision(space, photos):
    keras.config.set_dtype_policy("mixed_bfloat16")
    trained = build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO, any_size=True)
    copy = float32_copy(lambda: build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO), trained)
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert {layer.compute_dtype for layer in copy.layers if layer.name != "photos"} == {"float32"}
    for ours, theirs in zip(copy.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
