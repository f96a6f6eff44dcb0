"""Draws docs/figures/filters.png, what filters of SO(2) are made of: `python docs/figures/filters.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from intertwine.catalog import SO2
from intertwine.kernels import BandLimited, Taps

COLOURS = LinearSegmentedColormap.from_list("signs", ["#0072b2", "#e9edf1", "#d55e00"])


def main() -> None:
    """One picture for each irrep and copy, all in one scale."""
    pictures = BandLimited(0.1).functions(SO2.defining, Taps((5, 5))).pictures()
    fig, axes = plt.subplots(2, 4, figsize=(6.4, 2.2), layout="constrained")
    widest = max(values.shape[1] for _, values in pictures)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (words, values) in zip(axes.flat, pictures, strict=False):
        (height, width), largest = values.shape, np.nanmax(np.abs(values))
        ax.imshow(values, cmap=COLOURS, vmin=-largest, vmax=largest, extent=(-width / 2, width / 2, 0, height))
        ax.set_xlim(-widest / 2, widest / 2)
        ax.text(0.5, -0.06, words, ha="center", va="top", fontsize=9, transform=ax.transAxes)
    fig.savefig(Path(__file__).with_suffix(".png"), dpi=130)


if __name__ == "__main__":
    main()
