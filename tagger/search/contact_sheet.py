"""The contact sheet: one picture of a query and the products found for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tagger.catalog.photos import decode_photo
from tagger.config import PhotoConfig
from tagger.errors import PhotoError
from tagger.files import atomic_file
from tagger.search.items import Item
from tagger.search.product_index import Hit

#: More hits than these are not drawn.
MAX_HITS = 100

_WIDTH = 168  # of a cell and its photo
_PHOTO = 224
_TEXT = 108
_GAP = 20
_MARGIN = 32
_QUERY_SCALE = 1.4
_FRAME = 10
_FOOTNOTE = "* predicted, not from the catalog"
_SCORES_NOTE = "score (image | text)"

_INK = (32, 33, 36)
_GREY = (110, 114, 120)
_PALE = (240, 241, 243)
_ACCENT = (26, 95, 180)

_MAX_LETTERS = 300  # of a text; no cell has room for more
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

#: What Unicode does not decompose into letters of the font.
_TRANSLITERATED = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
     "ı": "i", "€": "EUR", "£": "GBP", "×": "x", "–": "-", "—": "-", "‘": "'", "”": '"', "®": "(R)", "©": "(C)"}
)  # fmt: skip


def write_contact_sheet(path: Path | str, query: Item, hits: Sequence[Hit]) -> None:
    """Draw a contact sheet into a PNG file.

    Args:
        path: the file to write.
        query: what was looked for.
        hits: what was found, the best first; the first 100 are drawn.

    Raises:
        OutputError: the file can't be written.
    """
    sheet = draw_contact_sheet(query, hits)
    with atomic_file(path) as temporary:
        sheet.save(temporary, format="PNG")


def draw_contact_sheet(query: Item, hits: Sequence[Hit]) -> Image.Image:
    """Draw the query, framed, on the left, and the hits in a grid beside it.

    A photo that can't be read becomes a grey box that says why.

    Args:
        query: what was looked for.
        hits: what was found, the best first; the first 100 are drawn.

    Returns:
        An RGB image on white.
    """
    hits = hits[:MAX_HITS]
    columns = max(1, min(len(hits), 5 if len(hits) <= 15 else 6))
    rows = max(1, -(-len(hits) // columns))
    query_width, query_photo = round(_WIDTH * _QUERY_SCALE), round(_PHOTO * _QUERY_SCALE)
    left = _MARGIN + query_width + 2 * _FRAME + 2 * _GAP
    height = max(query_photo + 2 * _FRAME + _GAP + _TEXT, rows * (_PHOTO + _TEXT) + (rows - 1) * _GAP)
    size = (left + columns * (_WIDTH + _GAP) - _GAP + _MARGIN, height + 2 * _MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)

    frame = (_MARGIN, _MARGIN, _MARGIN + query_width + 2 * _FRAME, _MARGIN + query_photo + 2 * _FRAME)
    draw.rounded_rectangle(frame, radius=8, outline=_ACCENT, width=3)
    corner = (_MARGIN + _FRAME, _MARGIN + _FRAME)
    sheet.paste(draw_photo(query.image, query_width, query_photo), corner)
    write_caption(draw, (corner[0], frame[3] + 8), query_width, ("Query", ""), query)
    notes = [_FOOTNOTE] * any(item.predicted for item in (query, *hits))
    notes += [_SCORES_NOTE] * any(hit.image_score is not None and hit.text_score is not None for hit in hits)
    for line, note in enumerate(reversed(notes)):
        draw.text((corner[0], size[1] - _MARGIN - 14 - 16 * line), note, font=_font(11), fill=_GREY)
    draw.line([(left - _GAP, _MARGIN), (left - _GAP, size[1] - _MARGIN)], fill=_PALE, width=2)

    for place, hit in enumerate(hits):
        row, column = divmod(place, columns)
        x, y = left + column * (_WIDTH + _GAP), _MARGIN + row * (_PHOTO + _TEXT + _GAP)
        sheet.paste(draw_photo(hit.image, _WIDTH, _PHOTO), (x, y))
        write_caption(draw, (x, y + _PHOTO + 6), _WIDTH, (f"{place + 1}", _scores(hit)), hit)
    return sheet


def _scores(hit: Hit) -> str:
    """The total and, of a query with a photo and words, what the two have in it."""
    if hit.image_score is None or hit.text_score is None:
        return f"{hit.score:.3f}"
    return f"{hit.score:.3f} ({hit.image_score:.2f} | {hit.text_score:.2f})"


def draw_photo(path: str, width: int, height: int) -> Image.Image:
    """The photo in a box of this size, or why there is none."""
    try:
        if not path:
            raise PhotoError("the catalog names none")
        return Image.fromarray(decode_photo(path, PhotoConfig(width=width, height=height)))
    except PhotoError as error:
        box = Image.new("RGB", (width, height), _PALE)
        reason = str(error).removeprefix(f"{path}: ").partition(". ")[0]
        lines = _wrap(f"No photo: {reason}", width - 24, 6, _font(12))
        ImageDraw.Draw(box).multiline_text((12, 12), "\n".join(lines), font=_font(12), fill=_GREY, spacing=4)
        return box


def write_caption(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], width: int, heading: tuple[str, str], item: Item
) -> None:
    """Write below a photo: the heading left and right, then id, title and labels.

    Where there is no title, the id has its room: that of a query may be a mix of several photos and words.
    """
    x, y = at
    draw.text((x, y), heading[0], font=_font(15), fill=_ACCENT)
    draw.text((x + width, y), heading[1], font=_font(15), fill=_ACCENT, anchor="ra")
    y += 22
    labels = (value.replace("|", "/") + "*" * (name in item.predicted) for name, value in item.labels.items())
    for text, size, lines, colour in (
        (item.id, 12, 1 if item.title else 3, _INK),
        (item.title, 12, 2, _INK),
        (", ".join(dict.fromkeys(labels)), 11, 2, _GREY),
    ):
        for line in _wrap(text, width, lines, _font(size)):
            draw.text((x, y), line, font=_font(size), fill=colour)
            y += size + 4


def _wrap(text: str, width: int, lines: int, font: _Font) -> list[str]:
    """Break a text at blanks into at most so many lines; what does not fit is cut off with an ellipsis."""
    wrapped = [""]
    for word in _drawable(text[:_MAX_LETTERS], font).split():
        longer = f"{wrapped[-1]} {word}".strip()
        if not wrapped[-1] or font.getlength(longer) <= width:
            wrapped[-1] = longer
        else:
            wrapped.append(word)
    wrapped[lines - 1 :] = [" ".join(wrapped[lines - 1 :])]
    return [_clip(line, width, font) for line in wrapped if line]


def _clip(line: str, width: int, font: _Font) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"


@cache
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)


def _drawable(text: str, font: _Font) -> str:
    """Replace what Pillow's own font lacks: accented letters lose their accents, other scripts become "?"."""
    text = unicodedata.normalize("NFC", text).translate(_TRANSLITERATED)
    return re.sub(f"{_UNKNOWN}+", "?", "".join(_drawable_letter(letter, font) for letter in text))


@cache
def _drawable_letter(letter: str, font: _Font) -> str:
    if letter.isspace() or _has_glyph(letter, font):
        return letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if _has_glyph(part, font))
    return plain or _UNKNOWN


def _has_glyph(letter: str, font: _Font) -> bool:
    # The font draws one and the same box for everything that it lacks.
    return bytes(font.getmask(letter)) != bytes(font.getmask("\U0010ffff"))
