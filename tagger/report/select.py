"""Which products of a catalog a model is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tagger.catalog.splits import PARTS, read_split
from tagger.catalog.table import Catalog
from tagger.errors import CatalogError, SplitError

#: Every product, whatever its part.
ALL = "all"


@dataclass(frozen=True)
class Selection:
    """Products to judge a model on.

    Args:
        part: "train", "validation", "test" or "all".
        ids: products of the catalog, in its order.
        notes: what a reader of the figures must know about the choice.
        trained: those of them that the model was trained on.
    """

    part: str
    ids: list[str]
    notes: tuple[str, ...] = ()
    trained: frozenset[str] = frozenset()


def select_products(
    catalog: Catalog, part: str, recorded: Mapping[str, str] | None, split_file: Path | str | None = None
) -> Selection:
    """Choose the products of one part.

    The part of a product is what `split_file` says; without one, what the bundle recorded when it was trained;
    where that knows none of the products, what the catalog itself says.

    Args:
        catalog: where to choose from.
        part: "train", "validation", "test", or "all" for every product.
        recorded: id → part of the split that the bundle was trained with, see `own_products.recorded_split`; None where
            it has none.
        split_file: CSV with the columns id and part.

    Raises:
        CatalogError: the catalog has no products.
        SplitError: no split knows the products, or the part has none of them.
    """
    ids = [str(id_) for id_ in catalog.table.index]
    if not ids:
        raise CatalogError(f"Expected products to evaluate in {catalog.root}, found none.")
    if part == ALL:
        return _selected(part, ids, recorded or {}, by_file=False)
    split, source = _split(catalog, ids, recorded, split_file)
    chosen = [id_ for id_ in ids if split.get(id_) == part]
    if not chosen:
        sizes = ", ".join(f"{p} {sum(split.get(id_) == p for id_ in ids):,}" for p in PARTS)
        raise SplitError(f"{source} puts no product of {catalog.root} into {part} ({sizes}). Choose another part.")
    outside = len(ids) - sum(id_ in split for id_ in ids)
    left_out = f"{outside:,} of the {len(ids):,} products of the catalog are in no part of the split and were left out."
    selected = _selected(part, chosen, recorded or {}, by_file=split_file is not None)
    return replace(selected, notes=(*selected.notes, left_out)) if outside else selected


def _split(
    catalog: Catalog, ids: list[str], recorded: Mapping[str, str] | None, split_file: Path | str | None
) -> tuple[Mapping[str, str], str]:
    if split_file is not None:
        return {str(id_): str(part) for id_, part in read_split(split_file).items()}, f"The split {split_file}"
    if recorded and any(id_ in recorded for id_ in ids):
        return recorded, "The split that the bundle was trained with"
    if "split" in catalog.table.columns:
        return dict(zip(ids, catalog.table["split"], strict=True)), "The catalog's own split"
    why = "holds no split" if recorded is None else "knows none of its products"
    raise SplitError(
        f"Can't tell the parts of {catalog.root}: the bundle {why}, and the catalog has no split of its own. "
        "Use --split all to evaluate on all its products, or --split-file FILE to say which part each is in."
    )


def _selected(part: str, chosen: list[str], recorded: Mapping[str, str], *, by_file: bool) -> Selection:
    """The choice, and what makes its figures look better than they are.

    Args:
        recorded: id → part of the split that the bundle was trained with.
        by_file: `part` is not one of that split.
    """
    other = "--split test" if not by_file and "test" in recorded.values() else "products that it has not seen"
    trained = frozenset(id_ for id_ in chosen if recorded.get(id_) == "train")
    tuned = sum(recorded.get(id_) == "validation" for id_ in chosen)
    notes = []
    if trained:
        notes.append(
            f"The model was TRAINED on {len(trained):,} of these {len(chosen):,} products: "
            f"the figures say little about new ones. Use {other} for that."
        )
    if tuned:
        notes.append(
            f"{tuned:,} of these {len(chosen):,} products chose the best epoch, the thresholds and the calibration: "
            "the figures are slightly better than on new ones."
        )
    return Selection(part, chosen, tuple(notes), trained)
