"""How long work tells how far it is. The library calls a `Progress`; the command line shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with how many items are done, how many there are (None: unknown), and what they are."""

    def __call__(self, done: int, total: int | None, what: str) -> None: ...


def silent(done: int, total: int | None, what: str) -> None:
    """The `Progress` that shows nothing."""
