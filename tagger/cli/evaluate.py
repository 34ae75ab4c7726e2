"""`tagger evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagger.cli._command_line import command_line
from tagger.cli._extras import needs_extra
from tagger.cli._options import (
    catalog_set_option,
    config_option,
    engine_options,
    inputs_option,
    model_option,
    settings_beside,
    target_precision_option,
)
from tagger.cli._progress import progress_bar
from tagger.config import EngineName, EnginePrecision

if TYPE_CHECKING:
    from tagger.inference.fusion import Inputs


@click.command("evaluate", context_settings={"show_default": True})
@model_option
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="CATALOG", help="Catalog with known labels."
)
@click.option(
    "--split", "part", type=click.Choice(["test", "validation", "train", "all"]), default="test",
    help="Part to evaluate on, as the bundle recorded it; all: every product.",
)  # fmt: skip
@click.option(
    "--split-file", type=click.Path(path_type=Path), metavar="FILE", help="Another split to use (CSV: id,part)."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="REPORT", help="Report folder to write.")
@click.option(
    "--compare", "earlier", type=click.Path(path_type=Path), metavar="OTHER_REPORT",
    help="Earlier report (folder or its metrics.json): say what changed since.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(1, 4096), default=64, help="Photos that go through the model at once."
)
@target_precision_option
@inputs_option
@engine_options
@config_option
@catalog_set_option
def command(
    model: Path,
    data: Path,
    part: str,
    split_file: Path | None,
    out: Path,
    earlier: Path | None,
    batch_size: int,
    target_precision: float | None,
    inputs: Inputs,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Measure a bundle on a catalog whose labels are known, and write a report.

    The catalog is read with the settings that the bundle was trained with; --config and --set change its section
    `catalog`, and how large photos may be. Tags are judged as `tagger tag` gives them; where the bundle reads titles,
    those from image, title and both stand side by side, too.
    """
    from tagger.catalog.read import fit_layout, for_inputs, read_catalog
    from tagger.inference import Tagger
    from tagger.own_products import recorded_split

    with needs_extra("report", "to evaluate"):
        from tagger.report.compare import read_report
        from tagger.report.compare_text import comparison_text
        from tagger.report.evaluate import evaluate
        from tagger.report.select import select_products
        from tagger.report.summary import summary_text
        from tagger.report.write import check_report_folder, write_report
    check_report_folder(out)
    before = read_report(earlier) if earlier else None
    tagger = Tagger.open(model, engine, engine_precision, target_precision)
    trained = tagger.bundle.config
    trained = trained.model_copy(update={"catalog": fit_layout(trained.catalog, data)})
    config = settings_beside(trained, config_file, overrides)
    tagger = tagger.with_limits(config.photo)
    catalog = read_catalog(data, for_inputs(config.catalog, inputs))
    selection = select_products(catalog, part, recorded_split(tagger.bundle, catalog), split_file)
    with progress_bar() as progress:
        evaluation = evaluate(
            tagger,
            catalog,
            selection,
            command=command_line(),
            earlier=before,
            batch_size=batch_size,
            inputs=inputs,
            progress=progress,
        )
    write_report(evaluation, out)
    for note in evaluation.notes:
        click.echo(f"Warning: {note}", err=True)
    click.echo(summary_text(evaluation))
    if evaluation.comparison:
        click.echo(comparison_text(evaluation.comparison))
    click.echo(f"Report: {out}")
