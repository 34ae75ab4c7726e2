"""The network alone: photos that are decoded already go through `Engine.stream` in batches of 64."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from tagger.bundle import Bundle
from tagger.catalog.photos import decode_photo
from tagger.errors import PhotoError
from tagger.inference.engine import open_engine
from tagger.inference.sources import listed_photos

_BATCH = 64


def main(path: str, engine_name: Any, precision: Any) -> None:
    """Decode the photos that stdin names, then run the network on them; prints the seconds of the latter a photo."""
    bundle = Bundle.open(path)
    pixels = []
    for photo in listed_photos(sys.stdin):
        try:
            pixels.append(decode_photo(photo.path, bundle.photo))
        except PhotoError:
            continue
    photos = np.stack(pixels)
    batches = [photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH)]
    engine = open_engine(bundle, engine_name or None, precision or None)
    for _ in engine.stream(batches[:4]):  # the first batches are slower
        pass
    started = time.perf_counter()
    for _ in engine.stream(batches):
        pass
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds_a_photo": seconds / len(photos), "engine": repr(engine)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
