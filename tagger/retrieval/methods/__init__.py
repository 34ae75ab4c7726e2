"""The methods, a file a family. Importing this package registers them, in the order of the table."""

from __future__ import annotations

from tagger.errors import ConfigError, did_you_mean
from tagger.retrieval.method import KINDS, Method

# In the order of the table, each registers its own.
# isort: off
import tagger.retrieval.methods.embedding
import tagger.retrieval.methods.heads
import tagger.retrieval.methods.text
import tagger.retrieval.methods.neighbours
import tagger.retrieval.methods.trunk
import tagger.retrieval.methods.eigenfaces
import tagger.retrieval.methods.simple  # noqa: F401
# isort: on


def parse_methods(text: str, seed: int) -> list[Method]:
    """Make the methods that a list names, such as "embedding,pca:64,hybrid".

    Args:
        text: names, each with or without ":ARGUMENT", between commas; "all" is every one that needs no Keras.
        seed: of whatever they draw.

    Raises:
        ConfigError: a name is unknown, or an argument is none for it.
    """
    methods: dict[tuple[str, str], Method] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, argument = part.partition(":")
        if part == "all":
            asked = [(name, variant) for name, kind in KINDS.items() if kind.by_default for variant in kind.variants]
        elif name in KINDS:
            asked = [(name, variant) for variant in ([argument] if colon else KINDS[name].variants)]
        else:
            known = ", ".join(["all", *KINDS])
            raise ConfigError(f'No method is called "{name}".{did_you_mean(name, KINDS)} There are: {known}.')
        for key in asked:
            if key not in methods:
                methods[key] = KINDS[key[0]].build(key[1], seed)
    if not methods:
        raise ConfigError("Expected methods to evaluate, such as --methods embedding,pca; found none.")
    return list(methods.values())
