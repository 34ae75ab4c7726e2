"""AdamW that changes trunk and embedding more slowly than the heads, so that a few photos don't undo what they know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras


class GentleAdamW(keras.optimizers.AdamW):  # type: ignore[misc, unused-ignore]
    """AdamW with a smaller learning rate for all layers but some.

    The rate is scaled, not the gradient, which Adam would normalise again. Weight decay is not scaled.

    Args:
        learning_rate: as of AdamW.
        weight_decay: as of AdamW.
        share: of the learning rate, for the other layers.
        heads: names of the layers that learn at the whole rate.
    """

    def __init__(self, learning_rate: Any, weight_decay: float, share: float, heads: Collection[str]) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self._share = share
        self._heads = frozenset(heads)
        self._shares: list[float] = []

    def build(self, variables: Any) -> None:
        """Note the share of each variable by its place: backends hand over variables that don't know their layer."""
        super().build(variables)
        layers = [variable.path.partition("/")[0] for variable in variables]
        self._shares = [1.0 if layer in self._heads else self._share for layer in layers]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step for one variable."""
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)
