"""Measure search methods: fit each on the gallery, rank it for the queries, judge the ranking, and take the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tagger.errors import CatalogError, TaggerError
from tagger.progress import Progress, silent
from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.measures import Measures, Relevance
from tagger.retrieval.method import Features, Method, Trial
from tagger.retrieval.ranking import overlap, rank_by_cosine

#: Queries asked one by one to take the time of one.
_TIMED = 50
#: The relevance on which methods choose their settings, counted from the widest: type and colour.
MAIN = 1


@dataclass(frozen=True)
class Parts:
    """Rows of a collection: what is asked for, what is searched, and the same for choosing settings.

    Args:
        queries: products of one part of the split.
        gallery: all products of the other parts.
        tuning_queries: products of the validation part, none of which is among the queries.
        tuning_gallery: the gallery without the validation part.
    """

    queries: Rows
    gallery: Rows
    tuning_queries: Rows
    tuning_gallery: Rows


@dataclass(frozen=True)
class Judged:
    """What came of one method.

    Args:
        name: of its row.
        note: what a reader must know; why there are no figures where it failed.
        measures: by the name of the relevance; empty where it failed.
        precision_at: precision of the first 1, 2, … k by the main relevance.
        fit_seconds: to learn and index the gallery, features included.
        query_ms: median time of one query, from its features to the ranking.
        bytes_per_product: what it keeps of a product to search it.
        against_exact: share of the nearest embeddings that it finds; None for methods that look for something else.
        details: what it learnt or chose.
    """

    name: str
    note: str
    measures: dict[str, Measures] = field(default_factory=dict)
    precision_at: list[float] = field(default_factory=list)
    fit_seconds: float | None = None
    query_ms: float | None = None
    bytes_per_product: float | None = None
    against_exact: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


def judge_methods(
    methods: Sequence[Method],
    products: Collection,
    parts: Parts,
    attributes: Sequence[str],
    k: int,
    progress: Progress = silent,
) -> list[Judged]:
    """Measure methods one after the other; one that can't be run is noted as such, and the others go on.

    Args:
        methods: fresh ones.
        products: queries and gallery.
        parts: which of them are which.
        attributes: the first alone makes products relevant, then the first two together, and so on.
        k: products found for a query.
        progress: told how many methods are done.

    Raises:
        CatalogError: no query has the labels that it would be judged by.
    """
    queries, gallery = products.take(parts.queries), products.take(parts.gallery)
    relevances = [Relevance(attributes[: count + 1], queries, gallery) for count in range(len(attributes))]
    for relevance in relevances:
        if not relevance.judged.any():
            raise CatalogError(
                f"None of the {len(queries):,} queries has labels of {relevance.name}, so nothing can be judged. "
                "Name other --attributes."
            )
    main = relevances[min(MAIN, len(relevances) - 1)]
    trial = _trial(products, parts, main.attributes, k)
    exact = rank_by_cosine(queries.by_photo().vectors, gallery.vectors, k)
    judged = []
    for done, method in enumerate(methods):
        progress(done, len(methods), "methods measured")
        try:
            judged.append(_judge(method, queries, gallery, trial, relevances, main, exact, k))
        except TaggerError as error:
            judged.append(Judged(method.name, f"not measured: {error}"))
    progress(len(methods), len(methods), "methods measured")
    return judged


def _judge(
    method: Method,
    queries: Collection,
    gallery: Collection,
    trial: Trial,
    relevances: Sequence[Relevance],
    main: Relevance,
    exact: Rows,
    k: int,
) -> Judged:
    if "texts" in method.needs and not any(any(text) for text in gallery.texts):
        raise CatalogError("the catalog has no titles.")
    method.tune(replace(trial, queries=_asked(trial.queries, method)))
    start = time.perf_counter()
    method.fit(gallery)
    fitted = time.perf_counter() - start
    features = method.features(_asked(queries, method))
    ranking = method.rank(features, k)
    relevant = main.of(ranking)
    return Judged(
        name=method.name,
        note=method.note,
        measures={relevance.name: relevance.measure(ranking) for relevance in relevances},
        precision_at=[float(relevant[:, :rank].mean()) for rank in range(1, relevant.shape[1] + 1)],
        fit_seconds=fitted,
        query_ms=_query_ms(method, features, min(_TIMED, len(queries)), k),
        bytes_per_product=method.bytes_per_product,
        against_exact=overlap(ranking, exact) if method.approximates else None,
        details=method.details(),
    )


def _asked(queries: Collection, method: Method) -> Collection:
    """The queries as a method gets them: without what their titles say, unless it looks at texts."""
    return queries.by_photo_and_title() if "texts" in method.needs else queries.by_photo()


def _query_ms(method: Method, features: Features, count: int, k: int) -> float:
    """Median milliseconds of a query asked alone, after one that doesn't count."""
    times = []
    for row in (0, *range(count)):
        one = features[row : row + 1]
        start = time.perf_counter()
        method.rank(one, k)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[1:]))


def _trial(products: Collection, parts: Parts, attributes: Sequence[str], k: int) -> Trial:
    queries, gallery = products.take(parts.tuning_queries), products.take(parts.tuning_gallery)
    relevance = Relevance(attributes, queries, gallery)
    return Trial(queries, gallery, k, lambda ranking: relevance.measure(ranking).mean_average_precision)
