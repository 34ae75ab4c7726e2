"""The parts of the page of `tagger explore` that show photos: classes, sizes, near-duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tagger.catalog.cells import JOINT
from tagger.catalog.table import Catalog
from tagger.progress import Progress
from tagger.report.distributions import RARE, Balance
from tagger.report.explore import Exploration
from tagger.report.explore_photos import DuplicateGroup, distinct_first, representatives, sample_classes, spread
from tagger.report.explore_plots import MOST_BARS, plot_aspects, plot_counts, plot_sizes
from tagger.report.page import (
    MISSING,
    Column,
    Fold,
    Gallery,
    KeyFigure,
    KeyFigures,
    Note,
    Part,
    Plot,
    Row,
    Section,
    Table,
    Text,
    Thumbnail,
    Value,
)
from tagger.report.thumbnails import Picture, make_strip, make_thumbnail

_SOME = 12
_PER_CLASS = 6
#: Photos in all contact sheets together: about 2 kB each.
_MOST_IN_SHEETS = 4000
_MOST_CLASSES = 2000
_OPEN_BARS = 25
_MOST_ODD = 24
_MOST_SIZES = 200
_MOST_PROBLEMS = 200
_LARGEST = 8
_MOST_DISAGREEING = 20
_MOST_OF_GROUP = 8
_MOST_LINES = 4


def some_photos(exploration: Exploration) -> Iterator[Part]:
    """A few photos from all over the catalog, to see what it is about."""
    found = exploration.found
    ids = spread(distinct_first(found, list(found.cache.rows)), _SOME)
    if ids:
        shown = [_thumbnail(exploration, id_, _names(found.catalog, id_)) for id_ in ids]
        yield Gallery(shown, "Some of the products", len(found.cache) - len(ids))


def class_sections(exploration: Exploration, progress: Progress) -> Iterator[Section]:
    """A section an attribute: every class with its products and some of its photos."""
    classes = sum(min(len(balance.counts), _MOST_CLASSES) for balance in exploration.balances)
    per_class = min(_PER_CLASS, max(1, _MOST_IN_SHEETS // max(1, classes)))
    done = 0
    for balance in exploration.balances:
        sheets: dict[str, Picture] = {}
        labels = list(balance.counts)[: max(0, _MOST_IN_SHEETS - done)][:_MOST_CLASSES]
        for label, ids in sample_classes(exploration.found, balance.name, labels, per_class).items():
            cache = exploration.found.cache
            sheets[label] = make_strip([cache.pixels[row] for row in cache.select(ids)], f"{label}: {', '.join(ids)}")
            done += 1
            progress(done, classes, "classes drawn")
        yield Section(balance.name, list(_classes(balance, sheets)))


def photos_section(exploration: Exploration) -> Section:
    """Sizes and shapes of the photo files, the odd ones, and those that can't be read."""
    found = exploration.found
    known = found.headers[found.headers["width"] > 0]
    parts: list[Part] = []
    if found.cache.problems:
        rows: list[list[Value]] = [[id_, why] for id_, why in list(found.cache.problems.items())[:_MOST_PROBLEMS]]
        parts.append(Note(f"{len(found.cache.problems):,} photos can't be read.", level="warning"))
        parts.append(Table("Photos that can't be read", [Column("product"), Column("why")], rows))
    if known.empty:
        return Section("Photo sizes", [*parts, Note("The catalog has no photo whose size could be read.")])
    sizes = Counter(zip(known["width"], known["height"], strict=True)).most_common()
    modes = ", ".join(f"{mode} {count:,}" for mode, count in Counter(known["mode"]).most_common())
    figures = [
        KeyFigure(f"{len(sizes):,}", "sizes"),
        KeyFigure("{} × {}".format(*sizes[0][0]), "most frequent size", _percent(sizes[0][1], len(known))),
        KeyFigure(f"{len(exploration.odd):,}", "of an unusual shape or size"),
        KeyFigure(f"{len(set(known['mode'])):,}", "colour modes", modes),
    ]
    columns = [
        Column("width × height"),
        Column("photos", "number"),
        Column("share", "share", 1, full=1.0),
        Column("width : height", "number", 2),
        Column("pixels", "number"),
    ]
    listed: list[list[Value]] = [
        [f"{width} × {height}", count, count / len(known), width / height, width * height]
        for (width, height), count in sizes[:_MOST_SIZES]
    ]
    plots = [
        Plot(plot_sizes(known), "Width and height of the photos", "The area of a circle says how many have that size."),
        Plot(plot_aspects(known), "Ratio of width to height of the photos"),
    ]
    parts += [KeyFigures(figures), Row(plots), Table("Sizes of the photo files", columns, listed)]
    odd = [
        _thumbnail(exploration, str(id_), [f"{width} × {height}", why])
        for id_, width, height, why in exploration.odd[["width", "height", "why"]].head(_MOST_ODD).itertuples()
    ]
    if odd:
        why = "Photos of an unusual shape or size, the oddest first, fitted on white as the network sees them"
        parts.append(Gallery(odd, why, len(exploration.odd) - len(odd)))
    return Section("Photo sizes", parts)


