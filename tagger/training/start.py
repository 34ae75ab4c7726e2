"""A run that starts from a bundle instead of from scratch: its settings, and what the run folder keeps of it.

The weights themselves are in `weights.py`: this module needs no Keras.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tagger.bundle import Bundle
from tagger.catalog.table import Catalog
from tagger.errors import BundleError, TrainingError
from tagger.files import write_json
from tagger.own_products import learned_products

_FILE = "start.json"
#: What suits a few hundred photos: small batches and many epochs for enough steps, photos that are changed more than
#: usual since each comes so often, and AdamW, whose steps are cheap where batches are small.
_TRAINING = {
    "epochs": 100,
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "warmup_epochs": 2.0,
    "ema": 0.98,
    "patience": 0,
    "augmentation": {"shift": 0.15, "scale": 0.25, "brightness": 0.3, "contrast": 0.3},
}


def start_settings(bundle: Bundle) -> dict[str, Any]:
    """Settings of a run that starts from a bundle, where config and command line don't say otherwise.

    Photo size and network are those of the bundle; the training is one for a few hundred photos.
    """
    photo, network = bundle.photo, bundle.config.network
    return {
        "photo": {"height": photo.height, "width": photo.width},
        "network": {"trunk": network.trunk, "embedding": network.embedding, "dropout": network.dropout},
        "training": copy.deepcopy(_TRAINING),
    }


@dataclass(frozen=True)
class Start:
    """Where a run starts from.

    Args:
        model: absolute path of the bundle, or name of a shipped one.
        id: `Bundle.id` of that bundle.
    """

    model: str
    id: str

    @classmethod
    def at(cls, model: Path | str) -> Start:
        """Start from a bundle, or a shipped one by its name.

        Raises:
            BundleError: there is none, or it can't be read.
        """
        path = Path(model)
        return cls(str(path.resolve() if path.exists() else path), Bundle.open(model).id)

    def open(self) -> Bundle:
        """The bundle.

        Raises:
            BundleError: it is gone.
            TrainingError: another one is in its place.
        """
        bundle = Bundle.open(self.model)
        if bundle.id != self.id:
            raise TrainingError(
                f"The bundle {self.model} is not the one any more that the run was started from. Put that one back, or "
                "choose another --out."
            )
        return bundle

    def learned(self, catalog: Catalog) -> frozenset[str]:
        """Ids of the products of a catalog that the bundle was trained on; none where it doesn't say, or is gone.

        Only a run that is resumed may find it gone; it compares its split with the recorded one anyway.
        """
        try:
            return frozenset(learned_products(self.open(), catalog))
        except (BundleError, TrainingError):
            return frozenset()


def record_start(start: Start | None, folder: Path) -> None:
    """Write down in the folder of a new run where it starts from."""
    if start:
        write_json(folder / _FILE, asdict(start))
    else:
        (folder / _FILE).unlink(missing_ok=True)  # of a run that never got as far as its config


def recorded_start(folder: Path) -> Start | None:
    """Where the run in a folder started from; None: from scratch.

    Raises:
        TrainingError: the note is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        start = json.loads(path.read_text(encoding="utf-8"))
        return Start(str(start["model"]), str(start["id"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} can't be read ({error!r}). Delete the folder {folder} and train again.") from error


def find_start(model: Path | None, folder: Path, resume: bool) -> Start | None:
    """Where a run starts from, or started from if it is resumed; None: from scratch.

    Args:
        model: what --from says.
        folder: the run folder.
        resume: the run in it is to be resumed.

    Raises:
        BundleError: there is no bundle, or it can't be read.
        TrainingError: the run was started from another bundle, or from scratch.
    """
    wanted = Start.at(model) if model is not None else None
    if not resume:
        return wanted
    recorded = recorded_start(folder)
    if wanted and (recorded is None or recorded.id != wanted.id):
        before = f"from another network, {recorded.model}" if recorded else "from scratch"
        step = f"Give --from {recorded.model}" if recorded else "Leave out --from"
        raise TrainingError(
            f"The run in {folder} was started {before}, not from {model}. {step} to go on with it, or "
            "choose another --out."
        )
    return recorded
