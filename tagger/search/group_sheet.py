"""One picture of groups of products that share a photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw

from tagger.catalog.table import TITLE, Catalog
from tagger.files import atomic_file
from tagger.search.contact_sheet import draw_photo, write_caption
from tagger.search.duplicates import Listing
from tagger.search.items import Item

#: Groups beyond so many products are not drawn.
MAX_DRAWN = 120

_COLUMNS = 8
_WIDTH, _PHOTO, _TEXT = 132, 176, 100
_GAP, _MARGIN, _FRAME = 14, 24, 6
_LINE = (176, 184, 194)


def write_group_sheet(path: Path | str, listings: Sequence[Listing], catalog: Catalog) -> int:
    """Draw the first groups into a PNG file, each in a frame, and return how many were drawn.

    Raises:
        OutputError: the file can't be written.
    """
    groups = [list(members) for _, members in groupby(listings[:MAX_DRAWN], key=lambda listing: listing.group)]
    rows = list(_rows(groups))
    width = _COLUMNS * (_WIDTH + _GAP) + 2 * _MARGIN
    height = max(1, len(rows)) * (_PHOTO + _TEXT + _GAP) + 2 * _MARGIN
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        x, y = _MARGIN, _MARGIN + number * (_PHOTO + _TEXT + _GAP)
        for part in row:
            right = x + len(part) * (_WIDTH + _GAP) - _GAP + _FRAME
            draw.rounded_rectangle((x - _FRAME, y - _FRAME, right, y + _PHOTO + _TEXT), radius=6, outline=_LINE)
            for listing in part:
                sheet.paste(draw_photo(listing.image, _WIDTH, _PHOTO), (x, y))
                heading = (f"{listing.group}", f"{listing.difference:.1f}")
                write_caption(draw, (x, y + _PHOTO + 4), _WIDTH, heading, _item(listing, catalog))
                x += _WIDTH + _GAP
    with atomic_file(path) as temporary:
        sheet.save(temporary, format="PNG")
    return len(groups)


def _rows(groups: Sequence[list[Listing]]) -> Iterator[list[list[Listing]]]:
    """Groups side by side as they fit; one that is longer than a row goes on in the next."""
    row: list[list[Listing]] = []
    for group in groups:
        for start in range(0, len(group), _COLUMNS):
            part = group[start : start + _COLUMNS]
            if row and sum(map(len, row)) + len(part) > _COLUMNS:
                yield row
                row = []
            row.append(part)
    if row:
        yield row


def _item(listing: Listing, catalog: Catalog) -> Item:
    title = str(catalog.table.loc[listing.id, TITLE]) if TITLE in catalog.table else ""
    return Item(listing.id, title)
