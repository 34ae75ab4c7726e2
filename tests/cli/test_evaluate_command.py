"""`tagger evaluate` from the catalog on disk to the report, with a network that only tells colours."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.cli.evaluate import command
from tagger.config import Config
from tagger.errors import CatalogError, OutputError, ReportError, SplitError
from tagger.inference import Tagger
from tagger.inference.engine import Engine
from tagger.labels import Attribute, LabelSpace

COLOURS = {"Red": (255, 0, 0), "Green": (0, 255, 0), "Blue": (0, 0, 255)}


class ColourEngine(Engine):
    """Sees the strongest channel."""

    def run(self, photos: np.ndarray) -> dict[str, np.ndarray]:
        strongest = photos.mean(axis=(1, 2)).argmax(axis=1)
        logits = np.eye(3, dtype=np.float32)[strongest] * 8 - 4
        return {"baseColour_softmax": logits, "baseColour_sigmoid": logits, "embedding": logits}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Nine products; one red one is called Green, one has a broken photo."""
    folder = tmp_path / "catalog"
    (folder / "images").mkdir(parents=True)
    names = ["Red", "Green", "Blue"] * 3
    for i, name in enumerate(names):
        Image.new("RGB", (60, 80), COLOURS[name]).save(folder / "images" / f"{i}.png")
    (folder / "images" / "8.png").write_bytes(b"no photo")
    names[0] = "Green"
    rows = [f"{i},images/{i}.png,{name}" for i, name in enumerate(names)]
    (folder / "products.csv").write_text("\n".join(["id,image,baseColour", *rows]) + "\n")
    return folder / "products.csv"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle folder whose split has the products 0 to 3 in test; Tagger.open answers with the colour engine."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    parts = ["test"] * 4 + ["validation"] * 2 + ["train"] * 3
    pd.DataFrame({"id": range(9), "part": parts}).to_csv(folder / "split.csv", index=False)
    (folder / "config.json").write_text(Config().model_dump_json())
    names = tuple(COLOURS)
    space = LabelSpace({"baseColour": Attribute("baseColour", names, names, ("softmax", "sigmoid"), "softmax")})
    calibration = Calibration(thresholds={"baseColour": dict.fromkeys(names, 0.5)})
    files = {"model.onnx": {"sha256": "0123456789abcdef"}, "split.csv": {}}
    bundle = Bundle(folder, space, calibration, Config(), {"files": files})
    monkeypatch.setattr(Tagger, "open", lambda path, *_: Tagger(bundle, ColourEngine()))
    return folder


