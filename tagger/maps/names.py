"""Where on a map the name of a class is written: where most of its products are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The map is divided into so many squares a side.
_SQUARES = 40


def densest_places(places: NDArray[np.float32], codes: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """The middle of the products in the densest part of each class, float32 (classes, 2).

    The middle of all of them would do for a class that is one cluster; that of two would be where it has none.

    Args:
        places: of the products, float32 (N, 2).
        codes: class of each, int64 (N,), 0 to `classes` - 1, each of which occurs.
        classes: how many there are.
    """
    low, extent = places.min(axis=0), max(float(np.ptp(places, axis=0).max()), 1e-9)
    squares = np.minimum((places - low) / extent * _SQUARES, _SQUARES - 1).astype(np.int64)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes, minlength=classes))[:-1])
    found = np.empty((classes, 2), dtype=np.float32)
    for at, rows in enumerate(members):
        counts = np.zeros((_SQUARES + 2, _SQUARES + 2))
        np.add.at(counts, tuple(squares[rows].T + 1), 1)
        # Each square with the eight around it.
        around = np.lib.stride_tricks.sliding_window_view(counts, (3, 3)).sum(axis=(2, 3))
        best = np.array(np.unravel_index(around.argmax(), around.shape))
        inside = rows[(np.abs(squares[rows] - best) <= 1).all(axis=1)]
        found[at] = places[inside].mean(axis=0)
    return found
