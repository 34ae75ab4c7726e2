"""A bundle within a budget of bytes, small enough to be shipped: weights in float16, where need be in int8.

What is given up, in this order, until the bundle fits: full precision of the stored weights and `model.keras`, always;
`model.int8.onnx`; float16 for the largest convolutions, which go to int8. A bundle whose tags differ from those of the
full one on more than one photo in two hundred, for any attribute, is not written.
"""

from __future__ import annotations

import gzip
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle, seal
from tagger.catalog.cache import PhotoCache, open_cache
from tagger.catalog.read import read_products
from tagger.config import override_config
from tagger.errors import BundleError, CatalogError, TrainingError
from tagger.files import atomic_folder, check_replaceable, write_json, write_text
from tagger.manifest import MANIFEST
from tagger.progress import Progress, silent
from tagger.report.card import CARD, bundle_facts, render_card, validation_evaluation
from tagger.training.compact_onnx import compress, large_convolutions, read_floats
from tagger.training.compact_weights import write_weights
from tagger.training.weights import open_network

_log = logging.getLogger(__name__)

#: (full bundle, compact bundle, photos uint8 (N, H, W, 3)) → share of the photos that both answer alike, by attribute.
Compare = Callable[[Path, Path, NDArray[np.uint8]], dict[str, float]]

#: Share of the photos that the compact bundle must answer as the full one does, for each attribute.
MIN_AGREEMENT = 0.995
#: With fewer, one photo would decide.
_MIN_PHOTOS = 200
_MAX_PHOTOS = 4000
_INT8_MODEL = "model.int8.onnx"
#: Written anew, or left out; all other files are copied.
_CHANGED = {"model.onnx", _INT8_MODEL, "model.keras", "split.csv", "metrics.json", CARD}


def compact_bundle(
    model: Path | str, data: Path, out: Path, max_bytes: int, compare: Compare, progress: Progress = silent
) -> dict[str, float]:
    """Write a compact copy of a bundle.

    Args:
        model: a bundle as `tagger train` wrote it, or the run folder that holds one.
        data: catalog on whose photos both are compared: those that the bundle was not trained on, where it knows them.
        out: folder of the copy.
        max_bytes: of all its files.
        compare: `tag_agreement` of `tagger.inference`.
        progress: told about decoding.

    Returns:
        Share of the photos that both answer alike, by attribute.

    Raises:
        BundleError: there is no bundle, or it is compact already.
        CatalogError: there are too few photos.
        TrainingError: it can't be made small enough, or answers too differently then.
        OutputError: `out` can't be written, or is something else than a bundle.
    """
    bundle = Bundle.open(model)
    if bundle.compact_weights:
        raise BundleError(f"{bundle.path} is a compact bundle already. Give the one that `tagger train` wrote.")
    check_replaceable(out, lambda there: (there / MANIFEST).is_file(), "a bundle")
    settings = override_config(bundle.config, ["catalog.layout=auto"]).catalog
    catalog = read_products(data, settings, records=False).to_catalog()
    photos = _photos_to_compare(bundle, open_cache(catalog, bundle.photo, progress=progress), data)
    about = {name: value for name, value in bundle.manifest.items() if name not in ("format", "version", "files")}
    about["compacted_from"] = bundle.id
    with atomic_folder(out) as folder:
        _write_card(bundle, about, out.resolve().name, folder / CARD)
        _write(bundle, folder, max_bytes)
        seal(folder, about)
        agreement = compare(bundle.path, folder, photos)
        _check(agreement, len(photos), max_bytes)
        metrics = dict(bundle.metrics)
        if not (folder / _INT8_MODEL).exists():
            metrics.pop("int8_agreement", None)
        write_json(folder / "metrics.json", {**metrics, "compact_agreement": agreement, "compact_photos": len(photos)})
        seal(folder, about)
        if (size := _size(folder)) > max_bytes:
            raise _too_large(size, max_bytes)
    return agreement


