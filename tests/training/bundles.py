"""Bundles of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from drawn import SETTINGS, make_part

from tagger.bundle import Bundle, seal
from tagger.catalog.splits import write_split
from tagger.config import Config
from tagger.files import write_json
from tagger.labels import LabelSpace
from tagger.network.model import build_network, with_embedding
from tagger.training.export import export_onnx


def bundle_config(trunk: str) -> Config:
    return Config.model_validate(
        {
            "photo": {"height": 32, "width": 24},
            "network": {"trunk": trunk},
            "attributes": {name: settings.model_dump() for name, settings in SETTINGS.items()},
        }
    )


def write_random_bundle(folder: Path, space: LabelSpace, trunk: str, onnx: bool = True) -> Bundle:
    """Write a bundle that `tagger train` might have written; without ONNX, that file is none."""
    folder.mkdir()
    config = bundle_config(trunk)
    model = with_embedding(build_network(space, config.network, config.photo), space)
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if "kernel" not in variable.path:
            variable.assign(rng.random(variable.shape) + 0.1)
    model.save(folder / "model.keras")
    if onnx:
        export_onnx(model, make_part(space, 4).pixels, folder / "model.onnx")
    else:
        (folder / "model.onnx").write_bytes(b"onnx")
    write_json(folder / "labels.json", space.to_json())
    write_json(folder / "calibration.json", {})
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(folder / "metrics.json", {"part": "validation", "photos": 12, "int8_agreement": {"colour": 0.99}})
    (folder / "model.int8.onnx").write_bytes(b"8" * 5000)
    (folder / "flags").mkdir()
    (folder / "flags" / "flags.json").write_text("{}")
    write_split(pd.Series({"p000": "train", "p001": "validation"}), folder / "split.csv")
    seal(folder, {"command": "tagger train", "seed": 3, "products": 40})
    return Bundle.open(folder)
