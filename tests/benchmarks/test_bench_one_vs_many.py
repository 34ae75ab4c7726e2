from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks import one_vs_many
from benchmarks.__main__ import main
from benchmarks.measure import Contender, ContenderError, Sample
from benchmarks.report import Report
from benchmarks.study import answers, models
from benchmarks.study.catalog import COMBINATION, LABELS, StudyCatalog, joint_columns, prepare_study
from tagger.bundle import seal
from tagger.catalog.read import read_catalog
from tagger.catalog.splits import read_split, write_split
from tagger.config import Config, load_config
from tagger.errors import CatalogError, SplitError
from tagger.files import make_folder, write_json, write_text
from tagger.inference import Tag
from tagger.labels import fit_label_space
from tagger.report.judge import FIVE

_HEIGHT, _WIDTH = 20, 16


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings of a shared model that looks at tiny photos."""
    small = [f"photo.height={_HEIGHT}", f"photo.width={_WIDTH}"]
    tiny = load_config("configs/fashion.yaml", small)
    monkeypatch.setattr(one_vs_many, "shared_config", lambda epochs: tiny)
    return tiny


@pytest.fixture
def study(config: Config, sample_catalog: Path, tmp_path: Path) -> StudyCatalog:
    return prepare_study(sample_catalog, config, None, None, tmp_path / "work")


class _StandIn:
    """Instead of `tagger train`: a network of random weights that sees the mean colour. Counts what it is asked for."""

    def __init__(self, ends_at: int = 99) -> None:
        self.trained: list[str] = []
        self.ends_at = ends_at

    def __call__(self, contender: Contender) -> Sample:
        if len(self.trained) == self.ends_at:
            raise KeyboardInterrupt
        command = contender.command
        given = {name: Path(value) for name, value in zip(command[4::2], command[5::2], strict=True)}
        config, run = load_config(given["--config"]), given["--out"]
        make_folder(run)  # a run folder of its own, which was not there
        catalog = read_catalog(given["--data"], config.catalog)
        split = read_split(given["--split"], None)
        _draw_bundle(run / "bundle", config, catalog.table, split)
        write_text(run / "train.log", f"12:00:00  Best epoch: 2\n12:00:01  Wrote {run}/bundle after 40 s\n")
        write_text(run / "history.csv", "epoch,seconds\n1,10.5\n2,11.5\n3,12\n")
        self.trained.append(contender.name)
        return Sample(wall=50, cpu=70, memory=None)


def _draw_bundle(folder: Path, config: Config, table: pd.DataFrame, split: pd.Series) -> None:
    from onnx import TensorProto, helper, numpy_helper

    settings = {name: attribute for name, attribute in config.attributes.items() if name in table.columns}
    auxiliary = [name for name, attribute in settings.items() if attribute.auxiliary]
    space = fit_label_space(table.loc[split.index[split == "train"]], settings).without(auxiliary)
    widths = {output.name: len(output.values) for output in space.outputs()}
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(3, width)).astype(np.float32) for name, width in widths.items()}
    nodes = [
        helper.make_node("Cast", ["photos"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["embedding"], axes=[1, 2], keepdims=0),
        *(helper.make_node("MatMul", ["embedding", f"{name} weights"], [name]) for name in weights),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("photos", TensorProto.UINT8, ["B", _HEIGHT, _WIDTH, 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", w]) for n, w in {"embedding": 3, **widths}.items()],
        [numpy_helper.from_array(value, f"{name} weights") for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    make_folder(folder)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    write_json(folder / "labels.json", space.to_json())
    write_json(folder / "calibration.json", {})
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_split(split, folder / "split.csv")
    seal(folder, {"command": "drawn"})


def _run(*arguments: str | Path | int) -> str:
    result = CliRunner().invoke(main, ["one-vs-many", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _tables(folder: Path) -> list[dict[str, list[list[Any]]]]:
    return [
        {row[0]: row[1:] for row in table["rows"]}
        for table in json.loads((folder / "one-vs-many.json").read_text(encoding="utf-8"))["tables"]
    ]


def test_the_whole_study(config: Config, sample_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = _StandIn(ends_at=5)
    monkeypatch.setattr(models, "run_once", stand_in)
    shared = ("--data", sample_catalog, "--short", "--rounds", 1, "--work", tmp_path / "work")
    interrupted = CliRunner().invoke(main, ["one-vs-many", *map(str, shared)])
    assert interrupted.exit_code != 0
    assert len(stand_in.trained) == 5

    stand_in.ends_at = 99
    text = _run(*shared, "--out", tmp_path / "out")
    assert len(stand_in.trained) == len(set(stand_in.trained)) == 16
    assert "Failed" not in text
    assert "28.98 / 72.45 / 77.49 %" in text
    cost, types, trainings = _tables(tmp_path / "out")
    assert [row[6] for row in cost.values()] == [None, 5, 5, 1, 1, 10, 12, 1]
    names = ("five softmax models", "ten models", "twelve models", "one model for all")
    five, ten, twelve, one = (cost[name] for name in names)
    assert (five[7], ten[7], twelve[7], one[7]) == (250, 500, 600, 50)
    assert ten[:6] == [None] * 6 and None not in one
    assert twelve[8] == sum(row[4] for name, row in trainings.items() if not name.startswith(("articleType", "shared")))
    assert twelve[10]["median"] > one[10]["median"] > 0
    assert types["articleType, cnn_gap"][1:3] == [50, trainings["articleType, cnn_gap"][4]]
    assert trainings["gender, sigmoid"][:4] == [3, 2, 50, 70]

    # The shared model as one that was trained elsewhere, and fewer photos for the others.
    (run,) = [path for path in (tmp_path / "work").glob("*/shared-*") if path.is_dir()]
    monkeypatch.setattr(one_vs_many, "_time", lambda *rest: {})
    text = _run(
        *shared, "--data", run.parent / "catalog.csv", "--model", run, "--photos", 60, "--out", tmp_path / "again"
    )
    assert len(stand_in.trained) == 31
    assert "was trained on" in text and "the others on 60 of these" in text
    again, *_ = _tables(tmp_path / "again")
    assert again["one model for all"][:6] == one[:6]
    assert again["one model for all"][7] == 40


def test_a_failed_training_costs_its_rows_alone(
    study: StudyCatalog, sample_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = _StandIn()

    def fail_sometimes(contender: Contender) -> Sample:
        if "gender, softmax" in contender.name:
            raise ContenderError("the disk is full")
        return stand_in(contender)

    monkeypatch.setattr(models, "run_once", fail_sometimes)
    monkeypatch.setattr(one_vs_many, "_time", lambda *rest: {})
    text = _run("--data", sample_catalog, "--short", "--work", tmp_path / "work", "--out", tmp_path / "out")
    assert "- Failed: gender, softmax: the disk is full" in text
    rows, *_ = _tables(tmp_path / "out")
    assert set(rows) == {
        "most frequent label", "five sigmoid models", "joint softmax model", "joint sigmoid model", "one model for all",
    }  # fmt: skip
    assert [row[10] for row in rows.values()] == [None] * 5


@pytest.mark.slow
def test_training_is_real(study: StudyCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tagger train` takes the config, the catalog and the split as they are written."""
    report = Report("one-vs-many", "", "", {})
    model = models.type_models(one_vs_many.shared_config(1), 1)["cnn_gap"]
    said: list[str] = []
    trained = models.train_model(model, study, said.append, report)
    assert trained is not None, report.notes
    assert (trained.epochs, trained.best_epoch, said) == (1, 1, [])
    found = answers.answers_of(trained.bundle, study.photos("test"))["articleType"]
    assert answers.accuracy(study.truth("test", "articleType"), found) is not None
    monkeypatch.setattr(models, "run_once", None)
    assert models.train_model(model, study, said.append, report) == trained
    assert len(said) == 1


