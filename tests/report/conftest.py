"""An evaluation for the tests of the pages and reports, made without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.calibration import Calibration
from tagger.config import Config
from tagger.labels import Attribute, LabelSpace
from tagger.report.evaluation import Evaluation
from tagger.report.judge import judge
from tagger.report.metrics import Tags
from tagger.report.predict import Predictions

Judge = Callable[..., Evaluation]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """Call it with the classes: an evaluation of products with photos, right in `accuracy` of the cases."""

    def make(
        classes: tuple[str, ...], *, count: int = 120, accuracy: float = 0.8, seed: int = 0, name: str = "gender"
    ) -> Evaluation:
        rng = np.random.default_rng(seed)
        images = [tmp_path / f"photo {colour}.png" for colour in ("red", "green", "blue")]
        for image in images:
            Image.new("RGB", (60, 80), image.stem.removeprefix("photo ")).save(image)
        ids = [f"{i}" for i in range(count)]
        names = np.array(classes, dtype=object)
        truth = np.random.default_rng(99).integers(0, len(classes), count)  # whatever the seed
        found = np.where(rng.random(count) < accuracy, truth, rng.integers(0, len(classes), count))
        confidence = rng.uniform(0.6, 1, count)
        scores = np.full((count, len(classes)), 0.1 / len(classes), dtype=np.float32)
        scores[np.arange(count), found] += 0.9
        table = pd.DataFrame(
            {"image": [str(images[i % 3]) for i in range(count)], name: names[truth]}, index=pd.Index(ids, name="id")
        )
        tags = Tags(names[found], confidence, confidence < 0.7, [(label,) for label in names[found]])
        predictions = Predictions(ids, {name: tags}, {f"{name}_softmax": scores, f"{name}_sigmoid": scores}, {})
        space = LabelSpace({name: Attribute(name, classes, classes, ("softmax", "sigmoid"), "softmax")})
        return judge(predictions, table, space, Calibration(), Config(), part="test", bundle="0123456789abcdef")

    return make
