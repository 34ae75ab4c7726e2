"""One writer at a time: whoever changes an index holds its lock, the next one waits."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from tagger.errors import OutputError

LOCK = "lock"
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the lock of an index folder. The system gives it back when the process ends, however it ends.

    Raises:
        OutputError: the folder can't be written, or the system has no such locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise OutputError(
            f"Can't change the index {folder}: this system has no file locks. Make a new index in another folder."
        ) from error
    try:
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise OutputError(f"Can't change the index {folder}: {error.strerror}. Check who may write there.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.warning("Another process changes the index %s: waiting for it to end.", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
