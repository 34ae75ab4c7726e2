"""The command as a report records it."""

from __future__ import annotations

import shlex
import sys


def command_line(place: str | None = None, shown: str | None = None) -> str:
    """What was typed, but for the place of an index, which may hold a password.

    Args:
        place: as it was given; None: no index was.
        shown: the same place as it may be shown.
    """
    words = [word.replace(place, shown or "") if place else word for word in sys.argv[1:]]
    return shlex.join(["tagger", *words])