def run(model: Path, catalog: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(command, ["--model", str(model), "--data", str(catalog), "--out", str(out), *more])


def test_the_test_part(model, catalog, tmp_path):
    result = run(model, catalog, tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert "baseColour" in result.stdout
    assert "0.750" in result.stdout
    assert result.stderr == ""
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert figures["part"] == "test"
    assert figures["products"] == 4
    assert figures["attributes"]["baseColour"]["accuracy"] == 0.75
    assert figures["command"].startswith("tagger")
    assert (tmp_path / "report" / "confusion_baseColour.png").stat().st_size > 1000


def test_all_products_warns_of_those_trained_on_and_of_broken_photos(model, catalog, tmp_path):
    result = run(model, catalog, tmp_path / "report", "--split", "all", "--batch-size", "3")
    assert result.exit_code == 0, result.output
    assert "TRAINED on 3 of these 9 products" in result.stderr
    assert "1 product(s) have no readable photo" in result.stderr
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert (figures["products"], figures["unreadable"]) == (8, 1)
    assert figures["attributes"]["baseColour"]["accuracy"] == pytest.approx(7 / 8)


def test_figures_are_what_tagger_tag_gives(model, catalog, tmp_path):
    from tagger.catalog.read import read_catalog
    from tagger.inference import Photo

    run(model, catalog, tmp_path / "report", "--split", "all")
    predicted = pd.read_csv(tmp_path / "report" / "predictions.csv", dtype=str).set_index("id")
    images = read_catalog(catalog).table["image"]
    for tagged in Tagger.open(model).run(Photo(id_, image) for id_, image in images.items()):
        if not tagged.error:
            assert predicted.loc[tagged.id, "baseColour"] == tagged.tags["baseColour"].label
            assert float(predicted.loc[tagged.id, "baseColour_confidence"]) == tagged.tags["baseColour"].confidence


def test_the_page_the_card_and_a_comparison_with_an_earlier_report(model, catalog, tmp_path):
    run(model, catalog, tmp_path / "first")
    result = run(model, catalog, tmp_path / "second", "--compare", str(tmp_path / "first"))
    assert result.exit_code == 0, result.output
    assert "no clear change" in result.stdout
    page = (tmp_path / "second" / "report.html").read_text(encoding="utf-8")
    assert "What changed" in page and "What can go live" in page
    card = (tmp_path / "second" / "model_card.md").read_text(encoding="utf-8")
    assert "## How good it is: test" in card and "0.750" in card
    change = json.loads((tmp_path / "second" / "metrics.json").read_text())["comparison"]["changes"]["baseColour"]
    assert change["accuracy"] == {"before": 0.75, "now": 0.75, "difference": 0, "interval": [0, 0]}


def test_what_is_no_earlier_report_is_refused_before_any_work(model, catalog, tmp_path):
    result = run(model, catalog, tmp_path / "report", "--compare", str(catalog))
    assert isinstance(result.exception, ReportError)
    assert not (tmp_path / "report").exists()


def test_label_errors_on_products_trained_on_are_said_to_be_so(model, catalog, tmp_path):
    run(model, catalog, tmp_path / "report", "--split", "all")
    issues = pd.read_csv(tmp_path / "report" / "label_issues.csv")
    # To a perceptual hash photos of a single colour are all alike: those that are not Green disagree.
    assert issues[issues["source"] == "near-duplicate"]["id"].tolist() == [2, 3, 5, 6]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "The model was trained on 2 of these 8 products" in page


def test_a_split_file(model, catalog, tmp_path):
    split = tmp_path / "split.csv"
    split.write_text("id,part\n1,test\n2,test\n")
    result = run(model, catalog, tmp_path / "report", "--split-file", str(split))
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "report" / "metrics.json").read_text())["products"] == 2


def test_columns_can_be_mapped(model, catalog, tmp_path):
    catalog.write_text(catalog.read_text().replace("baseColour", "farbe"))
    result = run(model, catalog, tmp_path / "report")
    assert isinstance(result.exception, CatalogError)
    assert "the model tags baseColour" in str(result.exception)
    result = run(model, catalog, tmp_path / "report", "--set", "catalog.columns.baseColour=farbe")
    assert result.exit_code == 0, result.output


def test_a_catalog_of_another_layout_than_that_of_training(model, catalog, tmp_path, monkeypatch):
    """The shipped model learnt from the layout fashion; tables are welcome, too."""
    opened = Tagger.open(model)
    trained = Config.model_validate({"catalog": {"layout": "fashion"}})
    tagger = Tagger(dataclasses.replace(opened.bundle, config=trained), ColourEngine())
    monkeypatch.setattr(Tagger, "open", lambda path, *_: tagger)
    result = run(model, catalog, tmp_path / "report")
    assert result.exit_code == 0, result.output


def test_an_unknown_catalog_needs_to_be_told_so(model, catalog, tmp_path):
    catalog.write_text(catalog.read_text().replace("\n", "\nnew-").removesuffix("new-"))
    result = run(model, catalog, tmp_path / "report")
    assert isinstance(result.exception, SplitError)
    assert "--split all" in str(result.exception)
    assert run(model, catalog, tmp_path / "report", "--split", "all").exit_code == 0


def test_no_readable_photo(model, catalog, tmp_path):
    for photo in (catalog.parent / "images").iterdir():
        photo.write_bytes(b"")
    result = run(model, catalog, tmp_path / "report")
    assert isinstance(result.exception, CatalogError)
    assert "No photo of 4 products can be read" in str(result.exception)
    assert not (tmp_path / "report").exists()


def test_a_folder_with_other_things_is_refused_before_any_work(model, catalog, tmp_path):
    result = run(model, catalog, catalog.parent)
    assert isinstance(result.exception, OutputError)
    assert (catalog.parent / "images").exists()


def test_the_script_at_the_top_is_the_same_command():
    script = Path(__file__).parents[2] / "evaluate.py"
    shown = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--split [test|validation|train|all]" in shown
