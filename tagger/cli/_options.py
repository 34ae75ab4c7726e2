"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

#: `EngineName` and `EnginePrecision`, written out so that a command starts without loading the settings.
ENGINES = ("auto", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "int8")

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="Settings as YAML."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as training.epochs=3."
)
inputs_option = click.option(
    "--inputs", type=click.Choice(["auto", "image", "title"]), default="auto",
    help="What tags come from; auto: the photo and, where catalog and bundle know titles, the title.",
)  # fmt: skip
model_option = click.option(
    "--model", "model", required=True, type=click.Path(path_type=Path), metavar="BUNDLE",
    help="Bundle, or the run folder that holds one.",
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
