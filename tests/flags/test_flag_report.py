from __future__ import annotations

from tagger.flags.evaluation import ALL, NETWORK, UNCATEGORISED, FlagScore
from tagger.flags.report import FlagReport, render_markdown


def _score(setting: str, method: str, f1: float, average_precision: float | None = 0.5) -> FlagScore:
    return FlagScore(setting, "isFragile", "true", method, 100, 3, 0.03, 0.97, 0.98, average_precision, 0.6, 0.7, f1)


SCORES = (
    _score(ALL, NETWORK, 0.81),
    _score(ALL, "look-up by articleType", 0.92),
    _score(UNCATEGORISED, NETWORK, 0.73),
    _score(UNCATEGORISED, "look-up by last title word", 0.64, None),
)
PRODUCTS = {"train": 1000, "validation": 100, "test": 100}


def test_settings_stand_side_by_side() -> None:
    text = render_markdown(FlagReport(SCORES, {"active": "always true in the train part"}, PRODUCTS))
    row = next(line for line in text.splitlines() if line.startswith("| isFragile"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[5:] == ["0.500 / 0.500", "0.810 / 0.920", "0.500 / –", "0.730 / 0.640"]
    assert "active (always true in the train part)" in text
    assert "look-up by last title word" in text
    assert "1,000 products" in text


def test_columns_line_up() -> None:
    lines = render_markdown(FlagReport(SCORES, {}, PRODUCTS)).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| flag"))
    assert len({len(line) for line in lines[start : start + 3]}) == 1


def test_an_empty_test_part_is_said() -> None:
    text = render_markdown(FlagReport((), {}, {"train": 5, "validation": 0, "test": 0}))
    assert "nothing to judge" in text


def test_the_frame_has_a_row_for_each_method() -> None:
    frame = FlagReport(SCORES, {}, PRODUCTS).to_frame()
    assert len(frame) == 4
    assert {"setting", "flag", "method", "support", "average_precision", "precision", "recall", "f1"} <= set(frame)
    assert list(FlagReport((), {}, PRODUCTS).to_frame()) == list(frame)
