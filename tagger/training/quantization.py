"""From the exported ONNX model to one whose convolutions compute in int8, which is faster and rarely answers otherwise.

Post-training static quantization (Jacob et al. 2018, https://arxiv.org/abs/1712.05877) with the tools of ONNX Runtime.
What it does was chosen by label agreement with the float model and by speed, on the Kaggle catalog:

- Convolutions alone: they are nearly all of the work. The first one stays float, since its input is what every later
  error adds to, and so do embedding and heads, whose logits say how sure the network is.
- Weights in int8 with a scale a channel, activations in uint8: the pair that both engines have fast kernels for. All 8
  bits are used, as processors with VNNI can; older ones may saturate, but 7 bits cost ten points of agreement.
- Ranges of activations: the mean of the batches' extremes. The extremes of all photos would stretch the scale for a
  few outliers.
- QuantizeLinear/DequantizeLinear pairs around float operators: the form that both engines read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.calibration import Calibration
from tagger.decoding import Outputs, Scores, choose_classes, class_probabilities, probabilities
from tagger.labels import LabelSpace
from tagger.training.batches import TrainingPart

_log = logging.getLogger(__name__)

#: Training photos that the ranges of activations are learnt from.
_CALIBRATION_PHOTOS = 512
#: The range is the mean of the extremes of as many photos: with more, outliers count more.
_CALIBRATION_BATCH = 32
_BATCH = 256


def quantize_convolutions(model: Path, photos: NDArray[np.uint8], path: Path) -> bool:
    """Write a copy of an ONNX model whose convolutions, but for the first, compute in int8.

    Args:
        model: float32, photos (B, H, W, 3) uint8 in.
        photos: training photos, uint8 (N, H, W, 3), at least one; see `sample_photos`.

    Returns:
        Whether there is such a copy. It is no error where a network can't be quantized: the log says why.

    Raises:
        OSError: the file can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".int8.", dir=path.parent) as folder, _quietly():
            quantized = _quantize(model, photos, Path(folder))
            if quantized:
                quantized.replace(path)
    except OSError:
        raise
    except Exception as error:  # the quantizer raises what comes, and a bundle is whole without its file
        _log.warning("No int8 model: the network can't be quantized (%s)", error)
        return False
    if not quantized:
        _log.info("No int8 model: the network has no convolution but the first")
    return quantized is not None


def sample_photos(pixels: NDArray[np.uint8], rows: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Draw photos to calibrate on, uint8 (N, H, W, 3), from those rows of the photo cache."""
    count = min(_CALIBRATION_PHOTOS, len(rows))
    return np.asarray(pixels[np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))])


def int8_agreement(
    path: Path,
    part: TrainingPart,
    logits: Scores,
    space: LabelSpace,
    calibration: Calibration,
    complete: Callable[[Outputs], Outputs] = dict,
) -> dict[str, float]:
    """Share of photos that an int8 model answers as the float model does, by single-valued attribute.

    Args:
        path: ONNX file of the int8 model.
        part: at least one product.
        logits: of the float model for the same part, by output name.
        calibration: that of the float model, for both.
        complete: adds to the outputs for this part what others say beside the network, as is done in `logits` already.
    """
    expected = _answers(logits, space, calibration)
    found = _answers(complete(_run_onnx(path, part)), space, calibration)
    agreement = {name: float((found[name] == answers).mean()) for name, answers in expected.items()}
    _log.info("int8 answers as float32: %s", "  ".join(f"{name} {share:.3f}" for name, share in agreement.items()))
    return agreement


def _quantize(model: Path, photos: NDArray[np.uint8], folder: Path) -> Path | None:
    """Quantize into a temporary folder; None where there is nothing to quantize."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded, quantized = folder / "folded.onnx", folder / "quantized.onnx"
    # Folds batch normalization into the convolutions. Symbolic shapes are for transformers, and would need SymPy.
    quant_pre_process(model, folded, skip_symbolic_shape=True)
    first, *others = [node.name for node in onnx.load(folded).graph.node if node.op_type == "Conv"] or [None]
    if not others:
        return None
    quantize_static(
        folded,
        quantized,
        _photo_reader(photos),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=[first],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"CalibMovingAverage": True},  # in fact the plain mean over the batches
    )
    return quantized


def _photo_reader(photos: NDArray[np.uint8]) -> Any:
    """The photos in batches, as the quantizer asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    batches = iter(np.split(photos, range(_CALIBRATION_BATCH, len(photos), _CALIBRATION_BATCH)))

    class PhotoReader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(batches, None)
            return None if batch is None else {"photos": batch}

    return PhotoReader()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the quantizer's notes to itself: it logs through the root logger, and gives it a handler if it has none."""
    root, handler = logging.getLogger(), logging.NullHandler()
    disabled = logging.root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)


def _run_onnx(path: Path, part: TrainingPart) -> dict[str, NDArray[np.float32]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    names, photos = [output.name for output in session.get_outputs()], session.get_inputs()[0].name
    batches = [
        session.run(names, {photos: np.asarray(part.pixels[part.rows[start : start + _BATCH]])})
        for start in range(0, len(part.rows), _BATCH)
    ]
    return {name: np.concatenate(values) for name, values in zip(names, zip(*batches, strict=True), strict=True)}


def _answers(logits: Scores, space: LabelSpace, calibration: Calibration) -> dict[str, NDArray[np.int64]]:
    return choose_classes(class_probabilities(probabilities(logits, space, calibration), space), space)
