"""`tagger compact`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.cli._backend import settle_backend
from tagger.cli._extras import needs_extra
from tagger.cli._options import NumberRange
from tagger.cli._progress import progress_bar
from tagger.cli._quiet import without_startup_notes


@click.command("compact", context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="CATALOG",
    help="Catalog on whose photos the tags of both are compared: those that BUNDLE was not trained on.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="BUNDLE", help="Bundle folder to write.")
@click.option("--max-mb", type=NumberRange(min=0, min_open=True), default=8.0, help="Most that it may take.")
def command(model: Path, data: Path, out: Path, max_mb: float) -> None:
    """Write a copy of BUNDLE that is small enough to be shipped, and can still be fine-tuned.

    Weights are stored in float16, where need be the largest ones in int8; what computes with them is still float32. The
    copy is refused where its tags differ from those of BUNDLE on more than 0.5 % of the photos, for any attribute; its
    metrics.json says how many agree. Indexes made with BUNDLE don't fit it.
    """
    settle_backend()
    with needs_extra("train", "to compact a bundle"), without_startup_notes():
        from tagger.training.compact import compact_bundle
    from tagger.inference.agreement import tag_agreement

    with progress_bar() as progress:
        agreement = compact_bundle(model, data, out, round(max_mb * 1e6), tag_agreement, progress)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    lowest = min(agreement, key=lambda name: agreement[name])
    click.echo(
        f"{out}: {size / 1e6:.2f} MB; at least {agreement[lowest]:.2%} of the tags are the same ({lowest})", err=True
    )
    click.echo(out)
