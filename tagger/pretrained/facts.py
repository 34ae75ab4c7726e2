"""What a bundle says of itself, read from its JSON files alone: no NumPy, no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagger.errors import BundleError
from tagger.manifest import check_version, find_bundle, read_json, read_text

CARD = "card.md"


@dataclass(frozen=True)
class ModelFacts:
    """What there is to know of a model before it is used.

    Args:
        path: folder of the bundle.
        attributes: attribute → how many labels it has.
        accuracy: attribute → share of right tags among the photos that it was validated on; some may be missing.
        judged_on: those photos, such as "1,200 photos of the validation part"; "" where the bundle doesn't say.
        photo: height and width that photos are brought to.
        inputs: what the network looks at, such as ("image",).
        products: of the catalog that it was trained on; None where the bundle doesn't say.
        bytes: size of all files.
        origin: further facts about the run by name: program, command, seed.
    """

    path: Path
    attributes: dict[str, int]
    accuracy: dict[str, float]
    judged_on: str
    photo: tuple[int, int]
    inputs: tuple[str, ...]
    products: int | None
    bytes: int
    origin: dict[str, str]


def read_facts(path: Path) -> ModelFacts:
    """Read the facts of a bundle, or of the run folder that holds one.

    Raises:
        BundleError: there is none, it is damaged, or of a version that this program can't read.
    """
    folder = find_bundle(path)
    manifest = read_json(folder / "bundle.json")
    check_version(folder, manifest)
    config, labels = read_json(folder / "config.json"), read_json(folder / "labels.json")
    metrics = read_json(folder / "metrics.json") if "metrics.json" in manifest["files"] else {}
    try:
        return ModelFacts(
            path=folder,
            attributes={entry["name"]: len(_labels(entry)) for entry in labels["attributes"]},
            accuracy={name: float(share) for name, share in metrics.get("tag_accuracy", {}).items()},
            judged_on=f"{metrics['photos']:,} photos of the {metrics['part']} part" if "part" in metrics else "",
            photo=(int(config["photo"]["height"]), int(config["photo"]["width"])),
            inputs=tuple(config.get("inputs", ("image",))),
            products=manifest.get("products"),
            bytes=sum(int(file["bytes"]) for file in manifest["files"].values()),
            origin={name: str(manifest[name]) for name in ("tagger_version", "command", "seed") if name in manifest},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"The bundle {folder} does not describe itself ({error!r}). Copy it again.") from error


def read_card(path: Path) -> str | None:
    """The card of a bundle as Markdown; None where it has none.

    Raises:
        BundleError: there is no bundle, or its card can't be read.
    """
    card = find_bundle(path) / CARD
    return read_text(card) if card.is_file() else None


def describe(facts: ModelFacts) -> list[tuple[str, str]]:
    """The facts as pairs of a name and a text, for a list that people read."""
    labels = [
        f"{name} ({count:,}{f': {facts.accuracy[name]:.3f}' if name in facts.accuracy else ''})"
        for name, count in facts.attributes.items()
    ]
    meaning = f"labels, and accuracy on {facts.judged_on}" if facts.judged_on else "labels"
    rows = [
        ("attributes", ", ".join(labels)),
        ("in brackets", meaning),
        ("photos", f"{facts.photo[0]} x {facts.photo[1]} (height x width); others are brought to this size"),
        ("inputs", ", ".join(facts.inputs)),
        ("size", f"{facts.bytes / 1e6:.1f} MB"),
    ]
    return rows + ([("trained on", f"a catalog of {facts.products:,} products")] if facts.products else [])


def _labels(attribute: dict[str, Any]) -> list[str]:
    labels: list[str] = attribute["labels"] if attribute["multi_valued"] else attribute["classes"]
    return labels
