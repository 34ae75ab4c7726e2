"""Predict flags with a trained network: ONNX Runtime only, no TensorFlow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.errors import BundleError
from tagger.files import write_json
from tagger.flags.features import FeatureSpace
from tagger.pretrained import find_model

VERSION = 1
FEATURES = "features.json"
NETWORK = "flags.onnx"
CONTENTS = "flags.json"
#: Products that become a matrix at a time: some 40 MB.
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a trained network.

    Args:
        name: column of the catalog.
        positive: the value to be found, "true" or "false": the rarer one of the train part.
        threshold: a product has that value if its probability is at least this.
    """

    name: str
    positive: str
    threshold: float

    def score(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn probabilities of "true" (N,) into probabilities of the positive value (N,)."""
        return probability if self.positive == "true" else 1 - probability

    def decide(self, probability: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Turn probabilities of "true" (N,) into the flag (N,)."""
        found: NDArray[np.bool_] = self.score(probability) >= self.threshold
        return found if self.positive == "true" else ~found


class FlagSession:
    """The network as a function: float32 (B, F) → probabilities of "true", float32 (B, K)."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        # ONNX Runtime's errors share no other base.
        except Exception as error:
            raise BundleError(f"{path} is no ONNX model that this program can run. Train the flags again.") from error
        self._input = self._session.get_inputs()[0]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = self._session.run(None, {self._input.name: features})[0]
        return probabilities


class FlagPredictor:
    """Predicts the flags of products. Make one with `FlagPredictor.open`.

    Args:
        features: turns products into numbers.
        flags: in the order of the network's outputs.
        session: the network.
    """

    def __init__(self, features: FeatureSpace, flags: tuple[Flag, ...], session: FlagSession) -> None:
        self.features = features
        self.flags = flags
        self.session = session

    def __repr__(self) -> str:
        return f"FlagPredictor({', '.join(flag.name for flag in self.flags)})"

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open what `train_flags` wrote.

        Args:
            folder: that folder, or a bundle or run folder that holds it, or the name of a shipped model.

        Raises:
            BundleError: a file is missing or damaged, or of a later version.
        """
        folder = _find(find_model(folder))
        contents = _read_json(folder / CONTENTS)
        try:
            version, sums = contents["version"], contents["sha256"]
            if version != VERSION:
                raise BundleError(
                    f"The flags in {folder} are of version {version}, this program reads version {VERSION}. "
                    "Update catalog-tagger, or train the flags again."
                )
            flags = tuple(
                Flag(str(flag["name"]), str(flag["positive"]), float(flag["threshold"])) for flag in contents["flags"]
            )
            expected = {name: str(sums[name]) for name in (FEATURES, NETWORK)}
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{folder / CONTENTS} does not describe flags. Train them again.") from error
        for name, checksum in expected.items():
            if _checksum(folder / name) != checksum:
                raise BundleError(f"{folder / name} is damaged: its checksum differs. Copy it or train it again.")
        features = FeatureSpace.from_json(_read_json(folder / FEATURES))
        return cls(features, flags, FlagSession(folder / NETWORK))

    def probabilities(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """Return the probability of "true" for each product and flag.

        Args:
            table: as `Catalog.table`, N products; missing columns count as missing values.

        Returns:
            float32 (N, K), in the order of `flags`.
        """
        chunks = []
        for start in range(0, max(1, len(table)), CHUNK):
            encoded = self.features.encode(table.iloc[start : start + CHUNK])
            chunks.append(self.session(encoded.dense(np.arange(len(encoded)))))
        return np.concatenate(chunks)

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Predict the flags of products.

        Args:
            table: as `Catalog.table`, N products; missing columns count as missing values.

        Returns:
            The index of the table; for each flag the columns `<flag>` (bool) and `<flag>_probability` (float32), the
            probability of "true".
        """
        columns: dict[str, NDArray[Any]] = {}
        for flag, probability in zip(self.flags, self.probabilities(table).T, strict=True):
            columns[flag.name] = flag.decide(probability)
            columns[f"{flag.name}_probability"] = probability
        return pd.DataFrame(columns, index=table.index)


def write_contents(folder: Path, flags: tuple[Flag, ...], report: dict[str, Any]) -> None:
    """Write `flags.json`, the last file of a folder: it holds the checksums of the others."""
    checksums = {name: _checksum(folder / name) for name in (FEATURES, NETWORK)}
    contents = {"version": VERSION, "flags": [asdict(flag) for flag in flags], "sha256": checksums}
    write_json(folder / CONTENTS, contents | report)


def _find(folder: Path) -> Path:
    for place in (folder, folder / "flags", folder / "bundle" / "flags"):
        if (place / CONTENTS).is_file():
            return place
    raise BundleError(
        f"Expected a trained flags network ({CONTENTS}, {FEATURES}, {NETWORK}) in {folder}, found no {CONTENTS}. "
        "Make one with: tagger flags train CATALOG --out FOLDER"
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"Can't read {path}: {error.strerror}. Copy the folder again as a whole.") from error
    except ValueError as error:
        raise BundleError(f"{path} is damaged: it is no JSON. Copy it or train the flags again.") from error


def _checksum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"Can't read {path}: {error.strerror}. Copy the folder again as a whole.") from error
