"""Label names ⇄ class indices and multi-hot vectors; a missing label is masked, never a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from tagger.config import AttributeConfig, Composite, HeadKind, describe_problem
from tagger.errors import BundleError, LabelError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

#: Joins several values in one cell of a catalog table.
SEPARATOR = "|"


@dataclass(frozen=True)
class Attribute:
    """One attribute as the network knows it.

    Args:
        name: column of the catalog.
        classes: values of the softmax head, the most frequent first.
        labels: labels of the sigmoid head, composites expanded; empty where there is no such head.
        heads: "softmax", "sigmoid" or both.
        primary: the head that tags are answered from.
        parent: the attribute one level up, or None.
        composites: labels that stand for several sigmoid labels.
        multi_valued: whether a product may have several values at once.

    Raises:
        ValueError: the heads and what they stand for don't fit together.
    """

    name: str
    classes: tuple[str, ...]
    labels: tuple[str, ...]
    heads: tuple[HeadKind, ...]
    primary: HeadKind
    parent: str | None = None
    composites: tuple[Composite, ...] = ()
    multi_valued: bool = False

    def __post_init__(self) -> None:
        if self.primary not in self.heads:
            raise ValueError(f"{self.name}: the primary head {self.primary} is not among {self.heads}")
        if self.multi_valued and self.primary != "sigmoid":
            raise ValueError(f"{self.name}: only a sigmoid head can answer with several values")
        for values in (self.classes, *(self.values(head) for head in self.heads)):
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{self.name}: expected distinct labels, at least one, got {values}")

    def values(self, head: HeadKind) -> tuple[str, ...]:
        """What the columns of that head's output stand for."""
        return self.classes if head == "softmax" else self.labels

    def patterns(self) -> list[tuple[int, NDArray[np.bool_]]]:
        """Which sigmoid labels each class stands for: (class index, bool (L,)); a class may have several."""
        patterns = []
        for index, name in enumerate(self.classes):
            for means in [c.means for c in self.composites if c.label == name] or [(name,)]:
                patterns.append((index, np.isin(self.labels, means)))
        return patterns


@dataclass(frozen=True)
class Family:
    """Attributes linked by `parent`, and the combinations of their classes that training products showed.

    Args:
        attributes: names, parents before children.
        combinations: class indices, int64 (P, len(attributes)).
    """

    attributes: tuple[str, ...]
    combinations: NDArray[np.int64]

    def without(self, names: Collection[str]) -> Family:
        """The same family without some attributes."""
        kept = [column for column, name in enumerate(self.attributes) if name not in names]
        return Family(tuple(self.attributes[column] for column in kept), np.unique(self.combinations[:, kept], axis=0))


class Output(NamedTuple):
    """One head of one attribute, and what a network calls it."""

    name: str
    attribute: Attribute
    head: HeadKind

    @property
    def values(self) -> tuple[str, ...]:
        """What its columns stand for."""
        return self.attribute.values(self.head)


