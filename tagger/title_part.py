"""The part of a bundle that reads titles.

title/
  model.onnx           rows of features int32 (B, T) → logits of every head
  vocabulary.npy       which features those rows stand for
  fusion.json          how much photo and title count, head by head
  calibration.json     how the answers of both together, and of the title alone, are calibrated
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.config import describe_problem
from tagger.errors import BundleError
from tagger.files import write_json
from tagger.fusion import HeadFusion
from tagger.titles import Vocabulary

FOLDER = "title"
MODEL = "model.onnx"
_VOCABULARY = "vocabulary.npy"
_FUSION = "fusion.json"
_CALIBRATION = "calibration.json"
_MAX_JSON_BYTES = 16_000_000


@dataclass(frozen=True)
class TitlePart:
    """What a bundle knows of titles, but for the network itself.

    Args:
        folder: where its files are, model.onnx among them.
        vocabulary: features and their rows.
        heads: how photo and title are fused, by output name.
        both: calibration of the answers from photo and title.
        title: calibration of the answers from the title alone.
    """

    folder: Path
    vocabulary: Vocabulary
    heads: dict[str, HeadFusion]
    both: Calibration
    title: Calibration

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Read the part of an opened bundle.

        Raises:
            BundleError: there is none, or it is incomplete, or doesn't fit the labels of the bundle.
        """
        if not has_title_part(bundle):
            raise BundleError(
                f"The bundle {bundle.path} can't read titles: it was trained on photos alone. Train one with "
                "inputs: [image, title], or ask for the image alone."
            )
        for name in (_VOCABULARY, _FUSION, _CALIBRATION):
            if f"{FOLDER}/{name}" not in bundle.manifest["files"]:
                raise BundleError(f"The bundle {bundle.path} is incomplete: {FOLDER}/{name} is missing. Copy it again.")
        folder = bundle.path / FOLDER
        calibrations = _read(folder / _CALIBRATION, dict[str, Calibration])
        heads = _read(folder / _FUSION, dict[str, HeadFusion])
        found = {name: len(head.bias) for name, head in heads.items()}
        expected = {output.name: len(output.values) for output in bundle.label_space.outputs()}
        if found != expected or set(calibrations) != {"both", "title"}:
            raise BundleError(f"{folder} and labels.json don't belong together. Copy or train the bundle again.")
        return cls(folder, Vocabulary.read(folder / _VOCABULARY), heads, **calibrations)

    @property
    def model(self) -> Path:
        """The ONNX model."""
        return self.folder / MODEL

    def write(self) -> None:
        """Write all but the network into its folder, which is there."""
        self.vocabulary.write(self.folder / _VOCABULARY)
        write_json(self.folder / _FUSION, {name: asdict(head) for name, head in self.heads.items()})
        write_json(self.folder / _CALIBRATION, {"both": asdict(self.both), "title": asdict(self.title)})


def has_title_part(bundle: Bundle) -> bool:
    """Whether a bundle can read titles."""
    return f"{FOLDER}/{MODEL}" in bundle.manifest["files"]


def _read(path: Path, kind: Any) -> Any:
    """A JSON file as what it should hold."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BundleError(f"{path} is larger than {_MAX_JSON_BYTES // 10**6} MB, which no bundle's is.")
        return TypeAdapter(kind).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problem = describe_problem(error.errors()[0])
        raise BundleError(f"{path} can't be read ({problem}). Copy the bundle again.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged (no JSON). Copy the bundle again.") from error
