"""Models that come with the package: each is a bundle in a folder beside this file, and is known by its name."""

from __future__ import annotations

from pathlib import Path

from tagger.errors import BundleError, did_you_mean
from tagger.manifest import MANIFEST

#: The model of commands that are given none.
DEFAULT = "fashion"
_FOLDER = Path(__file__).parent


def shipped_models() -> dict[str, Path]:
    """Name → bundle folder of every model that is there."""
    return {manifest.parent.name: manifest.parent for manifest in sorted(_FOLDER.glob(f"*/{MANIFEST}"))}


def default_model() -> Path:
    """The bundle folder of the model `DEFAULT`.

    Raises:
        BundleError: this installation has none.
    """
    models = shipped_models()
    if DEFAULT not in models:
        raise BundleError(
            f'No model is shipped under the name "{DEFAULT}" with this installation. Give --model a bundle, or train '
            "one with `tagger train`."
        )
    return models[DEFAULT]


def find_model(model: Path | str) -> Path:
    """The path that a user means: a path that is there, or the folder of a shipped model by its name.

    A path wins over a name. What looks like a path is returned as it is, and whoever opens it says what is wrong.

    Raises:
        BundleError: it is a bare name, and neither a path nor a shipped model is called so.
    """
    path = Path(model)
    if path.exists() or str(path) != path.name:
        return path
    models = shipped_models()
    if path.name not in models:
        known = f"There are: {', '.join(models)}" if models else "This installation has none"
        raise BundleError(
            f"There is no bundle {path}, and no model is shipped under this name.{did_you_mean(path.name, models)} "
            f"{known}. Check the path, or train one with `tagger train`."
        )
    return models[path.name]
