"""What finished networks teach: whose answers become targets, how much they count, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
from bundles import write_random_bundle
from drawn import SETTINGS, make_part, make_table, write_catalog

from tagger.bundle import Bundle
from tagger.catalog.read import read_catalog
from tagger.config import AugmentationConfig, Config, DistillationConfig, PhotoConfig, TrainingConfig
from tagger.decoding import sigmoid, softmax
from tagger.errors import BundleError, TrainingError
from tagger.inference.engine import Engine, open_engine
from tagger.labels import LabelSpace, fit_label_space
from tagger.training.distillation import Teacher, Teachers, as_teachers, learned_by, open_teachers
from tagger.training.run import train

PHOTO = PhotoConfig(height=32, width=24)


class Says(Engine):
    """A network that always gives the same logits, and remembers what it was shown."""

    def __init__(self, **logits: list[float]) -> None:
        self.logits = {name: np.array(row, dtype=np.float32) for name, row in logits.items()}
        self.shown: list[np.ndarray] = []

    def run(self, photos: np.ndarray) -> dict[str, np.ndarray]:
        self.shown.append(photos)
        return {name: np.tile(row, (len(photos), 1)) for name, row in self.logits.items()}


def _teacher(engine: Engine, **columns: list[int]) -> Teacher:
    return Teacher(cast("Bundle", None), engine, {output: np.array(places) for output, places in columns.items()})


@pytest.fixture
def bundle(space: LabelSpace, tmp_path: Path, _tiny_trunk: None) -> Bundle:
    return write_random_bundle(tmp_path / "teacher", space, "tiny")


def test_targets_are_blended_with_the_mean_of_the_answers() -> None:
    first, second = Says(a=[4, 0], b=[3]), Says(a=[0, 2], b=[-1])
    targets = {
        "a": np.array([[0, 1], [1, 0]], dtype=np.float32),
        "b": np.array([[1], [0]], dtype=np.float32),
        "c": np.array([[1], [1]], dtype=np.float32),
    }
    photos = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    teachers = [_teacher(first, a=[0, 1], b=[0]), _teacher(second, a=[0, 1], b=[0])]
    softened = Teachers(teachers, {"a": "softmax", "b": "sigmoid"}, 0.75).soften(photos, targets)
    exclusive = (softmax(np.array([4.0, 0])) + softmax(np.array([0.0, 2]))) / 2
    several = (sigmoid(np.array([3.0])) + sigmoid(np.array([-1.0]))) / 2
    np.testing.assert_allclose(softened["a"], 0.25 * targets["a"] + 0.75 * exclusive, rtol=1e-6)
    np.testing.assert_allclose(softened["b"], 0.25 * targets["b"] + 0.75 * several, rtol=1e-6)
    np.testing.assert_array_equal(softened["c"], 1)
    assert softened["a"].dtype == softened["b"].dtype == np.float32
    assert targets["a"].tolist() == [[0, 1], [1, 0]]  # as they were


def test_teachers_see_the_photos_that_the_network_sees_in_their_own_size(space: LabelSpace) -> None:
    teacher = Says(colour_softmax=[0, 50, 0])
    taught = Teachers([_teacher(teacher, colour_softmax=[0, 1, 2])], {"colour_softmax": "softmax"}, 1.0)
    part = dataclasses.replace(make_part(space, 12, missing=0), teachers=taught)
    config = TrainingConfig(
        epochs=2, batch_size=4, small_share=0.5, small_scale=0.5, small_sizes=1,
        augmentation=AugmentationConfig(brightness=0.5, cutmix=0.5),
    )  # fmt: skip
    small = list(part.epoch(0, config))
    assert [batch.photos.shape[1:3] for batch in small] == [(16, 12)] * 3
    assert {shown.shape[1:3] for shown in teacher.shown} == {(32, 24)}
    teacher.shown.clear()
    for batch, shown in zip(part.epoch(1, config), teacher.shown, strict=False):
        np.testing.assert_array_equal(batch.photos, shown)
        np.testing.assert_allclose(batch.targets["colour_softmax"], np.tile([0, 1, 0], (4, 1)), atol=1e-6)
    assert len(teacher.shown) == 3


def test_classes_are_matched_and_unknown_ones_keep_their_targets() -> None:
    """The teacher knows two of three classes, the other way round."""
    teachers = Teachers(
        [_teacher(Says(a=[5, 0], b=[5, -5]), a=[2, 0], b=[2, 0])], {"a": "softmax", "b": "sigmoid"}, 0.5
    )
    labels = np.eye(3, dtype=np.float32)
    softened = teachers.soften(np.zeros((3, 4, 4, 3), dtype=np.uint8), {"a": labels, "b": labels})
    low, high = softmax(np.array([0.0, 5]))
    np.testing.assert_allclose(softened["a"][0], [0.5 + low / 2, 0, high / 2], rtol=1e-5)
    np.testing.assert_allclose(softened["a"][1], [0, 1, 0])
    np.testing.assert_allclose(softened["a"][2], [low / 2, 0, 0.5 + high / 2], rtol=1e-5)
    low, high = sigmoid(np.array([-5.0, 5]))
    np.testing.assert_allclose(softened["b"], labels * [0.5, 1, 0.5] + np.array([low, 0, high]) / 2, rtol=1e-5)


def test_what_a_bundle_says_is_taught_where_the_classes_are_the_same(bundle: Bundle, space: LabelSpace) -> None:
    config = DistillationConfig(teachers=("unused",), share=1.0)
    table = make_table(60, missing=0)
    table["use"] = table["use"].replace("travel", "sports")
    others = fit_label_space(table, SETTINGS)
    teachers = as_teachers([bundle], others, PHOTO, config)
    assert teachers is not None
    part = make_part(space, 5, missing=0)
    targets, _ = part.targets.batch(np.arange(5), part.classes)
    softened = teachers.soften(part.pixels, targets)
    answers = open_engine(bundle, "onnxruntime").run(part.pixels)
    np.testing.assert_allclose(softened["colour_softmax"], softmax(answers["colour_softmax"]), rtol=1e-5)
    np.testing.assert_allclose(softened["colour_sigmoid"], sigmoid(answers["colour_sigmoid"]), rtol=1e-5)
    np.testing.assert_array_equal(softened["use_sigmoid"], targets["use_sigmoid"])


def test_no_teachers_without_bundles(space: LabelSpace) -> None:
    assert open_teachers(DistillationConfig()) == []
    assert as_teachers([], space, PHOTO, DistillationConfig()) is None


def test_a_teacher_that_can_not_teach_is_refused(bundle: Bundle, space: LabelSpace) -> None:
    config = DistillationConfig(teachers=("unused",))
    with pytest.raises(TrainingError, match=r"takes photos of 24x32: expected 20x32, .* photo.width"):
        as_teachers([bundle], space, PhotoConfig(height=32, width=20), config)
    table = make_table(60, missing=0).rename(columns={"colour": "shade"})
    others = fit_label_space(table, {"shade": SETTINGS["colour"]})
    with pytest.raises(TrainingError, match="no output that this run has too with all its classes"):
        as_teachers([bundle], others, PHOTO, config)
    with pytest.raises(BundleError, match="nowhere"):
        open_teachers(DistillationConfig(teachers=(str(bundle.path.parent / "nowhere"),)))


def test_what_a_teacher_has_learned_from_tests_nobody(bundle: Bundle, tmp_path: Path) -> None:
    catalog = read_catalog(write_catalog(tmp_path / "catalog", 10))
    assert {"p000", "p001"} <= set(catalog.table.index)
    assert learned_by([], catalog) == set()
    assert learned_by([bundle], catalog) == {"p000"}  # the bundle had p001 in its validation part


@pytest.mark.slow
def test_a_run_learns_what_its_teacher_says_and_not_the_labels(space: LabelSpace, tmp_path: Path) -> None:
    """The teacher was taught that red is "green" and so on; with a share of 1 its pupil says so too."""
    data = write_catalog(tmp_path / "catalog", 240)
    turned = {"red": "green", "green": "blue", "blue": "red"}
    lines = data.read_text().splitlines()
    named = [",".join(turned.get(cell, cell) for cell in line.split(",")) for line in lines]
    wrong = data.with_name("wrong.csv")
    wrong.write_text("\n".join(named) + "\n")

    def config(**distillation: object) -> Config:
        return Config.model_validate(
            {
                "photo": {"height": 32, "width": 24},
                "attributes": {"colour": {"heads": "softmax"}},
                "network": {"trunk": "tiny", "dropout": 0},
                "training": {
                    "epochs": 20, "batch_size": 8, "learning_rate": 0.02, "optimizer": "adamw", "ema": 0,
                    "precision": "float32", "patience": 0, "distillation": distillation,
                },
                "flags": {"columns": []},
                "neighbours": {"count": 0},
            }
        )  # fmt: skip

    train(config(), wrong, tmp_path / "teacher")
    bundle = Bundle.open(train(config(teachers=[str(tmp_path / "teacher")], share=1.0), data, tmp_path / "pupil"))
    assert bundle.manifest["teachers"] == [{"model": "teacher", "id": Bundle.open(tmp_path / "teacher").id}]
    part, given = make_part(space, 240, missing=0), make_table(240, missing=0)["colour"]
    answers = open_engine(bundle, "onnxruntime").run(part.pixels)["colour_softmax"].argmax(axis=1)
    said = pd.Series(bundle.label_space["colour"].classes)[answers].to_numpy()
    assert (said == given).mean() < 0.1
    assert (said == given.map(turned)).mean() > 0.6
