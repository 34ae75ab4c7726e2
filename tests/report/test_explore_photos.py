from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tagger.catalog.cache import PhotoCache
from tagger.catalog.check import Inspection
from tagger.catalog.table import Catalog, CleaningReport
from tagger.config import PhotoConfig
from tagger.report.explore_photos import group_duplicates, odd_photos, representatives, sample_classes, spread


def headers(*sizes: tuple[int, int]) -> pd.DataFrame:
    rows = [(width, height, "RGB") for width, height in sizes]
    return pd.DataFrame(rows, index=[f"p{i}" for i in range(len(rows))], columns=["width", "height", "mode"])


def inspection(labels: list[str], groups: list[int], without_photo: tuple[str, ...] = ()) -> Inspection:
    ids = [f"p{i}" for i in range(len(labels))]
    table = pd.DataFrame({"image": ids, "kind": labels}, index=ids, dtype=str)
    readable = [id_ for id_ in ids if id_ not in without_photo]
    pixels, rows = np.zeros((len(readable), 8, 6, 3), np.uint8), {id_: row for row, id_ in enumerate(readable)}
    cache = PhotoCache(Path("x"), pixels, rows, {}, tuple(readable), PhotoConfig())
    by_id = pd.Series(groups, index=ids).loc[readable]
    return Inspection(Catalog(Path("x"), table, ("kind",), (), CleaningReport()), cache, headers(), by_id, "")


def test_spread_takes_even_steps():
    assert spread(list("abc"), 5) == ["a", "b", "c"]
    assert spread(list("abcdefghi"), 3) == ["a", "e", "i"]


def test_samples_of_a_class_leave_out_near_duplicates_and_products_without_a_photo():
    found = inspection(["cup", "cup", "cup", "mug", "cup|mug", "", "jug"], [0, 0, 1, 2, 3, 4, 5], without_photo=("p6",))
    assert sample_classes(found, "kind", ["cup", "mug", "jug"], 6) == {"cup": ["p0", "p2", "p4"], "mug": ["p3", "p4"]}
    assert sample_classes(found, "kind", ["mug"], 1) == {"mug": ["p3"]}


def test_odd_photos_come_with_the_reason_the_oddest_first():
    found = odd_photos(headers((60, 80), (60, 80), (62, 80), (10, 80), (80, 80), (15, 20), (0, 0), (60, 80)))
    assert list(found.index) == ["p3", "p5", "p4"]
    assert list(found["why"]) == ["unusual shape", "small", "unusual shape"]


def test_no_photo_is_odd_where_none_can_be_read():
    assert odd_photos(headers((0, 0))).empty
    assert odd_photos(headers()).empty
    assert {"aspect", "why"} <= set(odd_photos(headers()).columns)


def test_groups_the_largest_first_and_what_they_disagree_on():
    ids = list("abcdefg")
    table = pd.DataFrame(
        {
            "kind": ["cup", "cup", "cup", "mug", "mug", "jug", ""],
            "colour": ["red", "blue", "red", "red", "blue", "red", "x"],
        },
        index=ids,
        dtype=str,
    )
    catalog = Catalog(Path("x"), table, ("kind", "colour"), (), CleaningReport())
    groups = group_duplicates(catalog, pd.Series([7, 7, 1, 1, 1, 2, 3], index=ids))
    assert [group.ids for group in groups] == [("c", "d", "e"), ("a", "b")]
    # Every group disagrees on the colour, one on the kind: that comes first.
    assert groups[0].disagreements == {"kind": ("cup", "mug"), "colour": ("red", "blue")}
    assert list(groups[0].disagreements) == ["kind", "colour"]
    assert (groups[0].surprise, groups[1].surprise) == (1, 0)
    assert group_duplicates(catalog, pd.Series(dtype="int64")) == []


def test_the_odd_one_out_is_among_those_shown():
    ids = [f"p{i}" for i in range(20)]
    table = pd.DataFrame({"kind": ["cup"] * 17 + ["mug"] + ["cup"] * 2}, index=ids, dtype=str)
    catalog = Catalog(Path("x"), table, ("kind",), (), CleaningReport())
    (group,) = group_duplicates(catalog, pd.Series(0, index=ids))
    assert representatives(group, table, 4) == ["p0", "p17", "p1", "p2"]
