"""What an evaluation found out, and how it reads as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from tagger._version import __version__
from tagger.config import HeadKind, PhotoConfig
from tagger.report.heads import HeadScores
from tagger.report.metrics import Metrics, mean_or_none

if TYPE_CHECKING:
    from tagger.report.compare import Comparison

#: What is said of a label that is likely wrong, see `label_issues`.
ISSUE_COLUMNS = ("id", "image", "attribute", "given", "suggested", "score", "source", "twin")


@dataclass(frozen=True)
class AttributeEvaluation:
    """How well one attribute is tagged.

    Args:
        metrics: what `metrics.json` holds about it, see `Evaluation.to_json`.
        per_class: one row a class and one row a label of the sigmoid head; columns `metrics.ROW_COLUMNS`.
        confusion: counts of truth (rows) against tag (columns); None where a product may have several labels.
        scores: of each head, for curves.
    """

    metrics: Metrics
    per_class: pd.DataFrame
    confusion: pd.DataFrame | None
    scores: Mapping[HeadKind, HeadScores] = field(default_factory=dict, repr=False)


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
        label_issues: labels of the catalog that are likely wrong, one row each; columns ISSUE_COLUMNS.
        in_sample: how many of the products the model was trained on.
        comparison: what changed since an earlier report, where one was given.
        photo: the size at which the model sees the photos.
        card: the facts of the model's card, see `card.render_card`; empty where nothing is known of the model.
        families: how parents and children agree.
        not_a_product: share of the products that look like none; None where the bundle can't tell.
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
    label_issues: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(ISSUE_COLUMNS)))
    in_sample: int = 0
    comparison: Comparison | None = None
    photo: PhotoConfig = field(default_factory=PhotoConfig)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)
    families: list[Metrics] = field(default_factory=list)
    not_a_product: float | None = None
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
        label_issues            number of labels that are likely wrong, see label_issues.csv
        comparison              with an earlier report, see `compare.Comparison`; null where none was given
        all_at_once             attributes, support, accuracy, majority_accuracy (of the most frequent combination)
        not_a_product           share of the products that look like none of the catalog; all their tags need review
        families                of each family of parents and children:
            attributes          parents before children
            contradictions_alone, contradictions      share of the products whose most probable classes are a
                                combination that training never showed, of the heads alone and of the tags
            accuracy_alone, accuracy                  by attribute, of the heads alone and of the tags
        attributes.NAME
            support, missing    products with and without a known label; the latter are not judged
            classes             labels that the averages go over: those in the truth or the tags of this part
            primary_head        the head that tags are answered from
            accuracy, macro_f1, macro_f1_support_10 (classes with 10 products or more), weighted_f1
            top_3_accuracy      the label is among the tag and its two runners-up; null where a product may have several
            majority_accuracy, majority_macro_f1      of the most frequent label, given to every product
            ece                 expected calibration error, 15 bins (Guo et al. 2017)
            ece_uncalibrated    the same of what would be answered with the scores as the network gives them
            reliability         the bins that hold products: mean confidence, accuracy, products
            target_precision    what tags without a mark were to reach; `tagger evaluate --target-precision` changes it
            needs_review, coverage                    share of tags marked for review, and of the others
            accepted_accuracy   accuracy of those without a mark: the precision really reached
            accuracy_interval, macro_f1_interval, coverage_interval, accepted_accuracy_interval
                                [low, high] of 95 %, by drawing products anew; null where undefined
            unknown_labels      labels that the model doesn't know → products; such a product is always tagged wrongly
            softmax             the head alone: accuracy, top_3_accuracy, macro_f1, ece; null without such a head
            sigmoid             the head at its thresholds: support, labels, subset_accuracy, hamming_loss, micro_f1,
                                macro_f1, mean_average_precision; null without such a head
            heads               both heads on the same products, see `heads.compare_heads`; null without two heads
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
            "not_a_product": self.not_a_product,
            "families": self.families,
            "attributes": judged,
            "label_issues": len(self.label_issues),
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            **({"inputs": self.inputs} if self.inputs else {}),
        }
