"""`tagger evaluate-search`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from tagger.cli._backend import settle_backend
from tagger.cli._command_line import command_line
from tagger.cli._extras import needs_extra
from tagger.cli._options import catalog_set_option, config_option, engine_options, settings_beside
from tagger.cli._progress import progress_bar
from tagger.cli._quiet import without_startup_notes
from tagger.config import EngineName, EnginePrecision


@click.command("evaluate-search", context_settings={"show_default": True})
@click.option(
    "--index", "place", metavar="INDEX",
    help="Index of the catalog: its embeddings are used, and its bundle's split.",
)  # fmt: skip
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="BUNDLE|NAME",
    help="Without an index: the bundle that embeds the photos. With one: its bundle, if that was moved.",
)  # fmt: skip
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="CATALOG", help="Catalog with known labels."
)
@click.option("--methods", default="all", metavar="LIST", help="What to measure, between commas; see above.")
@click.option(
    "--attributes", default="articleType,baseColour,gender", metavar="LIST",
    help="Found products are relevant that have the query's label of the first; of the first two; and so on.",
)  # fmt: skip
@click.option(
    "--split", "part", type=click.Choice(["test", "validation"]), default="test",
    help="Part whose products are the queries, as the bundle recorded it; the other parts are the gallery.",
)  # fmt: skip
@click.option(
    "--split-file", type=click.Path(path_type=Path), metavar="FILE", help="Another split to use (CSV: id,part)."
)
@click.option("--queries", type=click.IntRange(1), default=2000, help="How many queries are drawn from the part.")
@click.option("-k", type=click.IntRange(1, 1000), default=10, help="Products found for each query.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of whatever is drawn by chance.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="REPORT", help="Report folder to write.")
@engine_options
@config_option
@catalog_set_option
def command(
    place: str | None,
    model: Path | None,
    data: Path,
    methods: str,
    attributes: str,
    part: str,
    split_file: Path | None,
    queries: int,
    k: int,
    seed: int,
    out: Path,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Measure every method of finding similar products on the same queries and the same gallery.

    \b
    embedding        what `tagger similar` finds photos by: the layer before the heads, and what these
                     say, by cosine
    diverse:D        the same with --diversity D
    pca:N            the embedding in N dimensions; pca:0.9: as many as hold 90 % of the variance;
                     pca:best: as many as it takes, chosen on validation
    heads:W          the embedding, and once more what the heads say of the photo, each with weight W;
                     heads:best: the weight chosen on validation
    text             TF-IDF over names and descriptions
    hybrid:W         W embedding of photo and title + (1 - W) text; hybrid:best: the weight chosen on
                     validation
    diverse-hybrid:D photo and title at 0.7 and text at 0.3, with --diversity D
    neighbors:A      scikit-learn's NearestNeighbors; A is brute, ball_tree or kd_tree
    usearch          graph of neighbours; needs usearch
    annoy:N          N random trees; needs annoy
    eigenfaces:N     N principal components of the pixels
    histogram        colours of the photo
    random           by chance
    resnet50:W       ResNet50 with global max pooling; W is imagenet, a file of weights, or none for
                     random ones
    trunk:NAME:W     the same of any network of keras.applications, or a trunk of tagger

    A name alone stands for its usual settings, "all" for every method but the last two, which need
    TensorFlow. Settings are chosen on products of the validation part that are no queries.
    """
    from tagger.catalog.read import fit_layout, read_catalog
    from tagger.inference import Tagger
    from tagger.search.look_up import open_tagger
    from tagger.search.places import open_index

    with needs_extra("report", "to evaluate"):
        from tagger.report.write import check_report_folder
        from tagger.retrieval.report import summary_table, write_search_report
        from tagger.retrieval.run import Request, evaluate_search
    if place is None and model is None:
        raise click.UsageError("Give --index, or a --model that embeds the photos.")
    request = Request(methods, tuple(filter(None, map(str.strip, attributes.split(",")))), part, queries, k, seed)
    check_report_folder(out)
    request.check()
    if request.uses_keras:
        settle_backend()
        # What is not installed is said in the row of the method.
        with contextlib.suppress(ModuleNotFoundError), without_startup_notes():
            from tagger.network import pooled  # noqa: F401
    index = open_index(place) if place else None
    if index:
        tagger = open_tagger(index, model, engine, engine_precision)
    else:
        assert model is not None
        tagger = Tagger.open(model, engine, engine_precision)
    trained = tagger.bundle.config
    trained = trained.model_copy(update={"catalog": fit_layout(trained.catalog, data)})
    config = settings_beside(trained, config_file, overrides)
    tagger = tagger.with_limits(config.photo)
    catalog = read_catalog(data, config.catalog)
    with progress_bar() as progress:
        evaluation = evaluate_search(
            request, catalog, tagger, index, split_file, command_line(place, index.place if index else None), progress
        )
        write_search_report(evaluation, out)
    click.echo(summary_table(evaluation), nl=False)
    click.echo(f"Report: {out}")
