"""Targets from finished networks beside the labels: one network learns what several know together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.catalog.table import Catalog
from tagger.config import DistillationConfig, PhotoConfig
from tagger.errors import TrainingError
from tagger.inference.engine import Engine, open_engine
from tagger.labels import LabelSpace
from tagger.network.model import keras_name
from tagger.own_products import learned_products

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Teacher:
    """A finished network.

    Args:
        bundle: where it is from.
        engine: runs it.
        columns: by output, the column in the pupil's targets of each class of the teacher, int64 (C,).
    """

    bundle: Bundle
    engine: Engine
    columns: dict[str, NDArray[np.int64]]


class Teachers:
    """What finished networks say of the very photos that a network learns from (Hinton et al. 2015, arXiv:1503.02531).

    They are shown each photo as it was changed at random, and mixed, so that they answer for what is seen instead of
    what they know by heart (Beyer et al. 2022, arXiv:2106.05237).

    Args:
        teachers: at least one.
        kinds: the outputs that all of them teach, by the name that they have in a bundle: "softmax" or "sigmoid".
        share: how much the mean of their probabilities counts beside the labels.
    """

    def __init__(self, teachers: Sequence[Teacher], kinds: Mapping[str, str], share: float) -> None:
        self.all = tuple(teachers)
        self._kinds = kinds
        self._share = share

    def soften(self, photos: NDArray[np.uint8], targets: dict[str, Any]) -> dict[str, Any]:
        """Blend the targets of a batch with what the teachers say.

        Args:
            photos: uint8 (B, H, W, 3), of the size that the teachers take.
            targets: float32 (B, C) by `keras_name`.

        Returns:
            New targets of the same names and shapes; those of outputs that are not taught, and of classes that not all
            teachers know, are as they were.
        """
        return self.blend(targets, [teacher.engine.run(photos) for teacher in self.all], np)

    def blend(self, targets: dict[str, Any], answers: Sequence[Mapping[str, Any]], numpy: ModuleType) -> dict[str, Any]:
        """`soften` for the logits of all teachers, (B, C) by the name that an output has in a bundle.

        Args:
            numpy: what computes, NumPy or `jax.numpy`.
        """
        softened = dict(targets)
        for output, kind in self._kinds.items():
            name = keras_name(output)
            taught, known = self._taught(output, kind, answers, targets[name].shape[1], numpy)
            share = self._share * known
            if kind == "softmax":  # one decision between the classes: where the label is one of those that are known
                share = (targets[name] * share).sum(axis=1, keepdims=True)
            softened[name] = (1 - share) * targets[name] + share * taught
        return softened

    def _taught(
        self, output: str, kind: str, answers: Sequence[Mapping[str, Any]], classes: int, numpy: ModuleType
    ) -> tuple[Any, NDArray[np.float32]]:
        """Mean probabilities (B, C) of the pupil's classes, and whether all teachers know a class, 1 or 0 (C,)."""
        taught, known = 0.0, np.ones(classes, dtype=np.float32)
        for teacher, answer in zip(self.all, answers, strict=True):
            places = np.eye(classes, dtype=np.float32)[teacher.columns[output]]  # (C of the teacher, C)
            taught += _probabilities(kind, answer[output], numpy) @ places / len(self.all)
            known *= places.any(axis=0)
        return taught, known


def _probabilities(kind: str, logits: Any, numpy: ModuleType) -> Any:
    """Softmax or logistic function of logits (B, C), without an overflow."""
    if kind == "sigmoid":
        return 0.5 * (1 + numpy.tanh(logits / 2))
    exponential = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)


def open_teachers(config: DistillationConfig) -> list[Bundle]:
    """The bundles of the teachers.

    Raises:
        BundleError: one is not there, or damaged.
    """
    return [Bundle.open(teacher) for teacher in config.teachers]


def learned_by(teachers: Sequence[Bundle], catalog: Catalog) -> set[str]:
    """Ids of the products of a catalog that a teacher has learned from: no others are a test of its pupil."""
    return set().union(*(learned_products(teacher, catalog) for teacher in teachers))


def as_teachers(
    bundles: Sequence[Bundle], space: LabelSpace, photo: PhotoConfig, config: DistillationConfig
) -> Teachers | None:
    """Teachers of a network with that label space; None where there are no bundles.

    An output is taught if all bundles have it and the network has all their classes, in any order.

    Raises:
        TrainingError: a bundle takes photos of another size, or none of its outputs can be taught.
        BundleError: a network can't be run.
    """
    if not bundles:
        return None
    kinds = {output.name: output.head for output in space.outputs()}
    columns = [_columns(bundle, space) for bundle in bundles]
    for bundle, taught in zip(bundles, columns, strict=True):
        if (bundle.photo.height, bundle.photo.width) != (photo.height, photo.width):
            raise TrainingError(
                f"The teacher {bundle.path} takes photos of {bundle.photo.width}x{bundle.photo.height}: expected "
                f"{photo.width}x{photo.height}, as in photo.width and photo.height. Train it at that size, or leave it "
                "out of training.distillation.teachers."
            )
        kinds = {output: kind for output, kind in kinds.items() if output in taught}
        if not kinds:
            raise TrainingError(
                f"The teacher {bundle.path} has no output that this run has too with all its classes: nothing can be "
                "learned from it. Train it on the same catalog, or leave it out of training.distillation.teachers."
            )
    _log.info("%d teacher(s) for %s", len(bundles), ", ".join(kinds))
    engines = [open_engine(bundle, "onnxruntime", "float32") for bundle in bundles]
    return Teachers([Teacher(*parts) for parts in zip(bundles, engines, columns, strict=True)], kinds, config.share)


def _columns(bundle: Bundle, space: LabelSpace) -> dict[str, NDArray[np.int64]]:
    """Where the network has the classes of a bundle, by output; without outputs that have classes of their own."""
    pupil = {output.name: output.values for output in space.outputs()}
    columns = {}
    for output in bundle.label_space.outputs():
        places = {label: column for column, label in enumerate(pupil.get(output.name, ()))}
        if set(output.values) <= places.keys():
            columns[output.name] = np.array([places[label] for label in output.values], dtype=np.int64)
    return columns
