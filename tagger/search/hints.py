"""Ids near one that an index does not have."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from pathlib import PurePath

from tagger.errors import did_you_mean

#: Longer words are no misspelt ids, and each letter costs eighty guesses.
_MAX_SPELLING = 64


def id_hint(word: str, known: Callable[[str], bool]) -> str:
    """Return ' Did you mean "…"?' for an id near the word, or ''.

    The ids are not read: guesses are looked up, so that it takes as long among ten products as among ten million.

    Args:
        word: what was asked for.
        known: whether there is such an id.
    """
    stem = PurePath(word).with_suffix("") if PurePath(word).name else PurePath()
    for guess in (word.strip(), str(stem), stem.name, word.casefold(), word.upper(), word.lstrip("0")):
        if known(guess):
            return did_you_mean(guess, [guess])
    if len(word) > _MAX_SPELLING:
        return ""
    return did_you_mean(word, filter(known, _one_edit_away(word)))


def _one_edit_away(word: str) -> Iterator[str]:
    """Yield the word with one letter left out, exchanged, added, or swapped with the next (P. Norvig's speller)."""
    letters = dict.fromkeys(word + string.digits + string.ascii_lowercase + "-_.")
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in letters)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in letters)
