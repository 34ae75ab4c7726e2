"""The tagger: a bundle, an engine that runs its network, and the way from photos to tags."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.catalog.photos import decode_photo
from tagger.config import EngineName, EnginePrecision
from tagger.cores import usable_cores
from tagger.decoding import Scores, choose_classes, class_probabilities, probabilities
from tagger.errors import BundleError, PhotoError
from tagger.inference.answers import multi_tags, ranked, single_tags
from tagger.inference.engine import Engine, Outputs, open_engine
from tagger.inference.tags import Photo, Tag, Tagged
from tagger.labels import output_name

EMBEDDING = "embedding"
#: Beside the scores of the heads, where the bundle can tell: see `Novelty.scores`.
NOVELTY = "novelty"
#: Photos read ahead of the network, in batches: enough to keep it busy, few enough to bound the memory.
_BATCHES_AHEAD = 3
#: Threads do, unlike in training: the network is what takes long here.
_DECODERS = min(8, usable_cores())

_Decoded = NDArray[np.uint8] | PhotoError
_Batch = list[tuple[Photo, _Decoded]]


class Scored(NamedTuple):
    """A batch of photos and what the network says of them.

    Args:
        photos: N photos.
        errors: why each can't be used; "" for the M that can.
        scores: calibrated probabilities by output name, float32 (M, C), "embedding", float32 (M, E), and, where the
            bundle can tell, "novelty", float32 (M, 1).
    """

    photos: list[Photo]
    errors: list[str]
    scores: Scores


class Tagger:
    """Tags photos with a bundle. Open it with `Tagger.open`.

    Args:
        bundle: what the outputs of the network mean.
        engine: runs the network.
        target_precision: share of right tags among those without a mark; None: what the bundle was made for.

    Raises:
        BundleError: it doesn't know which confidence reaches another precision.
    """

    def __init__(self, bundle: Bundle, engine: Engine, target_precision: float | None = None) -> None:
        self.bundle = bundle
        self.target_precision = target_precision or bundle.config.review.target_precision
        self._engine = engine
        self._review = _review_confidences(bundle, target_precision)

    @classmethod
    def open(
        cls,
        path: Path | str,
        engine: EngineName | None = None,
        engine_precision: EnginePrecision | None = None,
        target_precision: float | None = None,
    ) -> Tagger:
        """Open the bundle in a folder.

        Args:
            engine: what runs the network, see `open_engine`; None: what the bundle's settings say.
            engine_precision: in which numeric precision; None: likewise.
            target_precision: see `Tagger`.

        Raises:
            BundleError: missing, damaged, of a version that this program can't read, put together from several, or
                without the int8 model or the confidences that are asked for.
            MissingDependencyError: the engine is not installed.
        """
        bundle = Bundle.open(path)
        opened = open_engine(bundle, engine, engine_precision)
        _check_outputs(bundle, opened)
        return cls(bundle, opened, target_precision)

    def scores(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Calibrated probabilities by output name, float32 (N, C), and "embedding", float32 (N, E), not normalised.

        Where the bundle can tell, also "novelty", float32 (N, 1), see `Novelty.scores`.

        Args:
            pixels: decoded photos, uint8 (N, H, W, 3), of the bundle's photo size.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        size = (self.bundle.photo.height, self.bundle.photo.width, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != size:
            raise ValueError(f"Expected photos uint8 (N, {size[0]}, {size[1]}, 3), got {pixels.dtype} {pixels.shape}.")
        return self._calibrated(self._engine.run(pixels))

    def decode(self, scores: Scores, top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags by attribute of each photo; parents and children never contradict each other.

        Each tag is marked for review by its own confidence; all tags of a photo that shows no product are.

        Args:
            scores: as `scores` gives them.
            top_k: labels an attribute, the answer included.
        """
        space, calibration = self.bundle.label_space, self.bundle.calibration
        classes = class_probabilities(scores, space)
        chosen = choose_classes(classes, space)
        columns: dict[str, list[Tag]] = {}
        for name, attribute in space.attributes.items():
            review = self._review.get(name, 0.0)
            if attribute.multi_valued:
                limits = calibration.limits(name, attribute.labels)
                p = scores[output_name(attribute, "sigmoid")]
                columns[name] = multi_tags(attribute.labels, p, limits, top_k, review, calibration.sets.get(name))
            else:
                columns[name] = single_tags(attribute.classes, classes[name], chosen[name], top_k, review)
        tags = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for row in np.flatnonzero(scores[NOVELTY][:, 0] > 1) if NOVELTY in scores else ():
            tags[row] = {name: replace(tag, needs_review=True) for name, tag in tags[row].items()}
        return tags

    def tag_pixels(self, pixels: NDArray[np.uint8], top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags of decoded photos, uint8 (N, H, W, 3)."""
        return self.decode(self.scores(pixels), top_k)

    def run(
        self, photos: Iterable[Photo], *, top_k: int = 3, other_heads: bool = True, batch_size: int = 64
    ) -> Iterator[Tagged]:
        """Tag photos in their order, streaming: memory stays bounded however many there are.

        A photo that can't be used gives a `Tagged` with an error and no tags; the others go on.

        Args:
            photos: read as far as needed, so an endless stream is fine.
            top_k: labels an attribute, the answer included. Ranking takes time: 1 is the fastest.
            other_heads: give also what the heads say that are not the primary one.
            batch_size: photos that the network sees at once.
        """
        for batch in self.score(photos, batch_size=batch_size):
            tags = self.decode(batch.scores, top_k)
            heads = self._other_heads(batch.scores, top_k) if other_heads else [{}] * len(tags)
            yield from _pair(batch, tags, heads)

    def score(self, photos: Iterable[Photo], *, batch_size: int = 64) -> Iterator[Scored]:
        """The first half of `run`: photos to probabilities and embeddings, batch by batch, in their order."""
        waiting: deque[_Batch] = deque()
        for outputs in self._engine.stream(self._readable(photos, batch_size, waiting)):
            batch = waiting.popleft()
            errors = [str(decoded) if isinstance(decoded, PhotoError) else "" for _, decoded in batch]
            usable = errors.count("")
            scores = {name: values[:usable] for name, values in self._calibrated(outputs).items()}
            yield Scored([photo for photo, _ in batch], errors, scores)

    def _readable(
        self, photos: Iterable[Photo], batch_size: int, waiting: deque[_Batch]
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of each batch for the network, and leave the batch itself in `waiting`."""
        nothing = np.zeros((self.bundle.photo.height, self.bundle.photo.width, 3), dtype=np.uint8)
        with contextlib.closing(self._read(photos, batch_size)) as batches:
            for batch in batches:
                waiting.append(batch)
                # A batch with no photo that can be used still takes its turn.
                yield np.stack([pixels for _, pixels in batch if not isinstance(pixels, PhotoError)] or [nothing])

    def _read(self, photos: Iterable[Photo], batch_size: int) -> Generator[_Batch]:
        """Yield the photos in batches, decoded by threads that stay a few batches ahead."""
        stream = iter(photos)
        ahead: deque[tuple[list[Photo], Future[list[_Decoded]]]] = deque()
        pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        try:
            while True:
                while len(ahead) < _BATCHES_AHEAD and (batch := list(islice(stream, batch_size))):
                    ahead.append((batch, pool.submit(self._decode_photos, batch)))
                if not ahead:
                    return
                batch, decoded = ahead.popleft()
                yield list(zip(batch, decoded.result(), strict=True))
        finally:
            pool.shutdown(cancel_futures=True)

    def _decode_photos(self, photos: list[Photo]) -> list[_Decoded]:
        return [self._decode_photo(photo) for photo in photos]

    def _decode_photo(self, photo: Photo) -> _Decoded:
        if not photo.path:
            return PhotoError("The catalog names no photo for this product.")
        try:
            return decode_photo(photo.path, self.bundle.photo)
        except PhotoError as error:
            return error

    def _calibrated(self, outputs: Outputs) -> dict[str, NDArray[np.float32]]:
        scores = probabilities(outputs, self.bundle.label_space, self.bundle.calibration)
        scores[EMBEDDING] = outputs[EMBEDDING]
        if self.bundle.novelty is not None:
            scores[NOVELTY] = self.bundle.novelty.scores(outputs[EMBEDDING])[:, None]
        return scores

    def _other_heads(self, scores: Scores, top_k: int) -> list[dict[str, dict[str, float]]]:
        """For each photo, the most probable labels of every head that is not the primary one, by output name."""
        others = {
            name: map(dict, ranked(attribute.values(head), scores[name], top_k))
            for attribute, head in self.bundle.label_space.outputs()
            for name in [output_name(attribute, head)]
            if head != attribute.primary
        }
        count = len(scores[EMBEDDING])
        return [{name: next(labels) for name, labels in others.items()} for _ in range(count)]


def _pair(
    batch: Scored, tags: Iterable[dict[str, Tag]], heads: Iterable[dict[str, dict[str, float]]]
) -> Iterator[Tagged]:
    """Pair the photos of a batch with what was found in those that could be used."""
    embeddings = batch.scores[EMBEDDING]
    novelty = batch.scores[NOVELTY][:, 0].astype(float).round(4).tolist() if NOVELTY in batch.scores else None
    rows = zip(tags, heads, embeddings, novelty or [None] * len(embeddings), strict=True)
    for photo, error in zip(batch.photos, batch.errors, strict=True):
        if error:
            yield Tagged(photo.id, photo.path, error=error)
        else:
            found, others, embedding, unlike = next(rows)
            yield Tagged(photo.id, photo.path, found, others, embedding, novelty=unlike)


def _review_confidences(bundle: Bundle, target_precision: float | None) -> dict[str, float]:
    """The confidence of each attribute below which a tag needs review."""
    if target_precision is None:
        return bundle.calibration.review
    if bundle.calibration.curves is None:
        raise BundleError(
            f"The bundle {bundle.path} doesn't say which confidence reaches a precision of {target_precision:g}: it "
            "was made by an older program. Train it again, or leave out the target precision."
        )
    return {name: bundle.calibration.review_at(name, target_precision) for name in bundle.label_space.attributes}


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
    for name, columns in {EMBEDDING: bundle.novelty and bundle.novelty.width, **expected}.items():
        found = outputs[name].shape if name in outputs else None
        if not found or len(found) != 2 or columns not in (None, found[1]):
            raise BundleError(
                f"{bundle.model} and the other files don't belong together: expected an output {name}"
                f"{f' of {columns} columns' if columns else ''}, found {found[-1] if found else 'none'}. "
                "Copy or train the bundle again."
            )
