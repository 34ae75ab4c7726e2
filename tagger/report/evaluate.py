"""Evaluate a model: tag products whose labels are known, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tagger.catalog.table import Catalog
from tagger.errors import CatalogError
from tagger.progress import Progress, silent
from tagger.report.evaluation import Evaluation
from tagger.report.judge import judge
from tagger.report.predict import predict
from tagger.report.select import ALL, Selection

if TYPE_CHECKING:
    from tagger.inference import Tagger
    from tagger.inference.fusion import Inputs


def evaluate(
    tagger: Tagger,
    catalog: Catalog,
    selection: Selection | None = None,
    *,
    command: str = "",
    batch_size: int = 64,
    inputs: Inputs = "auto",
    progress: Progress = silent,
) -> Evaluation:
    """Tag products whose labels are known, and compare.

    Args:
        tagger: an open model.
        catalog: products with photos and labels.
        selection: which products; default: all.
        command: recorded in the report.
        batch_size: photos that go through the model at once.
        inputs: what tags come from, see `Tagger.run`.
        progress: told how many photos are done.

    Raises:
        CatalogError: the catalog has none of the model's attributes, or no product can be tagged.
        BundleError: titles are asked for by name, and the model can't read them.
    """
    bundle = tagger.bundle
    selection = selection or Selection(ALL, [str(id_) for id_ in catalog.table.index])
    if not any(name in catalog.table.columns for name in bundle.label_space.attributes):
        raise CatalogError(
            f"Nothing to compare with: the model tags {', '.join(bundle.label_space.attributes)}; "
            f"{catalog.root} has {', '.join(catalog.attributes) or 'no attributes'}. Map them in catalog.columns."
        )
    predictions = predict(tagger, catalog, selection.ids, batch_size=batch_size, inputs=inputs, progress=progress)
    if not predictions.ids:
        id_, reason = next(iter(predictions.problems.items()), ("", "there is no product"))
        raise CatalogError(f"No photo of {len(selection.ids):,} products can be read, such as {id_}: {reason}")
    return judge(
        predictions,
        catalog.table.loc[selection.ids],
        bundle.label_space,
        tagger.calibration(inputs).thresholds,
        bundle.config,
        part=selection.part,
        notes=selection.notes,
        bundle=bundle.id,
        command=command,
    )
