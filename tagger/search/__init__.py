"""Search: an index of embeddings and words, look-up of similar products, and pictures of what was found."""

from tagger.search.build import build_index
from tagger.search.index import Index
from tagger.search.items import Item
from tagger.search.product_index import Hit, ProductIndex, Query

__all__ = ["Hit", "Index", "Item", "ProductIndex", "Query", "build_index"]