def test_an_unfinished_training_starts_anew(study: StudyCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.twelve_models(one_vs_many.shared_config(1), 1)[COMBINATION]
    write_text(model.folder(study) / "bundle" / "half.txt", "")
    monkeypatch.setattr(models, "run_once", _StandIn())
    trained = models.train_model(model, study, lambda what: None, Report("", "", "", {}))
    assert trained is not None
    assert not (trained.bundle / "half.txt").exists()


def test_other_settings_have_another_folder(study: StudyCatalog, config: Config) -> None:
    folders = {models.twelve_models(config, epochs)["gender_softmax"].folder(study) for epochs in (1, 2, 2)}
    assert len(folders) == 2


def test_twelve_models(config: Config) -> None:
    twelve = models.twelve_models(config, 7)
    heads = Counter(settings.heads for model in twelve.values() for settings in model.config.attributes.values())
    assert heads == {"softmax": 6, "sigmoid": 6}
    assert {model.config.network.trunk for model in twelve.values()} == {"cnn_baseline"}
    assert {model.config.training.epochs for model in twelve.values()} == {7}
    assert {model.config.photo for model in twelve.values()} == {config.photo}
    unisex = twelve["gender_sigmoid"].config.attributes["gender"].composites
    assert [composite.label for composite in unisex] == ["Unisex", "Unisex"]


def test_the_time_of_a_run(tmp_path: Path) -> None:
    notes: list[str] = []
    write_text(tmp_path / "run" / "train.log", "a  Best epoch: 3\nb  Wrote /x/bundle after 1234 s\n")
    write_text(tmp_path / "run" / "history.csv", "epoch,seconds\n1,10\n2,20\n3,30\n4,40\n")
    before = models.trained_before("shared", tmp_path / "run" / "bundle", notes)
    assert (before.seconds, before.epochs, before.best_epoch, notes) == (1234, 4, 3, [])
    write_text(tmp_path / "run" / "train.log", "Resuming after epoch 2 of 4\nb  Wrote /x/bundle after 20 s\n")
    assert models.trained_before("shared", tmp_path / "run" / "bundle", notes).seconds == 100
    assert "was interrupted" in notes[0]
    assert models.trained_before("shared", tmp_path / "bundle", notes).seconds is None
    assert "is not known" in notes[1]


def test_joint_labels(study: StudyCatalog) -> None:
    table = study.table
    train = table.loc[study.ids("train")]
    complete = train[(train[list(FIVE)] != "").all(axis=1)]
    counts = Counter(map(tuple, complete[list(FIVE)].to_numpy()))
    assert len(study.combinations) == min(99, len(counts))
    assert set(study.combinations.values()) == {row for row, _ in counts.most_common()} or len(counts) > 99
    row = table.loc[train.index[train[COMBINATION] != ""][0]]
    assert study.combinations[row[COMBINATION]] == tuple(row[list(FIVE)])
    assert len(study.labels) == 23
    assert set(row[LABELS].split("|")) == {f"{name}: {row[name]}" for name in FIVE} & set(study.labels)
    assert "masterCategory: Apparel" in study.labels
    missing = table.index[(table[list(FIVE)] == "").any(axis=1)]
    assert len(missing) and (table.loc[missing, COMBINATION] == "").all()


def test_fewer_photos_are_learnt_from(
    config: Config, study: StudyCatalog, sample_catalog: Path, tmp_path: Path
) -> None:
    less = prepare_study(sample_catalog, config, None, 50, tmp_path / "work")
    assert len(less.ids("train")) == 50 and set(less.ids("train")) < set(study.ids("train"))
    assert less.ids("test") == study.ids("test")
    assert less.folder != study.folder
    assert read_split(less.split_file).to_dict() == less.split.to_dict()
    assert less.cache.folder == study.cache.folder


@pytest.mark.parametrize("name", ["fashion", "fashion-best"])
def test_the_catalog_as_written_teaches_the_same(name: str, sample_catalog: Path, tmp_path: Path) -> None:
    """All attributes, words of titles included, and the same photos, so that no training decodes them again."""
    from tagger.training.prepare import prepare

    config = load_config(f"configs/{name}.yaml", [f"photo.height={_HEIGHT}", f"photo.width={_WIDTH}"])
    study = prepare_study(sample_catalog, config, None, None, tmp_path / "work")
    expected = prepare(sample_catalog, config)
    found = prepare(study.file, models.shared_model(config).config, study.split_file)
    assert found.space.to_json() == expected.space.to_json()
    assert found.split.to_dict() == expected.split.to_dict()
    assert found.cache.folder == study.cache.folder
    assert not found.catalog.flags


def test_a_given_split_is_kept(config: Config, study: StudyCatalog, sample_catalog: Path, tmp_path: Path) -> None:
    given = {str(id_): str(part) for id_, part in study.split.iloc[:-9].items()}
    again = prepare_study(sample_catalog, config, given, None, tmp_path / "work")
    assert again.split.to_dict() == given
    with pytest.raises(SplitError, match="trained on another catalog"):
        prepare_study(sample_catalog, config, {"nobody": "train"}, None, tmp_path / "work")
    with pytest.raises(SplitError, match="is in the part test of the split"):
        prepare_study(sample_catalog, config, dict.fromkeys(given, "train"), None, tmp_path / "work")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("id,image,season\n1,a.jpg,Fall\n", "has no masterCategory, subCategory, gender, usage"),
        (
            f"id,image,{','.join(FIVE)}\n1,a.jpg,A,B,Men,Fall|Summer,Casual\n",
            "Expected one season a product, but .* 1 ",
        ),
    ],
)
def test_a_catalog_that_does_not_fit(rows: str, message: str, tmp_path: Path) -> None:
    write_text(tmp_path / "catalog.csv", rows)
    attributes = {name: {"heads": "sigmoid", "min_count": 1, "optional": True} for name in FIVE}
    with pytest.raises(CatalogError, match=message):
        prepare_study(tmp_path / "catalog.csv", Config.model_validate({"attributes": attributes}), None, None, tmp_path)


