"""Fetch a public catalog from Kaggle."""

from __future__ import annotations

from pathlib import Path

from tagger.catalog.fashion import STYLES
from tagger.errors import CatalogError, MissingDependencyError, did_you_mean

#: Name → (data set on Kaggle, what it is).
DATASETS = {
    "fashion": ("paramaggarwal/fashion-product-images-small", "photos of 60x80 pixels and labels; no flags"),
    "fashion-full": ("paramaggarwal/fashion-product-images-dataset", "large photos, labels, metadata and flags"),
}


def download_catalog(name: str, out: Path | None = None) -> Path:
    """Download a catalog; what is there already is not fetched again.

    Args:
        name: one of DATASETS.
        out: folder to put it in; default: kagglehub's cache.

    Returns:
        The folder that holds `styles.csv`.

    Raises:
        CatalogError: the name is unknown, there is no internet, or Kaggle refuses.
        MissingDependencyError: kagglehub is not installed.
    """
    if name not in DATASETS:
        raise CatalogError(
            f'There is no catalog "{name}" to download; there are: {", ".join(DATASETS)}.{did_you_mean(name, DATASETS)}'
        )
    try:
        import kagglehub
        import requests  # kagglehub brings it
    except ImportError as error:
        raise MissingDependencyError("kagglehub", "download", "to download from Kaggle") from error
    handle = DATASETS[name][0]
    by_hand = f"Or unpack https://www.kaggle.com/datasets/{handle} by hand and give its folder."
    try:
        folder = Path(kagglehub.dataset_download(handle, output_dir=str(out) if out else None))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise CatalogError(f"Can't reach www.kaggle.com: downloading needs the internet. {by_hand}") from error
    except Exception as error:  # kagglehub's own kinds of error share no base class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CatalogError(f"Can't download {handle} from Kaggle: {reason} {by_hand}") from error
    found = sorted(folder.rglob(STYLES), key=lambda path: len(path.parts))
    if not found:
        raise CatalogError(f"Expected {STYLES} in the download {folder}, found none. {by_hand}")
    return found[0].parent
