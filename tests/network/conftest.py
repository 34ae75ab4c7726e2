from __future__ import annotations

import keras
import pandas as pd
import pytest

from tagger.config import AttributeConfig
from tagger.labels import LabelSpace, fit_label_space


@pytest.fixture(autouse=True)
def _float32():
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def space() -> LabelSpace:
    """Two classes of `kind` with both heads, three labels of `use` with a sigmoid head."""
    table = pd.DataFrame({"kind": ["cup", "mug", "cup"], "use": ["home|work", "home", "travel"]})
    settings = {"kind": AttributeConfig(heads="both"), "use": AttributeConfig(heads="sigmoid")}
    return fit_label_space(table, settings)
