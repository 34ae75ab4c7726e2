"""Write what was measured: a table for the terminal, and a folder with JSON, CSV, Markdown and plots."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tagger._version import __version__
from tagger.files import atomic_folder, write_json, write_text
from tagger.report.tables import markdown_table, number, plain_table
from tagger.report.write import METRICS, SUMMARY, check_report_folder
from tagger.retrieval.evaluate import Judged
from tagger.retrieval.method import Method
from tagger.retrieval.plots import plot_by_rank, plot_methods

_SHORT = {
    "precision": "precision@{k}", "recall": "recall@{k}", "mean_average_precision": "mAP@{k}", "ndcg": "nDCG@{k}",
}  # fmt: skip


@dataclass(frozen=True)
class SearchEvaluation:
    """All that `tagger evaluate-search` found.

    Args:
        judged: the methods, in the order asked for.
        methods: the same, fitted, for the pictures that they draw of themselves.
        relevances: what makes a product relevant, by name; the one that the settings were chosen for is `main`.
        main: its name.
        k: products found for a query.
        facts: bundle, part, numbers of products, seed, command: what it takes to do it again.
    """

    judged: Sequence[Judged]
    methods: Sequence[Method] = field(repr=False)
    relevances: Sequence[str]
    main: str
    k: int
    facts: dict[str, Any]


def summary_table(evaluation: SearchEvaluation) -> str:
    """The table for a terminal: recall and precision by each relevance, then what a query and a product cost."""
    header, rows = _table(evaluation, "R@{k}", "P@{k}")
    notes = [f"{judged.name}: {judged.note}" for judged in evaluation.judged if judged.note]
    return plain_table(header, rows) + "".join(f"{note}\n" for note in notes)


def write_search_report(evaluation: SearchEvaluation, folder: Path | str) -> None:
    """Write the report; an older report in the folder is replaced as a whole.

        summary.md       the figures to read first
        methods.csv      a row a method, every figure
        metrics.json     the same with what each method chose, and what it takes to do it again
        methods.png      precision and recall of each method by the main relevance
        by_rank.png      precision of the first 1, 2, … k, without the approximate ones
        …png             what the methods draw of themselves

    Args:
        evaluation: what to write.
        folder: to write to; made where it is missing.

    Raises:
        OutputError: the folder can't be written, or holds other things than a report.
    """
    check_report_folder(folder)
    measured = [judged for judged in evaluation.judged if judged.measures]
    with atomic_folder(folder) as temporary:
        write_json(temporary / METRICS, _to_json(evaluation))
        _write_csv(evaluation, temporary / "methods.csv")
        if measured:
            figures = {judged.name: judged.measures[evaluation.main] for judged in measured}
            plot_methods(figures, evaluation.main, evaluation.k, temporary / "methods.png")
            # Lines of methods that find the same as the embedding would lie on its own.
            lines = {judged.name: judged.precision_at for judged in measured if judged.against_exact is None}
            if lines:
                plot_by_rank(lines, evaluation.main, temporary / "by_rank.png")
        for method, judged in zip(evaluation.methods, evaluation.judged, strict=True):
            if judged.measures:
                method.draw(temporary)
        pictures = sorted(path.name for path in temporary.glob("*.png"))
        write_text(temporary / SUMMARY, summary_markdown(evaluation, pictures))


def summary_markdown(evaluation: SearchEvaluation, pictures: Sequence[str] = ()) -> str:
    """The report as Markdown, with links to pictures beside it."""
    facts = evaluation.facts
    header, rows = _table(evaluation, "recall@{k}", "precision@{k}")
    parts = [
        "# Methods of search\n",
        f"{facts['queries']:,} products of the part {facts['part']} (drawn with seed {facts['seed']}) were looked for "
        f"among the {facts['gallery']:,} of the other parts of {facts['catalog']}. Settings were chosen on "
        f"{facts['tuning_queries']:,} products of the validation part.\n",
        f"Written by tagger {__version__} with `{facts['command']}`.\n",
        markdown_table(header, rows),
        _explained(evaluation),
    ]
    notes = [f"- {judged.name}: {judged.note}\n" for judged in evaluation.judged if judged.note]
    if notes:
        parts.append("".join(notes))
    for relevance in evaluation.relevances:
        parts.append(f"## Relevant: the same {relevance}\n")
        parts.append(markdown_table(["method", *(_SHORT[m].format(k=evaluation.k) for m in _SHORT)], [
            [judged.name, *(number(getattr(judged.measures[relevance], measure)) for measure in _SHORT)]
            for judged in evaluation.judged if judged.measures
        ]))  # fmt: skip
    parts += [f"![{Path(name).stem.replace('_', ' ')}]({name})\n" for name in pictures]
    return "\n".join(parts)


def _table(evaluation: SearchEvaluation, recall: str, precision: str) -> tuple[list[str], list[list[str]]]:
    header = ["method"]
    for relevance in evaluation.relevances:
        added = f"+ {relevance.rpartition(' + ')[2]}" if " + " in relevance else relevance
        header += [f"{added} {recall.format(k=evaluation.k)}", precision.format(k=evaluation.k)]
    header += ["like exact", "ms", "bytes"]
    return header, [_row(judged, evaluation.relevances) for judged in evaluation.judged]


def _row(judged: Judged, relevances: Sequence[str]) -> list[str]:
    cells = [judged.name]
    for relevance in relevances:
        measures = judged.measures.get(relevance)
        cells += [number(measures.recall if measures else None), number(measures.precision if measures else None)]
    size = judged.bytes_per_product
    return [
        *cells,
        number(judged.against_exact),
        number(judged.query_ms, 2),
        "–" if size is None else f"{size:,.0f}",
    ]


def _explained(evaluation: SearchEvaluation) -> str:
    errors = [
        max(measures.precision_error, measures.recall_error)
        for judged in evaluation.judged
        for measures in judged.measures.values()
    ]
    possible = ", ".join(f"{share:.3f} for {name}" for name, share in evaluation.facts["answerable"].items())
    return (
        "Text and hybrid methods are asked with the title of the product that is looked for as well, all others with "
        f"its photo alone. Recall@{evaluation.k} is the hit rate: the share of queries with at least one relevant "
        f"product among the first {evaluation.k}. Products are relevant that have the same label, then the same labels "
        "of all attributes so far. "
        f"The gallery has a relevant product for a share of the queries of {possible}: recall can't be higher. "
        f"The largest standard error of a figure is {number(max(errors, default=None))}. "
        '"Like exact" is the share of the nearest embeddings that an approximate method finds. Milliseconds are the '
        "median of a query asked alone, from its features to the ranking; the network's own time is not in them. "
        "Bytes are those of what is searched, without ids and labels.\n"
    )


def _to_json(evaluation: SearchEvaluation) -> dict[str, Any]:
    return {
        "tagger_version": __version__,
        **evaluation.facts,
        "k": evaluation.k,
        "relevances": list(evaluation.relevances),
        "main_relevance": evaluation.main,
        "methods": [asdict(judged) for judged in evaluation.judged],
    }


def _write_csv(evaluation: SearchEvaluation, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["method", *(f"{relevance}: {_SHORT[m].format(k=evaluation.k)}" for relevance, m in _columns(evaluation)),
             "against_exact", "query_ms", "fit_seconds", "bytes_per_product", "note"]
        )  # fmt: skip
        for judged in evaluation.judged:
            figures = [
                getattr(judged.measures[relevance], measure) if judged.measures else None
                for relevance, measure in _columns(evaluation)
            ]
            costs = [judged.against_exact, judged.query_ms, judged.fit_seconds, judged.bytes_per_product]
            cells = ["" if value is None else f"{value:.4f}" for value in (*figures, *costs)]
            writer.writerow([judged.name, *cells, judged.note])


def _columns(evaluation: SearchEvaluation) -> Iterator[tuple[str, str]]:
    return ((relevance, measure) for relevance in evaluation.relevances for measure in _SHORT)
