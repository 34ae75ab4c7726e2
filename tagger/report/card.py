"""The model card: one page of Markdown that says what a model is, what it is for, and how good it is.

After Mitchell et al.: Model Cards for Model Reporting, FAT* 2019. One function renders it from plain values, so that
the card in a bundle, the one beside a report and that of a shipped model read alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tagger._version import __version__
from tagger.config import Config
from tagger.labels import LabelSpace
from tagger.report.tables import markdown_table, number

#: Name of the card in a bundle.
CARD = "card.md"
#: `Config.inputs` in words.
_INPUTS = {"image": "the photo", "title": "the title, where there is one,"}
#: Columns of the figures: heading and key.
_FIGURES = (
    ("accuracy", "accuracy"),
    ("majority", "majority_accuracy"),
    ("macro-F1", "macro_f1"),
    ("coverage", "coverage"),
    ("reached", "accepted_accuracy"),
    ("ECE", "ece"),
)
_LIMITS = """\
- It knows the labels below and no others, and looks at the whole photo, made to fit {height} x {width} pixels.
- On photos of another origin (other backgrounds, people, phone pictures) it is worse than the figures say. Measure it
  on products of your own with `tagger evaluate` before its tags go live.
- It learnt what the catalog says, mistakes and habits included: where the labels are noisy, so are the tags.
- Rare labels are recognised less well than frequent ones: macro-F1 counts them all alike.
- What is marked `needs_review` wants a person. Tags about people (gender, age) say for whom a product is sold, not who
  is in the photo: don't use them for anything else.
"""


def render_card(facts: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        facts: as `bundle_facts` makes them, with the `evaluation` that the card is to show:
            name; tagger_version, command, seed, products; parts (part → products); inputs; photo (height, width);
            trunk; start, what its weights were before; attributes (each with name, classes, heads, primary, parent);
            settings (name → value);
            target_precision; bytes (of the files together, None where unknown);
            evaluation: part, products, figures (attribute → accuracy, majority_accuracy, macro_f1, coverage,
            accepted_accuracy, ece; None where undefined), remarks.
    """
    evaluation = facts["evaluation"]
    size = "" if facts["bytes"] is None else f" The bundle takes {facts['bytes'] / 1e6:.1f} MB."
    parts = [
        f"# Model card: {_plain(facts['name'])}\n",
        f"Tags product photos with {_listed(attribute['name'] for attribute in facts['attributes'])}. One network "
        f"({facts['trunk']}, started from {facts['start']}) looks at {_listed(facts['inputs'])} of a "
        f"product and answers all attributes at once; trained with tagger {facts['tagger_version']}.{size}\n",
        "## Intended use\n",
        "To fill in and check the attributes of a product catalog whose photos look like those that it was trained "
        "on: packshots of one product each. Its embedding finds products that look alike.\n",
        "## Limits\n",
        _LIMITS.format(**facts["photo"]),
        "## Data\n",
        _data(facts),
        "## Labels\n",
        _labels(facts["attributes"]),
        f"## How good it is: {evaluation['part']}\n",
        _figures(evaluation, facts["target_precision"]),
        "## How it was trained\n",
        f"```sh\n{facts['command'] or '(not recorded)'}\n```\n",
        markdown_table(["setting", "value"], [[name, str(value)] for name, value in facts["settings"].items()], 2),
        "## Licence\n",
        "Not stated by this card: the weights were learnt from the catalog above, whose licence says whether and how "
        "they may be passed on.\n",
    ]
    return "\n".join(parts)


