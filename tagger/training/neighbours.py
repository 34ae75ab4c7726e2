"""Which products of the train part a bundle remembers, and how much their labels count beside the heads."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tagger.config import NeighboursConfig
from tagger.decoding import EMBEDDING, Outputs
from tagger.labels import LabelSpace
from tagger.neighbours import Neighbours, projected, weighted
from tagger.training.shares import best_share, losses_of_shares
from tagger.training.targets import Targets

_log = logging.getLogger(__name__)

#: Products that are remembered: 1.5 MB of them, and a tenth of the time of tagging.
MOST = 40_000
#: With fewer held-out products the shares would be chance.
_MIN_KNOWN = 50
_SPREADS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
#: A larger share makes a network that is too sure of itself likelier on the whole, and wrong more often.
_SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def learn_neighbours(
    embeddings: NDArray[np.float32],
    training: Targets,
    held_out: Outputs,
    targets: Targets,
    space: LabelSpace,
    config: NeighboursConfig,
) -> Neighbours | None:
    """Remember products, and choose spread and shares by the likelihood of the labels of others.

    Args:
        embeddings: of the products to remember, float32 (N, E), at most `MOST`.
        training: their targets.
        held_out: outputs of the network for M products that it did not learn from, the embedding among them.
        targets: of these.
        space: the attributes that are tagged.
        config: how many neighbours, in how many dimensions.

    Returns:
        None where none are asked for, where there are too few products, or where neighbours say nothing that the
        heads don't.
    """
    known = [name for name in space.output_names if (targets.weights[name] > 0).sum() >= _MIN_KNOWN]
    if not config.count or not known or len(embeddings) < config.count:
        return None
    best, least = None, np.inf
    plain = _remember(embeddings, training, space, config)
    rows, cosines = plain.nearest(held_out[EMBEDDING])
    for spread in _SPREADS:
        weights = weighted(cosines, spread)
        losses = {name: _losses(plain, name, rows, weights, held_out[name], targets) for name in known}
        total = sum(float(values.min()) for values in losses.values())
        if total < least:
            shares = dict.fromkeys(plain.shares, 0.0) | {
                name: best_share(_SHARES, values) for name, values in losses.items()
            }
            best, least = replace(plain, spread=spread, shares=shares), total
    if best is None or not any(best.shares.values()):
        return None
    _log.info(
        "Neighbours: %d products, spread %g, shares %s",
        len(embeddings), best.spread, "  ".join(f"{name} {share:.2f}" for name, share in best.shares.items()),
    )  # fmt: skip
    return best


def _remember(
    embeddings: NDArray[np.float32], targets: Targets, space: LabelSpace, config: NeighboursConfig
) -> Neighbours:
    """Products in the dimensions in which they differ most, as a file will hold them; nothing has a share yet."""
    mean = embeddings.mean(axis=0).astype(np.float16).astype(np.float32)
    spread = (embeddings - mean).astype(np.float64)
    _, directions = np.linalg.eigh(spread.T @ spread)
    axes = directions[:, ::-1][:, : config.dimensions].astype(np.float16).astype(np.float32)
    vectors = projected(embeddings, mean, axes)
    step = max(float(np.abs(vectors).max()), 1e-6) / 127
    labels = {name: _labels(targets, name) for name in space.output_names}
    codes = np.round(vectors / step).astype(np.int8)
    return Neighbours(mean, axes, codes, step, config.count, 1.0, dict.fromkeys(labels, 0.0), labels)


def _labels(targets: Targets, name: str) -> NDArray[np.int32] | NDArray[np.bool_]:
    values, known = targets.values[name], targets.weights[name] > 0
    if values.ndim == 1:
        return np.where(known, values, -1).astype(np.int32)
    return np.column_stack([known, (values > 0) & known[:, None]])


def _losses(
    neighbours: Neighbours,
    name: str,
    rows: NDArray[np.intp],
    weights: NDArray[np.float32],
    logits: NDArray[np.float32],
    targets: Targets,
) -> NDArray[np.float64]:
    """Those of an output for each share, see `losses_of_shares`."""
    seen = targets.weights[name] > 0
    truth, logits = targets.values[name][seen], logits[seen]
    votes, known = neighbours.votes(name, rows[seen], weights[seen], logits)
    mixtures = (neighbours.mixed(name, logits, votes, known, share) for share in _SHARES)
    return losses_of_shares(mixtures, truth)
