"""Image, title and both side by side: how good tags are from each, on the products that have both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tagger.report import metrics
from tagger.report.metrics import Labels, Metrics
from tagger.report.tables import markdown_table, number

if TYPE_CHECKING:
    from tagger.inference import Tagger
    from tagger.inference.fusion import Inputs
    from tagger.inference.tagger import Looked

_ASKED: dict[str, Inputs] = {"image": "image", "title": "title", "both": "auto"}
ALL_AT_ONCE = "all_at_once"


class Comparison:
    """Collects the tags of the products that have a photo and a title which the model can read.

    Args:
        tagger: reads titles.
    """

    def __init__(self, tagger: Tagger) -> None:
        self.ids: list[str] = []
        self._tagger = tagger
        self._tags: dict[str, dict[str, list[str]]] = {
            name: {attribute: [] for attribute in tagger.bundle.label_space.attributes} for name in _ASKED
        }

    @property
    def labels(self) -> dict[str, dict[str, Labels]]:
        """Labels by attribute (K), by what they come from."""
        return {
            name: {attribute: np.array(labels, dtype=object) for attribute, labels in columns.items()}
            for name, columns in self._tags.items()
        }

    def add(self, looked: Looked) -> None:
        """Take in a batch."""
        has_both = [bool(titled) and not error for titled, error in zip(looked.titled, looked.errors, strict=True)]
        self.ids += [photo.id for photo, chosen in zip(looked.photos, has_both, strict=True) if chosen]
        for name, inputs in _ASKED.items():
            batch = self._tagger.answer(looked, inputs)
            answered = [chosen for chosen, used in zip(has_both, batch.inputs, strict=True) if used]
            for tags, chosen in zip(self._tagger.decode_batch(batch, top_k=1), answered, strict=True):
                for attribute, tag in tags.items() if chosen else ():
                    self._tags[name][attribute].append(tag.label)


def input_metrics(
    truth: Mapping[str, Labels],
    tags: Mapping[str, Mapping[str, Labels]],
    several: Mapping[str, bool],
    together: tuple[str, ...],
) -> Metrics:
    """Accuracy and macro-F1 of each attribute, and how often all at once are right, by what the tags come from.

    Args:
        truth: labels by attribute (K), "" where unknown; at least one of each is known.
        tags: by what they come from and attribute (K).
        several: whether an attribute may have several labels.
        together: attributes that should be right at once.
    """
    judged: Metrics = {}
    for inputs, columns in tags.items():
        judged[inputs] = {}
        for name, labels in truth.items():
            known = labels != ""
            measured = (metrics.set_metrics if several[name] else metrics.class_metrics)(
                labels[known], columns[name][known]
            )
            judged[inputs][name] = {key: measured[key] for key in ("accuracy", "macro_f1")}
        at_once = metrics.all_at_once({n: truth[n] for n in together}, {n: columns[n] for n in together})
        judged[inputs][ALL_AT_ONCE] = {"accuracy": at_once["accuracy"], "macro_f1": None}
    return judged


def input_section(inputs: Metrics, products: int) -> str:
    """The comparison as Markdown."""
    names = list(inputs["both"])
    rows = [
        [name.replace("_", " ") if name == ALL_AT_ONCE else name]
        + [number(inputs[kind][name][key]) for key in ("accuracy", "macro_f1") for kind in inputs]
        for name in names
    ]
    header = ["attribute", *(f"{kind}, {key}" for key in ("accuracy", "macro-F1") for kind in inputs)]
    return (
        "## Image, title and both\n\n"
        f"The {products:,} products that have a photo and a title which the model can read.\n\n"
        + markdown_table(header, rows)
    )
