"""Labels: names ⇄ indices and multi-hot vectors, composites, families, JSON."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tagger.config import AttributeConfig, Composite
from tagger.errors import BundleError, LabelError
from tagger.labels import Attribute, LabelSpace, cell_values, class_index, fit_label_space, multi_hot

#: As configs/fashion.yaml has it.
GENDER = AttributeConfig(
    heads="both",
    composites=(
        Composite(label="Unisex", means=("Boys", "Girls"), where={"ageGroup": "Kids-Unisex"}),
        Composite(label="Unisex", means=("Men", "Women")),
    ),
)


def fit(attributes: dict[str, AttributeConfig], **columns: list[str]) -> LabelSpace:
    return fit_label_space(pd.DataFrame(columns), attributes)


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gender": ["Men", "Men", "Women", "Unisex", "Unisex", "", "Boys", "Aliens"],
            "ageGroup": ["", "", "", "Kids-Unisex", "Adults-Unisex", "", "", ""],
        }
    )


def test_classes_are_sorted_by_frequency_then_by_name() -> None:
    season = fit({"season": AttributeConfig()}, season=["Fall", "Winter", "Summer", "Winter", "", "Fall", "Winter"])[
        "season"
    ]
    assert season == Attribute("season", ("Winter", "Fall", "Summer"), (), ("softmax",), "softmax")


def test_a_missing_or_unknown_label_has_no_class() -> None:
    attribute = Attribute("season", ("Winter", "Fall"), (), ("softmax",), "softmax")
    table = pd.DataFrame({"season": ["Fall", "", "Winter", "Monsoon", "Fall|Winter"]})
    assert class_index(attribute, table).tolist() == [1, -1, 0, -1, -1]


def test_unisex_is_spread_over_labels_as_its_conditions_say() -> None:
    gender = fit_label_space(people()[:-1], {"gender": GENDER})["gender"]
    assert set(gender.labels) == {"Men", "Women", "Boys", "Girls"}
    targets, known = multi_hot(gender, people())
    given = [{label for label, hot in zip(gender.labels, row, strict=True) if hot} for row in targets]
    assert given == [{"Men"}, {"Men"}, {"Women"}, {"Boys", "Girls"}, {"Men", "Women"}, set(), {"Boys"}, set()]
    assert known.tolist() == [bool(labels) for labels in given]


def test_a_condition_on_a_column_that_is_not_there_does_not_fit() -> None:
    table = people()[["gender"]]
    gender = fit_label_space(table, {"gender": GENDER})["gender"]
    unisex = multi_hot(gender, table)[0][3]
    assert {label for label, hot in zip(gender.labels, unisex, strict=True) if hot} == {"Men", "Women"}


def test_a_composite_that_never_fits_is_masked() -> None:
    settings = AttributeConfig(
        heads="sigmoid", composites=(Composite(label="Unisex", means=("Men", "Women"), where={"ageGroup": "Adults"}),)
    )
    table = people()
    targets, known = multi_hot(fit_label_space(table, {"gender": settings})["gender"], table)
    assert not known[3]
    assert not targets[3].any()


def test_patterns_of_a_composite_class() -> None:
    gender = fit_label_space(people()[:-1], {"gender": GENDER})["gender"]
    patterns = {
        (gender.classes[index], *(label for label, on in zip(gender.labels, pattern, strict=True) if on))
        for index, pattern in gender.patterns()
    }
    assert {p[0] for p in patterns} == {"Men", "Women", "Boys", "Unisex"}
    assert {frozenset(p[1:]) for p in patterns if p[0] == "Unisex"} == {
        frozenset({"Men", "Women"}),
        frozenset({"Boys", "Girls"}),
    }


def test_several_values_make_an_attribute_multi_valued() -> None:
    settings = {"usage": AttributeConfig(heads="sigmoid")}
    assert fit(settings, usage=["Casual|Sports", "Sports"])["usage"].multi_valued
    assert not fit(settings, usage=["Sports|Sports", "Sports"])["usage"].multi_valued


def test_a_softmax_head_refuses_several_values() -> None:
    with pytest.raises(LabelError, match=r"attributes\.usage\.heads: sigmoid"):
        fit({"usage": AttributeConfig()}, usage=["Casual|Sports", "Sports"])


def test_an_attribute_without_any_label_is_refused() -> None:
    with pytest.raises(LabelError, match='"usage" has no label'):
        fit({"usage": AttributeConfig()}, usage=["", ""])


def test_an_attribute_with_one_class() -> None:
    space = fit({"usage": AttributeConfig(heads="both")}, usage=["Casual", "", "Casual"])
    assert space["usage"].classes == space["usage"].labels == ("Casual",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"primary": "sigmoid"}, "primary head"),
        ({"multi_valued": True}, "several values"),
        ({"classes": ()}, "at least one"),
        ({"classes": ("a", "a")}, "distinct"),
        ({"heads": ("softmax", "sigmoid"), "labels": ()}, "at least one"),
    ],
)
def test_an_attribute_that_contradicts_itself(changes: dict[str, Any], reason: str) -> None:
    right: dict[str, Any] = {"classes": ("a", "b"), "labels": (), "heads": ("softmax",), "primary": "softmax"}
    assert Attribute("season", **right)
    with pytest.raises(ValueError, match=reason):
        Attribute("season", **{**right, **changes})


def test_an_unknown_attribute_is_told_with_the_nearest_one() -> None:
    space = fit({"season": AttributeConfig()}, season=["Fall"])
    with pytest.raises(LabelError, match='Did you mean "season"'):
        space["saeson"]


def test_output_names() -> None:
    space = fit({"season": AttributeConfig(heads="both")}, season=["Fall"])
    assert space.output_names == ["season_softmax", "season_sigmoid"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=5), max_size=5))
def test_cell_values_undo_the_joining(values: list[str]) -> None:
    assert cell_values("|".join(values)) == [value.strip() for value in values if value.strip()]


# ---- Families ----

TREE = {
    "sub": AttributeConfig(parent="master"),
    "master": AttributeConfig(),
    "type": AttributeConfig(parent="sub"),
    "season": AttributeConfig(),
}


def combinations(space: LabelSpace) -> set[tuple[str, ...]]:
    (family,) = space.families
    names = [space[name].classes for name in family.attributes]
    return {tuple(classes[i] for classes, i in zip(names, row, strict=True)) for row in family.combinations.tolist()}


def test_a_family_holds_the_combinations_seen_parents_first() -> None:
    space = fit(
        TREE,
        master=["A", "A", "B", "A"],
        sub=["x", "y", "z", "x"],
        type=["1", "2", "3", "4"],
        season=["Fall", "", "", ""],
    )
    assert space.families[0].attributes == ("master", "sub", "type")
    assert combinations(space) == {("A", "x", "1"), ("A", "y", "2"), ("B", "z", "3"), ("A", "x", "4")}


def test_what_is_known_of_a_class_without_complete_products_is_kept() -> None:
    """Type 9 is only seen under B without a sub-category: never with A, although A is the most frequent."""
    space = fit(
        TREE,
        master=["A", "A", "A", "B", "B", "B", "B"],
        sub=["x", "x", "x", "z", "w", "w", ""],
        type=["1", "1", "1", "2", "3", "3", "9"],
        season=["Fall"] * 7,
    )
    assert combinations(space) == {
        ("A", "x", "1"), ("B", "z", "2"), ("B", "w", "3"), ("B", "w", "9"),
    }  # fmt: skip


def test_a_family_without_any_complete_product() -> None:
    space = fit(TREE, master=["A", "A", "B"], sub=["x", "", ""], type=["", "1", "2"], season=["Fall"] * 3)
    found = combinations(space)
    assert {"A", "B"} == {c[0] for c in found}
    assert {"1", "2"} == {c[2] for c in found}
    assert not {("A", "x", "2")} & found


def test_an_attribute_answered_by_a_sigmoid_head_is_in_the_family() -> None:
    settings = {"master": AttributeConfig(heads="sigmoid"), "sub": AttributeConfig(parent="master")}
    assert combinations(fit(settings, master=["A", "B"], sub=["x", "y"])) == {("A", "x"), ("B", "y")}


def test_a_multi_valued_attribute_is_in_no_family() -> None:
    settings = {"master": AttributeConfig(), "pages": AttributeConfig(parent="master", heads="sigmoid")}
    assert fit(settings, master=["A", "B"], pages=["x|y", "y"]).families == ()


def test_a_parent_that_was_left_out_binds_nothing() -> None:
    assert fit({"sub": AttributeConfig(parent="master")}, sub=["x", "y"]).families == ()


def test_without_an_attribute_its_family_stays_bound() -> None:
    space = fit(TREE, master=["A", "A", "B"], sub=["x", "x", "z"], type=["1", "2", "3"], season=["Fall"] * 3)
    fewer = space.without(["type", "season"])
    assert list(fewer.attributes) == ["sub", "master"]
    assert combinations(fewer) == {("A", "x"), ("B", "z")}
    assert len(fewer.families[0].combinations) == 2
    assert space.without(["type", "sub"]).families == ()
    assert combinations(space.without([])) == combinations(space)


@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "b", "c"])] * 3), min_size=1, max_size=12))
def test_every_class_is_in_a_combination(rows: list[tuple[str, str, str]]) -> None:
    table = pd.DataFrame(rows, columns=["master", "sub", "type"])
    assume(all(table[name].any() for name in table))
    space = fit_label_space(table, {name: TREE[name] for name in table})
    for position, name in enumerate(space.families[0].attributes):
        seen = set(space.families[0].combinations[:, position].tolist())
        assert seen == set(range(len(space[name].classes)))


# ---- JSON ----


@pytest.fixture
def space() -> LabelSpace:
    table = people()[:-1].assign(master="A", sub="x", pages="Ärmel|Sale")
    return fit_label_space(
        table,
        {
            "gender": GENDER,
            "master": AttributeConfig(),
            "sub": AttributeConfig(parent="master"),
            "pages": AttributeConfig(heads="sigmoid"),
        },
    )


def test_json_round_trip(space: LabelSpace) -> None:
    read = LabelSpace.from_json(json.loads(json.dumps(space.to_json())))
    assert read.attributes == space.attributes
    assert [f.attributes for f in read.families] == [f.attributes for f in space.families]
    np.testing.assert_array_equal(read.families[0].combinations, space.families[0].combinations)
    assert read.families[0].combinations.dtype == np.int64


def test_json_of_another_kind_is_refused(space: LabelSpace) -> None:
    good = space.to_json()
    wrong: list[tuple[tuple[Any, ...], Any]] = [
        (("attributes",), None),
        (("attributes",), []),
        (("attributes", 0), "gender"),
        (("attributes", 1, "name"), "gender"),
        (("attributes", 0, "heads"), "softmax"),
        (("attributes", 0, "heads"), []),
        (("attributes", 0, "primary"), "argmax"),
        (("attributes", 0, "classes"), []),
        (("attributes", 0, "labels"), []),
        (("attributes", 0, "multi_valued"), True),
        (("attributes", 0, "composites", 0, "unless"), {}),
        (("families",), 3),
        (("families", 0, "attributes"), ["master", "colour"]),
        (("families", 0, "attributes"), ["master", "pages"]),
        (("families", 0, "attributes"), []),
        (("families", 0, "combinations"), []),
        (("families", 0, "combinations"), [[0]]),
        (("families", 0, "combinations"), [[0, 9]]),
        (("families", 0, "combinations"), [[0, -1]]),
        (("families", 0, "combinations"), [[0, 10**30]]),
    ]
    accepted = []
    for place, value in wrong:
        damaged = copy.deepcopy(good)
        parent: Any = damaged
        for part in place[:-1]:
            parent = parent[part]
        parent[place[-1]] = value
        try:
            LabelSpace.from_json(damaged)
        except BundleError as error:
            assert "\n" not in str(error)
        else:
            accepted.append((place, value))
    assert accepted == []


def test_json_without_a_part_is_refused(space: LabelSpace) -> None:
    with pytest.raises(BundleError, match="labels of the bundle"):
        LabelSpace.from_json({"attributes": space.to_json()["attributes"]})
