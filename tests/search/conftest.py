"""A tagger whose network only sees colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.config import Config
from tagger.inference import Tagger
from tagger.inference.engine import Engine
from tagger.labels import Attribute, LabelSpace

COLOURS = ("Red", "Green", "Blue")


class ColourEngine(Engine):
    """The embedding is the mean colour, the answer the strongest channel."""

    def run(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        mean = photos.mean(axis=(1, 2), dtype=np.float32)
        return {"baseColour_softmax": mean, "embedding": mean}


@pytest.fixture
def colour_tagger(tmp_path: Path) -> Tagger:
    """A real tagger around the colour engine."""
    space = LabelSpace({"baseColour": Attribute("baseColour", COLOURS, (), ("softmax",), "softmax")})
    manifest = {"files": {"model.onnx": {"sha256": "colours"}}}
    bundle = Bundle(tmp_path / "bundle", space, Calibration(), Config(), manifest)
    return Tagger(bundle, ColourEngine())
