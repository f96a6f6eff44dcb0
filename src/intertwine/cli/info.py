"""`intertwine info`: what computes here, and why."""

from __future__ import annotations

import platform

import torch
import typer

from intertwine import __version__
from intertwine.ops import backend_report


def info() -> None:
    """Versions, the processor, and whether kernels compile here: what a report of a problem should hold."""
    typer.echo(f"intertwine {__version__}, torch {torch.__version__}, Python {platform.python_version()}")
    for line in backend_report():
        typer.echo(line)
