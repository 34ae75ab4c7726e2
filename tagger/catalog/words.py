"""Attributes whose labels are the words of a text column: what a title says teaches a network what to look for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tagger.catalog.cells import JOINT
from tagger.catalog.table import Catalog
from tagger.config import AttributeConfig

#: Two letters or more: numbers and single letters say nothing that could be seen.
_WORD = re.compile(r"[^\W\d_]{2,}")


def add_word_columns(catalog: Catalog, attributes: Mapping[str, AttributeConfig]) -> Catalog:
    """Add a column for each attribute with `words_of`, its cells the different words of that text, in lower case.

    Args:
        catalog: as read; where it lacks the text column, nothing is added.
        attributes: settings by name.
    """
    words = {
        name: catalog.table[settings.words_of].map(_words)
        for name, settings in attributes.items()
        if settings.words_of in catalog.table.columns
    }
    return replace(catalog, table=catalog.table.assign(**words)) if words else catalog


def _words(text: str) -> str:
    return JOINT.join(dict.fromkeys(_WORD.findall(text.lower())))
