"""In which directions the photos of a catalog differ, for the look-up of similar products."""

from __future__ import annotations

import numpy as np

from tagger.decoding import EMBEDDING, Outputs
from tagger.labels import LabelSpace
from tagger.similarity import SimilaritySpace, side_by_side


def learn_similarity(outputs: Outputs, space: LabelSpace, dimensions: int) -> SimilaritySpace | None:
    """Take the first singular directions; the mean stays in, since cosines are of the vectors as they are.

    Args:
        outputs: of photos of the train part, float32 (N, C) by output name, "embedding" among them.
        space: what they mean.
        dimensions: that are kept, fewer where there are no more.

    Returns:
        None where none are asked for: embeddings are compared as they are.
    """
    if not dimensions:
        return None
    photos = side_by_side(outputs, space).astype(np.float64)
    _, directions = np.linalg.eigh(photos.T @ photos)
    # As a file will hold them.
    axes = directions[:, ::-1][:, :dimensions].astype(np.float16).astype(np.float32)
    return SimilaritySpace(axes, outputs[EMBEDDING].shape[1])
