"""Self-contained HTML pages: one file with its style, script and pictures inside, that opens from disk.

A page is a tree of parts; the templates in `assets/` say how each one looks. Jinja2 escapes every text, and the policy
in the page's head forbids whatever is not in the file: other scripts, and every connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tagger._version import __version__
from tagger.errors import OutputError
from tagger.files import make_folder, write_text
from tagger.report.thumbnails import Picture

MISSING = "–"
_ASSETS = Path(__file__).parent / "assets"
#: Longer tables scroll in a box of their own, with a field to search them.
_LONG_TABLE = 12


@dataclass(frozen=True)
class Text:
    """A paragraph; `code` is shown after it as something to copy, such as a command."""

    kind: ClassVar = "text"
    text: str
    code: str = ""


@dataclass(frozen=True)
class Note:
    """Something to know ("note") or to beware of ("warning"), with a list where there are several."""

    kind: ClassVar = "note"
    text: str
    items: Sequence[str] = ()
    level: Literal["note", "warning"] = "note"


class KeyFigure(NamedTuple):
    """A figure as it is shown, what it counts, and a remark in small print."""

    value: str
    label: str
    remark: str = ""


@dataclass(frozen=True)
class KeyFigures:
    """The few figures to read first."""

    kind: ClassVar = "key_figures"
    figures: Sequence[KeyFigure]


@dataclass(frozen=True)
class Plot:
    """A drawing, on white whatever the colours of the page.

    Args:
        image: a PNG or SVG file, see `plot_svg` and `plot_png` in `report.drawing`.
        alt: what a reader who can't see it should know.
        caption: a sentence below it.
        full_size: scroll a large drawing rather than make it smaller than its letters can be read.
    """

    kind: ClassVar = "plot"
    image: bytes = field(repr=False)
    alt: str
    caption: str = ""
    full_size: bool = False

    @property
    def uri(self) -> str:
        mime = "image/png" if self.image.startswith(b"\x89PNG") else "image/svg+xml"
        return f"data:{mime};base64,{base64.b64encode(self.image).decode('ascii')}"


class Thumbnail(NamedTuple):
    """A photo of a gallery with its caption; without a picture, a box says so."""

    picture: Picture | None
    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Gallery:
    """Photos side by side; `left_out` more are not shown."""

    kind: ClassVar = "gallery"
    thumbnails: Sequence[Thumbnail]
    caption: str = ""
    left_out: int = 0


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: its heading.
        kind: "text"; "number", with `decimals`; "share", shown in percent; "picture"; "photos", a few thumbnails.
        decimals: of a number, or of a percentage.
        full: the value whose bar fills the cell; None: no bars.
        help: shown when the pointer rests on the heading.
        wide: holds sentences.
    """

    title: str
    kind: Literal["text", "number", "share", "picture", "photos"] = "text"
    decimals: int = 0
    full: float | None = None
    help: str = ""
    wide: bool = False

    def show(self, value: float) -> str:
        """Return the number as text."""
        text = f"{100 * value:.{self.decimals}f} %" if self.kind == "share" else f"{value:,.{self.decimals}f}"
        return text.replace("-", "\N{MINUS SIGN}")


class Cell(NamedTuple):
    """A cell that is sorted by one value and shows another text, with a remark in small print below it."""

    value: float | None
    text: str
    remark: str = ""


class Photos(NamedTuple):
    """A cell with thumbnails side by side; none leaves it empty."""

    thumbnails: Sequence[Thumbnail]


Value = str | float | Cell | Picture | Photos | None


class _ShownCell(NamedTuple):
    """What the template needs: the text, the key to sort by ("" sorts last), percent of the bar, the pictures."""

    text: str
    key: str = ""
    fill: float | None = None
    picture: Picture | None = None
    thumbnails: Sequence[Thumbnail] = ()
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """A table that is sorted by a click on a heading, and searched where it is long.

    Args:
        caption: what it shows; the name by which assistive technology finds it.
        columns: the first one names the row.
        rows: a value a column: text, a number, a `Cell`, a picture, `Photos`, or None for what is undefined (shown as
            "–", sorted last). NaN counts as None.
    """

    kind: ClassVar = "table"
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]] = field(repr=False)

    @property
    def is_long(self) -> bool:
        return len(self.rows) > _LONG_TABLE

    def shown(self) -> Iterator[list[_ShownCell]]:
        """Yield each row as the template writes it."""
        for row in self.rows:
            yield [_show(value, column) for value, column in zip(row, self.columns, strict=True)]