def test_a_model_of_something_else_is_said(tiny_bundle: Path, sample_catalog: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(sample_catalog), "--model", str(tiny_bundle), "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(main, ["one-vs-many", *arguments])
    assert result.exit_code == 1
    assert "does not so tag subCategory, usage" in result.output
    assert not (tmp_path / "work").exists()


class _Scores:
    """A tagger whose scores and tags are given."""

    def __init__(self, labels: tuple[str, ...], scores: list[list[float]]) -> None:
        self.bundle = SimpleNamespace(label_space={LABELS: SimpleNamespace(labels=labels)})
        self.given = np.array(scores, dtype=np.float32)

    def scores(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {f"{LABELS}_sigmoid": self.given[pixels[:, 0, 0, 0]]}

    def tag_pixels(self, pixels: np.ndarray, top_k: int) -> list[dict[str, Tag]]:
        return [{COMBINATION: Tag("ab"[number], 1.0)} for number in pixels[:, 0, 0, 0]]


def _numbered(count: int) -> np.ndarray:
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 2, 3))


def test_the_joint_sigmoid_model_answers_each_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("usage: Home", "masterCategory: Apparel", "masterCategory: Home", "usage: Casual", "season: Fall")
    fake = _Scores(labels, [[0.1, 0.2, 0.3, 0.05, 0], [0.9, 0.8, 0.3, 0.95, 0.1]])
    monkeypatch.setattr(answers.Tagger, "open", lambda path: fake)
    found = {name: list(labels) for name, labels in answers.label_answers(Path("x"), _numbered(2)).items()}
    assert found == {
        "masterCategory": ["Home", "Apparel"],
        "subCategory": ["", ""],
        "gender": ["", ""],
        "season": ["Fall", "Fall"],
        "usage": ["Home", "Casual"],
    }
    assert [columns for _, columns, _ in joint_columns(labels)] == [[1, 2], [], [], [4], [0, 3]]


def test_the_joint_softmax_model_answers_all_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers.Tagger, "open", lambda path: _Scores((), []))
    study: Any = SimpleNamespace(combinations={"a": tuple("12345"), "b": tuple("67890")})
    found = answers.combination_answers(Path("x"), study, _numbered(2))
    assert {name: list(labels) for name, labels in found.items()} == dict(
        zip(FIVE, [["1", "6"], ["2", "7"], ["3", "8"], ["4", "9"], ["5", "0"]], strict=True)
    )


def test_accuracy_leaves_out_what_is_missing() -> None:
    truth, found = (np.array(labels, dtype=object) for labels in (["a", "", "b", "b"], ["a", "a", "b", "a"]))
    assert answers.accuracy(truth, found) == pytest.approx(2 / 3)
    assert answers.accuracy(truth[1:2], found[1:2]) is None
    assert list(answers.majority(truth)) == ["b"] * 4
    assert list(answers.majority(truth[1:2])) == [""]
    assert answers.at_once({"x": truth, "y": truth}, {"x": found, "y": truth}) == pytest.approx(2 / 3)
