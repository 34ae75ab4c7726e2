"""Answers from titles: the network that reads them, and what each product is answered from."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.decoding import Outputs
from tagger.errors import BundleError
from tagger.title_part import TitlePart

#: What a product may be answered from. "auto": photo and title where both are there, else the one that is.
Inputs = Literal["auto", "image", "title"]
#: What one product was answered from.
IMAGE, TITLE, BOTH, NOTHING = "image", "title", "image+title", ""

#: Why a product is not tagged where only its title is asked for.
NO_TITLE = "The product has no title that says anything to the bundle."


class TitleReader:
    """Turns titles into logits, on one core: the network is tiny.

    Args:
        bundle: whose titles it reads.

    Raises:
        BundleError: the bundle can't read titles, or what it knows of them is not what it should be.
    """

    def __init__(self, bundle: Bundle) -> None:
        import onnxruntime

        part = TitlePart.of(bundle)

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self.part = part
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(part.model), options, providers=["CPUExecutionProvider"]
            )
            self._input = self._session.get_inputs()[0].name
            self._outputs = [output.name for output in self._session.get_outputs()]
            # The first and the last row of its table, so that a table of another vocabulary is found out.
            found = self(np.array([[0, len(part.vocabulary) - 1]], dtype=np.int32))
        except Exception as error:  # onnxruntime raises its own kinds, all derived from Exception
            raise BundleError(f"{part.model} can't be run ({error}). Copy or train the bundle again.") from error
        expected = {name: (1, len(head.bias)) for name, head in part.heads.items()}
        if {name: values.shape for name, values in found.items()} != expected:
            raise BundleError(f"{part.model} and labels.json don't belong together. Copy or train the bundle again.")

    def __call__(self, rows: NDArray[np.int32]) -> Outputs:
        """Logits by output name, float32 (N, C), for rows of features, int32 (N, T)."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: rows}), strict=True))


def answered_from(readable: NDArray[np.bool_], titled: NDArray[np.bool_], inputs: Inputs) -> list[str]:
    """What each of N products is answered from.

    Args:
        readable: whether its photo can be used (N,).
        titled: whether the reader knows anything in its title (N,).
        inputs: what is asked for.
    """
    image = readable & (inputs != "title")
    title = titled & (inputs != "image")
    return [(NOTHING, TITLE, IMAGE, BOTH)[2 * seen + read] for seen, read in zip(image, title, strict=True)]
