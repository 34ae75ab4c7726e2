"""What every reader does with text: decode a file, read a cell, tell flags, keep ids unique."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tagger.catalog.table import CleaningReport
from tagger.config import CatalogConfig
from tagger.errors import CatalogError

#: What joins several values in one cell of the table.
JOINT = "|"

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_WORDS = (frozenset({"true", "false"}), frozenset({"yes", "no"}))
_DIGITS = frozenset({"0", "1"})
#: Besides control characters also halves of surrogate pairs, which JSON can hold and UTF-8 can't.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


def read_lines(path: Path, report: CleaningReport) -> list[str]:
    r"""Read the lines of a UTF-8 file, with or without a byte order mark, ending in "\n", "\r\n" or "\r".

    Bytes that are not UTF-8 become the replacement character, and a finding.

    Raises:
        CatalogError: the file can't be read, is empty, or is UTF-16 or binary.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"Can't read {path}: {error.strerror}. Check the path.") from error
    if b"\0" in data[:4096]:
        raise CatalogError(f"Expected UTF-8 text in {path}, found binary data or UTF-16. Save it as UTF-8.")
    # Not splitlines: it also splits at form feeds and at U+2028, which titles do contain.
    lines = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").split("\n")
    if len(lines) == 1:
        lines = lines[0].split("\r")
    if not any(line.strip() for line in lines):
        raise CatalogError(f"Expected products in {path}, but the file is empty.")
    damaged = [f"line {number}" for number, line in enumerate(lines, 1) if "\ufffd" in line]
    report.add("not-utf-8", "repaired", "Lines with bytes that are not UTF-8; each became U+FFFD.", damaged)
    return lines


class CellReader:
    """Turns the value of a source cell into the text of a table cell.

    Args:
        config: which texts mean "missing" and what joins several values.
    """

    def __init__(self, config: CatalogConfig) -> None:
        self._missing = frozenset(config.missing) | {""}
        self._separator = config.separator

    def single(self, value: object) -> str:
        """Return the text without outer blanks and control characters, "" where it means "missing"."""
        text = value if isinstance(value, str) else _as_text(value)
        text = (text if text.isprintable() else _UNPRINTABLE.sub(" ", text)).strip()
        return "" if text in self._missing else text

    def several(self, value: object, separator: str = "") -> str:
        """Return the values of a cell, a list or text with separators, joined by "|", each once, missing ones left out.

        Args:
            value: the cell.
            separator: default: that of the config.
        """
        if isinstance(value, list):
            return self._join(value)
        separator = separator or self._separator
        text = self.single(value)
        return self._join(text.split(separator)) if separator and separator in text else text

    def _join(self, values: Iterable[object]) -> str:
        return JOINT.join(dict.fromkeys(text for text in map(self.single, values) if text))


def _as_text(value: object) -> str:
    """Return numbers and booleans as a person would write them; bytes (a photo inside a table) are no text."""
    match value:
        case None | bytes():
            return ""
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def is_utf8(name: str) -> bool:
    """Tell whether the name of a file can be written as UTF-8; Linux allows any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def flag(value: object) -> str:
    """Return "true" for true, yes and 1, "false" for false, no and 0, "" for anything else."""
    text = str(value).strip().casefold()
    return "true" if text in _TRUE else "false" if text in _FALSE else ""


def are_flags(values: Iterable[str]) -> bool:
    """Tell whether a column is a flag: only true/false, or only yes/no, or both 0 and 1, beside missing values.

    A column of only 0 or only 1 is no flag: it may as well be a count.
    """
    found = {value.casefold() for value in set(values)} - {""}
    return found == _DIGITS or (bool(found) and any(found <= words for words in _WORDS))


def unique_rows(ids: Sequence[str], report: CleaningReport) -> list[int]:
    """Return the positions of the rows to keep: those with an id, the first of each id."""
    seen: set[str] = set()
    kept, nameless, repeated = [], [], []
    for position, id_ in enumerate(ids):
        if not id_:
            nameless.append(f"row {position + 1}")
        elif id_ in seen:
            repeated.append(id_)
        else:
            seen.add(id_)
            kept.append(position)
    report.add("id-missing", "dropped", "Rows without an id.", nameless)
    report.add("id-repeated", "dropped", "Rows whose id an earlier row has already.", repeated)
    return kept
