"""Reading and decoding alone: our own way from files to batches of pixels, with no network behind it."""

from __future__ import annotations

import json
import sys
import time

from tagger.bundle import Bundle
from tagger.errors import PhotoError
from tagger.inference.reading import no_titles, read_batches
from tagger.inference.sources import listed_photos

_BATCH = 64


def main(path: str) -> None:
    """Decode the photos that stdin names; prints the seconds."""
    photo = Bundle.open(path).photo
    photos = list(listed_photos(sys.stdin))
    started = time.perf_counter()
    batches = read_batches(photos, _BATCH, photo, no_titles)
    usable = sum(not isinstance(decoded, PhotoError) for batch in batches for decoded in batch.decoded)
    print(json.dumps({"seconds": time.perf_counter() - started, "usable": usable}))


if __name__ == "__main__":
    main(sys.argv[1])
