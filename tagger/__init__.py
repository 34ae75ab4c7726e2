"""Tag product catalogs from photos: train, evaluate, tag, and find similar products."""

from tagger._version import __version__

__all__ = ["__version__"]
