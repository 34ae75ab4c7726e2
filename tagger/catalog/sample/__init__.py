"""Draw a small catalog in the layout of Kaggle's Fashion Product Images, to try things without a download."""

from tagger.catalog.sample.write import draw_sample

__all__ = ["draw_sample"]
