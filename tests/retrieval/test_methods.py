from __future__ import annotations

import dataclasses
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tagger.cli.evaluate_search import command
from tagger.errors import CatalogError, ConfigError, MissingDependencyError
from tagger.retrieval import pictures
from tagger.retrieval.collection import Collection, Text
from tagger.retrieval.evaluate import Parts, judge_methods
from tagger.retrieval.method import KINDS
from tagger.retrieval.methods import parse_methods
from tagger.retrieval.methods.eigenfaces import best_threshold
from tagger.retrieval.run import Request
from tests.retrieval.conftest import make_collection

PARTS = Parts(np.arange(60, 80), np.arange(0, 60), np.arange(40, 60), np.arange(0, 40))
LIBRARIES = ("annoy", "usearch")
NAMES = [name for name, kind in KINDS.items() if kind.by_default]


def judge(methods: str, products: Collection):
    return judge_methods(parse_methods(methods, 0), products, PARTS, ["baseColour"], 5)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_finds_products_of_the_colour(products, name):
    if name in LIBRARIES and find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    text = {"pca": "pca:4,pca:0.9,pca:best", "annoy": "annoy:5"}.get(name, name)
    for judged in judge(text, products):
        assert not judged.note or name == "eigenfaces"
        measures = judged.measures["baseColour"]
        if name == "random":
            assert measures.precision < 0.5
        else:
            assert measures.recall == 1 and measures.precision > 0.8
            assert judged.bytes_per_product > 0
        assert judged.query_ms > 0
        assert (judged.against_exact is not None) == (name in ("neighbors", "annoy", "usearch"))
        assert len(judged.precision_at) == 5


@pytest.mark.parametrize("name", NAMES)
def test_every_method_gives_the_same_twice(products, name):
    if name in LIBRARIES and find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    text = "pca:best" if name == "pca" else name
    first, second = ([judged.measures for judged in judge(text, products)] for _ in range(2))
    assert first == second


def test_diversity_gives_others_their_turn(products):
    """Of the hits some are of another colour, for each query still the first; without diversity none are."""
    plain, diverse, most = (judge(name, products)[0] for name in ("embedding", "diverse:0.3", "diverse:0.9"))
    assert [each.measures["baseColour"].recall for each in (plain, diverse, most)] == [1, 1, 1]
    assert plain.measures["baseColour"].precision >= diverse.measures["baseColour"].precision
    assert diverse.measures["baseColour"].precision > most.measures["baseColour"].precision
    assert judge("diverse:0", products)[0].measures == plain.measures
    assert judge("diverse-hybrid:0", products)[0].measures == judge("hybrid:0.7", products)[0].measures


def test_settings_are_chosen_on_validation_alone(products):
    """The texts of validation lie, those of the queries don't: the words still count for nothing."""
    lies = [products.texts[row] if row < 40 or row >= 60 else products.texts[(row + 1) % 60] for row in range(80)]
    lying = Collection(products.ids, products.labels, products.vectors, lies)
    (judged,) = judge("hybrid:best", lying)
    assert judged.details["weight"] >= 0.5 > judge("hybrid:best", products)[0].details["weight"]
    assert len(judged.details["curve"]) == 21


def test_only_methods_that_look_at_texts_are_asked_with_titles(products):
    """Photos alone say nothing of these queries, photo and title together do."""
    blank = dataclasses.replace(
        products, photo_vectors=np.roll(products.vectors, 1, axis=0), titled_vectors=products.vectors
    )
    (photo,), (photo_and_title,) = judge("embedding", blank), judge("hybrid:1", blank)
    assert photo.measures["baseColour"].precision < 0.2
    assert photo_and_title.measures["baseColour"].precision > 0.8
    (tuned,) = judge("hybrid:best", blank)
    assert tuned.details["curve"][-1]["map_on_validation"] > 0.8


def test_fewer_dimensions_are_chosen_where_they_do(products):
    (judged,) = judge("pca:best", products)
    assert judged.details["dimensions"] <= 12
    assert [point["dimensions"] for point in judged.details["curve"]] == [8, 12]
    (asked,) = judge("pca:13", products)
    assert asked.note == "not measured: The embedding has 12 numbers, fewer than 13. Ask for at most 12."


def test_eigenfaces_know_the_catalog_and_not_pictures_of_something_else(products):
    (judged,) = judge("eigenfaces:3", products)
    found = judged.details
    assert set(found["auroc"]) == {*pictures.KINDS, "all"}
    assert set(found["recognised"]) == {*pictures.KINDS, "products"}
    assert found["auroc"]["noise"] == found["auroc"]["checkerboard"] == 1 and found["auroc"]["all"] > 0.9
    assert found["recognised"]["products"] >= 0.9 and found["recognised"]["noise"] == 0
    assert found["variance"] > 0.9
    assert judged.note.startswith("up to the threshold, ") and f"AUROC {found['auroc']['all']:.3f}" in judged.note


