"""Draws docs/figures/floor.png, the figure of the README: `python docs/figures/floor.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from intertwine.tour.rectangle import square_to_rectangle, square_to_rectangle_with_order_parameter

INK, BLUE, ORANGE = "#2b2b2b", "#0072b2", "#d55e00"


def main() -> None:
    """Train both stories and draw their losses beside the task."""
    stuck, told = square_to_rectangle(), square_to_rectangle_with_order_parameter()
    fig, (task, curves) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1, 2.2], layout="constrained")
    draw_task(task, stuck.start, stuck.finish)
    for result, colour, label in ((stuck, ORANGE, "square only"), (told, BLUE, "with x² − y² as input")):
        curves.semilogy(result.losses.T, color=colour, alpha=0.25, lw=0.8)
        curves.semilogy(np.median(result.losses, 0), color=colour, lw=2.2, label=label)
    curves.axhline(stuck.floor, color=INK, ls="--", lw=1.2)
    words = f"floor predicted from symmetry: {stuck.floor:.4e}"
    curves.text(stuck.losses.shape[1] - 2, stuck.floor * 1.15, words, ha="right", va="bottom", color=INK, fontsize=9)
    curves.set(xlabel="step", ylabel="mean squared error", xlim=(0, stuck.losses.shape[1] - 1))
    curves.legend(frameon=False, loc="lower left")
    curves.spines[["top", "right"]].set_visible(False)
    fig.savefig(Path(__file__).with_suffix(".png"), dpi=130)


def draw_task(ax: plt.Axes, start: np.ndarray, finish: np.ndarray) -> None:
    """The points before and after, with arrows between."""
    loop = [0, 1, 2, 3, 0]
    ax.plot(*start[loop, :2].T, "o-", color=BLUE, lw=1.5, ms=7)
    ax.plot(*finish[loop, :2].T, "o-", color=ORANGE, lw=1.5, ms=7)
    for a, b in zip(start, finish, strict=True):
        ax.annotate("", b[:2], a[:2], arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.3})
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title("square → rectangle", fontsize=10)


if __name__ == "__main__":
    main()
