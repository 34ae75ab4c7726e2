"""A report names the command that made it, and no password."""

from __future__ import annotations

import pytest

from tagger.cli._command_line import command_line

URL = "postgresql://shop:s3cret@db/shop"


@pytest.mark.parametrize("words", [["--index", URL, "--out", "a b"], [f"--index={URL}", "--out", "a b"]])
def test_the_place_of_an_index_is_shown_without_its_password(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/tagger", "map", *words])
    line = command_line(URL, "postgresql://shop@db/shop")
    assert line.startswith("tagger map --index") and line.endswith("postgresql://shop@db/shop --out 'a b'")


def test_without_an_index_the_command_is_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tagger", "evaluate-search", "--model", "fashion"])
    assert command_line(None, None) == "tagger evaluate-search --model fashion"
