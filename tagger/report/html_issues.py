"""The section of labels that are likely wrong in the catalog itself."""

from __future__ import annotations

import pandas as pd

from tagger.report.album import Album
from tagger.report.evaluation import Evaluation
from tagger.report.label_issues import MODEL, TWIN
from tagger.report.page import Column, Fold, Gallery, Note, Part, Section, Table, Text, Thumbnail

#: Photos of one attribute and source.
_SHOWN = 12
_LEAD = (
    "Labels of the catalog that are worth a second look before the model is blamed. label_issues.csv holds all of them."
)
_READING = (
    "Two sources. Model: confident learning (cleanlab) compares each label with the calibrated probabilities; the "
    "score is the probability of the given label. Near-duplicate: photos that are nearly the same have different "
    "labels; the score is the share of the group with the given label. The lower the score, the more suspicious the "
    "label. The model is no judge of its own mistakes: what it never learns looks like a wrong label, too."
)


def issues_section(evaluation: Evaluation, album: Album) -> Section:
    """Put the section together."""
    issues = evaluation.label_issues
    parts: list[Part] = [*_warning(evaluation)]
    if issues.empty:
        return Section("Likely label errors", [*parts, Text("None was found.")])
    counts = issues.groupby(["attribute", "source"], sort=False).size().unstack(fill_value=0)
    columns = [
        Column("attribute"),
        Column(MODEL, "number"),
        Column(f"{MODEL}, share", "share", 1, help="of the products with a known label"),
        Column(TWIN, "number"),
    ]
    rows = [
        [
            name,
            found.get(MODEL, 0),
            found.get(MODEL, 0) / evaluation.attributes[name].metrics["support"],
            found.get(TWIN, 0),
        ]
        for name, found in ((str(name), found) for name, found in counts.iterrows())
    ]
    parts += [Table("Labels to look at", columns, rows), Text(_READING)]
    for name in counts.index:
        of_attribute = issues[issues["attribute"] == name]
        galleries = [
            _gallery(of_attribute[of_attribute["source"] == source], source, album) for source in (MODEL, TWIN)
        ]
        parts.append(Fold(f"{name}: {len(of_attribute):,}", [gallery for gallery in galleries if gallery.thumbnails]))
    return Section("Likely label errors", parts, _LEAD)


def _warning(evaluation: Evaluation) -> list[Part]:
    if not evaluation.in_sample:
        return []
    return [
        Note(
            f"The model was trained on {evaluation.in_sample:,} of these {evaluation.products:,} products, and may "
            "know their wrong labels by heart: many errors are not found. Look on products that it never saw.",
            level="warning",
        )
    ]


def _gallery(issues: pd.DataFrame, source: str, album: Album) -> Gallery:
    captions = {
        MODEL: "The model doubts these: given → suggested, and the probability of the given label.",
        TWIN: "Nearly the same photo with another label (right): given → suggested.",
    }
    thumbnails = []
    for issue in issues.head(_SHOWN).itertuples():
        title, lines = f"{issue.given} → {issue.suggested}", [f"score {issue.score:.2f}", f"id {issue.id}"]
        if source == TWIN:
            lines[-1] += f" and {issue.twin}"
            thumbnails.append(Thumbnail(album.strip([str(issue.id), str(issue.twin)]), title, lines))
        else:
            thumbnails.append(album.thumbnail(str(issue.id), title, lines))
    return Gallery(thumbnails, captions[source], left_out=len(issues) - len(thumbnails))
