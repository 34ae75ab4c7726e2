"""From what is asked for to what was found: the whole way of `tagger evaluate-search`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tagger.catalog.table import Catalog
from tagger.errors import ConfigError, IndexFolderError
from tagger.own_products import recorded_split
from tagger.progress import Progress, silent
from tagger.retrieval.evaluate import MAIN, judge_methods
from tagger.retrieval.measures import Relevance
from tagger.retrieval.methods import parse_methods
from tagger.retrieval.report import SearchEvaluation
from tagger.retrieval.source import choose_parts, embed_queries, read_collection
from tagger.search.product_index import ProductIndex

if TYPE_CHECKING:
    from tagger.inference import Tagger


@dataclass(frozen=True)
class Request:
    """What to measure.

    Args:
        methods: a list for `parse_methods`.
        attributes: the first alone makes products relevant, then the first two together, and so on.
        part: of the split, whose products are the queries.
        queries: how many of them are drawn.
        k: products found for each.
        seed: of whatever is drawn.
    """

    methods: str
    attributes: tuple[str, ...]
    part: str = "test"
    queries: int = 2000
    k: int = 10
    seed: int = 0

    def check(self) -> None:
        """Find mistakes before anything is read.

        Raises:
            ConfigError: a method is unknown, or there is no attribute.
        """
        parse_methods(self.methods, self.seed)
        if not self.attributes:
            raise ConfigError("Expected --attributes such as articleType,baseColour; found none.")

    @property
    def uses_keras(self) -> bool:
        """Whether one of the methods does."""
        return any(method.uses_keras for method in parse_methods(self.methods, self.seed))


def evaluate_search(
    request: Request,
    catalog: Catalog,
    tagger: Tagger,
    index: ProductIndex | None = None,
    split_file: Path | None = None,
    command: str = "",
    progress: Progress = silent,
) -> SearchEvaluation:
    """Measure methods of search on a catalog.

    Args:
        request: what to measure.
        catalog: products with labels.
        tagger: an open bundle; its split says which products are queries.
        index: embeddings that it made; None: it embeds the photos now.
        split_file: another split.
        command: recorded in the report.
        progress: told how far it is.

    Raises:
        ConfigError: see `Request.check`.
        CatalogError: the catalog lacks an attribute, or nothing in it can be used.
        IndexFolderError: the index is damaged, or was made with another bundle.
        SplitError: the split gives no queries, no gallery, or nothing to tune on.
    """
    request.check()
    if index is not None and index.bundle_id != tagger.bundle.embeddings_id:
        raise IndexFolderError(
            f"The index {index.place} was made with another bundle than {tagger.bundle.path}. Leave --model out, or "
            "make the index again with this one."
        )
    methods = parse_methods(request.methods, request.seed)
    needs = frozenset().union(*(method.needs for method in methods))
    products = read_collection(catalog, request.attributes, tagger, index, needs, progress)
    parts = choose_parts(
        catalog,
        products,
        request.part,
        recorded_split(tagger.bundle, catalog),
        split_file,
        request.queries,
        request.seed,
    )
    asked = np.concatenate([parts.queries, parts.tuning_queries])
    products = embed_queries(products, asked, catalog, tagger, progress)
    judged = judge_methods(methods, products, parts, request.attributes, request.k, progress)
    queries, gallery = products.take(parts.queries), products.take(parts.gallery)
    levels = [request.attributes[: count + 1] for count in range(len(request.attributes))]
    relevances = [Relevance(level, queries, gallery) for level in levels]
    facts = {
        "command": command,
        "catalog": str(catalog.root),
        "bundle": tagger.bundle.id,
        "part": request.part,
        "seed": request.seed,
        "queries": len(parts.queries),
        "gallery": len(parts.gallery),
        "tuning_queries": len(parts.tuning_queries),
        "tuning_gallery": len(parts.tuning_gallery),
        "judged_queries": {r.name: int(r.judged.sum()) for r in relevances},
        "answerable": {r.name: float((r.possible > 0).mean()) for r in relevances},
    }
    names = [relevance.name for relevance in relevances]
    return SearchEvaluation(judged, methods, names, names[min(MAIN, len(names) - 1)], request.k, facts)
