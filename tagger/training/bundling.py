"""Write the bundle of a trained network: calibrate it, export it, and train the flags network beside it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from tagger.bundle import COLOURS, NEIGHBOURS, NOVELTY, SIMILARITY, seal
from tagger.calibration import Calibration
from tagger.catalog.splits import write_split
from tagger.catalog.table import TITLE
from tagger.colours import Colours
from tagger.config import Config, FlagsConfig
from tagger.decoding import EMBEDDING, Outputs, choose_classes, class_probabilities, probabilities
from tagger.files import atomic_folder, write_json, write_text
from tagger.flags.choice import nothing_to_learn, usable_flags
from tagger.flags.training import train_flags
from tagger.labels import LabelSpace
from tagger.neighbours import Neighbours
from tagger.network.model import with_embedding
from tagger.novelty import Novelty
from tagger.own_products import photo_sign
from tagger.progress import Progress, silent
from tagger.report.card import CARD, bundle_facts, render_card, validation_evaluation
from tagger.similarity import SimilaritySpace
from tagger.title_part import FOLDER as TITLE_FOLDER
from tagger.training.batches import TrainingPart
from tagger.training.calibration import calibrate, judge_tags
from tagger.training.colours import learn_colours, logits_of
from tagger.training.export import export_onnx
from tagger.training.neighbours import MOST, learn_neighbours
from tagger.training.novelty import learn_novelty
from tagger.training.prepare import Prepared
from tagger.training.quantization import int8_agreement, quantize_convolutions, sample_photos
from tagger.training.similarity import learn_similarity
from tagger.training.title import write_title_part
from tagger.training.validation import predict_outputs, tag_figures, validation_metrics

_log = logging.getLogger(__name__)

#: Photos on which the exported model is compared with the trained one.
_PARITY_PHOTOS = 64


class _Beside(NamedTuple):
    """What a bundle holds beside its network, each None where nothing is to be had of it."""

    colours: Colours | None
    neighbours: Neighbours | None
    similarity: SimilaritySpace | None
    novelty: Novelty | None

    def complete(self, outputs: Outputs, part: TrainingPart) -> Outputs:
        """The outputs for the photos of a part, completed as `CompletedEngine` does."""
        if self.colours:
            outputs = self.colours.blend(outputs, logits_of(self.colours, part))
        return self.neighbours.blend(outputs) if self.neighbours else outputs

    def write(self, folder: Path, space: LabelSpace) -> None:
        """Write a file of each into a bundle."""
        if self.colours:
            self.colours.write(folder / COLOURS, space)
        if self.neighbours:
            self.neighbours.write(folder / NEIGHBOURS)
        if self.similarity:
            self.similarity.write(folder / SIMILARITY)
        if self.novelty:
            self.novelty.write(folder / NOVELTY)


def write_bundle(
    folder: Path,
    model: keras.Model,
    config: Config,
    prepared: Prepared,
    about: dict[str, Any],
    progress: Progress = silent,
) -> None:
    """Write a bundle under a temporary name and rename it when it is whole.

    It is calibrated on the validation part, or on the train part where there is no other. `metrics.json` says which,
    and holds the metrics of the primary heads alone, those of the tags as they are given, how often the int8 model
    answers as the float model does, and what titles add where they are an input; `card.md` says the same to a reader.

    Args:
        folder: where the bundle goes.
        model: trained, float32, of the catalog's photo size.
        about: facts about the run for `bundle.json`.

    Raises:
        TrainingError: the exported model does not give what Keras gives.
        OutputError: the folder can't be written.
    """
    part = "validation" if prepared.ids("validation") else "train"
    held_out = prepared.training_part(part)
    space = prepared.answers
    complete = with_embedding(model, space)
    outputs = predict_outputs(complete, held_out)
    beside = _learn_beside(complete, outputs, prepared, config, progress)
    logits = beside.complete(outputs, held_out)
    calibration = calibrate(logits, held_out.targets, space, config.review.target_precision)
    judged = judge_tags(logits, held_out.targets, space, calibration)
    with atomic_folder(folder) as temporary:
        photos = np.asarray(held_out.pixels[held_out.rows[:_PARITY_PHOTOS]])
        metrics = {
            "part": part,
            "photos": len(held_out.rows),
            "onnx_difference": export_onnx(complete, photos, temporary / "model.onnx"),
            **tag_figures(judged, held_out.targets, space, calibration),
            **validation_metrics(logits, held_out, space),
        }
        complete.save(temporary / "model.keras")
        write_json(temporary / "labels.json", space.to_json())
        write_json(temporary / "calibration.json", asdict(calibration))
        write_json(temporary / "config.json", config.model_dump(mode="json"))
        beside.write(temporary, space)
        int8 = temporary / "model.int8.onnx"
        training = sample_photos(
            prepared.cache.pixels, prepared.cache.select(prepared.ids("train")), config.training.seed
        )
        if quantize_convolutions(temporary / "model.onnx", training, int8):
            metrics["int8_agreement"] = int8_agreement(
                int8, held_out, logits, space, calibration, lambda of_int8: beside.complete(of_int8, held_out)
            )
        if TITLE in config.inputs:
            metrics["inputs"] = write_title_part(
                temporary / TITLE_FOLDER,
                prepared,
                part,
                logits,
                config.review.target_precision,
                config.training.seed,
                progress,
            )
        write_json(temporary / "metrics.json", metrics)
        facts = bundle_facts(
            config,
            space,
            about,
            prepared.split,
            folder.resolve().parent.name,
        )
        write_text(temporary / CARD, render_card({**facts, "evaluation": validation_evaluation(metrics)}))
        hashes = prepared.cache.hashes
        signs = {id_: photo_sign(int(hashes[row])) for id_, row in prepared.cache.rows.items()}
        write_split(prepared.split, temporary / "split.csv", signs)
        if learnable_flags(prepared, config.flags):
            predicted = _predicted_labels(complete, prepared, calibration, beside)
            train_flags(
                prepared.catalog, prepared.split, config.flags, temporary / "flags", config.training.seed, predicted,
                progress,
            )  # fmt: skip
        seal(temporary, about)


def learnable_flags(prepared: Prepared, config: FlagsConfig) -> tuple[str, ...]:
    """The flags of the config that something can be learnt about; none is fine where it says "all".

    Raises:
        CatalogError: the config names flags that the catalog lacks, or that are all the same.
    """
    names, left_out = usable_flags(prepared.catalog, prepared.split, config)
    if not names and config.columns not in ("all", ()):
        raise nothing_to_learn(prepared.catalog, config, left_out)
    return names


def _learn_beside(
    model: keras.Model, outputs: Outputs, prepared: Prepared, config: Config, progress: Progress
) -> _Beside:
    """Learn from the train part what goes beside the network.

    Args:
        model: as of `with_embedding`.
        outputs: for the validation part, which chooses how much each opinion counts; without one there are none.
    """
    space, seed = prepared.answers, config.training.seed
    training = prepared.training_part("train").sample(MOST, seed)
    learnt = predict_outputs(model, training)
    if not prepared.ids("validation"):
        return _Beside(None, None, learn_similarity(learnt, space, config.similarity.dimensions), None)
    held_out = prepared.training_part("validation")
    colours = learn_colours(prepared, outputs, config.colours, seed, progress)
    if colours:
        learnt = colours.blend(learnt, logits_of(colours, training))
        outputs = colours.blend(outputs, logits_of(colours, held_out))
    return _Beside(
        colours,
        learn_neighbours(learnt[EMBEDDING], training.targets, outputs, held_out.targets, space, config.neighbours),
        learn_similarity(learnt, space, config.similarity.dimensions),
        learn_novelty(learnt[EMBEDDING], training.targets, outputs[EMBEDDING], space),
    )


def _predicted_labels(
    model: keras.Model, prepared: Prepared, calibration: Calibration, beside: _Beside
) -> pd.DataFrame | None:
    """The labels that the photo model gives the test products, index id, one column an attribute."""
    ids, space = prepared.ids("test"), prepared.answers
    if not ids:
        return None
    test = prepared.training_part("test")
    scores = probabilities(beside.complete(predict_outputs(model, test), test), space, calibration)
    chosen = choose_classes(class_probabilities(scores, space), space)
    labels = {name: np.array(space[name].classes, dtype=object)[index] for name, index in chosen.items()}
    return pd.DataFrame(labels, index=pd.Index(ids))
