"""The wrong tags of an evaluation, and which of them are worth a photo on its page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tagger.labels import SEPARATOR, cell_values
from tagger.report.evaluation import Evaluation

#: Photos of mistakes beside the rows of all the classes together: they bound the size of the page.
MAX_PHOTOS = 900
#: Photos of mistakes beside the row of one class.
_A_CLASS = 3


def judged_tags(predictions: pd.DataFrame, name: str) -> pd.DataFrame:
    """The tags of the products whose label is known.

    Args:
        predictions: as `Evaluation.predictions`.
        name: an attribute that was judged.

    Returns:
        Columns id, truth, tag, confidence, right, in the order of the products.
    """
    table = predictions[(predictions["error"] == "") & (predictions[f"{name}_truth"] != "")]
    truth, tag = (table[column].map(_sorted) for column in (f"{name}_truth", name))
    return pd.DataFrame(
        {
            "id": table["id"],
            "truth": table[f"{name}_truth"],
            "tag": table[name],
            "confidence": table[f"{name}_confidence"].astype(float),
            "right": truth == tag,
        }
    ).reset_index(drop=True)


def confident_mistakes(predictions: pd.DataFrame, name: str) -> pd.DataFrame:
    """The wrong tags of an attribute, the most confident first; columns as of `judged_tags`."""
    judged = judged_tags(predictions, name)
    return judged[~judged["right"]].sort_values("confidence", ascending=False, kind="stable", ignore_index=True)


def share_photos(mistakes: Mapping[str, pd.DataFrame], evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """Choose the mistakes that are shown beside the row of their class, by attribute.

    The most confident one of every class comes first, then the second and the third ones, until MAX_PHOTOS are chosen.
    Attributes whose products have several labels have no class that a mistake belongs to.
    """
    single = {n: m for n, m in mistakes.items() if evaluation.attributes[n].confusion is not None}
    ranked = [m.assign(attribute=n, rank=m.groupby("truth").cumcount()) for n, m in single.items()]
    nothing = {name: found.head(0) for name, found in mistakes.items()}
    if not ranked:
        return nothing
    every = pd.concat(ranked, ignore_index=True)
    every = every[every["rank"] < _A_CLASS].sort_values(["rank", "confidence"], ascending=[True, False], kind="stable")
    chosen = every.head(MAX_PHOTOS)
    return nothing | {str(name): found for name, found in chosen.groupby("attribute")}


def _sorted(cell: str) -> str:
    return SEPARATOR.join(sorted(set(cell_values(cell)))) if SEPARATOR in cell else cell