def _write_card(bundle: Bundle, about: dict[str, Any], name: str, path: Path) -> None:
    """The card under the name of the copy; the figures are those of the full bundle."""
    facts = bundle_facts(bundle.config, bundle.label_space, about, (bundle.split or {}).values(), name)
    write_text(path, render_card({**facts, "evaluation": validation_evaluation(bundle.metrics)}))


def _write(bundle: Bundle, folder: Path, max_bytes: int) -> None:
    """Write all files but the card, metrics.json and the manifest."""
    for name in bundle.manifest["files"]:
        if name not in _CHANGED and (bundle.path / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(bundle.path / name, folder / name)
    split = bundle.path / "split.csv"
    if split.is_file():
        # No time in it: the same bundle gives the same bytes.
        (folder / "split.csv.gz").write_bytes(gzip.compress(split.read_bytes(), mtime=0))
    weights = [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in open_network(bundle).weights]
    write_weights(weights, read_floats(bundle.model), folder / "weights.npz")
    target = folder / "model.onnx"
    compress(bundle.model, target)
    room = max_bytes - _size(folder) - _size_of_notes(bundle)
    int8 = bundle.path / _INT8_MODEL
    if int8.is_file() and int8.stat().st_size <= room:
        shutil.copy(int8, folder / _INT8_MODEL)
    in_int8: list[str] = []
    for name, saving in large_convolutions(bundle.model).items():
        if room >= 0:
            break
        in_int8.append(name)
        room += saving
    if room < 0:
        raise _too_large(max_bytes - room, max_bytes)
    if in_int8:
        _log.info("%d of the largest convolutions are stored in int8, the rest in float16", len(in_int8))
        compress(bundle.model, target, in_int8)


def _photos_to_compare(bundle: Bundle, cache: PhotoCache, data: Path) -> NDArray[np.uint8]:
    """Photos that the bundle knows nothing of, or at least was not trained on, and not too many."""
    parts = bundle.split or {}
    ids = [id_ for id_ in cache.rows if parts.get(id_) != "train"]
    # Thresholds were chosen on the validation part, and some may lie close to the very scores of its photos.
    unseen = [id_ for id_ in ids if parts.get(id_) != "validation"]
    ids = unseen if len(unseen) >= _MIN_PHOTOS else ids
    if len(ids) < _MIN_PHOTOS:
        raise CatalogError(
            f"{data} has {len(ids)} readable photos that the bundle was not trained on, expected at least "
            f"{_MIN_PHOTOS} to compare the tags of both bundles. Give --data another catalog."
        )
    chosen = np.random.default_rng(0).permutation(len(ids))[:_MAX_PHOTOS]
    return cache.pixels[np.sort(cache.select(ids)[chosen])]


def _check(agreement: dict[str, float], photos: int, max_bytes: int) -> None:
    _log.info("Answers as the full bundle on %d photos: %s", photos, _shares(agreement))
    if low := {name: share for name, share in agreement.items() if share < MIN_AGREEMENT}:
        raise TrainingError(
            f"Within {max_bytes / 1e6:g} MB the bundle answers too differently from the full one: expected the same "
            f"tags on {MIN_AGREEMENT:.1%} of {photos:,} photos, found {_shares(low)}. Allow more with --max-mb."
        )


def _size_of_notes(bundle: Bundle) -> int:
    """About what the metrics and the manifest take, which come last: a little more than before."""
    notes = [bundle.path / name for name in ("metrics.json", "bundle.json")]
    return sum(note.stat().st_size for note in notes if note.is_file()) + 1500


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _too_large(size: int, max_bytes: int) -> TrainingError:
    return TrainingError(
        f"The bundle can't be made smaller than {size / 1e6:.2f} MB, expected at most {max_bytes / 1e6:g} MB. Allow "
        "more with --max-mb, or train a smaller network."
    )


def _shares(agreement: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.2%}" for name, share in agreement.items())
