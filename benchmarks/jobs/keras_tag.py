"""What a user of Keras would write to tag photos: bundle, way, output; paths on stdin.

`batches` is what one who knows tf.data writes: files are read and decoded in parallel while the network runs, in
batches of 64. `loop` is what a first script looks like: load_img and model.predict, photo by photo.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

import tagger.network.layers  # noqa: F401 - registers the layers that model.keras names

_BATCH = 64


def main(bundle: Path, way: str, out: Path) -> None:
    """Load the model, tag the photos, write the CSV."""
    paths = sys.stdin.read().splitlines()
    model: Any = keras.saving.load_model(bundle / "model.keras", compile=False)
    # XLA, Keras's choice, does without oneDNN's convolutions on a CPU: about half as fast.
    model.jit_compile = False
    size = model.input_shape[1:3]
    outputs = _predict_batches(model, paths, size) if way == "batches" else _predict_loop(model, paths, size)
    _write(out, paths, outputs, bundle)


def _predict_batches(model: Any, paths: list[str], size: tuple[int, int]) -> dict[str, Any]:
    import tensorflow as tf

    def read(path: Any) -> Any:
        photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)

        def resized() -> Any:
            pixels = tf.image.resize_with_pad(photo, *size, antialias=True)
            return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)

        fits = tf.reduce_all(tf.shape(photo)[:2] == size)
        return tf.ensure_shape(tf.cond(fits, lambda: photo, resized), (*size, 3))

    dataset = tf.data.Dataset.from_tensor_slices(paths).map(read, num_parallel_calls=tf.data.AUTOTUNE)
    outputs: dict[str, Any] = model.predict(dataset.batch(_BATCH).prefetch(tf.data.AUTOTUNE), verbose=0)
    return outputs


def _predict_loop(model: Any, paths: list[str], size: tuple[int, int]) -> dict[str, Any]:
    rows = []
    for path in paths:
        photo = keras.utils.img_to_array(keras.utils.load_img(path, target_size=size), dtype="uint8")
        rows.append(model.predict(photo[None], verbose=0))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _write(out: Path, paths: list[str], outputs: dict[str, Any], bundle: Path) -> None:
    attributes = json.loads((bundle / "labels.json").read_text(encoding="utf-8"))["attributes"]
    columns = [_labels(attribute, outputs) for attribute in attributes]
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(attribute["name"] for attribute in attributes)])
        writer.writerows(zip(paths, *columns, strict=True))


def _labels(attribute: dict[str, Any], outputs: dict[str, Any]) -> list[str]:
    """The likeliest class of each photo, or where there is no softmax head, the labels from one half on."""
    if "softmax" in attribute["heads"]:
        return [attribute["classes"][i] for i in outputs[f"{attribute['name']}_softmax"].argmax(axis=1)]
    likely = outputs[f"{attribute['name']}_sigmoid"] > 0  # logits
    return ["|".join(np.array(attribute["labels"])[row]) for row in likely]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
