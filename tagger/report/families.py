"""Whether parents and children agree: what the heads say alone beside the tags, where they are decoded together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tagger.decoding import class_probabilities
from tagger.labels import Attribute, Family, LabelSpace
from tagger.report.metrics import Labels, Metrics
from tagger.report.predict import Predictions

_Answers = Mapping[str, NDArray[np.int64]]


def family_metrics(predictions: Predictions, space: LabelSpace, truth: Mapping[str, Labels]) -> list[Metrics]:
    """What `Evaluation.to_json` says of each family.

    Args:
        predictions: of N ≥ 1 products.
        truth: labels by attribute (N,), "" where unknown; an attribute may be missing.
    """
    classes = class_probabilities(predictions.scores, space)
    found = []
    for family in space.families:
        alone = {name: classes[name].argmax(axis=1) for name in family.attributes}
        tags = {name: _indices(space[name], predictions.tags[name].label) for name in family.attributes}
        found.append(
            {
                "attributes": list(family.attributes),
                "contradictions_alone": _contradicting(family, space, alone),
                "contradictions": _contradicting(family, space, tags),
                "accuracy_alone": _accuracies(space, alone, truth),
                "accuracy": _accuracies(space, tags, truth),
            }
        )
    return found


def _indices(attribute: Attribute, labels: Labels) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(attribute.classes)}
    return np.array([place[label] for label in labels], dtype=np.int64)


def _contradicting(family: Family, space: LabelSpace, answers: _Answers) -> float:
    """Share of the products whose answers are a combination that no training product showed."""
    sizes = [len(space[name].classes) for name in family.attributes]
    known = np.ravel_multi_index(tuple(family.combinations.T), sizes)
    found = np.ravel_multi_index(tuple(answers[name] for name in family.attributes), sizes)
    return float(np.mean(~np.isin(found, known)))


def _accuracies(space: LabelSpace, answers: _Answers, truth: Mapping[str, Labels]) -> dict[str, float]:
    """Accuracy of the attributes that have known labels."""
    accuracies = {}
    for name, index in answers.items():
        known = truth[name] != "" if name in truth else np.zeros(len(index), dtype=np.bool_)
        if known.any():
            labels = np.array(space[name].classes, dtype=object)[index]
            accuracies[name] = float(np.mean((labels == truth[name])[known]))
    return accuracies
