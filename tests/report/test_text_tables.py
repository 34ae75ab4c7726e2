from tagger.report.tables import markdown_table, number, plain_table


def test_number():
    assert number(0.98765) == "0.988"
    assert number(0.98765, 2) == "0.99"
    assert number(None) == "–"
    assert number(float("nan")) == "–"


def test_markdown_is_aligned_and_escaped():
    assert markdown_table(["name", "value"], [["a|b", "1"], ["c\nd", "12345"]]) == (
        "| name | value |\n"
        "| ---- | ----: |\n"
        "| a\\|b |     1 |\n"
        "| c d  | 12345 |\n"
    )  # fmt: skip


def test_plain_columns():
    assert (
        plain_table(["name", "n"], [["long name", "1"], ["b", "100"]])
        == "name         n\nlong name    1\nb          100\n"
    )


def test_tables_without_rows():
    assert plain_table(["a", "b"], []) == "a  b\n"
    assert markdown_table(["a", "b"], []).count("\n") == 2
