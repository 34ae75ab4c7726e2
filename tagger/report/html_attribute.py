"""The section of one attribute: its classes, its heads, its most confident mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tagger.labels import cell_values
from tagger.report.album import Album
from tagger.report.curves import (
    WHOLE,
    confusion_block,
    confusion_whole,
    precision_recall_plot,
    reliability_plot,
    support_plot,
)
from tagger.report.evaluation import AttributeEvaluation
from tagger.report.heads import heads_sentence
from tagger.report.metrics import Metrics
from tagger.report.page import Column, Fold, Gallery, Part, Photos, Plot, Row, Section, Table, Text, Thumbnail, Value
from tagger.report.tables import number
from tagger.report.verdict import give_verdict

#: Mistakes with a photo below the table of the classes.
_GALLERY = 18
_CONFUSED = 3


def attribute_section(
    name: str, judged: AttributeEvaluation, mistakes: pd.DataFrame, shown: pd.DataFrame, album: Album
) -> Section:
    """Put the section together.

    Args:
        name: of the attribute.
        judged: its figures.
        mistakes: its wrong tags, as `mistakes.confident_mistakes` gives them.
        shown: those of them whose photos belong beside the row of their class.
        album: has the photos.
    """
    parts: list[Part] = [*_plots(name, judged), *_classes(judged, shown, album), *_mistakes(mistakes, album)]
    parts += [*_confusion(name, judged), *_heads(judged)]
    return Section(name, parts, give_verdict(judged.metrics).sentence)


def _plots(name: str, judged: AttributeEvaluation) -> list[Part]:
    metrics, plots = judged.metrics, []
    if metrics["reliability"]:
        image = reliability_plot(
            metrics["reliability"], f"calibration error {number(metrics['ece'])}{_uncalibrated(metrics)}"
        )
        plots.append(
            Plot(
                image,
                alt=f"Share of right tags of {name} against their confidence",
                caption="On the dashed line, confidence means what it says; below it, the tags are too sure.",
            )
        )
    rows = _tag_rows(judged)
    image_or_none = support_plot(rows, f"{len(rows):,} classes")
    if image_or_none:
        plots.append(
            Plot(
                image_or_none,
                alt=f"F1 of each class of {name} against its number of products",
                caption="Named are the classes that are worse, or better, than others of their size.",
            )
        )
    return [Row(plots)] if plots else []


def _uncalibrated(metrics: Metrics) -> str:
    before = metrics["ece_uncalibrated"]
    return "" if before is None else f", {number(before)} before calibration"


def _tag_rows(judged: AttributeEvaluation) -> pd.DataFrame:
    """Rows of the classes as they are tagged; those of the sigmoid head where a product may have several labels."""
    rows = judged.per_class
    tags = rows[rows["head"] != "sigmoid"]
    return tags if len(tags) else rows


def _classes(judged: AttributeEvaluation, shown: pd.DataFrame, album: Album) -> list[Part]:
    rows = _tag_rows(judged)
    single = judged.confusion is not None
    confused = _confused(judged.confusion) if judged.confusion is not None else {}
    photos = {str(truth): list(found.itertuples()) for truth, found in shown.groupby("truth")}
    columns = [
        Column("class"),
        Column("F1", "number", 2, full=1.0),
        Column("precision", "number", 2, full=1.0, help="of the tags with this class, how many are right"),
        Column("recall", "number", 2, full=1.0, help="of the products of this class, how many are found"),
        Column("support", "number", help="products of this class"),
        Column("tagged", "number", help="products that were given this class"),
    ]
    if single:
        columns += [
            Column("confused with", help="share of the products of this class that was tagged so"),
            Column("most confident mistakes", "photos", help="tag and confidence"),
        ]
    table = [
        [
            *(row[key] for key in ("label", "f1", "precision", "recall", "support", "predicted")),
            *(_about_class(row["label"], confused, photos, album) if single else []),
        ]
        for row in rows.to_dict("records")
    ]
    title = "Classes" if single else "Labels of the sigmoid head at their thresholds"
    return [Table(f"{title}; a click on a heading sorts", columns, table)]


def _about_class(label: str, confused: dict[str, str], photos: dict[str, list[Any]], album: Album) -> list[Value]:
    return [confused.get(label, ""), Photos([_mistake(mistake, album) for mistake in photos.get(label, [])])]


def _mistake(mistake: Any, album: Album) -> Thumbnail:
    return album.thumbnail(mistake.id, mistake.tag, [f"{mistake.confidence:.2f}", f"id {mistake.id}"])


def _confused(counts: pd.DataFrame) -> dict[str, str]:
    """What the products of each class were wrongly tagged as, the most frequent first."""
    values = counts.to_numpy(copy=True)
    np.fill_diagonal(values, 0)
    support = counts.to_numpy().sum(axis=1)
    labels, described = list(counts.columns), {}
    for i, label in enumerate(counts.index):
        best = [j for j in np.argsort(-values[i], kind="stable")[:_CONFUSED] if values[i, j]]
        described[str(label)] = ", ".join(f"{labels[j]} {_percent(values[i, j] / support[i])}" for j in best)
    return described


def _percent(share: float) -> str:
    """Of a share of something, which is not rounded to nothing."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%" if share >= 0.005 else "<1\N{NO-BREAK SPACE}%"


