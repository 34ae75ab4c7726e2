"""The page of `tagger explore`: what an `Exploration` found, in words, tables, plots and photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tagger.progress import Progress, silent
from tagger.report.associations import cross
from tagger.report.distributions import RARE, Balance, Numbers, most_telling
from tagger.report.explore import Exploration
from tagger.report.explore_page_photos import (
    class_sections,
    duplicates_section,
    photos_section,
    some_photos,
)
from tagger.report.explore_plots import (
    plot_associations,
    plot_cross_table,
    plot_lorenz,
    plot_numbers,
    plot_numbers_by,
    plot_ranks,
)
from tagger.report.page import Column, KeyFigure, KeyFigures, Note, Page, Part, Plot, Row, Section, Table, Text, Value

_FEW = 12


def explore_page(exploration: Exploration, command: str = "", progress: Progress = silent) -> Page:
    """Build the page of an exploration.

    Args:
        exploration: what to show.
        command: the command line, for the foot of the page.
        progress: told about classes whose photos were put together.
    """
    catalog = exploration.found.catalog
    sections = [_overview(exploration), _gaps(exploration)]
    if exploration.balances:
        sections.append(_imbalance(exploration.balances))
    sections += class_sections(exploration, progress)
    if catalog.flags:
        sections.append(_flags(exploration))
    if exploration.numbers:
        names = " and ".join(numbers.name for numbers in exploration.numbers)
        parts = [part for numbers in exploration.numbers for part in _numbers(exploration, numbers)]
        sections.append(Section(names.capitalize(), parts))
    if len(exploration.associations) > 1:
        sections.append(_together(exploration))
    sections += [photos_section(exploration), duplicates_section(exploration)]
    classes = sum(len(balance.counts) for balance in exploration.balances)
    lead = (
        f"Products: {len(catalog):,}. Photos: {len(exploration.found.cache):,}. "
        f"Attributes: {len(catalog.attributes):,}, with {classes:,} classes."
    )
    return Page(f"Catalog {Path(exploration.path).absolute().name}", sections, lead, command)


def _overview(exploration: Exploration) -> Section:
    found = exploration.found
    catalog, photos = found.catalog, len(found.cache)
    without = len(catalog) - photos - len(found.cache.problems)
    trouble = [f"{n:,} {what}" for n, what in ((len(found.cache.problems), "unreadable"), (without, "missing")) if n]
    dropped = sum(finding.count for finding in catalog.report.findings if finding.action == "dropped")
    figures = [
        KeyFigure(f"{len(catalog):,}", "products", f"of {catalog.report.rows_read:,} rows read"),
        KeyFigure(f"{photos:,}", "photos", ", ".join(trouble) or "none missing, none unreadable"),
        KeyFigure(f"{len(catalog.attributes):,}", "attributes"),
        KeyFigure(f"{len(catalog.flags):,}", "flags"),
        KeyFigure(f"{len(catalog.report.findings):,}", "findings", f"{dropped:,} rows dropped" if dropped else ""),
    ]
    if not found.groups_problem:
        inside = sum(len(group.ids) for group in exploration.duplicates)
        figures.append(
            KeyFigure(f"{len(exploration.duplicates):,}", "near-duplicate groups", f"{inside:,} products in them")
        )
    parts: list[Part] = [KeyFigures(figures)]
    if not catalog.attributes:
        parts.append(Note("The catalog has no attributes. Name columns to take as such in the config, in attributes."))
    return Section("Overview", [*parts, *some_photos(exploration), *_findings(exploration)])


def _findings(exploration: Exploration) -> Iterator[Part]:
    findings = exploration.found.catalog.report.findings
    if not findings:
        yield Note("Nothing was dropped, repaired or found missing when the catalog was read.")
        return
    columns = [Column("finding"), Column("action"), Column("count", "number"), Column("what"), Column("examples")]
    rows: list[list[Value]] = [
        [f.kind, f.action, f.count, f.why, ", ".join(f.examples) + (", …" if f.count > len(f.examples) else "")]
        for f in findings
    ]
    yield Table("What was found when the catalog was read", columns, rows)


def _gaps(exploration: Exploration) -> Section:
    products = len(exploration.found.catalog)
    columns = [
        Column("column"),
        Column("role"),
        Column("missing", "number"),
        Column("share", "share", 1, full=1.0, help="share of the products without a value"),
        Column("values", "number", help="different values"),
    ]
    rows: list[list[Value]] = [[g.name, g.role, g.missing, g.missing / products, g.distinct] for g in exploration.gaps]
    whole = sum(gap.missing == 0 for gap in exploration.gaps)
    lead = f"{whole:,} of {len(exploration.gaps):,} columns have a value for every product."
    return Section("Missing values", [Table("Products without a value, by column", columns, rows)], lead)


def _imbalance(balances: list[Balance]) -> Section:
    columns = [
        Column("attribute"),
        Column("classes", "number"),
        Column("effective", "number", 1, help="so many equally frequent classes would be as hard to guess"),
        Column("most frequent"),
        Column("its share", "share", 1, full=1.0, help="of the labelled products: what always guessing it would score"),
        Column(
            f"under {RARE}", "number", help=f"classes with fewer than {RARE} products, too few to learn or to judge"
        ),
        Column("unlabelled", "number"),
    ]
    rows: list[list[Value]] = [
        [b.name, len(b.counts), b.effective, next(iter(b.counts), ""), b.majority, b.rare, b.missing] for b in balances
    ]
    lead = (
        "How even the classes are. The effective number of classes (exp of the entropy) is the number of equally "
        "frequent classes that would be as hard to guess."
    )
    parts: list[Part] = [Table("Balance of the attributes", columns, rows)]
    if drawn := [balance for balance in balances if len(balance.counts) > 1]:
        lorenz = Plot(plot_lorenz(drawn), "Lorenz curves: share of the labels held by the most frequent classes")
        ranks = Plot(plot_ranks(drawn), "Products of each class by its rank, both scales logarithmic")
        parts.append(Row([lorenz, ranks]))
    return Section("Imbalance", parts, lead)


def _flags(exploration: Exploration) -> Section:
    table = exploration.found.catalog.table
    columns = [
        Column("flag"),
        Column("true", "number"),
        Column("false", "number"),
        Column("missing", "number"),
        Column("true share", "share", 1, full=1.0, help="of the products that have the flag"),
    ]
    rows: list[list[Value]] = []
    for name in exploration.found.catalog.flags:
        true, false = (int((table[name] == value).sum()) for value in ("true", "false"))
        known = true + false
        rows.append([name, true, false, len(table) - known, true / known if known else None])
    return Section("Flags", [Table("Flags", columns, rows)])


def _numbers(exploration: Exploration, numbers: Numbers) -> Iterator[Part]:
    if numbers.unreadable:
        yield Note(
            f"{numbers.unreadable:,} values of {numbers.name} are no number and are left out, such as:",
            numbers.examples,
            "warning",
        )
    values = numbers.values
    if values.empty:
        yield Note(f"No product has a number as {numbers.name}.")
        return
    # A year is written without a comma.
    form = "{:.0f}" if numbers.name == "year" else "{:,.4g}" if values.abs().max() < 1000 else "{:,.0f}"
    low, high = (form.format(values.quantile(q)) for q in (0.025, 0.975))
    yield KeyFigures(
        [
            KeyFigure(form.format(values.median()), f"median {numbers.name}"),
            KeyFigure(f"{low}–{high}", "of 95 % of the products"),
            KeyFigure(form.format(values.min()), "smallest"),
            KeyFigure(form.format(values.max()), "largest"),
            KeyFigure(f"{numbers.missing:,}", "missing"),
        ]
    )
    zero = len(values) - len(numbers.positive) if numbers.is_skewed else 0
    about = f"{zero:,} values of 0 or less are left out, which a logarithmic scale can't show." if zero else ""
    yield Row([Plot(plot_numbers(numbers), f"Histogram of {numbers.name}", about), *_numbers_by(exploration, numbers)])


def _numbers_by(exploration: Exploration, numbers: Numbers) -> Iterator[Part]:
    """The number beside the attribute with few classes that differs most in it."""
    table, ids = exploration.found.catalog.table, numbers.values.index
    names = [b.name for b in exploration.balances if 2 <= len(b.counts) <= _FEW and not b.several]
    attribute = most_telling(numbers, table, [name for name in names if name != numbers.name])
    if attribute is None or not (table[attribute].loc[ids] != "").any():
        return
    alt = f"{numbers.name} by {attribute}"
    why = f"Of the attributes with up to {_FEW} classes, {attribute} differs most in {numbers.name}."
    if numbers.is_discrete:
        texts = numbers.values.map("{:g}".format).reindex(table.index, fill_value="")
        crossed = cross(table[attribute], texts, attribute, numbers.name, numeric=True)
        yield Plot(plot_cross_table(crossed), alt, f"{why} Percent of the products of the row.")
    else:
        boxes = plot_numbers_by(numbers, table[attribute], attribute)
        yield Plot(boxes, alt, f"{why} Boxes hold half of the products, whiskers 95 %.")


def _together(exploration: Exploration) -> Section:
    heat = Plot(
        plot_associations(exploration.associations),
        "Heat map: how much each column says about each other one",
        "Read down a column: how much of what is uncertain about the others is known once it is known, in percent "
        "(mutual information as a share of the entropy, corrected for rare values). 100: the other follows from it.",
    )
    parts: list[Part] = [heat]
    if exploration.cross_tables:
        parts.append(
            Text(
                "Each attribute with few classes, beside the one that says most about it without deciding it. "
                "Percent of the row's products, whose number is in brackets."
            )
        )
    plots = []
    for table in exploration.cross_tables:
        left = f"The {len(table.counts)} most frequent of {table.rows}; {table.left_out} more are not shown."
        alt = f"Heat map of {table.rows} by {table.columns}"
        plots.append(Plot(plot_cross_table(table), alt, left if table.left_out else ""))
    parts += [Row(plots)] if plots else []
    return Section("What goes together", parts)
