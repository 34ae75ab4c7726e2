"""Read a catalog, whatever its layout."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from tagger.catalog.fashion import STYLES, is_fashion, read_fashion
from tagger.catalog.folders import read_folder
from tagger.catalog.table import Catalog, Products
from tagger.catalog.tabular import SUFFIXES, read_table
from tagger.config import CatalogConfig
from tagger.errors import CatalogError

_LAYOUTS = (
    f"A catalog is a folder with {STYLES} and images/ (layout fashion), a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} "
    "file (table), a folder of photos (photos), or a folder with one folder per class (classes)."
)
_DEFAULTS = CatalogConfig()
_log = logging.getLogger(__name__)


def read_catalog(path: Path | str, config: CatalogConfig = _DEFAULTS) -> Catalog:
    """Read a catalog into one clean table.

    Args:
        path: as for `read_products`.
        config: as for `read_products`.

    Returns:
        The catalog, with a report of everything that was dropped, repaired or found missing on the way.

    Raises:
        CatalogError: there is nothing, or no catalog, or one that lacks a column that the config names.
        MissingDependencyError: pandas is not installed, or pyarrow for a Parquet file.
    """
    return read_products(path, config).to_catalog()


def read_products(path: Path | str, config: CatalogConfig = _DEFAULTS, *, records: bool = True) -> Products:
    """Read a catalog column by column, without pandas.

    Args:
        path: a folder or a file in one of the layouts; `styles.csv` beside `images/` stands for its folder.
        config: layout ("auto": told by what is there), column mapping, which texts mean "missing".
        records: False leaves out what the layout fashion keeps in a file of its own for each product: for work that
            needs no more than ids and photos.

    Returns:
        The products, with a report of everything that was dropped, repaired or found missing on the way.

    Raises:
        CatalogError: there is nothing, or no catalog, or one that lacks a column that the config names.
        MissingDependencyError: a Parquet file and pyarrow is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise CatalogError(f"There is no file or folder {path}. Check the path. {_LAYOUTS}")
    if path.name == STYLES and config.layout in ("auto", "fashion") and (path.parent / "images").is_dir():
        path = path.parent
    layout = _find_layout(path) if config.layout == "auto" else config.layout
    if layout == "table":
        if path.is_dir() or path.suffix.lower() not in SUFFIXES:
            raise CatalogError(f"{path} is no table of a kind that can be read. {_LAYOUTS}{_hint(path)}")
        return read_table(path, config)
    if not path.is_dir():
        raise CatalogError(f"The layout {layout} needs a folder, but {path} is a file. {_LAYOUTS}")
    if layout == "fashion":
        return read_fashion(path, config, records=records)
    try:
        products = read_folder(path, layout)
    except CatalogError as error:
        raise CatalogError(f"{error} {_LAYOUTS}{_hint(path)}") from error
    if layout == "auto" and (hint := _hint(path)):
        _log.warning("%s is read as a folder of photos, without the table in it.%s", path, hint)
    return products


def fit_layout(config: CatalogConfig, path: Path | str) -> CatalogConfig:
    """The settings of the catalog that a bundle was trained on, for another one: of any layout, which is recognised.

    Whether a folder of folders has classes can't be recognised, so what was said of that stays.
    """
    said = config.layout in ("photos", "classes") and Path(path).is_dir() and not is_fashion(Path(path))
    return config if said else config.model_copy(update={"layout": "auto"})


def for_inputs(config: CatalogConfig, inputs: str) -> CatalogConfig:
    """The same settings, with photos not asked for where tags come from titles alone (`inputs` is "title")."""
    return config.model_copy(update={"photos": False}) if inputs == "title" else config


def warn_of_dropped(products: Products | Catalog) -> None:
    """Log a warning for each kind of row, or photo, that the reader left out: nobody misses it in a long result."""
    for finding in products.report.findings:
        if finding.action == "dropped":
            shown = ", ".join(finding.examples) + ", …" * (finding.count > len(finding.examples))
            _log.warning("%s: %s left out. %s (%s)", products.root, f"{finding.count:,}", finding.why, shown)


def _find_layout(path: Path) -> Literal["auto", "fashion", "table"]:
    """Tell the layout; "auto" leaves it to `read_folder` whether there are classes."""
    if not path.is_dir():
        return "table"
    return "fashion" if is_fashion(path) else "auto"


def _hint(folder: Path) -> str:
    """Point to a table in the folder: the likeliest thing that was meant."""
    tables = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    return f" Did you mean {tables[0]}?" if tables else ""
