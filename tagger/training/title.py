"""The second stage of a run: a small network learns to read titles, and is fused with the one that sees photos."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.calibration import Calibration
from tagger.catalog.table import TITLE
from tagger.config import TrainingConfig
from tagger.decoding import Scores
from tagger.errors import CatalogError
from tagger.files import make_folder
from tagger.fusion import fuse
from tagger.labels import LabelSpace
from tagger.network.title import build_title_network, round_weights, write_title_onnx
from tagger.progress import Progress, silent
from tagger.title_part import MODEL, TitlePart
from tagger.titles import Vocabulary
from tagger.training.calibration import calibrate, judge_tags
from tagger.training.fusion import fit_fusion
from tagger.training.prepare import Prepared
from tagger.training.small import Learning, fit_small, predict_small
from tagger.training.targets import Targets

_log = logging.getLogger(__name__)

_EPOCHS = 10
_BATCH = 512
_LEARNING_RATE = 1e-2
#: Share of a title's features that it goes without in a step.
_DROPPED = 0.3


def check_titles(prepared: Prepared) -> None:
    """Make sure that there are titles to learn from, before hours of work.

    Raises:
        CatalogError: there is none.
    """
    table = prepared.catalog.table
    if TITLE not in table.columns or not (table.loc[prepared.ids("train"), TITLE] != "").any():
        raise CatalogError(
            f"The config asks for titles (inputs: [image, title]), but the products of {prepared.catalog.root} have "
            "none. Name their column with --set catalog.columns.title=COLUMN, or leave them out with "
            "--set 'inputs=[image]'."
        )


def write_title_part(
    folder: Path,
    prepared: Prepared,
    part: str,
    photo: Scores,
    review: float,
    seed: int,
    progress: Progress = silent,
) -> dict[str, dict[str, float]]:
    """Train a network on the titles of the train part, fuse it with the photo network, and write both into a bundle.

    Args:
        folder: to be made, in the bundle.
        prepared: the catalog.
        part: the part that chooses the best epoch, fuses and calibrates.
        photo: logits of the photo network for that part, by output name.
        review: see `calibrate`.
        seed: of the weights, the order and what is dropped.
        progress: told about the steps.

    Returns:
        The accuracy of the tags of the products that have a title, by attribute, from image, title and both.
    """
    started = time.monotonic()
    space = prepared.answers
    vocabulary = Vocabulary.learn(_titles(prepared, "train"))
    held_out, held_rows = prepared.training_part(part), vocabulary.rows(_titles(prepared, part))
    keras.utils.set_random_seed(seed)
    network = build_title_network(space, len(vocabulary))
    settings = TrainingConfig(
        epochs=_EPOCHS, batch_size=_BATCH, learning_rate=_LEARNING_RATE, weight_decay=0, label_smoothing=0,
        warmup_epochs=0.5, seed=seed,
        optimizer="adamw",  # a step touches few rows of the table, orthogonal steps would move them all
    )  # fmt: skip
    fit_small(
        network, space, prepared.attributes,
        Learning(prepared.training_part("train"), vocabulary.rows(_titles(prepared, "train"))),
        Learning(held_out, held_rows) if part != "train" else None,
        settings,
        lambda epoch, step, steps: progress(step, steps, f"titles, epoch {epoch}/{_EPOCHS}"),
        _hide,
    )  # fmt: skip
    round_weights(network)

    titled = held_rows[:, 0] > 0
    targets = held_out.targets.of(titled)
    title = predict_small(network, held_rows[titled], space)
    photo = {name: photo[name][titled] for name in title}
    heads = fit_fusion(photo, title, targets, space, prepared.training_part("train").targets)
    answers = {"image": photo, "title": title, "both": fuse(photo, title, heads)}
    calibrations = {name: calibrate(logits, targets, space, review) for name, logits in answers.items()}
    make_folder(folder)
    TitlePart(folder, vocabulary, heads, calibrations["both"], calibrations["title"]).write()
    write_title_onnx(network, space, folder / MODEL)
    _log.info("Titles: %d features, read and fused after %.0f s", len(vocabulary), time.monotonic() - started)
    return {name: _tag_accuracy(logits, targets, space, calibrations[name]) for name, logits in answers.items()}


def _titles(prepared: Prepared, part: str) -> list[str]:
    return [str(title) for title in prepared.catalog.table.loc[prepared.ids(part), TITLE]]


def _hide(rows: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Leave out some of the features of titles (B, T): the others must do, and none is learnt by heart."""
    return np.where(rng.random(rows.shape) < _DROPPED, 0, rows)


def _tag_accuracy(logits: Scores, targets: Targets, space: LabelSpace, calibration: Calibration) -> dict[str, float]:
    judged = judge_tags(logits, targets, space, calibration)
    return {name: float(tags.right.mean()) for name, tags in judged.items() if len(tags.right)}
