"""Commands that need more than the base install say so in one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tagger.cli._extras import needs_extra
from tagger.errors import MissingDependencyError


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["check", "{catalog}"], "report"),
        (["evaluate", "--model", "m", "--data", "{catalog}", "--out", "{out}"], "report"),
        (["flags", "predict", "{catalog}", "--model", "m"], "report"),
        (["flags", "train", "{catalog}", "--out", "{out}"], "train"),
        (["train", "--data", "{catalog}", "--out", "{out}"], "train"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_in_the_base_install(tmp_path: Path, arguments: list[str], extra: str) -> None:
    (tmp_path / "styles.csv").write_text("id,articleType\n1,Cups\n")
    filled = [argument.format(catalog=tmp_path, out=tmp_path / "out") for argument in arguments]
    code = "import sys; sys.modules |= dict.fromkeys(['keras', 'pandas']); from tagger.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *filled], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    package = rf"(keras|pandas) is needed to [a-z ]+\. Install it with: pip install 'catalog-tagger\[{extra}\]'"
    assert re.fullmatch(f"Error: {package}\n", done.stderr)
    assert not (tmp_path / "out").exists()


def test_the_name_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match=r"^scikit-learn is needed to judge"), needs_extra("x", "to judge"):
        import sklearn.metrics  # noqa: F401


def test_mistakes_of_our_own_are_not_taken_for_missing_packages() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"), needs_extra("x", "to do anything"):
        import tagger.nothing_of_that_name  # noqa: F401
