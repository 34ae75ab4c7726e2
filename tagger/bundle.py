"""The bundle: one folder that holds a trained model and all that is needed to use it. JSON and ONNX, no pickle.

bundle/
  bundle.json          format, version, checksums of the other files, where it came from
  model.onnx           photos uint8 (B, H, W, 3) → logits of every head, embedding
  model.int8.onnx      the same with convolutions in int8, where it has any that can be quantized
  model.keras          the same network for fine-tuning
  labels.json          attributes, classes, families
  calibration.json     temperatures, thresholds, confidences that need no review
  config.json          the settings of the run, photo size included
  metrics.json         how good it was on validation
  split.csv            which product was in which part
  title/               what it knows of titles, where they are an input, see `tagger.title_part`
  flags/               the flags network, where the catalog had flags
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, PositiveFloat, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from tagger._version import __version__
from tagger.config import Config, PhotoConfig, describe_problem, parse_config
from tagger.errors import BundleError, ConfigError
from tagger.files import write_json
from tagger.labels import LabelSpace

FORMAT = "catalog-tagger-bundle"
VERSION = 1
_MANIFEST = "bundle.json"
_MAX_JSON_BYTES = 64_000_000
#: No bundle is without these.
_REQUIRED = ("model.onnx", "labels.json", "calibration.json", "config.json")
_INT8_MODEL = "model.int8.onnx"
#: Only fine-tuning needs it, and it is large: it may be deleted.
_SPARE = "model.keras"


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Calibration:
    """What validation taught about the scores of the heads.

    Args:
        temperatures: by output name, see `decoding.softmax`.
        thresholds: by attribute and sigmoid label, the probability from which the label is given; default 0.5.
        review: by attribute, the confidence below which a tag needs review; default: none needs it.
    """

    temperatures: dict[str, PositiveFloat] = field(default_factory=dict)
    thresholds: dict[str, dict[str, float]] = field(default_factory=dict)
    review: dict[str, float] = field(default_factory=dict)

    def threshold(self, attribute: str, label: str) -> float:
        """Probability from which a label of a sigmoid head is given."""
        return self.thresholds.get(attribute, {}).get(label, 0.5)


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; `Bundle.open` checks it first."""

    path: Path
    label_space: LabelSpace
    calibration: Calibration
    config: Config
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Open a bundle folder, or the run folder that holds one as `bundle/`.

        Raises:
            BundleError: missing, half-copied, changed, or of a version that this program can't read.
        """
        folder = _find(Path(path))
        manifest = _read_json(folder / _MANIFEST)
        _check_version(folder, manifest)
        _check_files(folder, manifest)
        try:
            config = parse_config(_known_settings(_read_json(folder / "config.json")), str(folder / "config.json"))
            calibration = Calibration(**_read_json(folder / "calibration.json"))
        except ConfigError as error:
            raise BundleError(f"The settings of the bundle can't be read. {error}") from error
        except ValidationError as error:
            problem = describe_problem(error.errors()[0])
            raise BundleError(
                f"{folder / 'calibration.json'} can't be read ({problem}). Copy the bundle again."
            ) from error
        return cls(folder, LabelSpace.from_json(_read_json(folder / "labels.json")), calibration, config, manifest)

    @property
    def photo(self) -> PhotoConfig:
        """How photos are prepared for it."""
        return self.config.photo

    @property
    def id(self) -> str:
        """Identity of its network: two bundles with the same id give the same embeddings."""
        return str(self.manifest["files"]["model.onnx"]["sha256"])

    @property
    def model(self) -> Path:
        """The ONNX model."""
        return self.path / "model.onnx"

    @property
    def int8_model(self) -> Path:
        """The ONNX model whose convolutions compute in int8.

        Raises:
            BundleError: this bundle has none.
        """
        if _INT8_MODEL not in self.manifest["files"]:
            raise BundleError(
                f"The bundle {self.path} has no {_INT8_MODEL}, which the engine precision int8 needs. Train it again, "
                "or choose another --engine-precision."
            )
        return self.path / _INT8_MODEL

    @property
    def thresholds(self) -> dict[str, dict[str, float]]:
        """Threshold of each sigmoid label, by attribute."""
        return self.calibration.thresholds

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Validation metrics of the training run; empty where the bundle has none."""
        path = self.path / "metrics.json"
        return _read_json(path) if path.exists() else {}

    @cached_property
    def split(self) -> dict[str, str] | None:
        """Product id → part ("train", "validation" or "test"), or None where the bundle doesn't say."""
        path = self.path / "split.csv"
        if not path.exists():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            return {row["id"]: row["part"] for row in csv.DictReader(file)}


def seal(folder: Path, about: dict[str, Any]) -> None:
    """Write `bundle.json` with the checksums of all files in a finished folder.

    Args:
        folder: holds the other files of a bundle.
        about: JSON-able facts about the run, such as the command and the seed.
    """
    files = {
        str(path.relative_to(folder).as_posix()): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }
    about = {"format": FORMAT, "version": VERSION, "tagger_version": __version__, **about}
    write_json(folder / _MANIFEST, {**about, "files": files})


def _find(path: Path) -> Path:
    for folder in (path, path / "bundle"):
        if (folder / _MANIFEST).is_file():
            return folder
    if not path.exists():
        raise BundleError(f"There is no bundle {path}. Check the path, or train one with `tagger train`.")
    raise BundleError(
        f"{path} is not a bundle: it holds no {_MANIFEST}. Give the folder that `tagger train` wrote, "
        "and if it was copied, copy it again."
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BundleError(f"{path} is larger than {_MAX_JSON_BYTES // 10**6} MB, which no bundle's is.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"Can't read {path}: {error.strerror}. Copy the bundle again.") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged (no JSON). Copy the bundle again.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} is damaged (no JSON object). Copy the bundle again.")
    return value


def _known_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out settings that this program doesn't know, in place.

    Those of training come and go, and bundles must outlive them. A setting that changes how photos are tagged needs a
    new version of the format.
    """
    try:
        Config.model_validate(settings)
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "extra_forbidden":
                *parents, name = problem["loc"]
                section: Any = settings
                for parent in parents:
                    section = section[parent]
                del section[name]
    return settings


def _check_version(folder: Path, manifest: dict[str, Any]) -> None:
    if manifest.get("format") != FORMAT:
        raise BundleError(f"{folder} is not a bundle of catalog-tagger: {_MANIFEST} says {manifest.get('format')!r}.")
    version = manifest.get("version")
    if version != VERSION:
        raise BundleError(
            f"The bundle {folder} has version {version}, this program (tagger {__version__}) reads version {VERSION}. "
            "Upgrade with: pip install -U catalog-tagger"
        )


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise BundleError(f"{folder / _MANIFEST} is damaged (no list of files). Copy the bundle again.")
    for name in _REQUIRED:
        if name not in files:
            raise BundleError(f"The bundle {folder} is incomplete: {name} is not listed. Copy or train it again.")
    for name, recorded in files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"The bundle {folder} names a file outside itself ({name}). Don't use it.")
        if path.is_file():
            if path.stat().st_size != recorded.get("bytes") or _sha256(path) != recorded.get("sha256"):
                raise BundleError(f"{path} is damaged: its checksum is not the recorded one. Copy the bundle again.")
        elif name != _SPARE:
            raise BundleError(f"The bundle {folder} is incomplete: {name} is missing. Copy it again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
