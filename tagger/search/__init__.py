"""Search: an index folder of embeddings, exact look-up of similar products, and pictures of what was found."""

from tagger.search.build import build_index
from tagger.search.index import Hit, Index
from tagger.search.items import Item

__all__ = ["Hit", "Index", "Item", "build_index"]
