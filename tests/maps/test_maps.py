from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from tagger.errors import IndexFolderError, MissingDependencyError
from tagger.maps.clusters import Cluster, find_clusters, name_mixed, name_tight
from tagger.maps.colours import OTHERS, make_legend
from tagger.maps.layout import _import_umap, lay_out, nearest_neighbours, principal_components, variance_shares
from tagger.maps.names import densest_places
from tagger.maps.pictures import draw_map
from tagger.maps.sprites import make_sprites


def two_heaps(count: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    centres = np.eye(6)[np.arange(count) % 2]
    vectors = centres + random.normal(0, 0.05, centres.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# UMAP is compiled when it first runs, which takes most of a minute.
@pytest.mark.parametrize("method", ["pca", "tsne", "opentsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_alike_products_are_close_together_and_twice_in_the_same_place(method):
    for name, module in {"opentsne": "openTSNE", "umap": "umap"}.items():
        if method == name:
            pytest.importorskip(module)
    vectors = two_heaps()
    places = lay_out(vectors, method, seed=1)
    assert places.shape == (40, 2) and places.dtype == np.float32
    assert np.abs(places.mean(axis=0)).max() < 1e-3 * np.abs(places).max()
    distances = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(40, np.inf))
    assert (distances.argmin(axis=1) % 2 == np.arange(40) % 2).all()
    assert np.array_equal(places, lay_out(vectors, method, seed=1))


@pytest.mark.parametrize(
    ("method", "module", "package"), [("opentsne", "openTSNE", "openTSNE"), ("umap", "umap", "umap-learn")]
)
def test_what_is_not_installed_is_named(monkeypatch, method, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"{package} is needed .* pip install 'catalog-tagger\[maps\]'"):
        lay_out(two_heaps(), method)


def test_too_few_products_and_flat_ones():
    with pytest.raises(IndexFolderError, match="at least 5 products to draw a map, found 4"):
        lay_out(two_heaps(4), "pca")
    assert lay_out(np.ones((6, 1), dtype=np.float32), "pca").shape == (6, 2)


def test_components_hold_their_share_of_the_variance():
    vectors = two_heaps()
    shares = variance_shares(vectors)
    assert shares.sum() == pytest.approx(1) and (np.diff(shares) <= 0).all()
    coordinates = principal_components(vectors, 3)
    assert coordinates.var(axis=0) / vectors.var(axis=0).sum() == pytest.approx(shares[:3], rel=1e-3)
    assert variance_shares(np.ones((5, 2), dtype=np.float32)).sum() == 0


def test_tight_classes_come_first_and_mixed_ones_say_with_what():
    vectors = two_heaps(60)
    labels = ["tight" if row % 2 else ("one" if row % 4 else "other") for row in range(60)]
    labels[:3] = ["", "rare", ""]
    clusters = find_clusters(vectors, labels)
    assert clusters[0].label == "tight" and {c.label for c in clusters} == {"tight", "one", "other"}
    assert clusters[0].silhouette > 0.8 and clusters[0].products == 29
    assert {c.label: c.mixed_with for c in clusters[1:]} == {"one": "other", "other": "one"}
    assert abs(clusters[1].silhouette) < 0.2
    assert name_tight(clusters[:1]) == f"tight {clusters[0].silhouette:.2f}"
    assert name_mixed([Cluster("a", 9, 0.1, "b"), Cluster("b", 9, -0.2, "a")]) == "b -0.20 (with a)"
    assert name_mixed([Cluster("a", 9, 0.1, "b")]) == "none"


def test_silhouettes_are_those_of_scikit_learn(monkeypatch):
    from sklearn.metrics import silhouette_samples

    monkeypatch.setattr("tagger.maps.clusters._BATCH", 7)
    vectors, labels = two_heaps(), ["a" if row % 3 else "b" for row in range(40)]
    expected = silhouette_samples(vectors, labels, metric="cosine")
    found = {c.label: c.silhouette for c in find_clusters(vectors, labels)}
    assert found["a"] == pytest.approx(expected[np.array(labels) == "a"].mean(), abs=1e-5)


def test_one_class_is_no_clusters():
    assert find_clusters(two_heaps(), ["a"] * 40) == []


def test_neighbours_are_those_of_scikit_learn(monkeypatch):
    from sklearn.neighbors import NearestNeighbors

    monkeypatch.setattr("tagger.maps.layout._BATCH", 16)
    points = two_heaps()
    points[7] = points[31]  # a double does not take the place of the point itself
    rows, distances = nearest_neighbours(points, 4)
    expected, _ = NearestNeighbors(n_neighbors=4).fit(points).kneighbors(points)
    assert np.array_equal(rows[:, 0], np.arange(40))
    assert distances == pytest.approx(expected, abs=1e-3)


def test_umap_comes_without_tensorflow(monkeypatch):
    umap = types.ModuleType("umap")
    seen = []
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    umap.__getattr__ = lambda name: seen.append(sys.modules.get("tensorflow", "free")) or object
    monkeypatch.setitem(sys.modules, "umap", umap)
    _import_umap()
    assert set(seen) == {None} and "tensorflow" not in sys.modules


def test_names_stand_where_most_products_of_a_class_are():
    places = np.array([[0, 0], [1, 0], [0, 1], [90, 90], [50, 100]], dtype=np.float32)
    where = densest_places(places, np.array([0, 0, 0, 0, 1]), 2)
    assert where == pytest.approx(np.array([[1 / 3, 1 / 3], [50, 100]]))
    assert densest_places(np.ones((3, 2), dtype=np.float32), np.zeros(3, dtype=np.int64), 1).tolist() == [[1, 1]]


def test_names_that_would_cover_others_are_left_out_of_the_picture(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "tagger.maps.pictures.plot_png",
        lambda figure: written.extend(text.get_text() for text in figure.axes[0].texts) or b"",
    )
    legend = make_legend(["large"] * 3 + ["covered"] * 2 + ["apart"] + [""])
    places = np.array([[0, 0]] * 5 + [[9, 9], [5, 5]], dtype=np.float32)
    draw_map(places, np.array([0, 0, 0, 1, 1, 2, 3]), legend, "map", tmp_path / "map.png")
    assert written == ["large", "apart"]
    written.clear()
    few = make_legend(["many"] * 2000 + ["few"])
    draw_map(
        np.eye(2, dtype=np.float32)[[0] * 2000 + [1]], np.array([0] * 2000 + [1]), few, "map", tmp_path / "map.png"
    )
    assert written == ["many"]


def test_the_twenty_largest_classes_have_colours_of_their_own():
    labels = [f"class {at}" for at in range(30) for _ in range(40 - at)] + [""] * 99
    legend = make_legend(labels)
    assert legend.labels[0] == "class 0" and legend.counts[0] == 40 and legend.labels[-1] == ""
    assert len(set(legend.colours)) == 20
    assert legend.colour(20) == legend.colour(30) == OTHERS
    assert make_legend(["", ""]).colours == ()


def test_photos_that_can_not_be_read_become_grey_boxes(tmp_path):
    import base64
    import io

    from PIL import Image

    Image.new("RGB", (60, 80), (250, 0, 0)).save(tmp_path / "red.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    sprites = make_sprites([str(tmp_path / "red.png"), str(tmp_path / "broken.jpg"), ""])
    assert (sprites.width, sprites.height, sprites.missing) == (60, 80, 2)
    with Image.open(io.BytesIO(base64.b64decode(sprites.sheets[0].partition(",")[2]))) as sheet:
        assert sheet.size == (60 * sprites.across, 80)
        assert np.abs(np.array(sheet.getpixel((30, 40))) - (250, 0, 0)).max() < 12
        assert np.abs(np.array(sheet.getpixel((90, 40))) - 236).max() < 12


def test_the_more_photos_the_smaller_they_are(monkeypatch):
    monkeypatch.setattr("tagger.maps.sprites._PIXELS", 60 * 80 * 400)
    assert make_sprites([""] * 400).width == 60
    sprites = make_sprites([""] * 1700)
    assert (sprites.width, sprites.height, sprites.missing) == (29, 39, 1700)
    assert len(sprites.sheets) == 2
