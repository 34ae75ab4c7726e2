"""What photo and title say together: a product of experts, head by head.

The logits of both are added with weights, and so is the logarithm of how frequent each label is, which both have taken
into account and which would count twice (Hinton 2002, Neural Computation 14; Genest & Zidek 1986 on such pooling).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, FiniteFloat
from pydantic.dataclasses import dataclass

from tagger.decoding import Scores


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class HeadFusion:
    """How much each expert counts for one head.

    Args:
        photo: weight of the photo's logits.
        title: weight of the title's logits.
        bias: added to the logit of each column of the head.
    """

    photo: FiniteFloat
    title: FiniteFloat
    bias: tuple[FiniteFloat, ...]


def fuse(photo: Scores, title: Scores, heads: Mapping[str, HeadFusion]) -> dict[str, NDArray[np.float32]]:
    """Logits of both together by output name, float32 (N, C).

    Args:
        photo: logits by output name, float32 (N, C).
        title: those of the same N products.
        heads: by output name.
    """
    return {
        name: np.asarray(
            head.photo * photo[name] + head.title * title[name] + np.array(head.bias, dtype=np.float32),
            dtype=np.float32,
        )
        for name, head in heads.items()
    }
