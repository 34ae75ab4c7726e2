"""Choose which labels of each attribute stay: frequent ones, with rare ones dropped, merged or kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pandas as pd

from tagger.catalog.cells import JOINT
from tagger.catalog.table import IMAGE, Catalog, CleaningReport, Finding
from tagger.config import AttributeConfig
from tagger.errors import CatalogError, did_you_mean

#: The label that `rare: merge` gives.
OTHER = "Other"


@dataclass
class _Removed:
    """What happened to the rare labels of one attribute: label → products, and the ids of products concerned."""

    labels: Counter[str] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def clean_labels(catalog: Catalog, attributes: dict[str, AttributeConfig]) -> Catalog:
    """Apply `min_count`, `top` and `rare` of each attribute.

    A label counts once for each product that has it; a cell with several values counts for each. A rare label is taken
    out of its cell; with `rare: drop` a product whose cell has nothing left is dropped, with `merge` the
    label becomes "Other", with `keep` it stays and is only reported. Dropping products for one attribute can make
    a label of another rare, so this goes on until nothing changes: afterwards every label has `min_count` products.

    Args:
        catalog: as read.
        attributes: settings by name, of any text column; empty: every attribute of the catalog, default settings.

    Returns:
        A catalog with the attributes in the order given, optional ones that it lacks left out, and a longer report.

    Raises:
        CatalogError: an attribute that is not optional is missing, or no product is left.
    """
    settings = _present(catalog, attributes or dict.fromkeys(catalog.attributes, AttributeConfig()))
    removed = {name: _Removed() for name in settings}
    labels = catalog.table[list(settings)]
    before = None
    while before is None or len(labels) < before:
        before = len(labels)
        for name, attribute in settings.items():
            if attribute.rare != "keep":
                labels = _clean(labels, name, attribute, removed[name])
    findings = [finding for name in settings for finding in _findings(labels, name, settings[name], removed[name])]
    if len(labels) == 0:
        raise CatalogError(
            f"None of {len(catalog)} products has frequent labels only. {' '.join(f.why for f in findings)} "
            "Lower min_count, raise top, or set rare to merge or keep."
        )
    return replace(
        catalog,
        table=catalog.table.loc[labels.index].assign(**labels),
        attributes=tuple(settings),
        report=CleaningReport(catalog.report.rows_read, [*catalog.report.findings, *findings]),
    )


def count_labels(column: pd.Series[str]) -> Counter[str]:
    """Count the products of each label, the most frequent first; missing ones are not counted."""
    counts: Counter[str] = Counter()
    for cell, number in column.value_counts().items():
        for label in _values(str(cell)):
            counts[label] += int(number)
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def _present(catalog: Catalog, attributes: dict[str, AttributeConfig]) -> dict[str, AttributeConfig]:
    columns = [name for name in catalog.table.columns if name != IMAGE]
    for name, attribute in attributes.items():
        if name not in columns and not attribute.optional:
            raise CatalogError(
                f"The config asks for the attribute {name}, but the catalog {catalog.root} has: "
                f"{', '.join(catalog.attributes) or 'none'}.{did_you_mean(name, columns)}"
                f" Map it in catalog.columns, remove it, or set attributes.{name}.optional=true."
            )
    return {name: attribute for name, attribute in attributes.items() if name in columns}


def _clean(labels: pd.DataFrame, name: str, attribute: AttributeConfig, removed: _Removed) -> pd.DataFrame:
    counts = count_labels(labels[name])
    rare = _rare_labels(counts, attribute)
    if not rare:
        return labels
    for label in sorted(rare):
        # A label may lose products in several rounds: its full count is the first one.
        removed.labels.setdefault(label, counts[label])
    replacement = OTHER if attribute.rare == "merge" else ""
    new = {cell: _without(cell, rare, replacement) for cell in labels[name].unique()}
    column = labels[name].map(new)
    changed = column != labels[name]
    emptied = changed & (column == "")
    removed.dropped += list(labels.index[emptied])
    removed.changed += list(labels.index[changed & ~emptied])
    return labels.assign(**{name: column})[~emptied]


def _rare_labels(counts: Counter[str], attribute: AttributeConfig) -> set[str]:
    """Name the labels below `min_count` or outside the `top`; "Other" is never rare once labels were merged to it."""
    ranked = [label for label in counts if not (attribute.rare == "merge" and label == OTHER)]
    rare = {label for label in ranked if counts[label] < attribute.min_count}
    if attribute.top is not None:
        rare |= set(ranked[attribute.top :])
    return rare


def _without(cell: str, rare: set[str], replacement: str) -> str:
    values = _values(cell)
    if rare.isdisjoint(values):
        return cell
    return JOINT.join(dict.fromkeys(new for value in values if (new := replacement if value in rare else value)))


def _values(cell: str) -> list[str]:
    return cell.split(JOINT) if cell else []


def _findings(labels: pd.DataFrame, name: str, attribute: AttributeConfig, removed: _Removed) -> list[Finding]:
    if attribute.rare == "keep":
        counts = count_labels(labels[name])
        kept = Counter({label: counts[label] for label in sorted(_rare_labels(counts, attribute))})
        return _finding("kept", f"{name}: {_rare(kept, attribute)}", kept.total(), kept)
    rare = f"{name}: {_rare(removed.labels, attribute)}"
    left = len(set(removed.changed).intersection(labels.index))
    if attribute.rare == "merge":
        return _finding("merged", f'{rare}, now "{OTHER}"', left, removed.labels)
    return [
        *_finding("dropped", rare, len(removed.dropped), removed.labels),
        *_finding("masked", f"{rare}, taken out of cells with several", left, removed.labels),
    ]


def _rare(labels: Counter[str], attribute: AttributeConfig) -> str:
    limits = [f"fewer than {attribute.min_count} products"] if attribute.min_count > 1 else []
    limits += [f"no place in the {attribute.top} most frequent"] if attribute.top else []
    return f"{len(labels)} label(s) with {' or '.join(limits)}"


def _finding(action: str, why: str, count: int, labels: Counter[str]) -> list[Finding]:
    examples = tuple(f"{label} ({number})" for label, number in labels.most_common(5))
    return [Finding("rare-label", action, count, f"{why}.", examples)] if count else []
