"""Settings: every mistake is reported, with the nearest right name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagger.config import AttributeConfig, Config, dump_config, load_config, override_config, parse_config
from tagger.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def mistakes(settings: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(settings, "a.yaml")
    return str(caught.value)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_config(text: str) -> Path:
        path = tmp_path / "größe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_config


def test_defaults_need_no_file() -> None:
    assert load_config() == Config()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_that_come_along(path: Path) -> None:
    config = load_config(path)
    assert parse_config(config.model_dump(mode="json"), "JSON") == config
    comments = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert "tagger train --config configs/" in comments
    assert "--set " in comments


def test_yaml_round_trip(write: Any) -> None:
    config = parse_config({"attributes": {"größe": {"heads": "both", "top": 3}}, "flags": {"columns": ["a"]}}, "")
    assert load_config(write(dump_config(config))) == config
    assert "größe" in dump_config(config)


def test_an_empty_file_is_all_defaults(write: Any) -> None:
    assert load_config(write("# nothing\n")) == Config()


def test_heads_and_primary() -> None:
    both = AttributeConfig(heads="both", primary="sigmoid")
    assert (both.head_kinds, both.primary_head) == (("softmax", "sigmoid"), "sigmoid")
    assert AttributeConfig(heads="both").primary_head == "softmax"
    assert AttributeConfig(heads="sigmoid").primary_head == "sigmoid"


# ---- Mistakes ----


def test_all_mistakes_at_once() -> None:
    lines = mistakes(
        {
            "trainig": {},
            "training": {"epochs": 0, "augmentation": {"flp": 1}},
            "attributes": {"gender": {"heads": "softmx", "composites": [{"lable": "Unisex", "means": []}]}},
        }
    ).splitlines()
    assert lines[0] == "7 mistake(s) in a.yaml:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "attributes.gender.heads",
        "attributes.gender.composites.0.label",
        "attributes.gender.composites.0.means",
        "attributes.gender.composites.0.lable",
        "training.epochs",
        "training.augmentation.flp",
        "trainig",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trainig": {}}, 'trainig: unknown setting. Did you mean "training"?'),
        ({"training": {"augmentation": {"flp": 1}}}, 'training.augmentation.flp: unknown setting. Did you mean "flip"'),
        ({"attributes": {"heads": {"mincount": 2}}}, 'heads.mincount: unknown setting. Did you mean "min_count"?'),
        (
            {"attributes": {"a": {"composites": [{"label": "x", "means": ["y"], "were": {}}]}}},
            'composites.0.were: unknown setting. Did you mean "where"?',
        ),
        ({"zzz": 1}, "zzz: unknown setting."),
        ({"training": {"epochs": "many"}}, "training.epochs: Input should be a valid integer"),
        ({"training": 5}, "training: Input should be a valid dictionary"),
        ({"photo": {"height": 8}}, "photo.height: Input should be greater than or equal to 16, got 8"),
        ({"catalog": {"missing": ["NA", False]}}, "catalog.missing.1: Input should be a valid string, got False"),
        ({"split": {"train": 0.5}}, "split: the shares train + validation + test must sum to 1, not 0.7"),
        ({"attributes": {"a": {"primary": "sigmoid"}}}, "attributes.a: primary: sigmoid is not among heads: softmax"),
        (
            {"attributes": {"sub": {"parent": "mastr"}, "master": {}}},
            'mastr is not an attribute. Did you mean "master"',
        ),
        ({"attributes": {"a": {"parent": "b"}, "b": {"parent": "a"}}}, "go round in a circle"),
        ({"attributes": {"a": {"parent": "a"}}}, "go round in a circle"),
    ],
)
def test_a_mistake_is_told(settings: dict[str, Any], message: str) -> None:
    text = mistakes(settings)
    assert message in text
    assert text.startswith("1 mistake(s)")
    assert len(text.splitlines()) == 2


def test_what_was_found_is_not_quoted_at_length() -> None:
    assert len(mistakes({"photo": {"height": "x" * 1000}})) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "is not a YAML file"),
        ("- a\n- b", "must hold settings .* holds a list"),
        ("just text", "holds a str"),
        ("split: {seed: 2020-13-01}", "is not a YAML file: month must be in"),
        ("a: &a [*b]", "is not a YAML file"),
        ("photo: {}\nsplit: {}\nphoto: {height: 8}", "is not a YAML file: photo is there twice, in lines 1 and 3"),
        ("photo: {height: 8, height: 9}", "height is there twice"),
        ("!!python/object/apply:os.system ['true']", "is not a YAML file"),
    ],
)
def test_a_file_that_is_no_config(write: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(write(text))
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("größe: 1".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not a YAML file"):
        load_config(tmp_path / "a.yaml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Can't read the config .*: No such file or directory"):
        load_config(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path)


# ---- Overrides ----


def test_overrides_win_over_the_file(write: Any) -> None:
    path = write("training: {epochs: 5, batch_size: 8}\nsplit:\n")
    config = load_config(
        path,
        [
            "training.epochs=3",
            "training.learning_rate=2e-3",
            "split.seed=7",
            "attributes.größe.heads=both",
            "flags.columns=[isFragile, isHazmat]",
            "catalog.columns.title=Name = Titel",
        ],
    )
    assert (config.training.epochs, config.training.batch_size, config.split.seed) == (3, 8, 7)
    assert config.training.learning_rate == 0.002
    assert config.attributes["größe"].heads == "both"
    assert config.flags.columns == ("isFragile", "isHazmat")
    assert config.catalog.columns == {"title": "Name = Titel"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "Expected an override like training.epochs=3"),
        ("=3", "Expected an override like"),
        ("training.epoch=3", 'training.epoch: unknown setting. Did you mean "epochs"'),
        ("training.epochs=[3", "is not YAML"),
        (f"training.epochs={'[' * 5000}", "is not YAML"),
        ("training.learning_rate=.inf", "learning_rate: Input should be a finite number"),
        ("flags.hidden=[64, 0]", r"flags\.hidden\.1: .* greater than or equal to 1"),
        ("photo.max_pixels=200000000", "less than or equal to 178956970"),
        ("training.epochs=2020-13-01", "is not YAML"),
        ("training.epochs.first=3", "goes through epochs, which is no section"),
        ("training.epochs=", "training.epochs"),
        ("training..epochs=3", "unknown setting"),
    ],
)
def test_an_override_that_is_wrong(write: Any, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(write("training: {epochs: 5}"), [override])
    assert len(str(caught.value).splitlines()) <= 2


def test_overrides_of_a_config_that_is_there() -> None:
    before = parse_config({"catalog": {"columns": {"id": "sku"}}, "training": {"epochs": 5}}, "")
    after = override_config(before, ["catalog.columns.image=photo", "training.seed=3"])
    assert after.catalog.columns == {"id": "sku", "image": "photo"}
    assert (after.training.epochs, after.training.seed) == (5, 3)
    assert before.catalog.columns == {"id": "sku"}
    with pytest.raises(ConfigError, match=r"mistake\(s\) in the overrides:\n  training.epoch: unknown setting"):
        override_config(before, ["training.epoch=3"])
