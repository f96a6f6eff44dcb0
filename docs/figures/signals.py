"""Draws docs/figures/signals.png, signals on the sphere: `python docs/figures/signals.py`, with chromium."""

from pathlib import Path

import torch
from _chromium import write_picture

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
    write_picture(fig, Path(__file__).with_suffix(".png"), width=820)


if __name__ == "__main__":
    main()
