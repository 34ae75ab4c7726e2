"""Tag photos that are decoded already with one model or several: photos, then bundles, all of which tag every photo."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tagger.inference import Tagger

_BATCH = 64
#: The first batches are slower.
_WARM_UP = 2


def main(photos: Path, bundles: list[str]) -> None:
    """Tag in batches, one after the other; prints the seconds of the median batch a photo."""
    pixels = np.load(photos, allow_pickle=False)  # uint8 (N, H, W, 3)
    taggers = [Tagger.open(bundle) for bundle in bundles]
    batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
    for batch in batches[:_WARM_UP]:
        _tag(batch, taggers)
    print(json.dumps({"seconds_a_photo": median(_tag(batch, taggers) for batch in batches)}))


def _tag(batch: NDArray[np.uint8], taggers: list[Tagger]) -> float:
    """Returns the seconds a photo."""
    started = time.perf_counter()
    for tagger in taggers:
        tagger.tag_pixels(batch, top_k=1)
    return (time.perf_counter() - started) / len(batch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
