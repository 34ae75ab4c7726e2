"""Photos in folders: a plain folder of photos, or a folder per class, perhaps below train/, validation/ and test/."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from tagger.catalog.cells import JOINT, is_utf8
from tagger.catalog.photos import find_photos
from tagger.catalog.table import IMAGE, CleaningReport, Products
from tagger.errors import CatalogError

#: The attribute that a folder per class gives.
LABEL = "label"
SPLIT = "split"
#: Names of the parts of a split, as folders and in tables are called.
PARTS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}


class _Photo(NamedTuple):
    path: Path
    #: below the root
    place: Path
    part: str
    label: str


def read_folder(folder: Path, layout: Literal["auto", "photos", "classes"] = "auto") -> Products:
    """Read the photos of a folder and of those below it.

    The id is the path below `folder` without the suffix, so that a/1.jpg and b/1.jpg are two products. Folders train,
    validation (or val, valid) and test at the top are taken as the split, if train is there and no other folder.

    Args:
        folder: where to look.
        layout: "classes" makes the topmost folder of each photo (below the split) its label and drops photos that lie
            in none; "photos" gives no labels. "auto" is "classes" where there are at least two class folders and no
            photo lies outside of them; below a split one class folder is enough.

    Raises:
        CatalogError: there is no photo, or for "classes" no class folder.
    """
    root = folder.absolute()
    report = CleaningReport()
    photos = _look(root, report)
    if not photos:
        raise CatalogError(f"Expected photos in {folder} or in folders below it, found none.")
    labels = {photo.label for photo in photos}
    if layout == "classes" and labels == {""}:
        raise CatalogError(f"Expected a folder per class in {folder}, found photos in no folder.")
    enough = any(labels) if any(photo.part for photo in photos) else len(labels) > 1 and "" not in labels
    if layout == "photos" or (layout == "auto" and not enough):
        photos = [photo._replace(label="") for photo in photos]
    return _products(folder, photos, report)


def _look(root: Path, report: CleaningReport) -> list[_Photo]:
    found = list(find_photos(root))
    report.rows_read = len(found)
    places = [(path, path.relative_to(root)) for path in found if is_utf8(str(path))]
    unreadable = [ascii(path.name) for path in found if not is_utf8(str(path))]
    report.add("name-not-utf-8", "dropped", "Photos whose path is not UTF-8. Rename them.", unreadable)
    tops = {place.parts[0].casefold() for _, place in places if len(place.parts) > 1}
    is_split = "train" in tops and tops <= PARTS.keys()
    photos = []
    for path, place in places:
        folders = place.parts[:-1]
        part = PARTS[folders[0].casefold()] if is_split and folders else ""
        inner = folders[1:] if part else folders
        photos.append(_Photo(path, place, part, _label(inner[0]) if inner else ""))
    return photos


def _label(name: str) -> str:
    """A folder's name as a label: without outer blanks, and without what would make it several labels."""
    return name.strip().replace(JOINT, "/")


def _products(folder: Path, photos: list[_Photo], report: CleaningReport) -> Products:
    has_labels = any(photo.label for photo in photos)
    has_split = any(photo.part for photo in photos)
    stray = [p.place.as_posix() for p in photos if (has_labels and not p.label) or (has_split and not p.part)]
    report.add("photo-outside", "dropped", "Photos outside of the class folders or of the split's folders.", stray)
    photos = [p for p in photos if (p.label or not has_labels) and (p.part or not has_split)]
    columns = {IMAGE: [str(photo.path) for photo in photos]}
    if has_labels:
        columns[LABEL] = [photo.label for photo in photos]
    if has_split:
        columns[SPLIT] = [photo.part for photo in photos]
    return Products(folder, _ids(photos), columns, (LABEL,) if has_labels else (), (), report)


def _ids(photos: list[_Photo]) -> list[str]:
    """Name each photo by its path without suffix; of 1.jpg and 1.png only the first may go without."""
    ids: dict[str, None] = {}
    for photo in photos:
        id_ = photo.place.with_suffix("").as_posix()
        ids[photo.place.as_posix() if id_ in ids else id_] = None
    return list(ids)


def normalise_split(columns: dict[str, list[str]], report: CleaningReport) -> None:
    """Take the column `split` if it names parts of a split; a column of another meaning goes."""
    if SPLIT not in columns:
        return
    parts = [PARTS.get(value.casefold(), "") for value in columns[SPLIT]]
    unknown = {value for value, part in zip(columns[SPLIT], parts, strict=True) if value and not part}
    why = f"Values of the column {SPLIT} other than {', '.join(PARTS)}; because of them it is not used."
    report.add("split-unknown", "ignored", why, sorted(unknown))
    if unknown:
        del columns[SPLIT]
    else:
        columns[SPLIT] = parts
