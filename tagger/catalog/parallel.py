"""Decode many photos on all cores, in order, streaming."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.photos import decode_photo
from tagger.config import PhotoConfig
from tagger.cores import usable_cores
from tagger.errors import CatalogError, PhotoError

Decoded = NDArray[np.uint8] | PhotoError

_CHUNK = 128
#: Seconds of decoding that are done alone before processes, which take about that long to start, are called in.
_ALONE = 0.5


def decode_photos(paths: Iterable[Path | str], photo: PhotoConfig) -> Iterator[Decoded]:
    """Decode photos in their order; a broken one gives its error in place of pixels.

    Processes, not threads: with small photos most of the time goes to Pillow's Python code, where threads wait for
    each other. They are spawned, not forked, since a fork of a process that runs TensorFlow may hang.

    Args:
        paths: read as far as needed, so an endless stream is fine.
        photo: the size to letterbox to, and the limits.

    Yields:
        uint8 (height, width, 3), or the PhotoError that `decode_photo` raised.

    Raises:
        CatalogError: a decoding process died.
    """
    stream = iter(paths)
    workers = usable_cores()
    spent = 0.0
    for path in stream:
        begin = time.perf_counter()
        decoded = _decode(path, photo)
        spent += time.perf_counter() - begin
        yield decoded
        if spent > _ALONE and workers > 1:
            break
    yield from _decode_on(workers, stream, photo)


def _decode_on(workers: int, stream: Iterator[Path | str], photo: PhotoConfig) -> Iterator[Decoded]:
    chunk = list(islice(stream, _CHUNK))
    if not chunk:
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_follow_parent)
    pending: deque[Future[list[Decoded]]] = deque()
    try:
        while chunk:
            with _main_hidden():
                pending.append(pool.submit(_decode_chunk, chunk, photo))
            if len(pending) > 4 * workers:
                yield from pending.popleft().result()
            chunk = list(islice(stream, _CHUNK))
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as error:
        raise CatalogError(
            "A process that decodes photos died, most likely because the memory ran out. "
            "Free some memory, or lower photo.max_pixels, then run again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep a process that starts now from running the calling script again.

    A spawned process imports the script first, which fails without `if __name__ == "__main__":` or when the script came
    through a pipe, and is slow where it imports TensorFlow. Decoding needs nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _decode(path: Path | str, photo: PhotoConfig) -> Decoded:
    try:
        return decode_photo(path, photo)
    except PhotoError as error:
        return error


def _decode_chunk(paths: list[Path | str], photo: PhotoConfig) -> list[Decoded]:
    return [_decode(path, photo) for path in paths]


def _follow_parent() -> None:
    """Leave Ctrl-C, which reaches every process of the terminal, to the parent; end when it ends, even by kill -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
