"""From raw outputs to calibrated scores, and from these to tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.decoding import EMBEDDING, Outputs, Scores, choose_classes, class_probabilities, probabilities
from tagger.inference.answers import multi_tags, ranked, single_tags
from tagger.inference.tags import Tag
from tagger.labels import output_name
from tagger.similarity import SIMILARITY

#: Beside the scores of the heads, where the bundle can tell: see `Novelty.scores`.
NOVELTY = "novelty"
#: Likewise: see `Tagged.gallery_embedding`.
GALLERY_EMBEDDING = "gallery_embedding"


class TagDecoder:
    """Says what outputs mean that all come from the same inputs: photos, titles, or both.

    Args:
        bundle: whose outputs they are.
        calibration: how sure they are, coming from these inputs.
        target_precision: share of right tags among those without a mark; None: what the bundle was made for.
    """

    def __init__(self, bundle: Bundle, calibration: Calibration, target_precision: float | None) -> None:
        self.calibration = calibration
        self._space = bundle.label_space
        self._novelty = bundle.novelty
        self._review = calibration.review
        if target_precision is not None:
            self._review = {name: calibration.review_at(name, target_precision) for name in self._space.attributes}

    def scores(self, outputs: Outputs) -> dict[str, NDArray[np.float32]]:
        """Calibrated probabilities of raw outputs; with an embedding among these also what `Tagger.scores` names."""
        scores = probabilities(outputs, self._space, self.calibration)
        if EMBEDDING in outputs:
            scores[EMBEDDING] = outputs.get(SIMILARITY, outputs[EMBEDDING])
            scores[GALLERY_EMBEDDING] = outputs.get(GALLERY_EMBEDDING, scores[EMBEDDING])
            if self._novelty is not None:
                scores[NOVELTY] = self._novelty.scores(outputs[EMBEDDING])[:, None]
        return scores

    def decode(self, scores: Scores, top_k: int) -> list[dict[str, Tag]]:
        """Tags by attribute of each product, see `Tagger.decode`."""
        classes = class_probabilities(scores, self._space)
        chosen = choose_classes(classes, self._space)
        columns: dict[str, list[Tag]] = {}
        for name, attribute in self._space.attributes.items():
            review = self._review.get(name, 0.0)
            if attribute.multi_valued:
                limits, scale = self.calibration.limits(name, attribute.labels), self.calibration.sets.get(name)
                p = scores[output_name(attribute, "sigmoid")]
                columns[name] = multi_tags(attribute.labels, p, limits, top_k, review, scale)
            else:
                columns[name] = single_tags(attribute.classes, classes[name], chosen[name], top_k, review)
        tags = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for row in np.flatnonzero(scores[NOVELTY][:, 0] > 1) if NOVELTY in scores else ():
            tags[row] = {name: replace(tag, needs_review=True) for name, tag in tags[row].items()}
        return tags

    def other_heads(self, scores: Scores, top_k: int) -> list[dict[str, dict[str, float]]]:
        """For each product, the most probable labels of every head that is not the primary one, by output name."""
        others = {
            output.name: map(dict, ranked(output.values, scores[output.name], top_k))
            for output in self._space.outputs()
            if output.head != output.attribute.primary
        }
        count = len(next(iter(scores.values())))
        return [{name: next(labels) for name, labels in others.items()} for _ in range(count)]
