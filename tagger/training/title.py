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
from tagger.labels import LabelSpace, output_name
from tagger.network.model import keras_name
from tagger.network.title import build_title_network, round_weights, write_title_onnx
from tagger.progress import Progress, silent
from tagger.title_part import MODEL, TitlePart
from tagger.titles import Vocabulary
from tagger.training.batches import TrainingPart
from tagger.training.calibration import calibrate, judge_tags
from tagger.training.fusion import fit_fusion
from tagger.training.optimization import compile_model
from tagger.training.prepare import Prepared
from tagger.training.targets import Targets
from tagger.training.validation import validation_metrics

_log = logging.getLogger(__name__)

_EPOCHS = 10
_BATCH = 512
#: A small catalog gets smaller batches, so that an epoch has at least so many steps.
_STEPS = 20
_LEARNING_RATE = 1e-2
#: Share of a title's features that it goes without in a step: the others must do, and none is learnt by heart.
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
    choosing = held_out if part != "train" else None
    _fit(network, space, prepared, vocabulary.rows(_titles(prepared, "train")), (choosing, held_rows), seed, progress)
    round_weights(network)

    titled = held_rows[:, 0] > 0
    targets = held_out.targets.of(titled)
    title = _predict(network, held_rows[titled], space)
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


def _fit(
    network: keras.Model,
    space: LabelSpace,
    prepared: Prepared,
    rows: NDArray[np.int32],
    held_out: tuple[TrainingPart | None, NDArray[np.int32]],
    seed: int,
    progress: Progress,
) -> None:
    """Train, and go back to the epoch that the held-out products are likeliest after; without any, to the last one."""
    training = prepared.training_part("train")
    names = [keras_name(name) for name in _outputs(space)]
    batch_size = min(_BATCH, max(1, len(rows) // _STEPS))
    steps = -(-len(rows) // batch_size)
    settings = TrainingConfig(
        epochs=_EPOCHS, batch_size=batch_size, learning_rate=_LEARNING_RATE, weight_decay=0, label_smoothing=0,
        warmup_epochs=0.5,
        optimizer="adamw",  # a step touches few rows of the table, orthogonal steps would move them all
    )  # fmt: skip
    compile_model(network, space, prepared.attributes, settings, steps)
    rng = np.random.default_rng(seed)
    best, least = network.get_weights(), np.inf
    for epoch in range(1, _EPOCHS + 1):
        for step, chosen in enumerate(np.array_split(rng.permutation(len(rows)), steps), start=1):
            values, weights = training.targets.batch(chosen, training.classes)
            shown = np.where(rng.random((len(chosen), rows.shape[1])) < _DROPPED, 0, rows[chosen])
            network.train_on_batch(
                shown, {name: values[name] for name in names}, sample_weight={name: weights[name] for name in names}
            )
            progress(step, steps, f"titles, epoch {epoch}/{_EPOCHS}")
        part, held_rows = held_out
        if part is not None:
            loss = validation_metrics(_predict(network, held_rows, space), part, space)["validation_loss"]
            if loss >= least:
                continue
            least = loss
        best = network.get_weights()
    network.set_weights(best)


def _outputs(space: LabelSpace) -> list[str]:
    return [output_name(attribute, head) for attribute, head in space.outputs()]


def _predict(network: keras.Model, rows: NDArray[np.int32], space: LabelSpace) -> dict[str, NDArray[np.float32]]:
    """Logits by output name, float32 (N, C), for rows of features (N, T)."""
    batches = [network.predict_on_batch(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
    return {name: np.concatenate([batch[keras_name(name)] for batch in batches]) for name in _outputs(space)}


def _tag_accuracy(logits: Scores, targets: Targets, space: LabelSpace, calibration: Calibration) -> dict[str, float]:
    judged = judge_tags(logits, targets, space, calibration)
    return {name: float(tags.right.mean()) for name, tags in judged.items() if len(tags.right)}
