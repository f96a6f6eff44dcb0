"""Draws docs/figures/signals.png, signals on the sphere: `python docs/figures/signals.py`, with chromium."""

import subprocess
import tempfile
from pathlib import Path

import torch

from intertwine import nn, viz
from intertwine.catalog import O3


def main() -> None:
    """Four neighbours of an atom as signals of three degrees, as docs/signals.md makes them."""
    neighbours = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    mesh = viz.sphere_mesh(61, 121)
    directions = torch.from_numpy(mesh).float().reshape(-1, 3)
    drawn = {}
    for degree in (2, 3, 6):
        signals = nn.SphereSignals(O3, degree)
        x = signals.diracs(neighbours, torch.ones(4))
        drawn[f"degree {degree}"] = signals.at(x, directions).reshape(mesh.shape[:2]).numpy()
    fig = viz.signal_surfaces(mesh, drawn, height=300)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "signals.html"
        fig.update_layout(width=820).write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        picture = Path(__file__).with_suffix(".png")
        options = [
            "--headless",
            "--no-sandbox",
            "--enable-unsafe-swiftshader",
            f"--screenshot={picture}",
            f"--window-size=840,{fig.layout.height + 16}",
            "--hide-scrollbars",
        ]
        subprocess.run(["chromium", *options, "--virtual-time-budget=8000", page.as_uri()], check=True)


if __name__ == "__main__":
    main()
