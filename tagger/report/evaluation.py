"""What an evaluation found out, and how it reads as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from tagger._version import __version__
from tagger.report.metrics import Metrics, mean_or_none


@dataclass(frozen=True)
class AttributeEvaluation:
    """How well one attribute is tagged.

    Args:
        metrics: what `metrics.json` holds about it, see `Evaluation.to_json`.
        per_class: one row a class and one row a label of the sigmoid head; columns `metrics.ROW_COLUMNS`.
        confusion: counts of truth (rows) against tag (columns); None where a product may have several labels.
    """

    metrics: Metrics
    per_class: pd.DataFrame
    confusion: pd.DataFrame | None


@dataclass(frozen=True)
class Evaluation:
    """A model judged on one part of a catalog.

    Args:
        part: "train", "validation", "test" or "all".
        attributes: by name, in the order of the bundle; those without a known label are left out.
        all_at_once: how often all tags of a product are right.
        predictions: one row a product: id, image, then per attribute truth, tag, confidence and mark, last error.
        problems: why a product's photo could not be read, by id; such products are not judged.
        notes: what a reader of the figures must know.
        bundle: names the model.
        command: the command that made it, "" where it was no command.
        inputs: how good tags are from image, title and both, see `to_json`; None where titles are not read.
        compared: number of products that this was found out on.
    """

    part: str
    attributes: dict[str, AttributeEvaluation]
    all_at_once: Metrics
    predictions: pd.DataFrame
    problems: dict[str, str]
    notes: tuple[str, ...]
    bundle: str
    command: str = ""
    inputs: Metrics | None = None
    compared: int = 0

    @property
    def products(self) -> int:
        """Number of products that were judged."""
        return len(self.predictions) - len(self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return what `metrics.json` holds. The keys are stable; a share of nothing is null.

        part, products, unreadable, bundle, tagger_version, command, notes
        mean_macro_f1           mean of the attributes' macro_f1
        all_at_once             attributes, support, accuracy, majority_accuracy (of the most frequent combination)
        attributes.NAME
            support, missing    products with and without a known label; the latter are not judged
            classes             labels that the averages go over: those in the truth or the tags of this part
            primary_head        the head that tags are answered from
            accuracy, macro_f1, macro_f1_support_10 (classes with 10 products or more), weighted_f1
            top_3_accuracy      the label is among the tag and its two runners-up; null where a product may have several
            majority_accuracy, majority_macro_f1      of the most frequent label, given to every product
            ece                 expected calibration error, 15 bins (Guo et al. 2017)
            needs_review, accepted_accuracy           share of tags marked for review; accuracy of the others
            unknown_labels      labels that the model doesn't know → products; such a product is always tagged wrongly
            softmax             the head alone: accuracy, top_3_accuracy, macro_f1, ece; null without such a head
            sigmoid             the head at its thresholds: support, labels, subset_accuracy, hamming_loss, micro_f1,
                                macro_f1, mean_average_precision; null without such a head
        inputs.KIND             only where the model reads titles: KIND is image, title or both, each judged on the
                                products that have both; by attribute, and for all_at_once: accuracy, macro_f1
        """
        judged = {name: attribute.metrics for name, attribute in self.attributes.items()}
        return {
            "part": self.part,
            "products": self.products,
            "unreadable": len(self.problems),
            "bundle": self.bundle,
            "tagger_version": __version__,
            "command": self.command,
            "notes": list(self.notes),
            "mean_macro_f1": mean_or_none([values["macro_f1"] for values in judged.values()]),
            "all_at_once": self.all_at_once,
            "attributes": judged,
            **({"inputs": self.inputs} if self.inputs else {}),
        }
