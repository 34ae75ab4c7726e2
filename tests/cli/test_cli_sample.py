from __future__ import annotations

from click.testing import CliRunner

from tagger.cli.main import cli


def test_sample_draws_a_catalog_and_says_where(tmp_path):
    done = CliRunner().invoke(cli, ["sample", str(tmp_path / "drawn"), "--products", "3", "--seed", "5"])
    assert done.exit_code == 0
    assert done.stdout == f"3 products drawn: {tmp_path / 'drawn'}\n"
    assert len((tmp_path / "drawn" / "styles.csv").read_text().splitlines()) == 4


def test_sample_refuses_a_number_that_is_too_small(tmp_path):
    done = CliRunner().invoke(cli, ["sample", str(tmp_path / "drawn"), "--products", "0"])
    assert done.exit_code == 2
    assert "--products" in done.stderr
    assert not (tmp_path / "drawn").exists()