@dataclass(frozen=True)
class PointMap:
    """Products as dots on a plane that is moved and zoomed, coloured by any attribute, with photo, title and labels.

    It stands in a section itself, not in a part of one.

    Args:
        data: what `assets/map.js` draws, see `maps.page`.
        attributes: that the dots can be coloured by.
        by: the one of them to begin with.
        alt: what a reader who can't see it should know.
        caption: a sentence below it.
    """

    kind: ClassVar = "point_map"
    data: Mapping[str, Any] = field(repr=False)
    attributes: Sequence[str]
    by: str
    alt: str
    caption: str = ""

    @property
    def data_json(self) -> str:
        """The data as JSON that can't end the element it stands in."""
        return json.dumps(self.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@dataclass(frozen=True)
class Row:
    """Parts side by side where the screen is wide enough."""

    kind: ClassVar = "row"
    parts: Sequence[Part]


@dataclass(frozen=True)
class Fold:
    """Parts that are hidden until the reader unfolds them; printed always."""

    kind: ClassVar = "fold"
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Section:
    """A heading and what belongs to it; sections of the page are in its navigation, those inside of them are not."""

    kind: ClassVar = "section"
    title: str
    parts: Sequence[Part]
    lead: str = ""


Part = Text | Note | KeyFigures | Plot | Gallery | Table | PointMap | Row | Fold | Section


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        title: of the page and of the browser's tab.
        sections: in the order of the navigation.
        lead: a sentence below the title.
        command: the command that made the page, for its foot.
    """

    title: str
    sections: Sequence[Section]
    lead: str = ""
    command: str = ""

    @cached_property
    def anchors(self) -> list[str]:
        """The id of each section: its title in plain letters, numbered where two would be the same."""
        anchors: list[str] = []
        for section in self.sections:
            plain = re.sub(r"[^a-z0-9]+", "-", section.title.casefold()).strip("-") or "section"
            anchors.append(plain if plain not in anchors else f"{plain}-{len(anchors) + 1}")
        return anchors


def render_page(page: Page) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Maps are large, and few pages have one.
    has_map = any(isinstance(part, PointMap) for section in page.sections for part in section.parts)
    script = _asset("page.js") + (_asset("map.js") if has_map else "")
    style = _asset("page.css") + (_asset("map.css") if has_map else "")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("page.html").render(
        page=page, style=style, script=script, script_hash=f"sha256-{digest}", version=__version__
    )


def check_page_file(path: Path | str) -> None:
    """Make sure that a page may be written there, before long work is done for it.

    Raises:
        OutputError: the name does not end in .html, or the file can't be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"Expected the name of a page that ends in .html, got {path}. Choose such a name.")
    if path.is_dir():
        raise OutputError(f"Can't write the page {path}: a folder has that name. Choose another place.")
    make_folder(path.parent)
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"Can't write the page {path}: its folder is read-only. Choose another place.")


def write_page(page: Page, path: Path | str) -> None:
    """Write the page into a file.

    Raises:
        OutputError: the file can't be written.
    """
    # Names of files may hold what is no Unicode.
    write_text(path, render_page(page).encode("utf-8", errors="replace").decode("utf-8"))


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _show(value: Value, column: Column) -> _ShownCell:
    if isinstance(value, Picture):
        return _ShownCell("", picture=value)
    if isinstance(value, Photos):
        return _ShownCell("", thumbnails=value.thumbnails)
    if isinstance(value, str):
        return _ShownCell(value, value)
    number, text, remark = value if isinstance(value, Cell) else (value, "", "")
    if number is None or math.isnan(number):
        return _ShownCell(text or MISSING, remark=remark)
    fill = None if column.full is None else 100 * min(max(number / column.full, 0), 1) if column.full else 0.0
    return _ShownCell(text or column.show(number), repr(float(number)), fill, remark=remark)
