"""What was meant, where an index has no such id, or no product that meets a filter."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath

from tagger.errors import did_you_mean
from tagger.search.filters import Filter

#: Longer words are no misspelt ids, and each letter costs eighty guesses.
_MAX_SPELLING = 64
#: How else a value may be written: without the quotes that SQL wants, and in small or capital letters.
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda value: value.strip("'\""), str.capitalize, str.title, str.lower, str.upper,
)  # fmt: skip
#: Which numbers a comparison leaves.
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


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


def filter_hint(where: Iterable[Filter], count: Callable[[Sequence[Filter]], int]) -> str:
    """Return ' Did you mean gender=Women?' for a filter that no product meets as it is written, or ''.

    Args:
        where: filters; those with != are not looked at.
        count: how many products meet some.
    """
    for each in where:
        others = _OPPOSITES.get(each.operator)
        if others and not count([each]) and not count([each._replace(operator=others)]):
            return f" In no product {each.column} is a number; numbers are written like 1299.5."
        if each.operator == "=" and not count([each]):
            for spell in _SPELLINGS:
                guess = each._replace(values=tuple(map(spell, each.values)))
                if count([guess]):
                    return f" Did you mean {guess}?"
    return ""


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
