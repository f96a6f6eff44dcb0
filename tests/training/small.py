"""Small trainings, which take a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import intertwine as tw
from intertwine.models import NequIP, Potential
from intertwine.training.configuration import Configuration, configuration_of
from tests.training.emt import written

TOML = """
folder = "run"
[data]
train = "alloys_0.xyz"
validation = 0.25
[model]
cutoff = 4.0
[model.options]
hidden = "4x0e + 4x1o"
layers = 1
radial = [8]
[fit]
epochs = 1
"""

SMALL: dict[str, Any] = {"cutoff": 4.0, "options": {"hidden": "8x0e + 8x1o", "layers": 2, "radial": [8]}}


def configuration(folder: Path, name: str = "run", **fit: Any) -> Configuration:
    """Of alloys, into a folder of that name."""
    data = {"train": [str(written(folder))], "validation": 0.25, "test": 0.125}
    fit = {"epochs": 3, **fit}
    return configuration_of({"data": data, "model": SMALL, "fit": fit, "folder": str(folder / name)})


def small_potential() -> Potential:
    """Of alloys."""
    return Potential(NequIP(2, cutoff=4.0, hidden=tw.O3.rep("4x0e + 4x1o"), layers=1), elements=[29, 79])
