from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn import make_part

from tagger.calibration import Calibration
from tagger.config import AttributeConfig, NetworkConfig, PhotoConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training.batches import TrainingPart
from tagger.training.calibration import JudgedTags
from tagger.training.targets import encode_targets
from tagger.training.validation import predict_logits, tag_figures, validation_metrics


def _part(table, settings):
    space = fit_label_space(table, settings)
    targets = encode_targets(space, table, settings)
    return space, TrainingPart(np.zeros((0, 1, 1, 3), np.uint8), np.arange(len(table)), targets, {})


def test_figures_of_a_softmax_head_worked_out_by_hand():
    settings = {"kind": AttributeConfig()}
    space, part = _part(pd.DataFrame({"kind": ["cup", "cup", "mug", ""]}), settings)
    logits = {"kind_softmax": np.array([[2, 0], [0, 2], [0, 2], [9, 0]], dtype=np.float32)}
    metrics = validation_metrics(logits, part, space)
    assert metrics["kind_accuracy"] == pytest.approx(2 / 3)
    assert metrics["kind_macro_f1"] == metrics["mean_macro_f1"] == pytest.approx(2 / 3)
    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert metrics["validation_loss"] == pytest.approx((2 * right + wrong) / 3)


def test_figures_of_a_sigmoid_head_worked_out_by_hand():
    settings = {"use": AttributeConfig(heads="sigmoid")}
    space, part = _part(pd.DataFrame({"use": ["home|work", "home", "work", ""]}), settings)
    logits = {"use_sigmoid": np.array([[1, 1], [1, 1], [-1, 1], [1, 1]], dtype=np.float32)}
    metrics = validation_metrics(logits, part, space)
    assert metrics["use_accuracy"] == pytest.approx(2 / 3)  # all labels of a product must be right
    assert metrics["use_macro_f1"] == pytest.approx((1 + 0.8) / 2)
    right, wrong = np.log1p(np.exp(-1)), np.log1p(np.exp(1))
    assert metrics["validation_loss"] == pytest.approx((5 * right + wrong) / 6)


def test_the_primary_head_alone_is_judged():
    settings = {"kind": AttributeConfig(heads="both", primary="sigmoid")}
    space, part = _part(pd.DataFrame({"kind": ["cup", "mug"]}), settings)
    logits = {
        "kind_softmax": np.array([[0, 9], [9, 0]], np.float32),
        "kind_sigmoid": np.array([[9, -9], [-9, 9]], "f4"),
    }
    assert validation_metrics(logits, part, space)["kind_accuracy"] == 1.0


@pytest.mark.parametrize("heads", ["softmax", "sigmoid"])
def test_one_class_only(heads):
    settings = {"kind": AttributeConfig(heads=heads)}
    space, part = _part(pd.DataFrame({"kind": ["cup", "cup", ""]}), settings)
    metrics = validation_metrics({f"kind_{heads}": np.ones((3, 1), np.float32)}, part, space)
    assert metrics["kind_accuracy"] == metrics["kind_macro_f1"] == 1.0


def test_attributes_without_a_label_here_are_left_out():
    table = pd.DataFrame({"kind": ["cup", "mug"], "use": ["home", "work"]})
    settings = {"kind": AttributeConfig(), "use": AttributeConfig()}
    space = fit_label_space(table, settings)
    targets = encode_targets(space, table.assign(use=""), settings)
    part = TrainingPart(np.zeros((0, 1, 1, 3), np.uint8), np.arange(2), targets, {})
    logits = {"kind_softmax": np.eye(2, dtype=np.float32), "use_softmax": np.eye(2, dtype=np.float32)}
    metrics = validation_metrics(logits, part, space)
    assert "use_accuracy" not in metrics and metrics["mean_macro_f1"] == metrics["kind_macro_f1"]
    nothing = TrainingPart(part.pixels, part.rows, encode_targets(space, table.assign(use="", kind=""), settings), {})
    assert validation_metrics(logits, nothing, space) == {"validation_loss": 0.0, "mean_macro_f1": 0.0}


def test_figures_of_the_tags_worked_out_by_hand():
    table = pd.DataFrame({"kind": ["cup", "cup", "mug", ""], "use": ["home|work", "home", "home", ""]})
    settings = {"kind": AttributeConfig(), "use": AttributeConfig(heads="sigmoid")}
    space, part = _part(table, settings)
    judged = {
        "kind": JudgedTags(np.array([0.9, 0.8, 0.4], np.float32), np.array([True, False, True])),
        "use": JudgedTags(np.array([0.9, 0.9, 0.9], np.float32), np.array([True, True, True])),
        "lost": JudgedTags(np.zeros(0, np.float32), np.zeros(0, bool)),
    }
    figures = tag_figures(judged, part.targets, space, Calibration(review={"kind": 0.5, "use": 1.01}))
    assert figures["tag_accuracy"] == pytest.approx({"kind": 2 / 3, "use": 1})
    assert figures["tag_majority_accuracy"] == pytest.approx({"kind": 2 / 3, "use": 2 / 3})
    assert figures["tag_coverage"] == pytest.approx({"kind": 2 / 3, "use": 0})
    assert figures["tag_accepted_accuracy"] == {"kind": 0.5, "use": None}
    assert figures["tag_ece"] == pytest.approx({"kind": (0.1 + 0.8 + 0.6) / 3, "use": 0.1})


def test_logits_are_those_of_the_photos_in_their_order(space, monkeypatch):
    monkeypatch.setattr("tagger.training.validation._BATCH", 7)
    model = build_network(space, NetworkConfig(trunk="tiny"), PhotoConfig(height=32, width=24), any_size=True)
    part = make_part(space, 17)
    logits = predict_logits(model, part)
    for name, value in model(part.pixels).items():
        np.testing.assert_allclose(logits[name], value, atol=1e-5)
    assert not np.allclose(predict_logits(model, part, (16, 12))["use_sigmoid"], logits["use_sigmoid"])
