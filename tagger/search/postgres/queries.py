"""One look-up in a database: every product compared, or those that the approximate index finds.

Text scores are exact in both: every text is compared with the query's, which takes time in proportion to their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pgvector import HalfVector, SparseVector, Vector
from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from tagger.search.filters import Filter
from tagger.search.postgres.conditions import condition
from tagger.search.postgres.hnsw import nearest, search_widely
from tagger.search.postgres.tables import sparse
from tagger.search.product_index import Query

#: Where filters leave fewer products, these are searched exactly.
FEW = 20_000
#: Products looked at for each hit wanted, at least so many, and at most.
_EACH, _LEAST, _MOST = 4, 100, 4_000

#: Number, image score and text score of products under a condition; single precision, as in a folder.
_SCORES = SQL("SELECT number, {image} AS image, {text} AS text FROM {products} WHERE {where}")
_BEST = SQL(
    "SELECT item, total, best.image, best.text"
    " FROM (SELECT number, image, text, {total} AS total FROM ({scores}) AS scores) AS best"
    " JOIN {products} USING (number)"
)

#: A hit: its item, total score, image score and text score.
Row = tuple[str, float, float, float]


class LookUp:
    """Looks up queries among the products of one generation, within one transaction.

    Args:
        connection: to read.
        products: the table.
        where: filters that hits meet.
        min_score: the least total.
        approximate: use the approximate index where it helps.
    """

    def __init__(
        self,
        connection: Connection[Any],
        products: Identifier,
        where: Sequence[Filter],
        min_score: float | None,
        *,
        approximate: bool,
    ) -> None:
        self.connection = connection
        self.products = products
        self.where = where
        self.min_score = min_score
        self.approximate = approximate and not (where and self._are_few())

    def best(self, query: Query, text: SparseVector | None, k: int) -> list[Row]:
        """The k best products, the best first.

        Args:
            query: what is looked for.
            text: its words by number; None: it has none.
            k: products wanted.
        """
        where, parameters = condition(self.where, sorted(query.exclude))
        parameters |= {"text": text, "image_share": query.image_share, "text_share": query.text_share}
        if query.image is not None:
            parameters |= {"image": Vector(query.image), "near": HalfVector(query.image)}
        if query.image is not None and self.approximate:
            found = self._near(query, where, parameters, k)
            if found is not None:
                return self._best(query, SQL("number = ANY(%(numbers)s)"), parameters | {"numbers": found}, k)
        return self._best(query, where, parameters, k)

    def _best(self, query: Query, where: Composable, parameters: dict[str, Any], k: int) -> list[Row]:
        """The k best among the products that meet a condition."""
        conditions = []
        image = text = SQL("0::real")
        shares: list[Composable] = []
        if query.image is not None:
            # The vector in single precision, as the query's is: half precision would change the scores.
            image = SQL("(-(embedding::vector <#> %(image)s))::real")
            shares.append(SQL("%(image_share)s::real * image"))
        else:
            conditions.append(SQL("total > 0"))
        if parameters["text"] is not None:
            text = SQL("coalesce(-(text <#> %(text)s), 0)::real")
        shares.append(SQL("%(text_share)s::real * text"))
        if self.min_score is not None:
            parameters = parameters | {"min_score": self.min_score}
            conditions.append(SQL("total >= %(min_score)s::float8"))
        scores = _SCORES.format(image=image, text=text, products=self.products, where=where)
        statement = _BEST.format(total=SQL(" + ").join(shares), scores=scores, products=self.products)
        if conditions:
            statement += SQL(" WHERE ") + SQL(" AND ").join(conditions)
        statement += SQL(" ORDER BY total DESC, number LIMIT {}").format(k)
        with self.connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _near(self, query: Query, where: Composable, parameters: dict[str, Any], k: int) -> list[int] | None:
        """Numbers of products that may be among the k best; None where too few are found."""
        count = max(_EACH * k, _LEAST)
        if count > _MOST:
            return None
        search_widely(self.connection, count)
        near = [number for (number,) in self.connection.execute(nearest(self.products, where, count), parameters)]
        if len(near) < count:
            return None
        if parameters["text"] is not None:
            telling = SQL(
                "SELECT number FROM {} WHERE text IS NOT NULL AND {} ORDER BY text <#> %(text)s LIMIT {}"
            ).format(self.products, where, count)
            near += [number for (number,) in self.connection.execute(telling, parameters)]
        return near

    def _are_few(self) -> bool:
        where, parameters = condition(self.where)
        row = self.connection.execute(
            SQL("SELECT count(*) FROM (SELECT FROM {} WHERE {} LIMIT {}) AS found").format(self.products, where, FEW),
            parameters,
        ).fetchone()
        return row is None or row[0] < FEW


def sparse_query(query: Query, numbers: dict[int, int]) -> SparseVector | None:
    """The words of a query by number; None where it has none. Words that no product has don't count.

    Args:
        query: with or without words.
        numbers: of words by their hash, as uint64.
    """
    if query.text is None:
        return None
    known = [place for place, term in enumerate(query.text.terms.tolist()) if term in numbers]
    places = np.array([numbers[term] for term in query.text.terms[known].tolist()], dtype=np.int64)
    return sparse(places, query.text.weights[known])
