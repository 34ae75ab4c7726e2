"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="Settings as YAML."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as training.epochs=3."
)
model_option = click.option(
    "--model", "model", required=True, type=click.Path(path_type=Path), metavar="BUNDLE",
    help="Bundle, or the run folder that holds one.",
)  # fmt: skip
engine_option = click.option(
    "--engine", type=click.Choice(["auto", "onnxruntime", "openvino"]), default="auto", show_default=True,
    help="What runs the network; auto: OpenVINO where it is installed.",
)  # fmt: skip
