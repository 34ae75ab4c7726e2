"""Inference: photos to tags and embeddings, one path for one photo, a folder and a catalog. Never TensorFlow."""

from tagger.inference.tagger import Tagger
from tagger.inference.tags import Photo, Tag, Tagged

__all__ = ["Photo", "Tag", "Tagged", "Tagger"]
