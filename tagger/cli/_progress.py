"""Progress on stderr: a bar on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Never

from tagger.progress import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a `Progress`; what is unfinished when the block ends is cleared away."""
    display = _Bar() if sys.stderr.isatty() else _Lines()
    try:
        yield display.show
    finally:
        display.close()


class _Bar:
    """A tqdm bar, a new one for every new kind of work."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None
        self._what = ""

    def show(self, done: int, total: int | None, what: str) -> None:
        from tqdm import tqdm

        if self._bar is None or what != self._what:
            self.close()
            self._bar = tqdm(total=total, desc=what, leave=False, dynamic_ncols=True, file=sys.stderr)
            self._what = what
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Lines:
    """One line every few seconds; work that is over sooner says nothing."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, done: int, total: int | None, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            print(f"{what}: {done:,}{f' of {total:,}' if total else ''}", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass
