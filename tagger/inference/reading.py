"""Photos and titles of products, read in batches by threads that stay a few batches ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.photos import decode_photo
from tagger.config import PhotoConfig
from tagger.cores import usable_cores
from tagger.decoding import Outputs
from tagger.errors import PhotoError
from tagger.inference.tags import Photo

#: Photos read ahead of the network, in batches: enough to keep it busy, few enough to bound the memory.
_BATCHES_AHEAD = 3
#: Threads do, unlike in training: the network is what takes long here.
_DECODERS = min(8, usable_cores())

#: Of N products, which have titles that say something, bool (N,), and the logits of those by output name.
Titles = tuple[NDArray[np.bool_], Outputs]
_Decoded = NDArray[np.uint8] | PhotoError


class Batch(NamedTuple):
    """N photos, their pixels or why they have none, which of their titles say something, and the logits of those."""

    photos: list[Photo]
    decoded: list[_Decoded]
    titled: NDArray[np.bool_]
    title: Outputs


def read_batches(
    photos: Iterable[Photo], size: int, photo: PhotoConfig, read_titles: Callable[[list[Photo]], Titles]
) -> Generator[Batch]:
    """Yield photos in batches, in their order; closing it stops the threads.

    Args:
        photos: read as far as needed.
        size: photos in a batch.
        photo: how they are decoded.
        read_titles: called for each batch, by several threads at once.
    """

    def read(batch: list[Photo]) -> Batch:
        return Batch(batch, [_decode(each, photo) for each in batch], *read_titles(batch))

    stream = iter(photos)
    ahead: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
    try:
        while True:
            while len(ahead) < _BATCHES_AHEAD and (batch := list(islice(stream, size))):
                ahead.append(pool.submit(read, batch))
            if not ahead:
                return
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def no_titles(photos: list[Photo]) -> Titles:
    """For `read_batches`, where titles are not asked for."""
    return np.zeros(len(photos), dtype=np.bool_), {}


def _decode(photo: Photo, config: PhotoConfig) -> _Decoded:
    if not photo.path:
        return PhotoError("The catalog names no photo for this product, or one that is not there.")
    try:
        return decode_photo(photo.path, config)
    except PhotoError as error:
        return error
