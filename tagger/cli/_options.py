"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tagger.pretrained import DEFAULT, default_model

if TYPE_CHECKING:
    from tagger.config import Config

#: `EngineName` and `EnginePrecision`, written out so that a command starts without loading the settings.
ENGINES = ("auto", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "int8")
#: Stands for a list on stdin, one a line.
STDIN = "-"
#: Some photos, products or queries failed; all others have their answers.
EXIT_SOME_FAILED = 3
#: How settings begin that are read where a bundle is used.
_READ_BESIDE_A_BUNDLE = ("catalog.", "catalog=", "photo.max_pixels", "photo.max_bytes")


class NumberRange(click.FloatRange):
    """A number within limits; unlike in click's own range, NaN is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it, as click does."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def _model_or_default(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    """What was asked for as it is, or else the shipped model, whatever folder of its name lies about."""
    return default_model() if value is None else value


def _only_what_is_read(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse settings that only training reads: they would change nothing, and nobody would notice."""
    if value:
        from tagger.config import Config

        for key in (override.partition("=")[0].strip() for override in value):
            # What is no section at all is left to the check of the settings, which knows what was meant.
            if key.partition(".")[0] in Config.model_fields and not key.startswith(_READ_BESIDE_A_BUNDLE):
                raise click.BadParameter(
                    f"{key} is a setting of the bundle, which {context.command_path} can't change: it reads "
                    "catalog.…, photo.max_pixels and photo.max_bytes."
                )
    return value


def settings_beside(trained: Config, config_file: Path | None, overrides: tuple[str, ...]) -> Config:
    """The settings of a command that uses a bundle: --config, or else what suits the bundle; --set has the last word.

    Raises:
        ConfigError: settings are unknown or out of range.
    """
    from tagger.config import load_config, override_config

    return load_config(config_file, overrides) if config_file else override_config(trained, overrides)


config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="Settings as YAML."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as training.epochs=3."
)
#: --set of the commands that use a bundle, whose own settings hold for the rest.
catalog_set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", callback=_only_what_is_read,
    help="Override a setting, such as catalog.columns.id=sku, or photo.max_pixels=150000000 for larger photos.",
)  # fmt: skip
inputs_option = click.option(
    "--inputs", type=click.Choice(["auto", "image", "title"]), default="auto",
    help="What tags come from; auto: the photo and, where catalog and bundle know titles, the title.",
)  # fmt: skip
model_option = click.option(
    "--model", type=click.Path(path_type=Path), metavar="BUNDLE|NAME", callback=_model_or_default, show_default=False,
    help="Bundle, the run folder that holds one, or the name of a model that `tagger models` lists; a path of that "
    f"name wins. Default: {DEFAULT}, as shipped.",
)  # fmt: skip

target_precision_option = click.option(
    "--target-precision", type=NumberRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
    show_default=False,
    help="Share of right tags among those not marked for review, such as 0.98. Default: what the bundle was made for.",
)  # fmt: skip


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --engine and --engine-precision to a command; each is None where the bundle's settings decide."""
    engine = click.option(
        "--engine", type=click.Choice(ENGINES), show_default=False,
        help="What runs the network; auto: OpenVINO where it is installed. Default: what the bundle says.",
    )  # fmt: skip
    precision = click.option(
        "--engine-precision", type=click.Choice(PRECISIONS), show_default=False,
        help="How it computes; auto: what the engine thinks best; int8: the fastest, where the bundle has such a "
        "model. Default: what the bundle says.",
    )  # fmt: skip
    return engine(precision(command))
