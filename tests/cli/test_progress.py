"""Progress on stderr."""

from __future__ import annotations

import io
import sys

import pytest

from tagger.cli import _progress
from tagger.cli._progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, 11.0, 12.0, 25.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(times))
    with progress_bar() as progress:
        progress(1, 5000, "photos tagged")
        progress(1100, 5000, "photos tagged")
        progress(1200, 5000, "photos tagged")
        progress(2500, None, "photos tagged")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "photos tagged: 1,100 of 5,000\nphotos tagged: 2,500\n"


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar() as progress:
        progress(0, 3, "photos decoded")
        progress(3, 3, "photos decoded")
        progress(0, None, "photos tagged")
    text = terminal.getvalue()
    assert "photos decoded" in text
    assert "photos tagged" in text
    assert text.endswith("\r")


def test_a_bar_goes_away_after_a_mishap(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyError), progress_bar() as progress:
        progress(1, 3, "photos tagged")
        raise KeyError
    assert terminal.getvalue().endswith("\r")
