"""Keep TensorFlow's start-up notes off the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without_startup_notes() -> Iterator[None]:
    """Send what is written to the descriptor of stderr nowhere, for the time of an import.

    TensorFlow's C++ part writes there before its own log level counts. Python errors are raised, so none is lost.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
