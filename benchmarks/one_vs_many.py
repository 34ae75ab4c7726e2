"""One model for all attributes against one model for each: the study that this toolkit replaces, once more.

It trained a plain network for each of five attributes with a softmax head, for each with a sigmoid head, and two joint
ones: a softmax over combinations of the five, and a sigmoid head over their labels. Here they get the same photos, the
same split and the same number of epochs as the shared model, on one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Contender, Measured, Say, job, run_rounds
from benchmarks.report import Report
from benchmarks.study.answers import Answers, Photos, answers_of, combination_answers, label_answers
from benchmarks.study.catalog import COMBINATION, LABELS, StudyCatalog, prepare_study
from benchmarks.study.models import (
    HEADS,
    SHARED,
    TYPE,
    Model,
    Trained,
    shared_config,
    shared_model,
    single_key,
    train_model,
    trained_before,
    twelve_models,
    type_models,
)
from benchmarks.study.tables import Team, article_types, comparison, parts, trainings
from tagger.bundle import Bundle
from tagger.errors import BundleError
from tagger.report.judge import FIVE

#: The team that the study is about.
_ONE = "one model for all"


@dataclass(frozen=True)
class Sizes:
    """Epochs of each training, and test photos whose tagging is timed."""

    epochs: int
    timed: int


FULL = Sizes(epochs=15, timed=1024)
SHORT = Sizes(epochs=2, timed=256)


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Args:
        data: the catalog.
        model: run folder or bundle of a shared model that is trained already; None: it is trained, too.
        photos: most photos to learn from; None: all of the train part.
        epochs: of each training; None: what `Sizes` says.
        work: where trained models are kept, and found again.
    """

    data: Path
    model: Path | None
    photos: int | None
    epochs: int | None
    work: Path


def measure_one_vs_many(options: Options, sizes: Sizes, rounds: int, say: Say, report: Report) -> None:
    """Fill the report."""
    bundle = _open(options.model) if options.model else None
    epochs = options.epochs or sizes.epochs
    config = bundle.config if bundle else shared_config(epochs)
    say("reading the catalog, and decoding its photos where there is no cache of them yet")
    study = prepare_study(options.data, config, bundle.split if bundle else None, options.photos, options.work)
    say(f"{parts(study)}; trained models are kept in {study.folder}")
    types = type_models(config, epochs)
    models = twelve_models(config, epochs) | types
    if not bundle:
        models[SHARED] = shared_model(config)
    trained = _train(models, study, say, report)
    if bundle:
        trained[SHARED] = trained_before(f"shared model, {config.network.trunk}", bundle.path, report.notes)
        _note_other_photos(bundle, study, report.notes)
    say("tagging the test part")
    photos = study.photos("test")
    teams = _teams(trained, study, photos)
    np.save(study.folder / "timed.npy", photos[: sizes.timed])
    measured = _time(teams, study.folder / "timed.npy", rounds, say, report)
    report.tables += [
        comparison(teams, measured, study, min(sizes.timed, len(photos))),
        article_types([trained[key] for key in (*types, SHARED) if key in trained], study, photos),
        trainings(trained.values()),
    ]


def _open(path: Path) -> Bundle:
    bundle = Bundle.open(path.resolve())
    space = bundle.label_space
    if lacking := [name for name in (*FIVE, TYPE) if name not in space.attributes or space[name].multi_valued]:
        raise BundleError(
            f"{bundle.path} can't be compared: expected a model that tags {', '.join(FIVE)} and {TYPE} with one label "
            f"each, but it does not so tag {', '.join(lacking)}. Leave out --model to have one trained."
        )
    if bundle.split is None:
        raise BundleError(
            f"{bundle.path} holds no split.csv, so nobody knows what it was trained on. Leave out --model to have a "
            "model trained."
        )
    return bundle


def _note_other_photos(bundle: Bundle, study: StudyCatalog, notes: list[str]) -> None:
    """Say so where the shared model learned from more photos than the others."""
    theirs = len(study.ids("train"))
    ours = sum(part == "train" and id_ in study.cache.rows for id_, part in (bundle.split or {}).items())
    if ours != theirs:
        notes.append(f"{_ONE} was trained on {ours:,} photos, the others on {theirs:,} of these.")


def _train(models: Mapping[str, Model], study: StudyCatalog, say: Say, report: Report) -> dict[str, Trained]:
    trained = {}
    for number, (key, model) in enumerate(models.items(), start=1):
        say(f"training {number} of {len(models)}: {model.name}")
        if done := train_model(model, study, say, report):
            trained[key] = done
    return trained


def _teams(trained: Mapping[str, Trained], study: StudyCatalog, photos: Photos) -> list[Team]:
    """All whose members were trained, the shared model last."""
    keys = {head: [single_key(name, head) for name in FIVE] for head in HEADS}
    ten = [key for each in keys.values() for key in each]
    members = {f"five {head} models": keys[head] for head in HEADS}
    members |= {"joint softmax model": [COMBINATION], "joint sigmoid model": [LABELS]}
    members |= {"ten models": ten, "twelve models": [*ten, COMBINATION, LABELS], _ONE: [SHARED]}
    present = {name: keys for name, keys in members.items() if all(key in trained for key in keys)}
    return [
        Team(name, [trained[key] for key in keys], _answers(keys, [trained[key].bundle for key in keys], study, photos))
        for name, keys in present.items()
    ]


def _answers(keys: Sequence[str], bundles: Sequence[Path], study: StudyCatalog, photos: Photos) -> Answers | None:
    """None for the totals: more models than one answer for an attribute there."""
    if len(keys) > len(FIVE):
        return None
    if keys == [COMBINATION]:
        return combination_answers(bundles[0], study, photos)
    if keys == [LABELS]:
        return label_answers(bundles[0], photos)
    return {name: labels for bundle in bundles for name, labels in answers_of(bundle, photos).items()}


def _time(teams: Sequence[Team], photos: Path, rounds: int, say: Say, report: Report) -> dict[str, Measured]:
    """Time each team on decoded photos, in turns."""
    contenders = [
        Contender(f"tagging: {team.name}", job("tag_decoded", photos, *(model.bundle for model in team.models)))
        for team in teams
    ]
    measured = run_rounds(contenders, rounds, say)
    report.took(measured)
    return {team.name: each for team, each in zip(teams, measured, strict=True) if not each.error}
