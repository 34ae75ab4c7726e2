"""What a checkpoint holds is covered by the resumed runs in test_resume.py; here is what can be wrong with one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tagger.errors import OutputError, TrainingError
from tagger.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from tagger.training.optimization import WeightAverage


def _model(units=4, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)])
    model.compile(keras.optimizers.AdamW(), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _train(model, average=None):
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 4)))
    if average:
        average.update()


def _state(model):
    return [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]


def test_everything_comes_back(tmp_path):
    model = _model()
    average = WeightAverage(model, 0.9)
    for _ in range(3):
        _train(model, average)
    save_checkpoint(tmp_path / "c.npz", model, average, {"epoch": 3, "history": [{"loss": 0.1}]})
    other = _model(seed=1)
    other_average = WeightAverage(other, 0.9)
    assert load_checkpoint(tmp_path / "c.npz", other, other_average) == {"epoch": 3, "history": [{"loss": 0.1}]}
    for ours, theirs in zip(_state(model), _state(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _train(model, average)
    _train(other, other_average)
    for ours, theirs in zip(
        _state(model) + average.get_state(), _state(other) + other_average.get_state(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def _cut(data):
    return data[: len(data) // 2]


def _flip(data):
    return data[:200] + bytes([data[200] ^ 255]) + data[201:]


@pytest.mark.parametrize("damage", [_cut, _flip, lambda data: b"", lambda data: b"text", lambda data: data[:-30]])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, damage):
    path = tmp_path / "c.npz"
    model = _model()
    save_checkpoint(path, model, None, {"epoch": 1})
    path.write_bytes(damage(path.read_bytes()))
    before = _state(model)
    with pytest.raises(TrainingError, match=rf"c\.npz can't be read \(.+\)\. Delete the folder {tmp_path} and train"):
        load_checkpoint(path, model, None)
    for ours, theirs in zip(before, _state(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_checkpoint_without_state_or_average(tmp_path):
    model = _model()
    np.savez(tmp_path / "c.npz", **{f"variable_{i}": value for i, value in enumerate(_state(model))})
    with pytest.raises(TrainingError, match="can't be read"):
        load_checkpoint(tmp_path / "c.npz", model, None)
    save_checkpoint(tmp_path / "c.npz", model, None, {"epoch": 1})
    with pytest.raises(TrainingError, match="can't be read"):
        load_checkpoint(tmp_path / "c.npz", model, WeightAverage(model, 0.9))


def test_another_network_is_told_apart(tmp_path):
    save_checkpoint(tmp_path / "c.npz", _model(units=4), None, {})
    save_weights(tmp_path / "w.npz", _model(units=4))
    with pytest.raises(TrainingError, match="belongs to another network"):
        load_checkpoint(tmp_path / "c.npz", _model(units=5), None)
    with pytest.raises(TrainingError, match="belongs to another network"):
        load_weights(tmp_path / "w.npz", _model(units=5))


def test_no_pickle_is_ever_loaded(tmp_path):
    np.savez(tmp_path / "w.npz", weight_0=np.array([{}], dtype=object))
    with pytest.raises(TrainingError, match="allow_pickle"):
        load_weights(tmp_path / "w.npz", _model())


def test_weights_come_back(tmp_path):
    model, other = _model(), _model(seed=1)
    save_weights(tmp_path / "w.npz", model)
    load_weights(tmp_path / "w.npz", other)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(TrainingError, match="can't be read"):
        load_weights(tmp_path / "nowhere.npz", other)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    path, model = tmp_path / "c.npz", _model(units=400)
    save_checkpoint(path, model, None, {"epoch": 1})
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # writes beyond it fail as on a full disk
    try:
        with pytest.raises(OutputError, match=r"Can't write .*c\.npz: .*run again"):
            save_checkpoint(path, model, None, {"epoch": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
