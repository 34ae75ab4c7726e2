"""Reading and decoding alone: our own way from files to batches, in front of a network that computes nothing."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.decoding import EMBEDDING, Outputs
from tagger.inference.engine import Engine
from tagger.inference.sources import listed_photos
from tagger.inference.tagger import Tagger
from tagger.labels import output_name


class _NoNetwork(Engine):
    """Answers zeros."""

    def __init__(self, bundle: Bundle) -> None:
        heads = bundle.label_space.outputs()
        self._widths = {output_name(attribute, head): len(attribute.values(head)) for attribute, head in heads}

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        widths = {EMBEDDING: 1, **self._widths}
        return {name: np.zeros((len(photos), width), dtype=np.float32) for name, width in widths.items()}


def main(path: str) -> None:
    """Decode the photos that stdin names; prints the seconds."""
    bundle = Bundle.open(path)
    photos = list(listed_photos(sys.stdin))
    started = time.perf_counter()
    usable = sum(batch.errors.count("") for batch in Tagger(bundle, _NoNetwork(bundle)).score(photos))
    print(json.dumps({"seconds": time.perf_counter() - started, "usable": usable}))


if __name__ == "__main__":
    main(sys.argv[1])
