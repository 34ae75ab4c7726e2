"""The contenders: their configs, and their training with `tagger train`, each in a process of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Contender, ContenderError, Measured, Sample, Say, run_once, tagger
from benchmarks.report import Report
from benchmarks.study.catalog import COMBINATION, LABELS, StudyCatalog
from tagger.config import Config, dump_config, load_config, parse_config
from tagger.files import make_folder, write_json, write_text
from tagger.report.judge import FIVE

TYPE = "articleType"
SHARED, BASELINE, VARIANTS = "fashion", "cnn_baseline", ("cnn_baseline", "cnn_gap", "cnn_deep")
HEADS = ("softmax", "sigmoid")
_SAMPLE = "sample.json"
#: What the log of a training says.
_WROTE = re.compile(r"Wrote .* after (\d+) s$", re.MULTILINE)
_BEST = re.compile(r"Best epoch: (\d+)$", re.MULTILINE)
_RESUMED = "Resuming after epoch"


@dataclass(frozen=True)
class Model:
    """What is trained: its name in the report, its key, and its settings."""

    name: str
    key: str
    config: Config

    def folder(self, study: StudyCatalog) -> Path:
        """Where its run goes: other settings have another folder."""
        digest = hashlib.sha256(dump_config(self.config).encode()).hexdigest()
        return study.folder / f"{self.key}-{digest[:12]}"


@dataclass(frozen=True)
class Trained:
    """A model after its training.

    Args:
        name: as the report calls it.
        bundle: its folder.
        seconds: that the training took; None, as for all that follows, where nobody knows.
        cpu: seconds of CPU that it took.
        epochs: that it was trained for.
        best_epoch: the epoch whose weights it has.
    """

    name: str
    bundle: Path
    seconds: float | None
    cpu: float | None
    epochs: int | None
    best_epoch: int | None

    @property
    def model_bytes(self) -> int:
        """Size of model.onnx."""
        return (self.bundle / "model.onnx").stat().st_size

    @property
    def bundle_bytes(self) -> int:
        """Size of all its files."""
        return sum(path.stat().st_size for path in self.bundle.rglob("*") if path.is_file())


def shared_config(epochs: int) -> Config:
    """Settings of the shared model where none is given that is trained already."""
    return load_config(ROOT / "configs" / f"{SHARED}.yaml", [f"training.epochs={epochs}"])


def shared_model(config: Config) -> Model:
    """One model for all attributes."""
    return Model(f"shared model, {config.network.trunk}", "shared", _in_study(config))


def twelve_models(like: Config, epochs: int) -> dict[str, Model]:
    """The models of the old study by key: one an attribute and head, and the two joint ones.

    Args:
        like: settings of the shared model: all see photos of its size.
        epochs: of each training.
    """
    base = _baseline(BASELINE, like, epochs)
    models = [
        Model(f"{name}, {head}", single_key(name, head), _only(base, name, head)) for head in HEADS for name in FIVE
    ]
    joint = {
        COMBINATION: ("joint softmax, combinations of the five", "softmax"),
        LABELS: ("joint sigmoid, labels of the five", "sigmoid"),
    }
    models += [Model(name, column, _only(base, column, head)) for column, (name, head) in joint.items()]
    return {model.key: model for model in models}


def single_key(attribute: str, head: str) -> str:
    """Key of the model of one attribute and head."""
    return f"{attribute}_{head}"


def type_models(like: Config, epochs: int) -> dict[str, Model]:
    """The plain networks on article types alone, by trunk."""
    configs = {name: _only(_baseline(name, like, epochs), TYPE, "softmax") for name in VARIANTS}
    return {name: Model(f"{TYPE}, {name}", f"{TYPE}_{name}", config) for name, config in configs.items()}


def train_model(model: Model, study: StudyCatalog, say: Say, report: Report) -> Trained | None:
    """Train a model, unless that was done before; None where it failed, which the report then says.

    A training that was interrupted starts anew: its time would be wrong otherwise.
    """
    run = model.folder(study)
    settings = study.folder / f"{run.name}.yaml"
    command = tagger("train", "--config", settings, "--data", study.file, "--split", study.split_file, "--out", run)
    contender = Contender(model.name, command, len(study.ids("train")))
    measured = Measured(contender)
    if before := _finished(run):
        say(f"trained before, in {run}")
        measured.samples = [before]
    else:
        make_folder(study.folder)
        shutil.rmtree(run, ignore_errors=True)
        write_text(settings, dump_config(model.config))
        try:
            measured.samples = [run_once(contender)]
            write_json(run / _SAMPLE, asdict(measured.samples[0]))  # last: from now on it is finished
        except ContenderError as error:
            measured.error = str(error)
            say(f"failed: {model.name}: {error}")
    if not report.took([measured]):
        return None
    (sample,) = measured.samples
    return Trained(model.name, run / "bundle", sample.wall, sample.cpu, *_epochs(run))


def trained_before(name: str, bundle: Path, notes: list[str]) -> Trained:
    """A model that was trained elsewhere; how long that took is in the run folder, if its bundle still lies there."""
    seconds, note = _logged_seconds(bundle.parent)
    notes += [note] if note else []
    return Trained(name, bundle, seconds, None, *_epochs(bundle.parent))


def _baseline(trunk: str, like: Config, epochs: int) -> Config:
    config = load_config(ROOT / "configs" / f"{trunk}.yaml", [f"training.epochs={epochs}"])
    return config.model_copy(update={"photo": like.photo})


def _only(config: Config, column: str, head: str) -> Config:
    """The same with a single attribute and head."""
    settings = config.model_dump(mode="json")
    attribute: dict[str, Any] = settings["attributes"].get(column, {"min_count": 1})
    settings["attributes"] = {column: attribute | {"heads": head, "primary": head, "parent": None}}
    return _in_study(parse_config(settings, f"the study's settings for {column}"))


def _in_study(config: Config) -> Config:
    """The same on the study's catalog, which is cleaned already, and without flags."""
    settings = config.model_dump(mode="json")
    settings["catalog"] = {"layout": "table"}
    settings["flags"] |= {"columns": []}
    return parse_config(settings, "the study's settings")


def _finished(run: Path) -> Sample | None:
    """How a training went that came to its end."""
    try:
        return Sample(**json.loads((run / _SAMPLE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _logged_seconds(run: Path) -> tuple[float | None, str]:
    """How long a run took, and what is to be said of that figure."""
    log = _log(run)
    wrote = _WROTE.findall(log)
    if len(wrote) == 1 and _RESUMED not in log:
        return float(wrote[0]), ""
    if seconds := [float(row["seconds"]) for row in _history(run) if row.get("seconds")]:
        return sum(seconds), f"{run} was interrupted: its training time is that of its epochs, without validation."
    return None, f"{run} holds no log of a finished run: its training time is not known."


def _epochs(run: Path) -> tuple[int | None, int | None]:
    """How many epochs a run was trained for, and which of them was the best."""
    best = _BEST.findall(_log(run))
    return len(_history(run)) or None, int(best[-1]) if best else None


def _log(run: Path) -> str:
    try:
        return (run / "train.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _history(run: Path) -> list[dict[str, str]]:
    try:
        with (run / "history.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError:
        return []
