from __future__ import annotations

import numpy as np
import pytest

from tagger.decoding import sigmoid, softmax
from tagger.fusion import fuse
from tagger.labels import Attribute, LabelSpace
from tagger.training.fusion import _fit, _sigmoid_loss, _softmax_loss, fit_fusion
from tagger.training.targets import Targets

CLASSES = ("a", "b", "c")
OUTPUTS = ("kind_softmax", "kind_sigmoid")
SPACE = LabelSpace({"kind": Attribute("kind", CLASSES, CLASSES, ("softmax", "sigmoid"), "softmax")})


def make_targets(truth: np.ndarray) -> Targets:
    known = (truth >= 0).astype(np.float32)
    hot = (truth[:, None] == np.arange(3)).astype(np.float32)
    return Targets({"kind_softmax": truth, "kind_sigmoid": hot}, {"kind_softmax": known, "kind_sigmoid": known})


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(0).choice(3, 2000, p=[0.6, 0.3, 0.1])


def expert(truth: np.ndarray, seed: int, noise: float) -> dict[str, np.ndarray]:
    """Logits that are calibrated but for the frequency of the classes, which they know nothing of."""
    seen = (truth[:, None] == np.arange(3)) + np.random.default_rng(seed).normal(0, noise, (len(truth), 3))
    logits = (seen / noise**2).astype(np.float32)
    return {"kind_softmax": logits, "kind_sigmoid": logits}


def nll(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(truth)), truth]).mean())


def test_two_experts_are_better_than_either(truth: np.ndarray) -> None:
    photo, title = expert(truth, 1, 0.7), expert(truth, 2, 0.5)
    heads = fit_fusion(photo, title, make_targets(truth), SPACE, make_targets(truth))
    both = fuse(photo, title, heads)["kind_softmax"]
    single = min(nll(logits["kind_softmax"], truth) for logits in (photo, title))
    assert nll(both, truth) < 0.7 * single
    accuracy = [(z.argmax(axis=1) == truth).mean() for z in (photo["kind_softmax"], title["kind_softmax"], both)]
    assert accuracy[2] > max(accuracy[:2]) + 0.02
    # The experts know nothing of the frequencies, so that these are to be added once.
    assert heads["kind_softmax"].photo == pytest.approx(1, abs=0.15)
    assert np.diff(heads["kind_softmax"].bias)[0] == pytest.approx(np.log(0.3 / 0.6), abs=0.2)


@pytest.mark.parametrize("name", ["kind_softmax", "kind_sigmoid"])
def test_an_expert_that_knows_nothing_hardly_counts(truth: np.ndarray, name: str) -> None:
    noise = {output: np.random.default_rng(3).normal(0, 3, (len(truth), 3)) for output in OUTPUTS}
    heads = fit_fusion(noise, expert(truth, 2, 0.5), make_targets(truth), SPACE, make_targets(truth))
    assert 0 <= heads[name].photo < 0.1 * heads[name].title


def test_what_is_unknown_does_not_count_and_few_products_leave_the_weights(truth: np.ndarray) -> None:
    few = truth[:40].copy()
    photo, title = expert(few, 1, 0.7), expert(few, 2, 0.5)
    few[19:] = -1
    heads = fit_fusion(photo, title, make_targets(few), SPACE, make_targets(truth))
    assert (heads["kind_softmax"].photo, heads["kind_sigmoid"].title) == (1, 1)
    assert heads["kind_softmax"].bias[0] < heads["kind_softmax"].bias[2]


@pytest.mark.parametrize("loss", [_softmax_loss, _sigmoid_loss])
def test_gradients(loss, truth: np.ndarray) -> None:
    truth = truth[:5] if loss is _softmax_loss else (truth[:5, None] == np.arange(3)).astype(np.float32)
    logits = np.random.default_rng(0).normal(size=(5, 3))
    _, gradient = loss(logits, truth)
    for place in np.ndindex(5, 3):
        step = np.zeros((5, 3))
        step[place] = 1e-5
        slope = (loss(logits + step, truth)[0] - loss(logits - step, truth)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_huge_logits_do_not_overflow() -> None:
    truth = np.array([0, 1, 2] * 10)
    experts = np.full((2, 30, 3), 1e4) * np.eye(3)[truth]
    assert np.isfinite(_fit(experts, np.zeros(3), truth)).all()
    assert np.isfinite(sigmoid(experts[0])).all()
