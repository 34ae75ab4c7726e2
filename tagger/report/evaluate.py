"""Evaluate a model: tag products whose labels are known, and compare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from tagger.bundle import Bundle
from tagger.catalog.table import IMAGE, Catalog
from tagger.errors import CatalogError
from tagger.own_products import recorded_split
from tagger.progress import Progress, silent
from tagger.report.card import bundle_facts
from tagger.report.compare import EarlierReport, compare
from tagger.report.evaluation import Evaluation
from tagger.report.judge import judge
from tagger.report.label_issues import label_issues, near_duplicate_groups
from tagger.report.predict import Predictions, predict
from tagger.report.select import ALL, Selection, select_products

if TYPE_CHECKING:
    from tagger.inference import Tagger
    from tagger.inference.fusion import Inputs


def evaluate(
    tagger: Tagger,
    catalog: Catalog,
    selection: Selection | None = None,
    *,
    command: str = "",
    earlier: EarlierReport | None = None,
    batch_size: int = 64,
    inputs: Inputs = "auto",
    progress: Progress = silent,
) -> Evaluation:
    """Tag products whose labels are known, and compare; look for labels that are likely wrong.

    Args:
        tagger: an open model.
        catalog: products with photos and labels.
        selection: which products; default: all.
        command: recorded in the report.
        earlier: a report to compare with.
        batch_size: photos that go through the model at once.
        inputs: what tags come from, see `Tagger.run`.
        progress: told how many photos are done.

    Raises:
        CatalogError: the catalog has none of the model's attributes, or no product can be tagged.
        BundleError: titles are asked for by name, and the model can't read them.
    """
    bundle = tagger.bundle
    selection = selection or select_products(catalog, ALL, recorded_split(bundle, catalog))
    if not any(name in catalog.table.columns for name in bundle.label_space.attributes):
        raise CatalogError(
            f"Nothing to compare with: the model tags {', '.join(bundle.label_space.attributes)}; "
            f"{catalog.root} has {', '.join(catalog.attributes) or 'no attributes'}. Map them in catalog.columns."
        )
    predictions = predict(tagger, catalog, selection.ids, batch_size=batch_size, inputs=inputs, progress=progress)
    if not predictions.ids:
        id_, reason = next(iter(predictions.problems.items()), ("", "there is no product"))
        raise CatalogError(f"No photo of {len(selection.ids):,} products can be read, such as {id_}: {reason}")
    judged = judge(
        predictions,
        catalog.table.loc[selection.ids],
        bundle.label_space,
        tagger.calibration(inputs),
        bundle.config,
        target_precision=tagger.target_precision,
        part=selection.part,
        notes=selection.notes,
        bundle=bundle.id,
        command=command,
    )
    return replace(
        judged,
        label_issues=_label_issues(judged, predictions, bundle),
        in_sample=len(selection.trained.intersection(predictions.ids)),
        comparison=compare(judged, earlier) if earlier else None,
        card=_card(judged, bundle),
    )


def _card(judged: Evaluation, bundle: Bundle) -> dict[str, Any]:
    """The facts of the model's card, with the figures of this part in place of those of validation."""
    facts = bundle_facts(
        bundle.config,
        bundle.label_space,
        bundle.manifest,
        (bundle.split or {}).values(),
        bundle.name,
    )
    evaluation = {
        "part": judged.part,
        "products": judged.products,
        "figures": {name: attribute.metrics for name, attribute in judged.attributes.items()},
        "remarks": judged.notes,
    }
    files = bundle.manifest["files"].values()
    target = next(iter(judged.attributes.values())).metrics["target_precision"]
    size = sum(file.get("bytes", 0) for file in files)
    return {**facts, "target_precision": target, "bytes": size, "evaluation": evaluation}


def _label_issues(judged: Evaluation, predictions: Predictions, bundle: Bundle) -> pd.DataFrame:
    table = judged.predictions.iloc[: len(predictions.ids)]
    truth = {name: table[f"{name}_truth"].to_numpy(dtype=object) for name in judged.attributes}
    images = list(table[IMAGE])
    groups = near_duplicate_groups(images, bundle.photo, bundle.config.split.near_duplicate_distance)
    return label_issues(predictions, images, truth, bundle.label_space, groups)