@dataclass(frozen=True)
class LabelSpace:
    """All attributes and the families that bind them."""

    attributes: dict[str, Attribute]
    families: tuple[Family, ...] = ()

    def __getitem__(self, name: str) -> Attribute:
        if name not in self.attributes:
            known = ", ".join(self.attributes)
            raise LabelError(f'No attribute "{name}".{did_you_mean(name, self.attributes)} There are: {known}.')
        return self.attributes[name]

    def outputs(self) -> list[Output]:
        """Every head of every attribute, in order."""
        return [
            Output(output_name(attribute, head), attribute, head)
            for attribute in self.attributes.values()
            for head in attribute.heads
        ]

    @property
    def output_names(self) -> list[str]:
        """Of every head of every attribute, in order."""
        return [output.name for output in self.outputs()]

    def without(self, names: Collection[str]) -> LabelSpace:
        """The same space without some attributes that no other one has as its parent."""
        kept = {name: attribute for name, attribute in self.attributes.items() if name not in names}
        families = [family.without(names) for family in self.families]
        return LabelSpace(kept, tuple(family for family in families if len(family.attributes) > 1))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "attributes": _attributes_adapter().dump_python(list(self.attributes.values()), mode="json"),
            "families": [
                {"attributes": list(f.attributes), "combinations": f.combinations.tolist()} for f in self.families
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LabelSpace:
        """Read what `to_json` wrote.

        Raises:
            BundleError: something is missing or of the wrong kind.
        """
        try:
            listed = _attributes_adapter().validate_python(value["attributes"])
            attributes = {attribute.name: attribute for attribute in listed}
            if not attributes or len(attributes) < len(listed):
                raise ValueError("expected attributes of different names, at least one")
            families = tuple(_read_family(family, attributes) for family in value["families"])
        except ValidationError as error:
            raise _unreadable(describe_problem(error.errors()[0])) from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _unreadable(repr(error)) from error
        return cls(attributes, families)


def _unreadable(reason: str) -> BundleError:
    return BundleError(f"The labels of the bundle can't be read ({reason}). Copy the bundle again.")


@cache
def _attributes_adapter() -> TypeAdapter[list[Attribute]]:
    return TypeAdapter(list[Attribute])


def output_name(attribute: Attribute | str, head: HeadKind) -> str:
    """Name of a model output, such as "gender_softmax"."""
    return f"{attribute if isinstance(attribute, str) else attribute.name}_{head}"


def fit_label_space(table: pd.DataFrame, attributes: Mapping[str, AttributeConfig]) -> LabelSpace:
    """Learn classes, sigmoid labels and families from the training products.

    Args:
        table: rows of a catalog; "" means missing.
        attributes: their settings; each must be a column of the table.

    Raises:
        LabelError: an attribute has no label at all, or its heads can't say what the table holds.
    """
    learned = {name: _fit_attribute(name, table[name], settings) for name, settings in attributes.items()}
    return LabelSpace(learned, tuple(_fit_family(members, learned, table) for members in _linked(learned)))


def cell_values(cell: str) -> list[str]:
    """The values of one cell, without empty ones."""
    return [value.strip() for value in cell.split(SEPARATOR) if value.strip()]


def class_index(attribute: Attribute, table: pd.DataFrame) -> NDArray[np.int64]:
    """Class of each product, int64 (N,); -1 where it is missing, unknown, or several at once."""
    index = {name: i for i, name in enumerate(attribute.classes)}
    return np.array([index.get(cell, -1) for cell in table[attribute.name]], dtype=np.int64)


def multi_hot(attribute: Attribute, table: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sigmoid targets of each product.

    Returns:
        float32 (N, L) of 0 and 1, and bool (N,): whether the product has a label that the attribute knows.
    """
    column = {name: i for i, name in enumerate(attribute.labels)}
    targets = np.zeros((len(table), len(column)), dtype=np.float32)
    conditions = {c for composite in attribute.composites for c in composite.where if c in table.columns}
    context = {c: table[c].tolist() for c in conditions}
    for row, cell in enumerate(table[attribute.name]):
        for label in _expand(cell_values(cell), attribute.composites, {c: v[row] for c, v in context.items()}):
            if label in column:
                targets[row, column[label]] = 1
    return targets, targets.max(axis=1) > 0


def _expand(values: Iterable[str], composites: tuple[Composite, ...], product: Mapping[str, str]) -> list[str]:
    expanded: list[str] = []
    for value in values:
        fitting = (
            c.means
            for c in composites
            if c.label == value and all(product.get(name) == wanted for name, wanted in c.where.items())
        )
        expanded.extend(next(fitting, (value,)))
    return expanded


def _fit_attribute(name: str, column: pd.Series, settings: AttributeConfig) -> Attribute:
    cells = [cell_values(cell) for cell in column]
    counts = Counter(value for values in cells for value in values)
    if not counts:
        raise LabelError(f'The attribute "{name}" has no label in the training part. Leave it out of the config.')
    multi_valued = any(len(set(values)) > 1 for values in cells)
    if multi_valued and settings.primary_head == "softmax":
        raise LabelError(
            f'Products have several values of "{name}" at once, which a softmax head can\'t say. '
            f"Set attributes.{name}.heads: sigmoid."
        )
    classes = tuple(value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    composed = {c.label for c in settings.composites}
    labels = [value for value in classes if value not in composed]
    labels += [label for c in settings.composites if c.label in counts for label in c.means if label not in labels]
    return Attribute(
        name=name,
        classes=classes,
        labels=tuple(dict.fromkeys(labels)) if "sigmoid" in settings.head_kinds else (),
        heads=settings.head_kinds,
        primary=settings.primary_head,
        parent=settings.parent,
        composites=settings.composites,
        multi_valued=multi_valued,
    )


def _linked(attributes: Mapping[str, Attribute]) -> list[tuple[str, ...]]:
    """Sets of single-valued attributes that `parent` links, parents before children."""
    depth: dict[str, int] = {}
    root: dict[str, str] = {}
    for name in attributes:
        top, depth[name] = name, 0
        while (parent := attributes[top].parent) in attributes:
            top, depth[name] = str(parent), depth[name] + 1
        root[name] = top
    families = []
    for top in dict.fromkeys(root.values()):
        members = [n for n in attributes if root[n] == top and not attributes[n].multi_valued]
        if len(members) > 1:
            families.append(tuple(sorted(members, key=lambda n: depth[n])))
    return families


def _fit_family(members: tuple[str, ...], attributes: Mapping[str, Attribute], table: pd.DataFrame) -> Family:
    """Combinations seen on products that have all labels.

    A class seen on none of these keeps what is known of it from one product; the rest is filled in from the
    combination that agrees with that product most, the more frequent one where several do.
    """
    index = np.stack([class_index(attributes[name], table) for name in members], axis=1)  # (N, members)
    complete = index[(index >= 0).all(axis=1)]
    if not len(complete):
        complete = np.zeros((1, len(members)), dtype=np.int64)  # the most frequent classes: they come first
    seen, counts = np.unique(complete, axis=0, return_counts=True)  # (P, members), (P,)
    filled = []
    for position, name in enumerate(members):
        for missing in set(range(len(attributes[name].classes))) - set(seen[:, position].tolist()):
            rows = index[index[:, position] == missing]
            best_known = rows[(rows >= 0).sum(axis=1).argmax()]
            nearest = seen[np.lexsort((counts, (seen == best_known).sum(axis=1)))[-1]]
            filled.append(np.where(best_known >= 0, best_known, nearest))
    return Family(members, np.unique([*seen, *filled], axis=0))


def _read_family(value: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> Family:
    names = tuple(map(str, value["attributes"]))
    combinations = np.asarray(value["combinations"], dtype=np.int64).reshape(-1, len(names))
    sizes = [0 if attributes[name].multi_valued else len(attributes[name].classes) for name in names]
    if not len(combinations) or (combinations < 0).any() or (combinations >= sizes).any():
        raise ValueError(f"combinations of {names} are out of range")
    return Family(names, combinations)