def duplicates_section(exploration: Exploration) -> Section:
    """The largest near-duplicate groups, and those whose labels disagree where labels rarely do."""
    groups = exploration.duplicates
    if exploration.found.groups_problem:
        return Section("Near-duplicates", [Note(exploration.found.groups_problem, level="warning")])
    if not groups:
        return Section("Near-duplicates", [Note("No two photos are nearly the same.")])
    products = sum(len(group.ids) for group in groups)
    differing = sorted((g for g in groups if g.disagreements), key=lambda group: -group.surprise)
    figures = [
        KeyFigure(f"{len(groups):,}", "groups"),
        KeyFigure(f"{products:,}", "products in groups", _percent(products, len(exploration.found.cache))),
        KeyFigure(f"{len(groups[0].ids):,}", "in the largest group"),
        KeyFigure(f"{len(differing):,}", "groups whose labels disagree", _percent(len(differing), len(groups))),
    ]
    parts: list[Part] = [
        KeyFigures(figures),
        Section("Largest groups", [_group(exploration, group) for group in groups[:_LARGEST]]),
    ]
    if differing:
        often = Counter(name for group in differing for name in group.disagreements)
        columns = [Column("attribute"), Column("groups", "number"), Column("share", "share", 1, full=1.0)]
        rows: list[list[Value]] = [[name, count, count / len(groups)] for name, count in often.most_common()]
        lead = (
            "One photo, two labels: often one of them is wrong. First come groups that disagree on attributes on which "
            f"few groups do; {min(len(differing), _MOST_DISAGREEING):,} of {len(differing):,} are shown."
        )
        shown = [_group(exploration, group) for group in differing[:_MOST_DISAGREEING]]
        table = Table("Groups that disagree on an attribute", columns, rows)
        parts.append(Section("Groups whose labels disagree", [table, *shown], lead))
    lead = (
        "Photos whose perceptual hashes differ in at most "
        f"{exploration.distance} of 64 bits, or that a chain of such photos joins. They look at shape and brightness, "
        "hardly at colour: one shirt in two colours may be a group. A split keeps each group in one part."
    )
    return Section("Near-duplicates", parts, lead)


def _classes(balance: Balance, sheets: Mapping[str, Picture]) -> Iterator[Part]:
    if not balance.counts:
        yield Note(f"No product has a label of {balance.name}.")
        return
    most = next(iter(balance.counts))
    figures = [
        KeyFigure(f"{len(balance.counts):,}", "classes"),
        KeyFigure(f"{balance.effective:.1f}", "effective number of classes"),
        KeyFigure(f"{balance.majority:.1%}".replace("%", " %"), "in the most frequent", most),
        KeyFigure(f"{balance.rare:,}", f"classes under {RARE} products"),
        KeyFigure(f"{balance.missing:,}", "products without a label"),
    ]
    if balance.several:
        figures.append(KeyFigure(f"{balance.several:,}", "products with several labels"))
    yield KeyFigures(figures)
    shown = list(balance.counts.items())[:_MOST_CLASSES]
    bars = Plot(plot_counts(balance.counts), f"Products of each class of {balance.name}")
    if len(balance.counts) > _OPEN_BARS:
        drawn = min(MOST_BARS, len(balance.counts))
        yield Fold(f"Chart of {'all' if drawn == len(balance.counts) else 'the first'} {drawn} classes", [bars])
    else:
        yield bars
    columns = [
        Column("class"),
        Column("products", "number"),
        Column("share", "share", 1, full=balance.majority, help="of the labelled products"),
        Column("photos", "picture"),
    ]
    rows: list[list[Value]] = [[label, count, count / balance.labelled, sheets.get(label)] for label, count in shown]
    cut = f", the {len(shown):,} most frequent of {len(balance.counts):,}" if len(shown) < len(balance.counts) else ""
    yield Table(f"Classes of {balance.name}{cut}", columns, rows)
    if len(sheets) < len(shown):
        yield Text("Classes without photos here have none that can be read, or the page has no room for more.")


def _group(exploration: Exploration, group: DuplicateGroup) -> Gallery:
    table = exploration.found.catalog.table
    differing = list(group.disagreements)
    shown = [
        _thumbnail(
            exploration,
            id_,
            [str(table.at[id_, name]).replace(JOINT, ", ") or MISSING for name in differing[:_MOST_LINES]],
        )
        for id_ in representatives(group, table, _MOST_OF_GROUP)
    ]
    about = f"different in {', '.join(differing)}" if differing else "the same labels"
    return Gallery(shown, f"{len(group.ids):,} products, {about}", len(group.ids) - len(shown))


def _thumbnail(exploration: Exploration, id_: str, lines: Sequence[str]) -> Thumbnail:
    cache = exploration.found.cache
    picture = make_thumbnail(cache.pixels[cache.rows[id_]], f"Photo of {id_}") if id_ in cache.rows else None
    return Thumbnail(picture, id_, lines)


def _names(catalog: Catalog, id_: str) -> list[str]:
    """What a product is, in at most two lines: its title, or else labels."""
    names = ["title"] if "title" in catalog.table else list(catalog.attributes[:2])
    return [text for name in names if (text := str(catalog.table.at[id_, name]))]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}"
