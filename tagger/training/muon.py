"""Muon for the matrices and convolutions of trunk and embedding, AdamW for everything else."""

from __future__ import annotations

from typing import Any

from keras import ops

from tagger.training.gentle import GentleAdamW

#: Coefficients of the Newton-Schulz iteration, of Keller Jordan's Muon (https://kellerjordan.github.io/posts/muon/).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_MOMENTUM = 0.95
#: Root mean square of an update before the learning rate; that of AdamW is near it, so that one rate serves both
#: (Liu et al. 2025, https://arxiv.org/abs/2502.16982).
_RMS = 0.2


class Muon(GentleAdamW):
    """Steps along the nearest orthogonal matrix to the momentum, so that all its directions are learned equally fast.

    A convolution (h, w, in, out) counts as the matrix (h * w * in, out). Keras' own Muon takes plain matrices alone.
    Heads, biases, normalizations and depthwise convolutions are left to AdamW.

    Args: as of `GentleAdamW`.
    """

    def build(self, variables: Any) -> None:
        """Note which variables are matrices by their place."""
        super().build(variables)
        self._matrices = [len(v.shape) > 1 and v.shape[-1] > 1 and not self.in_a_head(v) for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step for one variable."""
        place = self._get_variable_index(variable)
        if not self._matrices[place]:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[place]  # AdamW's slot for it
        self.assign(momentum, momentum * _MOMENTUM + gradient)
        nesterov = ops.reshape(gradient + _MOMENTUM * momentum, (-1, variable.shape[-1]))
        step = orthogonalized(nesterov) * (_RMS * max(nesterov.shape) ** 0.5)
        rate = ops.cast(learning_rate * self.share_of(variable), variable.dtype)
        self.assign_sub(variable, rate * ops.reshape(step, variable.shape))


def orthogonalized(matrix: Any) -> Any:
    """Bring the singular values of a matrix (M, N) near 1, somewhere between 0.7 and 1.2, and keep its directions."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else ops.transpose(matrix)  # the products are those of the shorter side
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = ops.matmul(x, ops.transpose(x))
        x = _A * x + ops.matmul(_B * gram + _C * ops.matmul(gram, gram), x)
    return x if wide else ops.transpose(x)