def _mistakes(mistakes: pd.DataFrame, album: Album) -> list[Part]:
    if mistakes.empty:
        return [Text("No tag of this attribute is wrong.")]
    thumbnails = [
        album.thumbnail(str(m.id), _what_is_wrong(m), [f"confidence {m.confidence:.2f}", f"id {m.id}"])
        for m in mistakes.head(_GALLERY).itertuples()
    ]
    caption = "The most confident mistakes. Where the photo shows the tag, it is the catalog that is wrong."
    return [Gallery(thumbnails, caption, left_out=len(mistakes) - len(thumbnails))]


def _what_is_wrong(mistake: Any) -> str:
    truth, tags = (dict.fromkeys(cell_values(cell)) for cell in (mistake.truth, mistake.tag))
    lacking, wrong = ([v for v in a if v not in b] for a, b in ((truth, tags), (tags, truth)))
    if len(truth) < 2 and len(tags) < 2:
        return f"{mistake.truth} → {mistake.tag or 'no label'}"
    return "; ".join(f"{what} {', '.join(v)}" for what, v in (("lacks", lacking), ("wrongly", wrong)) if v)


def _confusion(name: str, judged: AttributeEvaluation) -> list[Part]:
    counts = judged.confusion
    if counts is None:
        return []
    image, drawn = confusion_block(counts, f"accuracy {judged.metrics['accuracy']:.3f}")
    which = f"the {drawn} most confused of {len(counts):,} classes" if drawn < len(counts) else f"all {drawn} classes"
    parts: list[Part] = [
        Plot(
            image,
            alt=f"Confusion matrix of {name}: {which}",
            caption=f"Where the products of a class went, in percent: {which}.",
        )
    ]
    if drawn < len(counts) <= WHOLE:
        whole = confusion_whole(counts)
        parts.append(Plot(whole, f"Confusion matrix of {name}: all classes", "All classes.", full_size=True))
    return [Fold(f"Confusion matrix of {name}", parts)]


def _heads(judged: AttributeEvaluation) -> list[Part]:
    metrics = judged.metrics
    parts: list[Part] = []
    if metrics["heads"] is not None:
        parts += [Text(heads_sentence(metrics["heads"])), _heads_table(metrics["heads"])]
    kinds = [
        (kind, f"{kind} head{', each class against the rest' if kind == 'softmax' else ''}") for kind in judged.scores
    ]
    curves = [
        Plot(
            image,
            alt=f"Precision against recall of the {title}",
            caption="Behind each name: products, average precision.",
        )
        for kind, title in kinds
        if (image := precision_recall_plot(judged.scores[kind], title))
    ]
    if curves:
        parts.append(Row(curves))
    labels = judged.per_class[judged.per_class["head"] == "sigmoid"]
    if judged.confusion is not None and len(labels):
        parts.append(Fold("Labels of the sigmoid head at their thresholds", [_label_table(labels)]))
    if not parts:
        return []
    title = "Softmax or sigmoid?" if metrics["heads"] is not None else "Precision and recall"
    return [Section(title, parts)]


def _heads_table(heads: Metrics) -> Table:
    columns = [Column("head"), Column("accuracy", "number", 3, full=1.0)]
    columns += [
        Column("where they differ", "number", 3, help="accuracy on the products on which the heads differ"),
        Column("where sigmoid decides", "number", 3, help="accuracy where the sigmoid head names exactly one class"),
        Column("macro-F1, frequent", "number", 3, help=f"{heads['common_classes']:,} classes with 10 products or more"),
        Column("macro-F1, rare", "number", 3, help=f"{heads['rare_classes']:,} classes with fewer than 10 products"),
    ]
    keys = ("accuracy", "differing_accuracy", "decided_accuracy", "macro_f1_common", "macro_f1_rare")
    rows = [[kind, *(heads[kind][key] for key in keys)] for kind in ("softmax", "sigmoid")]
    return Table("Both heads on the same products, each alone", columns, rows)


def _label_table(labels: pd.DataFrame) -> Table:
    columns = [Column("label"), Column("threshold", "number", 2)]
    columns += [Column(title, "number", 2, full=1.0) for title in ("F1", "precision", "recall", "AP")]
    columns += [Column("support", "number"), Column("tagged", "number")]
    keys = ("label", "threshold", "f1", "precision", "recall", "average_precision", "support", "predicted")
    return Table("Labels", columns, [[row[key] for key in keys] for row in labels.to_dict("records")])
