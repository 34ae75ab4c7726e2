"""One training run, from a catalog to a bundle. The run folder can be resumed after a kill."""

from __future__ import annotations

import csv
import logging
import time
from dataclasses import replace
from pathlib import Path

import keras

from tagger.catalog.table import TITLE, Catalog
from tagger.config import Config
from tagger.errors import TrainingError
from tagger.files import atomic_file
from tagger.network.model import build_network
from tagger.network.onnx import find_exporter
from tagger.progress import Progress, silent
from tagger.report.plots import plot_history
from tagger.training.batches import TrainingPart
from tagger.training.bundling import learnable_flags, write_bundle
from tagger.training.devices import as_shared, shared_by
from tagger.training.distillation import as_teachers, learned_by, open_teachers
from tagger.training.export import float32_copy
from tagger.training.loop import History, Trainer, holds_checkpoint
from tagger.training.optimization import compile_model, numeric_precision
from tagger.training.prepare import Prepared, prepare
from tagger.training.run_folder import check_folder, claim_folder
from tagger.training.start import Start, find_start
from tagger.training.title import check_titles
from tagger.training.weights import take_over

_log = logging.getLogger(__name__)


def train(
    config: Config,
    data: Path,
    out: Path,
    *,
    start: Path | None = None,
    split_file: Path | None = None,
    command: str = "",
    resume: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train on a catalog and write a run folder with `bundle/` in it.

    The run folder also holds `config.yaml`, `split.csv`, `history.csv`, `curves.png` and the checkpoints.

    Args:
        config: all settings.
        data: folder or file of the catalog.
        out: the run folder.
        start: bundle, or name of a shipped one, whose weights to start from; None: from scratch. A run that is resumed
            knows by itself.
        split_file: a split made before, instead of a new one.
        command: recorded in the bundle.
        resume: go on from the last checkpoint of `out`, as if the run had never stopped.
        progress: told about photos, steps and epochs.

    Returns:
        The bundle's folder.

    Raises:
        TrainingError: `out` holds another run, or there is nothing to resume.
        BundleError: `start` is no bundle, or can't be fine-tuned; or a teacher is none.
        TaggerError: whatever is wrong with the catalog, the config or the disk.
    """
    started = time.monotonic()
    find_exporter()  # what is missing or wrong is said now, not after the training
    check_folder(out, config, resume)
    origin = find_start(start, out, resume)
    if config.training.start_share and not origin:
        raise TrainingError(
            f"training.start_share: expected 0 for a run from scratch, got {config.training.start_share:g}. Give the "
            "bundle to start from with --from."
        )
    teachers = open_teachers(config.training.distillation)
    with shared_by(config.training.devices):

        def learned(catalog: Catalog) -> set[str]:
            return {*(origin.learned(catalog) if origin else ()), *learned_by(teachers, catalog)}

        prepared = prepare(data, config, split_file, progress, learned)
        learnable_flags(prepared, config.flags)
        if TITLE in config.inputs:
            check_titles(prepared)
        training = replace(
            prepared.training_part("train"),
            teachers=as_teachers(teachers, prepared.space, config.photo, config.training.distillation),
        )
        trainer = _trainer(prepared, training, config, out, origin, resume)
        claim_folder(out, config, prepared.split, resume, origin)
        if resume and trainer.resume():
            _log.info("Resuming after epoch %d of %d", trainer.state.epoch, config.training.epochs)
        history = trainer.fit(progress)
        if origin and config.training.start_share:
            take_over(origin.open(), trainer.model, prepared.space, config.training.start_share)
    _log.info("Best epoch: %d", trainer.state.best_epoch)
    _write_history(history, out)
    about = {
        "command": command,
        "seed": config.training.seed,
        "products": len(prepared.catalog),
    }
    # By their names: where they lie here says nothing elsewhere.
    if origin:
        about["started_from"] = {"model": Path(origin.model).name, "id": origin.id}
    if teachers:
        names = map(Path, config.training.distillation.teachers)
        about["teachers"] = [{"model": n.name, "id": b.id} for n, b in zip(names, teachers, strict=True)]
    with keras.device("cpu"):  # where its model is compared with the exported one, in full precision
        model = float32_copy(lambda: build_network(prepared.space, config.network, config.photo), trainer.model)
        write_bundle(out / "bundle", model, config, prepared, about, progress)
    _log.info("Wrote %s after %.0f s", out / "bundle", time.monotonic() - started)
    return out / "bundle"


def _trainer(
    prepared: Prepared, training: TrainingPart, config: Config, out: Path, origin: Start | None, resume: bool
) -> Trainer:
    """A network ready to be trained."""
    validation = prepared.training_part("validation")
    _log.info(
        "%d products: %d photos to train on, %d to validate, %d attributes",
        len(prepared.catalog), len(training.rows), len(validation.rows), len(prepared.attributes),
    )  # fmt: skip
    keras.utils.set_random_seed(config.training.seed)
    several_sizes = config.training.small_epochs > 0
    with numeric_precision(config.training.precision) as policy:
        model = as_shared(build_network(prepared.space, config.network, config.photo, any_size=several_sizes))
    if origin and not (resume and holds_checkpoint(out)):
        take_over(origin.open(), model, prepared.space)
    devices = f" on {config.training.devices} devices" if config.training.devices > 1 else ""
    _log.info("%s, %d parameters, %s, %s%s", model.name, model.count_params(), policy, keras.backend.backend(), devices)
    steps = training.steps(config.training.batch_size)
    compile_model(model, prepared.space, prepared.attributes, config.training, steps)
    return Trainer(model, prepared.answers, training, validation, config.training, out)


def _write_history(history: History, out: Path) -> None:
    with atomic_file(out / "history.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        names = dict.fromkeys(name for row in history for name in row)
        writer = csv.DictWriter(file, list(names))
        writer.writeheader()
        writer.writerows(history)
    plot_history(history, out / "curves.png")
