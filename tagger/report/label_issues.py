"""Labels of the catalog that are likely wrong: the model is sure of another, or a nearly equal photo has another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from tagger.catalog.cache import perceptual_hashes
from tagger.catalog.duplicates import group_near_duplicates
from tagger.catalog.parallel import decode_photos
from tagger.config import PhotoConfig
from tagger.decoding import class_probabilities
from tagger.labels import Attribute, LabelSpace, class_index
from tagger.report.evaluation import ISSUE_COLUMNS
from tagger.report.metrics import Labels
from tagger.report.predict import Predictions

MODEL, TWIN = "model", "near-duplicate"
#: Photos that are hashed at once.
_CHUNK = 1024


def label_issues(
    predictions: Predictions,
    images: Sequence[str],
    truth: dict[str, Labels],
    space: LabelSpace,
    groups: NDArray[np.int64],
) -> pd.DataFrame:
    """List the labels that are likely wrong, the most suspicious of each attribute and source first.

    Two sources: "model" is confident learning (Northcutt, Jiang, Chuang: Confident Learning, JAIR 2021) as cleanlab
    has it, on the calibrated probabilities of attributes with one label a product; "near-duplicate" are products whose
    photos are nearly the same but whose labels are not, any attribute.

    Args:
        predictions: of N products.
        images: path of each product's photo (N).
        truth: labels by attribute (N,), "" where missing.
        space: what the model knows.
        groups: near-duplicate group of each product, int64 (N,).

    Returns:
        Columns ISSUE_COLUMNS. `given` is the catalog's label, `suggested` the likelier one. `score` is low where the
        given label is unlikely: its probability ("model"), or its share of the group ("near-duplicate"). `twin` is the
        product of the group that has the suggested label, "" for the model's.
    """
    probabilities = class_probabilities(predictions.scores, space)
    found = []
    for name, labels in truth.items():
        attribute, scores = space[name], probabilities.get(name)
        if scores is not None:
            found += _by_model(attribute, labels, scores)
        found += _by_twins(attribute, labels, groups, scores)
    rows = [
        (predictions.ids[row], images[row], *rest, predictions.ids[twin] if twin >= 0 else "")
        for row, *rest, twin in found
    ]
    return pd.DataFrame(rows, columns=list(ISSUE_COLUMNS))


def near_duplicate_groups(images: Iterable[Path | str], photo: PhotoConfig, distance: int) -> NDArray[np.int64]:
    """Number the near-duplicate groups of photos, int64 (N,); one that can't be read is a group of its own.

    Args:
        images: paths of the photos (N).
        photo: the size at which they are compared, that of the bundle.
        distance: see `catalog.duplicates.group_near_duplicates`.
    """
    hashes: list[NDArray[np.uint64]] = []
    chunk: list[NDArray[np.uint8]] = []
    readable: list[bool] = []
    for decoded in decode_photos(images, photo):
        readable.append(isinstance(decoded, np.ndarray))
        if isinstance(decoded, np.ndarray):
            chunk.append(decoded)
        if len(chunk) == _CHUNK:
            hashes.append(perceptual_hashes(np.stack(chunk)))
            chunk = []
    if chunk:
        hashes.append(perceptual_hashes(np.stack(chunk)))
    groups = np.arange(len(readable), dtype=np.int64) + len(readable)
    if hashes:
        groups[np.array(readable)] = group_near_duplicates(np.concatenate(hashes), distance)
    return groups


_Found = tuple[int, str, str, str, float, str, int]


def _by_model(attribute: Attribute, labels: Labels, scores: NDArray[np.float32]) -> list[_Found]:
    """Rows, attribute, given, suggested, score, source, twin of what confident learning finds."""
    truth = class_index(attribute, pd.DataFrame({attribute.name: labels}))
    known = np.flatnonzero(truth >= 0)
    if len(np.unique(truth[known])) < 2:
        return []
    given, known_scores = truth[known], scores[known]
    # Off the diagonal of the confident joint: the only rule that also takes classes with one product, or with none.
    order = find_label_issues(
        given, known_scores, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    others = known_scores.copy()
    others[np.arange(len(given)), given] = -1
    suggested = others.argmax(axis=1)
    return [
        (
            int(known[i]), attribute.name, attribute.classes[given[i]], attribute.classes[suggested[i]],
            float(known_scores[i, given[i]]), MODEL, -1,
        )
        for i in order
    ]  # fmt: skip


def _by_twins(
    attribute: Attribute, labels: Labels, groups: NDArray[np.int64], scores: NDArray[np.float32] | None
) -> list[_Found]:
    """The same of near-duplicate groups with more than one label.

    The label of most products of the group is suggested for the others; of equally frequent ones the one that the
    model finds likelier for the photos of the group, else the first in the alphabet.
    """
    found = []
    known = np.flatnonzero(labels != "")
    for rows in _members(known, groups):
        names, counts = np.unique(labels[rows], return_counts=True)
        if len(names) < 2:
            continue
        liking = [_liking(attribute, name, scores, rows) for name in names]
        best = max(range(len(names)), key=lambda i: (counts[i], liking[i], -i))
        twin = next(int(row) for row in rows if labels[row] == names[best])
        shares = dict(zip(names, counts / len(rows), strict=True))
        found += [
            (int(row), attribute.name, str(labels[row]), str(names[best]), float(shares[labels[row]]), TWIN, twin)
            for row in rows
            if labels[row] != names[best]
        ]
    return sorted(found, key=lambda issue: issue[4])


def _liking(attribute: Attribute, label: str, scores: NDArray[np.float32] | None, rows: NDArray[np.int64]) -> float:
    if scores is None or label not in attribute.classes:
        return 0.0
    return float(scores[rows, attribute.classes.index(label)].mean())


def _members(rows: NDArray[np.int64], groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each group that has several of them."""
    ordered = rows[np.argsort(groups[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[ordered])) + 1
    return [part for part in np.split(ordered, starts) if len(part) > 1]
