"""Compare an evaluation with an earlier report: what became better, what worse, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tagger.errors import ReportError
from tagger.labels import SEPARATOR, cell_values
from tagger.report.evaluation import Evaluation
from tagger.report.paired import Answers, Interval, paired_intervals

#: The figures that are compared.
FIGURES = ("accuracy", "macro_f1", "coverage")
_METRICS, _PREDICTIONS = "metrics.json", "predictions.csv"
_MAX_METRICS_BYTES = 64_000_000
_MAX_PREDICTIONS_BYTES = 1_000_000_000


@dataclass(frozen=True)
class EarlierReport:
    """A report that `tagger evaluate` wrote before.

    Args:
        path: as it was given.
        metrics: what its `metrics.json` holds.
        predictions: its `predictions.csv` as text, index id; None where it has none.
    """

    path: str
    metrics: dict[str, Any]
    predictions: pd.DataFrame | None


@dataclass(frozen=True)
class Change:
    """One figure before and now.

    Args:
        before, now: None where the figure is undefined.
        interval: 95 % interval of the difference, paired by product; None where the products are not the same.
    """

    before: float | None
    now: float | None
    interval: Interval | None = None

    @property
    def difference(self) -> float | None:
        """Now minus before, None where either is undefined."""
        return None if self.now is None or self.before is None else self.now - self.before

    @property
    def verdict(self) -> str:
        """ "better", "worse", "no clear change", or "" where there is no interval to tell by."""
        if self.interval is None:
            return ""
        low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "no clear change"


@dataclass(frozen=True)
class Comparison:
    """What changed since an earlier report.

    Args:
        report: path of the earlier report.
        changes: by attribute and figure; attributes that both have.
        added: attributes that the earlier report lacks.
        removed: attributes that only the earlier report has.
        notes: what a reader of the differences must know.
    """

    report: str
    changes: dict[str, dict[str, Change]]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `metrics.json` holds about it: each change with before, now, difference and interval."""
        changes = {
            name: {figure: {**asdict(change), "difference": change.difference} for figure, change in figures.items()}
            for name, figures in self.changes.items()
        }
        return {**asdict(self), "changes": changes}


def read_report(path: Path | str) -> EarlierReport:
    """Read an earlier report.

    Args:
        path: its folder, or the `metrics.json` in it.

    Raises:
        ReportError: there is none, or it can't be read.
    """
    path = Path(path)
    file = path / _METRICS if path.is_dir() else path
    if not file.is_file():
        raise ReportError(
            f"{path} is no report: expected a folder that `tagger evaluate` wrote, with {_METRICS} in it, or that file."
        )
    try:
        if file.stat().st_size > _MAX_METRICS_BYTES:
            raise ReportError(f"{file} is larger than {_MAX_METRICS_BYTES // 10**6} MB, which no report's is.")
        metrics = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"Can't read {file}: {error.strerror}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{file} is no report: it holds no JSON. Give a folder that `tagger evaluate` wrote."
        ) from error
    if not _is_report(metrics):
        raise ReportError(
            f"{file} is no report of `tagger evaluate`: expected attributes with their accuracy and macro_f1. "
            "Give a folder that it wrote; the metrics.json of a bundle is another file."
        )
    return EarlierReport(str(path), metrics, _read_predictions(file.parent / _PREDICTIONS))


def compare(evaluation: Evaluation, earlier: EarlierReport) -> Comparison:
    """Compare attribute by attribute.

    The differences have an interval where both reports hold the tags of the same products, by id.
    """
    before: dict[str, Any] = earlier.metrics["attributes"]
    shared = [name for name in evaluation.attributes if name in before]
    changes, unpaired, relabelled = {}, [], 0
    for name in shared:
        now = evaluation.attributes[name]
        pair = _pair(name, evaluation.predictions, earlier.predictions, multi_valued=now.confusion is None)
        intervals = paired_intervals(*pair) if pair else {}
        if pair:
            relabelled += int((pair[0].truth != pair[1].truth).sum())
        else:
            unpaired.append(name)
        changes[name] = {
            figure: Change(_figure(before[name], figure), _figure(now.metrics, figure), intervals.get(figure))
            for figure in FIGURES
        }
    return Comparison(
        report=earlier.path,
        changes=changes,
        added=tuple(name for name in evaluation.attributes if name not in before),
        removed=tuple(name for name in before if name not in evaluation.attributes),
        notes=_notes(evaluation, earlier, unpaired, relabelled),
    )


def _notes(evaluation: Evaluation, earlier: EarlierReport, unpaired: list[str], relabelled: int) -> tuple[str, ...]:
    notes = []
    part = earlier.metrics.get("part")
    if part != evaluation.part:
        notes.append(f"The earlier report is on another part ({part}) than this one ({evaluation.part}).")
    if unpaired:
        reason = f"it has no readable {_PREDICTIONS}" if earlier.predictions is None else "it has not the same products"
        notes.append(
            f"Plain differences without an interval for {', '.join(unpaired)}: {reason}. "
            "Small ones may well be chance, or other products."
        )
    if relabelled:
        notes.append(f"{relabelled:,} label(s) of the catalog changed since; each report is judged by its own.")
    return tuple(notes)


def _pair(
    name: str, now: pd.DataFrame, before: pd.DataFrame | None, *, multi_valued: bool
) -> tuple[Answers, Answers] | None:
    columns = [f"{name}_truth", name, f"{name}_needs_review"]
    if before is None or not set(columns) <= set(before.columns):
        return None
    judged = now[now["error"] == ""].set_index("id")[columns]
    judged = judged[judged[columns[0]] != ""]
    earlier = before[before[columns[0]] != ""][columns]
    if set(judged.index) != set(earlier.index):
        return None
    return _answers(judged, columns, multi_valued), _answers(earlier.loc[judged.index], columns, multi_valued)


def _answers(table: pd.DataFrame, columns: list[str], multi_valued: bool) -> Answers:
    truth, tags = (
        np.array([_sorted(str(cell)) if multi_valued else str(cell) for cell in table[column]], dtype=object)
        for column in columns[:2]
    )
    marked = np.array([str(cell).lower() == "true" for cell in table[columns[2]]])
    return Answers(truth, tags, marked, multi_valued)


def _sorted(cell: str) -> str:
    return SEPARATOR.join(sorted(set(cell_values(cell))))


def _figure(metrics: Mapping[str, Any], figure: str) -> float | None:
    if figure == "coverage" and figure not in metrics and metrics.get("needs_review") is not None:
        return 1 - float(metrics["needs_review"])  # older reports say the share of the others alone
    value = metrics.get(figure)
    return None if value is None else float(value)


def _is_report(metrics: Any) -> bool:
    attributes = metrics.get("attributes") if isinstance(metrics, dict) else None
    if not isinstance(attributes, dict) or not attributes:
        return False
    numbers = (int, float, type(None))
    return all(
        isinstance(values, dict)
        and {"accuracy", "macro_f1"} <= set(values)
        and all(isinstance(values.get(key), numbers) for key in (*FIGURES, "needs_review"))
        for values in attributes.values()
    )


def _read_predictions(path: Path) -> pd.DataFrame | None:
    """The tags of each product as text, or None where they can't be read."""
    try:
        if path.stat().st_size > _MAX_PREDICTIONS_BYTES:
            return None
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        judged = table[table["error"] == ""].set_index("id")
    except (OSError, ValueError, KeyError):
        return None
    return judged if judged.index.is_unique else None
