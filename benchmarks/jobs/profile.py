"""Where the time of a training step goes, by kind of TensorFlow operation: config, catalog.

    python -m benchmarks.jobs.profile configs/fashion.yaml data/fashion

Milliseconds are of single cores: several may be busy at once.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tagger.config import load_config
from tagger.training.prepare import prepare
from tagger.training.run import _trainer

_FIRST_STEPS, _STEPS = 4, 8
#: Kinds that are shown; the rest is one line.
_SHOWN = 12


def main(config_file: str, catalog: str) -> None:
    """Print a Markdown table."""
    config = load_config(config_file)
    trainer = _trainer(prepare(Path(catalog), config), config, Path())
    batch = next(trainer.training.epoch(config.training.small_epochs, config.training))
    for _ in range(_FIRST_STEPS):
        trainer._step(batch)
    spent = _profile(lambda: trainer._step(batch))
    total = sum(spent.values())
    shown = spent.most_common(_SHOWN)
    print("| operation | core ms a step | share |\n|:--|--:|--:|")
    for kind, seconds in [*shown, ("all others", total - sum(seconds for _, seconds in shown))]:
        print(f"| {kind} | {1000 * seconds / _STEPS:.1f} | {seconds / total:.3f} |")


def _profile(step: Any) -> Counter[str]:
    """Seconds of all steps by kind of operation."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(_STEPS):
                step()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(trace.read_bytes())
    spent: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # Operations are called "name in the graph:Kind"; the rest is TensorFlow's own book-keeping.
                name, _, kind = plane.event_metadata[event.metadata_id].name.partition(":")
                if name and kind.isidentifier():
                    spent[kind] += event.duration_ps / 1e12
    return spent


if __name__ == "__main__":
    main(*sys.argv[1:])
