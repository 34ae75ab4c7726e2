"""The run folder: whose it is, and whether a run may start or go on in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tagger.catalog.splits import read_split, write_split
from tagger.config import Config, dump_config, load_config
from tagger.errors import TrainingError
from tagger.files import write_text
from tagger.training.start import Start, record_start

_CONFIG = "config.yaml"
_SPLIT = "split.csv"
_NAMED = 5


def holds_run(folder: Path) -> bool:
    """Whether a run was started in the folder, which can then be resumed."""
    return (folder / _CONFIG).exists()


def check_folder(folder: Path, config: Config, resume: bool) -> None:
    """Make sure that the folder is free, or holds the run to be resumed.

    Raises:
        TrainingError: it holds another run, or none to resume.
    """
    recorded = folder / _CONFIG
    if holds_run(folder) and not resume:
        raise TrainingError(f"{folder} already holds a run. Add --resume to go on with it, or choose another --out.")
    if resume and not holds_run(folder):
        raise TrainingError(f"There is no run to resume in {folder}. Leave out --resume to start one.")
    if resume and (differences := _differences(load_config(recorded), config)):
        more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
        raise TrainingError(
            f"The run in {folder} was started with other settings: {'; '.join(differences[:_NAMED])}{more}. "
            f"Resume it with --config {recorded}, or choose another --out."
        )


def claim_folder(folder: Path, config: Config, split: pd.Series, resume: bool, start: Start | None = None) -> None:
    """Write down config, split and start of a new run, or make sure that a resumed one has the same split.

    Raises:
        TrainingError: the resumed run was started with another split, or another one took the folder meanwhile.
        OutputError: the folder can't be written.
    """
    check_folder(folder, config, resume)  # again: photos were decoded since
    if not resume:
        write_split(split, folder / _SPLIT)
        record_start(start, folder)
        write_text(folder / _CONFIG, dump_config(config))  # last: from now on there is something to resume
    elif read_split(folder / _SPLIT).to_dict() != split.to_dict():
        raise TrainingError(
            f"The catalog or its split is not the one that the run in {folder} was started with. "
            f"Give the same --data, and --split {folder / _SPLIT}."
        )


def _differences(recorded: Config, wanted: Config) -> list[str]:
    """Settings that differ, such as "training.epochs was 22, is 30"."""
    before, now = _settings(recorded.model_dump(mode="json")), _settings(wanted.model_dump(mode="json"))
    return [
        f"{name} was {before.get(name, 'not set')}, is {now.get(name, 'not set')}"
        for name in before | now
        if before.get(name) != now.get(name)
    ]


def _settings(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """All settings of a section and those below it, by their dotted names."""
    settings: dict[str, Any] = {}
    for name, value in section.items():
        settings |= _settings(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return settings
