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
        self._of_heads: list[bool] = []

    def build(self, variables: Any) -> None:
        """Note where the heads' variables are by their place: backends hand over some that don't know their layer."""
        super().build(variables)
        self._of_heads = [variable.path.partition("/")[0] in self._heads for variable in variables]

    def in_a_head(self, variable: Any) -> bool:
        """Whether a variable is one of a head's."""
        place: int = self._get_variable_index(variable)
        return self._of_heads[place]

    def share_of(self, variable: Any) -> float:
        """The share of the learning rate that a variable learns at."""
        return 1.0 if self.in_a_head(variable) else self._share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step for one variable."""
        super().update_step(gradient, variable, learning_rate * self.share_of(variable))
