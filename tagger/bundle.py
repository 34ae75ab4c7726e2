"""The bundle: one folder that holds a trained model and all that is needed to use it. JSON and ONNX, no pickle.

bundle/
  bundle.json          format, version, checksums of the other files, where it came from
  model.onnx           photos uint8 (B, H, W, 3) → logits of every head, embedding
  model.int8.onnx      the same with convolutions in int8, where it has any that can be quantized
  model.keras          the same network for fine-tuning; weights.npz in a compact bundle
  labels.json          attributes, classes, families
  calibration.json     how scores are calibrated, thresholds, confidences that need no review
  config.json          the settings of the run, photo size included
  metrics.json         how good it was on validation
  card.md              the same for a reader: what it is, what for, how good
  colours.npz          what the colours of a photo say, which has a say in the tags, see `tagger.colours`
  neighbours.npz       products of the train part whose labels have a say in the tags, see `tagger.neighbours`
  similarity.npy       what the vectors that similar products are found by are made with, see `tagger.similarity`
  novelty.npy          what photos of the catalog look like to the network, see `tagger.novelty`
  split.csv            which product was in which part, and a sign of its photo; split.csv.gz in a compact bundle
  title/               what it knows of titles, where they are an input, see `tagger.title_part`
  flags/               the flags network, where the catalog had flags
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from tagger.calibration import Calibration
from tagger.colours import Colours
from tagger.config import Config, PhotoConfig, describe_problem, parse_config
from tagger.errors import BundleError, ConfigError
from tagger.labels import LabelSpace
from tagger.manifest import MANIFEST, check_files, check_version, find_bundle, read_json
from tagger.manifest import VERSION as VERSION
from tagger.manifest import seal as seal
from tagger.neighbours import Neighbours
from tagger.novelty import Novelty
from tagger.pretrained import find_model
from tagger.similarity import SimilaritySpace

_INT8_MODEL = "model.int8.onnx"
NOVELTY = "novelty.npy"
COLOURS = "colours.npz"
NEIGHBOURS = "neighbours.npz"
SIMILARITY = "similarity.npy"
_COMPACT_WEIGHTS = "weights.npz"
_SIGN = re.compile("[0-9a-f]{4}")
_MAX_SPLIT_LETTERS = 200_000_000


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
        """Open a bundle folder, the run folder that holds one as `bundle/`, or a shipped model by its name.

        Raises:
            BundleError: missing, half-copied, changed, or of a version that this program can't read.
        """
        folder = find_bundle(find_model(path))
        manifest = read_json(folder / MANIFEST)
        check_version(folder, manifest)
        check_files(folder, manifest)
        try:
            config = parse_config(_known_settings(read_json(folder / "config.json")), str(folder / "config.json"))
            calibration = Calibration(**read_json(folder / "calibration.json"))
        except ConfigError as error:
            raise BundleError(f"The settings of the bundle can't be read. {error}") from error
        except ValidationError as error:
            problem = describe_problem(error.errors()[0])
            raise BundleError(
                f"{folder / 'calibration.json'} can't be read ({problem}). Copy the bundle again."
            ) from error
        return cls(folder, LabelSpace.from_json(read_json(folder / "labels.json")), calibration, config, manifest)

    @property
    def name(self) -> str:
        """How a person knows it: by its folder, or that of the run."""
        home = self.path.resolve()
        return home.parent.name if home.name == "bundle" else home.name

    @property
    def photo(self) -> PhotoConfig:
        """How photos are prepared for it."""
        return self.config.photo

    @property
    def id(self) -> str:
        """Identity of its network: two bundles with the same id give the same embeddings of photos."""
        return self._sum_of(self._of_embeddings)

    @property
    def embeddings_id(self) -> str:
        """Identity of its embeddings, with titles or without: an index holds those of one."""
        names = self._of_embeddings
        titles = sorted(name for name in self.manifest["files"] if name.startswith("title/"))
        if SIMILARITY in names and titles:  # they tell tags as well: of photo and title together, neighbours included
            names += titles + [name for name in (NEIGHBOURS,) if name in self.manifest["files"]]
        return self._sum_of(names)

    @property
    def _of_embeddings(self) -> list[str]:
        names = ["model.onnx", SIMILARITY]
        if SIMILARITY in self.manifest["files"]:
            names.append(COLOURS)
        return [name for name in names if name in self.manifest["files"]]

    def _sum_of(self, names: list[str]) -> str:
        """One checksum of some of its files."""
        sums = [str(self.manifest["files"][name]["sha256"]) for name in names]
        return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()

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
    def compact_weights(self) -> Path | None:
        """Weights for fine-tuning of a compact bundle; None in others, which have model.keras."""
        return self.path / _COMPACT_WEIGHTS if _COMPACT_WEIGHTS in self.manifest["files"] else None

    @cached_property
    def novelty(self) -> Novelty | None:
        """Tells photos that are unlike the catalog, or None where the bundle can't.

        Raises:
            BundleError: its file can't be read.
        """
        if NOVELTY not in self.manifest["files"]:
            return None
        return Novelty.read(self.path / NOVELTY)

    @cached_property
    def colours(self) -> Colours | None:
        """What colours say of a photo, or None where they have no say in the tags.

        Raises:
            BundleError: the file can't be read, or is not of these labels.
        """
        known = COLOURS in self.manifest["files"]
        return Colours.read(self.path / COLOURS, self.label_space) if known else None

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """Products whose labels have a say in the tags, or None where the heads answer alone.

        Raises:
            BundleError: the file can't be read, or is not of these labels.
        """
        known = NEIGHBOURS in self.manifest["files"]
        return Neighbours.read(self.path / NEIGHBOURS, self.label_space) if known else None

    @cached_property
    def similarity(self) -> SimilaritySpace | None:
        """Makes the vectors that similar products are found by, or None where these are the embeddings as they are.

        Raises:
            BundleError: the file can't be read, or is not of these labels.
        """
        known = SIMILARITY in self.manifest["files"]
        return SimilaritySpace.read(self.path / SIMILARITY, self.label_space) if known else None

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Validation metrics of the training run; empty where the bundle has none."""
        path = self.path / "metrics.json"
        return read_json(path) if path.exists() else {}

    @cached_property
    def split(self) -> dict[str, str] | None:
        """Product id → part ("train", "validation" or "test"), or None where the bundle doesn't say."""
        return None if self._split is None else {id_: part for id_, (part, _) in self._split.items()}

    @cached_property
    def photo_signs(self) -> dict[str, int]:
        """Product id → `own_products.photo_sign` of its photo; empty where it doesn't say."""
        return {id_: int(sign, 16) for id_, (_, sign) in (self._split or {}).items() if sign}

    @cached_property
    def _split(self) -> dict[str, tuple[str, str]] | None:
        for name, opened in (("split.csv", open), ("split.csv.gz", gzip.open)):
            if name in self.manifest["files"]:
                return _read_split(self.path / name, opened)
        return None


def _read_split(path: Path, opened: Callable[..., TextIO]) -> dict[str, tuple[str, str]]:
    """Read id → part and sign of the photo, "" where there is none, from CSV."""
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            text = file.read(_MAX_SPLIT_LETTERS + 1)
        if len(text) > _MAX_SPLIT_LETTERS:
            raise BundleError(f"{path} holds more than {_MAX_SPLIT_LETTERS // 10**6} MB of text, which no split does.")
        rows = {row["id"]: (row["part"], row.get("photo") or "") for row in csv.DictReader(io.StringIO(text))}
        if not all(sign == "" or _SIGN.fullmatch(sign) for _, sign in rows.values()):
            raise ValueError("the photo is no sign of one")
        return rows
    except (OSError, EOFError, ValueError, KeyError, zlib.error, csv.Error) as error:
        raise BundleError(f"{path} is damaged (no split). Copy the bundle again.") from error


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
