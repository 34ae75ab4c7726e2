"""The tagger: a bundle, an engine that runs its network, and the way from photos to tags."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.catalog.photos import decode_photo
from tagger.decoding import Scores, choose_classes, class_probabilities, probabilities
from tagger.errors import BundleError, PhotoError
from tagger.inference.answers import multi_tags, ranked, single_tags
from tagger.inference.engine import Engine, OnnxRuntimeEngine
from tagger.inference.tags import Photo, Tag, Tagged
from tagger.labels import output_name

EMBEDDING = "embedding"
#: Photos read ahead of the network, in batches: enough to keep it busy, few enough to bound the memory.
_BATCHES_AHEAD = 3
#: Threads do, unlike in training: the network is what takes long here.
_DECODERS = min(8, os.cpu_count() or 1)

_Decoded = NDArray[np.uint8] | PhotoError


class Tagger:
    """Tags photos with a bundle. Open it with `Tagger.open`.

    Args:
        bundle: what the outputs of the network mean.
        engine: runs the network.
    """

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.bundle = bundle
        self._engine = engine

    @classmethod
    def open(cls, path: Path | str) -> Tagger:
        """Open the bundle in a folder.

        Raises:
            BundleError: missing, damaged, of a version that this program can't read, or put together from several.
        """
        bundle = Bundle.open(path)
        engine = OnnxRuntimeEngine(bundle.model)
        _check_outputs(bundle, engine)
        return cls(bundle, engine)

    def scores(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Calibrated probabilities by output name, float32 (N, C), and "embedding", float32 (N, E), not normalised.

        Args:
            pixels: decoded photos, uint8 (N, H, W, 3), of the bundle's photo size.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        size = (self.bundle.photo.height, self.bundle.photo.width, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != size:
            raise ValueError(f"Expected photos uint8 (N, {size[0]}, {size[1]}, 3), got {pixels.dtype} {pixels.shape}.")
        outputs = self._engine.run(pixels)
        calibrated = probabilities(outputs, self.bundle.label_space, self.bundle.calibration.temperatures)
        return {**calibrated, EMBEDDING: outputs[EMBEDDING]}

    def decode(self, scores: Scores, top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags by attribute of each photo; parents and children never contradict each other.

        Args:
            scores: as `scores` gives them.
            top_k: labels an attribute, the answer included.
        """
        space, calibration = self.bundle.label_space, self.bundle.calibration
        classes = class_probabilities(scores, space)
        chosen = choose_classes(classes, space)
        columns: dict[str, list[Tag]] = {}
        for name, attribute in space.attributes.items():
            review = calibration.review.get(name, 0.0)
            if attribute.multi_valued:
                limits = [calibration.threshold(name, label) for label in attribute.labels]
                p = scores[output_name(attribute, "sigmoid")]
                columns[name] = multi_tags(attribute.labels, p, limits, top_k, review)
            else:
                columns[name] = single_tags(attribute.classes, classes[name], chosen[name], top_k, review)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def tag_pixels(self, pixels: NDArray[np.uint8], top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags of decoded photos, uint8 (N, H, W, 3)."""
        return self.decode(self.scores(pixels), top_k)

    def run(self, photos: Iterable[Photo], *, top_k: int = 3, batch_size: int = 64) -> Iterator[Tagged]:
        """Tag photos in their order, streaming: memory stays bounded however many there are.

        A photo that can't be used gives a `Tagged` with an error and no tags; the others go on.
        """
        stream = iter(photos)
        ahead: deque[tuple[Photo, Future[_Decoded]]] = deque()
        pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        try:
            while True:
                wanted = _BATCHES_AHEAD * batch_size - len(ahead)
                ahead.extend((photo, pool.submit(self._decode_photo, photo)) for photo in islice(stream, wanted))
                if not ahead:
                    return
                batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
                yield from self._tag_batch([(photo, decoded.result()) for photo, decoded in batch], top_k)
        finally:
            pool.shutdown(cancel_futures=True)

    def _decode_photo(self, photo: Photo) -> _Decoded:
        if not photo.path:
            return PhotoError("The catalog names no photo for this product.")
        try:
            return decode_photo(photo.path, self.bundle.photo)
        except PhotoError as error:
            return error

    def _tag_batch(self, batch: list[tuple[Photo, _Decoded]], top_k: int) -> Iterator[Tagged]:
        usable = [(photo, pixels) for photo, pixels in batch if not isinstance(pixels, PhotoError)]
        tagged = self._tag_usable(usable, top_k)
        for photo, pixels in batch:
            if isinstance(pixels, PhotoError):
                yield Tagged(photo.id, photo.path, error=str(pixels))
            else:
                yield next(tagged)

    def _tag_usable(self, photos: list[tuple[Photo, NDArray[np.uint8]]], top_k: int) -> Iterator[Tagged]:
        scores = self.scores(np.stack([pixels for _, pixels in photos]))
        others = {
            name: ranked(attribute.values(head), scores[name], top_k)
            for attribute, head in self.bundle.label_space.outputs()
            for name in [output_name(attribute, head)]
            if head != attribute.primary
        }
        for row, ((photo, _), tags) in enumerate(zip(photos, self.decode(scores, top_k), strict=True)):
            heads = {name: dict(rows[row]) for name, rows in others.items()}
            yield Tagged(photo.id, photo.path, tags, heads, scores[EMBEDDING][row])


def _check_outputs(bundle: Bundle, engine: Engine) -> None:
    """Run one black photo, to see that model.onnx is the network that the other files of the bundle speak of."""
    photo, space = bundle.photo, bundle.label_space
    try:
        outputs = engine.run(np.zeros((1, photo.height, photo.width, 3), dtype=np.uint8))
    except Exception as error:  # onnxruntime raises its own kinds, all derived from Exception
        raise BundleError(
            f"{bundle.model} takes no photos of {photo.height} x {photo.width} (height x width), which config.json "
            f"asks for ({error}). Copy or train the bundle again."
        ) from error
    expected = {output_name(attribute, head): len(attribute.values(head)) for attribute, head in space.outputs()}
    for name, columns in {EMBEDDING: None, **expected}.items():
        found = outputs[name].shape if name in outputs else None
        if not found or len(found) != 2 or columns not in (None, found[1]):
            raise BundleError(
                f"{bundle.model} and labels.json don't belong together: expected an output {name}"
                f"{f' of {columns} columns' if columns else ''}, found {found[-1] if found else 'none'}. "
                "Copy or train the bundle again."
            )