def test_a_threshold_lies_where_most_are_told_right():
    assert best_threshold(np.array([1, 2, 3, 9]), np.array([2.5, 4, 5, 6, 7])) == 3.5
    assert best_threshold(np.array([1, 2]), np.array([8])) == 5
    assert np.isfinite(best_threshold(np.array([8, 9]), np.array([1])))


def test_pictures_are_fitted_in_as_photos_are():
    page = pictures.draw_pictures("text page", 2, 80, 80)
    assert page.shape == (2, 80, 80, 3) and page.dtype == np.uint8
    assert (page[:, :, :10] == 255).all() and (page[:, :, 30:50] < 250).any()
    assert np.array_equal(page[:1], pictures.draw_pictures("text page", 1, 80, 80))


def test_methods_draw_pictures_of_themselves(products, tmp_path):
    methods = parse_methods("pca:best,heads:best,hybrid:best,eigenfaces:3", 0)
    judge_methods(methods, products, PARTS, ["articleType", "baseColour"], 5)
    for method in methods:
        method.draw(tmp_path)
    drawn = {path.name: path.read_bytes()[:4] for path in tmp_path.iterdir()}
    faces = {"eigenfaces.png", "eigenfaces_distances.png"}
    assert set(drawn) == {"pca_dimensions.png", "heads_weight.png", "hybrid_weight.png", *faces}
    assert set(drawn.values()) == {b"\x89PNG"}


def test_a_method_that_can_not_run_is_noted_and_the_others_go_on(products, monkeypatch):
    monkeypatch.setitem(sys.modules, "annoy", None)
    annoy, embedding = judge("annoy:20,embedding", products)
    assert not annoy.measures and "pip install 'catalog-tagger[annoy]'" in annoy.note
    assert embedding.measures


def test_without_titles_there_is_nothing_to_read(products):
    silent = Collection(products.ids, products.labels, products.vectors, [Text("")] * 80)
    (judged,) = judge("text", silent)
    assert judged.note == "not measured: the catalog has no titles."


def test_queries_without_labels_can_not_be_judged():
    products = make_collection()
    empty = {"articleType": np.full(80, "", dtype=object)}
    with pytest.raises(CatalogError, match="None of the 20 queries has labels of articleType"):
        judge_methods(
            parse_methods("random", 0), Collection(products.ids, empty, products.vectors, [Text("")] * 80), PARTS,
            ["articleType"], 5,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("embeding", 'No method is called "embeding". Did you mean "embedding"?'),
        (" , ", "Expected methods to evaluate"),
        ("pca:0", "expected dimensions such as 64"),
        ("pca:x", "expected dimensions such as 64"),
        ("pca:1.5", "expected dimensions such as 64"),
        ("hybrid:2", "weight of the embedding from 0 to 1"),
        ("diverse:2", "number from 0 to 1 after .diverse:., got .2."),
        ("diverse-hybrid:much", "number from 0 to 1 after"),
        ("diverse:nan", "number from 0 to 1 after"),
        ("heads:-1", "weight of a head"),
        ("annoy:none", "whole number"),
        ("eigenfaces:²", "whole number"),
        ("neighbors:hnsw", "expected one of brute, ball_tree, kd_tree"),
        ("embedding:3", "takes nothing after its name"),
        ("trunk", "expected the name of a network"),
    ],
)
def test_what_is_no_method(text, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        parse_methods(text, 0)


def test_all_is_every_method_that_needs_no_keras_once():
    names = [method.name for method in parse_methods("embedding,all", 0)]
    assert len(names) == len(set(names))
    assert names[0] == "embedding" and not any("resnet50" in name for name in names)
    assert [m.name for m in parse_methods("annoy", 0)] == ["Annoy, 20 trees", "Annoy, 100 trees"]


def test_the_help_names_every_method():
    for name in KINDS:
        assert f"    {name}" in command.help


def test_keras_is_asked_for_only_then(products, monkeypatch):
    monkeypatch.delitem(sys.modules, "tagger.network.pooled", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    (method,) = parse_methods("resnet50:none", 0)
    assert method.name == "resnet50, max pooling, RANDOM weights" and method.note.startswith("random weights")
    assert Request("embedding,resnet50:none", ("a",)).uses_keras and not Request("all", ("a",)).uses_keras
    with pytest.raises(MissingDependencyError, match="keras is needed"):
        method.fit(products)


def test_a_word_of_the_name_tells_more_than_the_same_of_a_description():
    from tagger.retrieval.methods.text import Words

    gallery = Words([Text("Blue belt", "Goes with red, red and red shirts"), Text("Red shirt"), Text("", "A red cup")])
    found = gallery.similarity(gallery.vectors([Text("red", "blue blue"), Text("", "cups")]))
    assert found[0].argmax() == 1 and 0 < found[0, 0] < found[0, 1]
    assert found[1].argmax() == 2 and found[1, :2].max() == 0


@pytest.mark.parametrize("argument", ["inf", "nan", "0", "1.5", "-3", "many"])
def test_dimensions_that_are_none(argument: str) -> None:
    with pytest.raises(ConfigError, match='After "pca:", expected dimensions'):
        parse_methods(f"pca:{argument}", 0)
