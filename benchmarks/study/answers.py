"""What models answer on the test part, decoded to one label of each attribute, and how often that is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.catalog import COMBINATION, LABELS, StudyCatalog, joint_columns
from tagger.inference import Tagger
from tagger.labels import output_name
from tagger.report.judge import FIVE
from tagger.report.metrics import all_at_once, mean_or_none, most_frequent

#: Decoded photos, uint8 (N, H, W, 3).
Photos = NDArray[np.uint8]
#: One label a photo, (N,), "" where there is none.
Labels = NDArray[np.object_]
#: Labels by attribute.
Answers = dict[str, Labels]

_BATCH = 64


def answers_of(bundle: Path, photos: Photos) -> Answers:
    """What a model tags; at least one photo."""
    tagger = Tagger.open(bundle)
    tags = [each for batch in _batches(photos) for each in tagger.tag_pixels(batch, top_k=1)]
    return {name: np.array([each[name].label for each in tags], dtype=object) for name in tags[0]}


def combination_answers(bundle: Path, study: StudyCatalog, photos: Photos) -> Answers:
    """The joint softmax model: its combination says all five."""
    chosen = [study.combinations[label] for label in answers_of(bundle, photos)[COMBINATION]]
    return dict(zip(FIVE, np.array(chosen, dtype=object).T, strict=True))


def label_answers(bundle: Path, photos: Photos) -> Answers:
    """The joint sigmoid model: of each attribute the most probable of its labels, "" where it knows none."""
    tagger = Tagger.open(bundle)
    output = output_name(LABELS, "sigmoid")
    scores = np.concatenate([tagger.scores(batch)[output] for batch in _batches(photos)])  # (N, L)
    answers = {}
    for attribute, columns, labels in joint_columns(tagger.bundle.label_space[LABELS].labels):
        best = scores[:, columns].argmax(axis=1) if columns else None
        names = np.array(labels, dtype=object)
        answers[attribute] = np.full(len(scores), "", dtype=object) if best is None else names[best]
    return answers


def majority(labels: Labels) -> Labels:
    """The most frequent label for every photo."""
    known = labels[labels != ""]
    return np.full(len(labels), most_frequent(known) if len(known) else "", dtype=object)


def accuracy(truth: Labels, answers: Labels) -> float | None:
    """Share of right answers among the photos whose label is known; None where none is."""
    known = truth != ""
    return mean_or_none(truth[known] == answers[known])


def at_once(truth: Mapping[str, Labels], answers: Answers) -> float | None:
    """How often all answers are right at once, among the photos of which all labels are known."""
    return cast("float | None", all_at_once(truth, answers)["accuracy"])


def _batches(photos: Photos) -> Iterator[Photos]:
    return (photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH))