def bundle_facts(
    config: Config, space: LabelSpace, about: Mapping[str, Any], parts: Iterable[str], name: str
) -> dict[str, Any]:
    """The facts of a card that don't depend on where the model was evaluated.

    Args:
        config: the run's settings.
        space: what the model knows.
        about: command, seed, products and, where known, started_from and tagger_version, as `bundle.json` holds them.
        parts: the part of the split that each product is in.
        name: what to call the model.
    """
    training = config.training
    sizes = Counter(parts)
    return {
        "name": name,
        "tagger_version": about.get("tagger_version", __version__),
        "command": about.get("command", ""),
        "products": about.get("products"),
        "parts": {part: sizes[part] for part in ("train", "validation", "test") if sizes[part]},
        "inputs": [_INPUTS[name] for name in config.inputs],
        "photo": {"height": config.photo.height, "width": config.photo.width},
        "trunk": config.network.trunk,
        "start": _start(config.network.weights, about.get("started_from")),
        "attributes": [
            {
                "name": attribute.name,
                "classes": list(attribute.classes),
                "heads": list(attribute.heads),
                "primary": attribute.primary,
                "parent": attribute.parent,
            }
            for attribute in space.attributes.values()
        ],
        "settings": {
            "seed": about.get("seed", training.seed),
            "epochs": training.epochs,
            "batch size": training.batch_size,
            "optimizer": training.optimizer,
            "learning rate": training.learning_rate,
            "weight decay": training.weight_decay,
            "label smoothing": training.label_smoothing,
            "colours that have a say": config.colours.count,
            "neighbours that have a say": config.neighbours.count,
            "all others": "config.json in the bundle",
        },
        "target_precision": config.review.target_precision,
        "bytes": None,
    }


def validation_evaluation(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a card shows of the `metrics.json` of a bundle: how good the tags were on validation."""
    keys = {key: metrics.get(f"tag_{key}", {}) for _, key in _FIGURES if key != "macro_f1"}
    figures = {
        name: {
            **{key: values.get(name) for key, values in keys.items()},
            "macro_f1": metrics.get(f"{name}_macro_f1"),
        }
        for name in keys["accuracy"]
    }
    remark = (
        "These products chose the best epoch, the calibration and the thresholds: on new products the figures are "
        "slightly lower. Macro-F1 is that of the head alone."
    )
    if metrics["part"] == "train":
        remark = "There was no validation part: the model was TRAINED on these products, and is worse on new ones."
    return {"part": metrics["part"], "products": metrics["photos"], "figures": figures, "remarks": [remark]}


def _data(facts: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{part} {count:,}" for part, count in facts["parts"].items()) or "not recorded"
    total = "" if facts["products"] is None else f"{facts['products']:,} products. "
    return f"{total}Split: {counts}. Near-duplicate photos are in one part of it.\n"


def _labels(attributes: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            attribute["name"],
            f"{len(attribute['classes']):,}",
            " + ".join(head + (" (answers)" if head == attribute["primary"] else "") for head in attribute["heads"]),
            attribute["parent"] or "–",
            ", ".join(attribute["classes"][:3]),
        ]
        for attribute in attributes
    ]
    header = ["attribute", "labels", "heads", "parent", "most frequent"]
    return markdown_table(header, rows, text_columns=5)


def _figures(evaluation: Mapping[str, Any], target: float) -> str:
    rows = [[name, *(number(values.get(key)) for _, key in _FIGURES)] for name, values in evaluation["figures"].items()]
    remarks = "".join(f"- {_plain(remark)}\n" for remark in evaluation["remarks"])
    return (
        f"{evaluation['products']:,} products.\n\n"
        + markdown_table(["attribute", *(heading for heading, _ in _FIGURES)], rows)
        + "\n- majority: accuracy of always giving the most frequent label.\n"
        "- coverage: share of the tags that need no review; reached: accuracy of these. The target was "
        f"{number(target, 2)}.\n"
        "- ECE: calibration error of the confidences, 0 is best.\n" + remarks
    )


def _start(weights: str, model: Mapping[str, str] | None) -> str:
    if model:
        return f"the model {model['model']}"
    return "random weights" if weights == "none" else f"the weights {weights}"


def _listed(names: Any) -> str:
    *others, last = map(_plain, names)
    return f"{', '.join(others)} and {last}" if others else last


def _plain(text: object) -> str:
    return " ".join(str(text).split())
