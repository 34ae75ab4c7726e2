"""Write the bundle of a trained network: calibrate it, export it, and train the flags network beside it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from tagger.bundle import NEIGHBOURS, NOVELTY, SIMILARITY, seal
from tagger.calibration import Calibration
from tagger.catalog.splits import write_split
from tagger.catalog.table import TITLE
from tagger.config import Config, FlagsConfig
from tagger.decoding import EMBEDDING, Outputs, choose_classes, class_probabilities, probabilities
from tagger.files import atomic_folder, write_json, write_text
from tagger.flags.choice import nothing_to_learn, usable_flags
from tagger.flags.training import train_flags
from tagger.neighbours import Neighbours
from tagger.network.model import with_embedding
from tagger.novelty import Novelty
from tagger.own_products import photo_sign
from tagger.progress import Progress, silent
from tagger.report.card import CARD, bundle_facts, render_card, validation_evaluation
from tagger.title_part import FOLDER as TITLE_FOLDER
from tagger.training.calibration import calibrate, judge_tags
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
    learnt = predict_outputs(complete, prepared.training_part("train").sample(MOST, config.training.seed))
    similarity = learn_similarity(learnt, space, config.similarity.dimensions)
    neighbours, novelty = _learn_likeness(learnt, prepared, outputs, config) if part == "validation" else (None, None)
    logits = neighbours.blend(outputs) if neighbours else outputs
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
        if similarity:
            similarity.write(temporary / SIMILARITY)
        if novelty:
            novelty.write(temporary / NOVELTY)
        if neighbours:
            neighbours.write(temporary / NEIGHBOURS)
        int8 = temporary / "model.int8.onnx"
        training = sample_photos(
            prepared.cache.pixels, prepared.cache.select(prepared.ids("train")), config.training.seed
        )
        if quantize_convolutions(temporary / "model.onnx", training, int8):
            metrics["int8_agreement"] = int8_agreement(int8, held_out, logits, space, calibration, neighbours)
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
            predicted = _predicted_labels(complete, prepared, calibration, neighbours)
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


def _learn_likeness(
    learnt: Outputs, prepared: Prepared, held_out: Outputs, config: Config
) -> tuple[Neighbours | None, Novelty | None]:
    """What embeddings of the train part are good for, beside what the network says of the validation part."""
    training = prepared.training_part("train").sample(MOST, config.training.seed).targets
    embeddings, space = learnt[EMBEDDING], prepared.answers
    targets = prepared.training_part("validation").targets
    neighbours = learn_neighbours(embeddings, training, held_out, targets, space, config.neighbours)
    return neighbours, learn_novelty(embeddings, training, held_out[EMBEDDING], space)


def _predicted_labels(
    model: keras.Model, prepared: Prepared, calibration: Calibration, neighbours: Neighbours | None
) -> pd.DataFrame | None:
    """The labels that the photo model gives the test products, index id, one column an attribute."""
    ids, space = prepared.ids("test"), prepared.answers
    if not ids:
        return None
    outputs = predict_outputs(model, prepared.training_part("test"))
    scores = probabilities(neighbours.blend(outputs) if neighbours else outputs, space, calibration)
    chosen = choose_classes(class_probabilities(scores, space), space)
    labels = {name: np.array(space[name].classes, dtype=object)[index] for name, index in chosen.items()}
    return pd.DataFrame(labels, index=pd.Index(ids))
