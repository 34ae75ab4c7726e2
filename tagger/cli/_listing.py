"""Long lists on stderr: the first lines, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import click

_SHOWN = 5


def list_first(lines: Iterable[str], count: int) -> None:
    """Say the first few of `count` lines, indented, on stderr; the others are not even made."""
    for line in islice(lines, _SHOWN):
        click.echo(f"  {line}", err=True)
    if count > _SHOWN:
        click.echo(f"  … and {count - _SHOWN:,} more", err=True)
