from __future__ import annotations

import pandas as pd
import pytest

from tagger.config import AttributeConfig, Config, load_config
from tagger.errors import TrainingError
from tagger.training.run_folder import check_folder, claim_folder, holds_run

SPLIT = pd.Series({"007": "train", "ü": "validation"})
CONFIG = Config(attributes={"gender": AttributeConfig(), "season": AttributeConfig()})


@pytest.fixture
def run(tmp_path):
    claim_folder(tmp_path / "run", CONFIG, SPLIT, resume=False)
    return tmp_path / "run"


def _changed(*overrides):
    settings = CONFIG.model_dump(mode="json")
    for key, value in overrides:
        *sections, last = key.split(".")
        section = settings
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return Config.model_validate(settings)


def test_a_claimed_folder_can_be_resumed_with_the_same_config(run):
    assert holds_run(run)
    assert load_config(run / "config.yaml") == CONFIG
    check_folder(run, CONFIG, resume=True)
    claim_folder(run, CONFIG, SPLIT, resume=True)


def test_a_folder_that_holds_a_run_is_not_overwritten(run):
    with pytest.raises(TrainingError, match=r"already holds a run\. Add --resume to go on with it, or choose another"):
        check_folder(run, CONFIG, resume=False)
    with pytest.raises(TrainingError, match="already holds a run"):  # begun since the folder was checked
        claim_folder(run, CONFIG, SPLIT, resume=False)


def test_nothing_to_resume(tmp_path):
    check_folder(tmp_path / "new", CONFIG, resume=False)
    with pytest.raises(TrainingError, match=r"no run to resume in .*new\. Leave out --resume"):
        check_folder(tmp_path / "new", CONFIG, resume=True)


def test_another_config_is_refused_with_what_differs(run):
    other = _changed(("training.epochs", 30), ("network.trunk", "cnn_gap"), ("attributes.gender.top", 3))
    with pytest.raises(TrainingError) as raised:
        check_folder(run, other, resume=True)
    message = str(raised.value)
    assert (
        "other settings: attributes.gender.top was None, is 3; network.trunk was resnet_small, is cnn_gap; " in message
    )
    assert f"training.epochs was 22, is 30. Resume it with --config {run / 'config.yaml'}" in message


def test_of_many_differences_a_few_are_named(run):
    names = ("epochs", "batch_size", "patience", "seed", "ema", "learning_rate")
    other = _changed(*[(f"training.{name}", 0.5 if name in ("ema", "learning_rate") else 5) for name in names])
    with pytest.raises(TrainingError, match=r"training\.\w+ was \S+, is \S+ and 1 more\. Resume"):
        check_folder(run, other, resume=True)


def test_an_attribute_more_or_less_is_a_difference(run):
    with pytest.raises(TrainingError, match=r"attributes\.usage\.heads was not set, is softmax"):
        check_folder(run, _changed(("attributes.usage", {})), resume=True)


@pytest.mark.parametrize("split", [SPLIT.iloc[:1], SPLIT.replace("validation", "test"), pd.Series({"7": "train"})])
def test_another_split_is_refused(run, split):
    with pytest.raises(
        TrainingError, match=r"not the one that the run in .* was started with\. .*--split .*split\.csv"
    ):
        claim_folder(run, CONFIG, split, resume=True)
