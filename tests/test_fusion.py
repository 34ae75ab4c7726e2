from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from tagger.fusion import HeadFusion, fuse


def test_logits_are_added_with_weights_and_a_bias() -> None:
    photo = {"a": np.array([[1, 2]], dtype=np.float32), "embedding": np.zeros((1, 3), np.float32)}
    fused = fuse(photo, {"a": np.array([[10, -10]], dtype=np.float32)}, {"a": HeadFusion(0.5, 0.25, (0.0, 1.0))})
    assert list(fused) == ["a"]
    assert fused["a"].dtype == np.float32
    np.testing.assert_allclose(fused["a"], [[3, -0.5]])


@pytest.mark.parametrize("weight", [np.nan, np.inf, "many"])
def test_weights_are_numbers(weight: float) -> None:
    with pytest.raises(ValidationError):
        HeadFusion(weight, 1, (0,))
