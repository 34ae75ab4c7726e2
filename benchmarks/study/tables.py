"""The tables of `benchmarks.one_vs_many`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Measured
from benchmarks.report import Cell, Table
from benchmarks.study.answers import Answers, Photos, accuracy, answers_of, at_once, majority
from benchmarks.study.catalog import StudyCatalog
from benchmarks.study.models import TYPE, Trained
from tagger.report.judge import FIVE
from tagger.report.metrics import all_at_once

#: Accuracies in percent of three networks on 142 article types, and seconds a training took, in the old study.
_PUBLISHED = (28.98, 72.45, 77.49)
_PUBLISHED_SECONDS = 880


@dataclass(frozen=True)
class Team:
    """Models that answer for the five attributes together; answers are None for those that are only added up."""

    name: str
    models: list[Trained]
    answers: Answers | None


def parts(study: StudyCatalog) -> str:
    """How many photos there are for what."""
    train, validation, test = (len(study.ids(part)) for part in ("train", "validation", "test"))
    return f"{train:,} photos to learn from, {validation:,} to stop by, {test:,} to compare on"


def comparison(teams: Sequence[Team], measured: Mapping[str, Measured], study: StudyCatalog, timed: int) -> Table:
    """Accuracy and cost of each team.

    Args:
        measured: the tagging of each team by its name, where it succeeded.
        timed: photos that it was measured on.
    """
    table = Table(
        "Accuracy and cost",
        f"{parts(study)}; near-duplicates are never on two sides. Accuracy is that on the test part, the last one that "
        f"of all five where all are known. The joint softmax model knows the {len(study.combinations)} most frequent "
        "combinations of the five and is trained on products that have one; the joint sigmoid model knows the "
        f"{len(study.labels)} most frequent labels, of which the most probable one of each attribute answers. Training "
        "is the whole command, one after the other, photos decoded before (the study that this one repeats took about "
        f"{_PUBLISHED_SECONDS} s a model); for a model that was trained elsewhere it is what the log of its run says. "
        "The bundle is its whole folder, the int8 model and the one for fine-tuning included. Tagging is of "
        f"{timed:,} decoded photos in batches of 64, one batch after the other, through all models of the row.",
        ("model", *FIVE, "all five at once", "trainings", "training, s", "model.onnx, bytes", "bundle, bytes",
         "tagging, ms a photo"),
    )  # fmt: skip
    truth = {name: study.truth("test", name) for name in FIVE}
    baseline = {name: majority(labels) for name, labels in truth.items()}
    most = (accuracy(truth[name], baseline[name]) for name in FIVE)
    table.rows.append(("most frequent label", *most, all_at_once(truth, baseline)["majority_accuracy"], *[None] * 5))
    for team in teams:
        right: list[Cell] = [None] * (len(FIVE) + 1)
        if team.answers:
            right = [*(accuracy(truth[name], team.answers[name]) for name in FIVE), at_once(truth, team.answers)]
        table.rows.append((team.name, *right, len(team.models), *_cost(team.models), _tagging(team, measured)))
    return table


def article_types(models: Iterable[Trained], study: StudyCatalog, photos: Photos) -> Table:
    """How well article types are told apart by networks that learn nothing else, and by the shared one."""
    truth = study.truth("test", TYPE)
    everywhere, here = (len({*labels} - {""}) for labels in (study.table[TYPE], truth))
    table = Table(
        "Article types",
        f"The {everywhere} values of {TYPE}, of which the test part has {here}: plain networks that learn nothing "
        "else, beside the shared model. Published for three plain networks on 142 types: "
        f"{' / '.join(f'{percent:.2f}' for percent in _PUBLISHED)} %, on another split, and without saying which of "
        "these three has which figure.",
        ("model", "accuracy", "training, s", "model.onnx, bytes", "bundle, bytes"),
        [("most frequent label", accuracy(truth, majority(truth)), None, None, None)],
    )
    for model in models:
        table.rows.append((model.name, accuracy(truth, answers_of(model.bundle, photos)[TYPE]), *_cost([model])))
    return table


def trainings(models: Iterable[Trained]) -> Table:
    """Every single training."""
    table = Table(
        "Every training",
        "Training ends early where validation has not got better for as many epochs as the config's patience.",
        ("model", "epochs", "best epoch", "training, s", "CPU time, s", "model.onnx, bytes", "bundle, bytes"),
    )
    for model in models:
        seconds, *sizes = _cost([model])
        table.rows.append((model.name, model.epochs, model.best_epoch, seconds, model.cpu, *sizes))
    return table


def _cost(models: Sequence[Trained]) -> tuple[Cell, ...]:
    """Seconds of training, bytes of model.onnx, and bytes of the bundles."""
    seconds = [model.seconds for model in models if model.seconds is not None]
    whole = sum(seconds) if len(seconds) == len(models) else None
    return whole, sum(model.model_bytes for model in models), sum(model.bundle_bytes for model in models)


def _tagging(team: Team, measured: Mapping[str, Measured]) -> Cell:
    """Milliseconds a photo; None where it failed."""
    if team.name not in measured:
        return None
    return measured[team.name].spread(lambda sample: 1000 * float(sample.values["seconds_a_photo"]))
