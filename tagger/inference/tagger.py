"""The tagger: a bundle, an engine that runs its network, and the way from photos to tags."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.config import EngineName, EnginePrecision, PhotoConfig
from tagger.decoding import EMBEDDING, Outputs, Scores
from tagger.errors import BundleError, PhotoError
from tagger.fusion import fuse
from tagger.inference.decoder import GALLERY_EMBEDDING, NOVELTY, TagDecoder
from tagger.inference.engine import CompletedEngine, Engine, open_engine
from tagger.inference.fusion import BOTH, IMAGE, NO_TITLE, NOTHING, TITLE, Inputs, TitleReader, answered_from
from tagger.inference.reading import Batch, Titles, no_titles, read_batches
from tagger.inference.tags import Photo, Tag, Tagged
from tagger.similarity import SIMILARITY, mean_direction
from tagger.title_part import TitlePart, has_title_part


class Looked(NamedTuple):
    """A batch of photos and the raw outputs for them, not yet calibrated.

    Args:
        photos: N photos.
        errors: why each can't be used; "" for those that can.
        titled: whether the title says anything to the bundle, bool (N,).
        image: outputs for the photos that can be used, in their order.
        title: logits for the titles that say anything, in their order.
    """

    photos: list[Photo]
    errors: list[str]
    titled: NDArray[np.bool_]
    image: Outputs
    title: Outputs


class Scored(NamedTuple):
    """A batch of photos and what the network says of them.

    Args:
        photos: N photos.
        errors: why each can't be used, "" for those that can.
        scores: calibrated probabilities by output name, float32 (M, C), "embedding", float32 (M, E), and, where the
            bundle can tell, "novelty", float32 (M, 1), for the M products that are answered; embedding, novelty and
            "gallery_embedding", see `Tagged`, of the shape of the embedding, are zero where only the title answers.
        inputs: what each of the N products is answered from: "image", "title", "image+title", or "" for nothing.
    """

    photos: list[Photo]
    errors: list[str]
    scores: Scores
    inputs: list[str]


class Tagger:
    """Tags photos with a bundle. Open it with `Tagger.open`.

    Args:
        bundle: what the outputs of the network mean.
        engine: runs the network.
        target_precision: share of right tags among those without a mark; None: what the bundle was made for.
    """

    def __init__(self, bundle: Bundle, engine: Engine, target_precision: float | None = None) -> None:
        self.bundle = bundle
        self.target_precision = target_precision or bundle.config.review.target_precision
        self._engine = engine
        self._asked_precision = target_precision
        self._decoders = {IMAGE: TagDecoder(bundle, bundle.calibration, target_precision)}

    def with_limits(self, photo: PhotoConfig) -> Tagger:
        """The same tagger, which refuses the photos that `photo.max_pixels` and `photo.max_bytes` refuse."""
        limits = {"max_pixels": photo.max_pixels, "max_bytes": photo.max_bytes}
        config = self.bundle.config.model_copy(update={"photo": self.bundle.photo.model_copy(update=limits)})
        return Tagger(replace(self.bundle, config=config), self._engine, self._asked_precision)

    @property
    def reads_titles(self) -> bool:
        """Whether its bundle knows what titles say."""
        return has_title_part(self.bundle)

    @cached_property
    def _reader(self) -> TitleReader:
        """Opened when the first title comes: photos alone are tagged without it.

        Raises:
            BundleError: the bundle can't read titles.
        """
        return TitleReader(self.bundle)

    def require(self, inputs: Inputs) -> None:
        """Make sure that tags can come from these inputs.

        Raises:
            BundleError: titles are asked for by name, and the bundle can't read them.
        """
        if inputs == "title":
            TitlePart.of(self.bundle)

    def calibration(self, inputs: Inputs) -> Calibration:
        """How products are answered that have all that is asked for."""
        asked = BOTH if inputs == "auto" and self.reads_titles else IMAGE if inputs == "auto" else inputs
        return self._decoder(asked).calibration

    def _decoder(self, inputs: str) -> TagDecoder:
        """What knows how sure answers from these inputs are."""
        if inputs not in self._decoders:
            part = self._reader.part
            for kind, calibration in ((BOTH, part.both), (TITLE, part.title)):
                self._decoders[kind] = TagDecoder(self.bundle, calibration, self._asked_precision)
        return self._decoders[inputs]

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
        return cls(bundle, CompletedEngine(opened, bundle), target_precision)

    def scores(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Calibrated probabilities by output name, float32 (N, C), and "embedding", float32 (N, E), not normalised.

        Without titles "gallery_embedding" is the embedding, too.
        The embedding is what similar products are found by, see `SimilaritySpace`. Where the bundle can tell, also
        "novelty", float32 (N, 1), see `Novelty.scores`.

        Args:
            pixels: decoded photos, uint8 (N, H, W, 3), of the bundle's photo size.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        size = (self.bundle.photo.height, self.bundle.photo.width, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != size:
            raise ValueError(f"Expected photos uint8 (N, {size[0]}, {size[1]}, 3), got {pixels.dtype} {pixels.shape}.")
        return self._decoder(IMAGE).scores(self._engine.run(pixels))

    def decode(self, scores: Scores, top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags by attribute of each photo; parents and children never contradict each other.

        Each tag is marked for review by its own confidence; all tags of a photo that shows no product are.

        Args:
            scores: as `scores` gives them.
            top_k: labels an attribute, the answer included.
        """
        return self._decoder(IMAGE).decode(scores, top_k)

    def tag_pixels(self, pixels: NDArray[np.uint8], top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags of decoded photos, uint8 (N, H, W, 3)."""
        return self.decode(self.scores(pixels), top_k)

    def run(
        self,
        photos: Iterable[Photo],
        *,
        top_k: int = 3,
        other_heads: bool = True,
        batch_size: int = 64,
        inputs: Inputs = "auto",
    ) -> Iterator[Tagged]:
        """Tag photos in their order, streaming: memory stays bounded however many there are.

        A photo that can't be used gives a `Tagged` with an error, and tags only if its title says something; the
        others go on.

        Args:
            photos: read as far as needed, so an endless stream is fine.
            top_k: labels an attribute, the answer included. Ranking takes time: 1 is the fastest.
            other_heads: give also what the heads say that are not the primary one.
            batch_size: photos that the network sees at once.
            inputs: "auto": from photo and title, as far as they are there and the bundle reads titles; "image" or
                "title": from these alone.

        Raises:
            BundleError: titles are asked for by name, and the bundle can't read them.
        """
        for batch in self.score(photos, batch_size=batch_size, inputs=inputs):
            tags = self.decode_batch(batch, top_k)
            heads = self._decoder(IMAGE).other_heads(batch.scores, top_k) if other_heads else [{}] * len(tags)
            yield from _pair(batch, tags, heads)

    def score(self, photos: Iterable[Photo], *, batch_size: int = 64, inputs: Inputs = "auto") -> Iterator[Scored]:
        """The first half of `run`: photos to probabilities and embeddings, batch by batch, in their order."""
        for looked in self.look(photos, batch_size=batch_size, inputs=inputs):
            yield self.answer(looked, inputs)

    def look(self, photos: Iterable[Photo], *, batch_size: int = 64, inputs: Inputs = "auto") -> Iterator[Looked]:
        """The first half of `score`: photos and titles to raw outputs, which `answer` can use more than once."""
        self.require(inputs)
        if inputs == "title":
            yield from self._read_titles(photos, batch_size)
            return
        waiting: deque[Batch] = deque()
        for outputs in self._engine.stream(self._readable(photos, batch_size, inputs, waiting)):
            batch = waiting.popleft()
            errors = [str(decoded) if isinstance(decoded, PhotoError) else "" for decoded in batch.decoded]
            usable = errors.count("")
            image = {name: values[:usable] for name, values in outputs.items()}
            yield Looked(batch.photos, errors, batch.titled, image, batch.title)

    def answer(self, looked: Looked, inputs: Inputs = "auto") -> Scored:
        """Calibrated probabilities from the raw outputs of a batch: see `Scored`."""
        readable = np.array([not error for error in looked.errors], dtype=np.bool_)
        chosen = np.array(answered_from(readable, looked.titled, inputs), dtype=object)
        of_image, of_title = np.cumsum(readable) - 1, np.cumsum(looked.titled) - 1
        answers = {}
        for kind in dict.fromkeys(name for name in chosen if name) or [IMAGE if looked.image else TITLE]:
            rows = np.flatnonzero(chosen == kind)
            image = {name: values[of_image[rows]] for name, values in looked.image.items()} if kind != TITLE else {}
            title = {name: values[of_title[rows]] for name, values in looked.title.items()} if kind != IMAGE else {}
            if kind == BOTH:
                image |= fuse(image, title, self._reader.part.heads)
                if self.bundle.similarity:
                    by_photo = image[SIMILARITY]
                    image[SIMILARITY] = self.bundle.similarity.vectors(image, self.bundle.label_space)
                    image[GALLERY_EMBEDDING] = mean_direction(by_photo, image[SIMILARITY])
            answers[kind] = self._decoder(kind).scores(image or title)
        unlike = {NOVELTY: 1} if self.bundle.novelty is not None else {}
        scores = _in_order(answers, chosen, {EMBEDDING: 0, GALLERY_EMBEDDING: 0} | unlike)
        return Scored(looked.photos, looked.errors, scores, list(chosen))

    def decode_batch(self, batch: Scored, top_k: int = 3) -> list[dict[str, Tag]]:
        """Tags by attribute of the M products of a batch that are answered, see `decode`."""
        answered = np.array([name for name in batch.inputs if name], dtype=object)
        tags: list[dict[str, Tag]] = [{}] * len(answered)
        for kind in dict.fromkeys(answered):
            rows = np.flatnonzero(answered == kind)
            scores = {name: values[rows] for name, values in batch.scores.items()}
            for row, found in zip(rows, self._decoder(kind).decode(scores, top_k), strict=True):
                tags[row] = found
        return tags

    def _read_titles(self, photos: Iterable[Photo], batch_size: int) -> Iterator[Looked]:
        """Like `look`, from titles alone: photos are not even opened."""
        stream = iter(photos)
        while batch := list(islice(stream, batch_size)):
            titled, title = self._titles_of(batch)
            errors = ["" if known else NO_TITLE for known in titled]
            yield Looked(batch, errors, titled, {}, title or self._reader(np.zeros((0, 1), dtype=np.int32)))

    def _readable(
        self, photos: Iterable[Photo], batch_size: int, inputs: Inputs, waiting: deque[Batch]
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of each batch for the network, and leave the batch itself in `waiting`."""
        nothing = np.zeros((self.bundle.photo.height, self.bundle.photo.width, 3), dtype=np.uint8)
        read_titles = no_titles if inputs == "image" else self._titles_of
        with contextlib.closing(read_batches(photos, batch_size, self.bundle.photo, read_titles)) as batches:
            for batch in batches:
                waiting.append(batch)
                # A batch with no photo that can be used still takes its turn.
                yield np.stack([pixels for pixels in batch.decoded if not isinstance(pixels, PhotoError)] or [nothing])

    def _titles_of(self, photos: list[Photo]) -> Titles:
        """Which titles say something (N,), and the logits of those."""
        if not self.reads_titles or not any(photo.title for photo in photos):
            return no_titles(photos)
        rows = self._reader.part.vocabulary.rows([photo.title for photo in photos])
        titled = rows[:, 0] > 0
        return titled, self._reader(rows[titled]) if titled.any() else {}


def _pair(
    batch: Scored, tags: Iterable[dict[str, Tag]], heads: Iterable[dict[str, dict[str, float]]]
) -> Iterator[Tagged]:
    """Pair the photos of a batch with what was found in those that could be used."""
    embeddings = zip(batch.scores[EMBEDDING], batch.scores[GALLERY_EMBEDDING], strict=True)
    novelty = batch.scores[NOVELTY][:, 0].astype(float).round(4).tolist() if NOVELTY in batch.scores else None
    rows = zip(tags, heads, embeddings, novelty or [None] * len(batch.scores[EMBEDDING]), strict=True)
    for photo, error, inputs in zip(batch.photos, batch.errors, batch.inputs, strict=True):
        if not inputs:
            yield Tagged(photo.id, photo.path, error=error)
            continue
        found, others, (embedding, gallery_embedding), unlike = next(rows)
        if inputs == TITLE:
            embedding, gallery_embedding, unlike = None, None, None
        yield Tagged(photo.id, photo.path, found, others, embedding, error, inputs, unlike, gallery_embedding)


def _in_order(answers: Mapping[str, Scores], chosen: NDArray[np.object_], widths: Mapping[str, int]) -> Scores:
    """Scores of a batch in the order of its products, from those of each kind of answer; zero where a kind has none.

    Args:
        answers: by what they are answered from.
        chosen: what each product is answered from (N,).
        widths: columns of the scores that are there even if no answer has them.
    """
    answered = chosen[chosen != NOTHING]
    if len(answers) == 1 and EMBEDDING in next(iter(answers.values())):
        return next(iter(answers.values()))
    found = {name: values.shape[1] for scores in answers.values() for name, values in scores.items()}
    ordered = {name: np.zeros((len(answered), width), dtype=np.float32) for name, width in {**widths, **found}.items()}
    for kind, scores in answers.items():
        for name, values in scores.items():
            ordered[name][answered == kind] = values
    return ordered


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
    expected = [(output.name, len(output.values)) for output in space.outputs()]
    widths = [(EMBEDDING, part.width) for part in (bundle.novelty, bundle.neighbours, bundle.similarity) if part]
    for name, columns in [(EMBEDDING, None), *widths, *expected]:
        found = outputs[name].shape if name in outputs else None
        if not found or len(found) != 2 or columns not in (None, found[1]):
            raise BundleError(
                f"{bundle.model} and the other files don't belong together: expected an output {name}"
                f"{f' of {columns} columns' if columns else ''}, found {found[-1] if found else 'none'}. "
                "Copy or train the bundle again."
            )
