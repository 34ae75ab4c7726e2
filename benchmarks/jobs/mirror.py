"""What averaging over a photo and its mirror image would gain: bundle, catalog, part.

    python -m benchmarks.jobs.mirror runs/fashion-best data/fashion validation

It doubles the work of the network. The logits of both are averaged, before they are calibrated.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.catalog.cache import open_cache
from tagger.catalog.read import read_catalog
from tagger.decoding import Scores, choose_classes, class_probabilities, probabilities
from tagger.inference.engine import open_engine
from tagger.labels import LabelSpace, class_index

_BATCH = 256


def main(model: Path, data: Path, part: str) -> None:
    """Print a Markdown table."""
    bundle = Bundle.open(model)
    catalog = read_catalog(data, bundle.config.catalog)
    cache = open_cache(catalog, bundle.photo)
    split = bundle.split or {}
    ids = [str(id_) for id_ in catalog.table.index if split.get(str(id_)) == part and id_ in cache.rows]
    photos = np.asarray(cache.pixels[cache.select(ids)])
    engine = open_engine(bundle, "onnxruntime", "float32")
    batches = [photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH)]
    plain = _joined(list(engine.stream(batches)))
    mirrored = _joined(list(engine.stream([np.ascontiguousarray(batch[:, :, ::-1]) for batch in batches])))
    both = {name: (plain[name] + mirrored[name]) / 2 for name in plain}
    table = catalog.table.loc[ids]
    print(f"| attribute | {part}, {len(ids):,} photos | with the mirror image |\n|:--|--:|--:|")
    found = [_accuracy(bundle, logits, table) for logits in (plain, both)]
    for name in found[0]:
        print(f"| {name} | {found[0][name]:.4f} | {found[1][name]:.4f} |")


def _joined(batches: list[dict[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _accuracy(bundle: Bundle, logits: Scores, table: pd.DataFrame) -> dict[str, float]:
    """Share of right tags of each single-valued attribute."""
    space: LabelSpace = bundle.label_space
    chosen = choose_classes(class_probabilities(probabilities(logits, space, bundle.calibration), space), space)
    accuracy = {}
    for name, tags in chosen.items():
        truth = class_index(space[name], table)
        accuracy[name] = float((tags == truth)[truth >= 0].mean())
    return accuracy


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
