"""Train, judge and store the flags network of a catalog."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.catalog.splits import PARTS
from tagger.catalog.table import Catalog
from tagger.config import FlagsConfig
from tagger.errors import MissingDependencyError, OutputError, SplitError
from tagger.files import atomic_folder, write_json
from tagger.flags.choice import TRUTH, ids_of, nothing_to_learn, usable_flags
from tagger.flags.evaluation import Part, choose_flags, evaluate_flags
from tagger.flags.features import FeatureSpace, value_columns
from tagger.flags.predictor import CHUNK, CONTENTS, FEATURES, NETWORK, FlagPredictor, FlagSession, write_contents
from tagger.flags.report import FlagReport, write_report
from tagger.progress import Progress, silent

logger = logging.getLogger(__name__)


def train_flags(
    catalog: Catalog,
    split: pd.Series,
    config: FlagsConfig,
    folder: Path,
    seed: int = 0,
    predicted: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> FlagReport:
    """Train one network for all flags, judge it, and write the folder that `FlagPredictor.open` reads.

    Args:
        catalog: the products.
        split: id → "train", "validation" or "test"; products that it lacks are not used.
        config: which flags, and the network.
        folder: written as a whole or not at all: features.json, flags.onnx, flags.json, flags.csv, flags.md.
        seed: of the weights and the order of the products.
        predicted: index id; columns masterCategory, subCategory, articleType (or some of them) with the labels that the
            photo model gave the test products, "" for none. None leaves that setting out of the report.
        progress: told after each epoch.

    Returns:
        The report.

    Raises:
        CatalogError: the catalog has no flag that something can be learnt about, or not one that the config names.
        SplitError: no product is in the train part.
        TrainingError: the exported network does not give what Keras gives.
        OutputError: the folder can't be written, or holds something else.
        MissingDependencyError: TensorFlow, Keras or scikit-learn is not installed.
    """
    _refuse_other_folder(folder)
    names, left_out = usable_flags(catalog, split, config)
    train, validation, test = (_part(catalog, ids_of(catalog, split, part), names) for part in PARTS)
    if not len(train.table):
        raise SplitError("Expected products in the train part of the split, found none. Give the catalog's own split.")
    if not names:
        raise nothing_to_learn(catalog, config, left_out)
    for name, why in left_out.items():
        logger.info("The flag %s is left out: %s", name, why)
    flags_network = _import_network()

    with atomic_folder(folder) as temporary:
        features = FeatureSpace.fit(train.table, value_columns(catalog), config.vocabulary)
        write_json(temporary / FEATURES, features.to_json())
        encoded = features.encode(train.table)
        logger.info("%d flags from %d features of %d products", len(names), features.width, len(encoded))
        model = flags_network.fit_network(encoded, train.targets, features.category_width, config, seed, progress)
        flags_network.export_network(model, temporary / NETWORK, encoded.dense(np.arange(min(len(encoded), CHUNK))))
        # Judged by the very path that users take.
        scores = FlagPredictor(features, (), FlagSession(temporary / NETWORK)).probabilities
        flags = choose_flags(names, train, validation, scores)
        report = FlagReport(
            scores=tuple(evaluate_flags(flags, train, validation, test, scores, predicted)),
            left_out=left_out,
            products={name: len(part.table) for name, part in zip(PARTS, (train, validation, test), strict=True)},
        )
        write_report(report, temporary)
        write_contents(temporary, flags, report.to_json())
    return report


def _import_network() -> ModuleType:
    try:
        from tagger.flags import network
        from tagger.network.onnx import find_exporter
    except ImportError as error:
        raise MissingDependencyError(error.name or "tensorflow", "train", "to train flags") from error
    find_exporter()  # asked for now, not after the training
    return network


def _refuse_other_folder(folder: Path) -> None:
    """Make sure that replacing the folder loses nothing but older flags."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONTENTS).exists():
        raise OutputError(f"Expected a new or empty folder, or one with flags, but {folder} holds something else.")


def _part(catalog: Catalog, ids: pd.Index, names: tuple[str, ...]) -> Part:
    table = catalog.table.loc[ids]
    columns: list[NDArray[np.float32]] = [
        table[name].map(TRUTH).to_numpy(np.float32, na_value=np.nan) for name in names
    ]
    targets = np.stack(columns, axis=1) if columns else np.empty((len(table), 0), np.float32)
    return Part(table, targets)
