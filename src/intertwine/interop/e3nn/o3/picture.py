"""e3nn's picture of a product: three sides of a hexagon for both inputs and the output, and a star for each path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.weighted import WeightedModule

_CORNERS = np.array([[np.cos(n * np.pi / 3), np.sin(n * np.pi / 3)] for n in range(6)])
_SIDES = ((3, 2), (1, 0), (4, 5))  # of the first input, the second and the output: where they begin and end


def draw_product(
    irreps: Sequence[Irreps], paths: Sequence[Any], strengths: np.ndarray | None, aspect_ratio: float | str, ax: Any
) -> tuple[Any, Any]:
    """Draw a product with matplotlib, and give the figure and its axes.

    Args:
        irreps: those of both inputs and of the output.
        paths: its instructions.
        strengths: how strong the colour of each path is, from 0 to 1; None for one that only tells which have weights.
        aspect_ratio: the width beside the height, or "auto" for one that follows the numbers of slots.
        ax: where to draw; None for the current axes.

    Raises `ArgumentError` for another aspect ratio.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps

    ax = ax or plt.gca()
    corners = _CORNERS * _scale([len(side) for side in irreps], aspect_ratio)
    sides = [(corners[begin], corners[end]) for begin, end in _SIDES]
    spots = [
        [a + (n + 1) / (len(side) + 1) * (b - a) for n in range(len(side))]
        for side, (a, b) in zip(irreps, sides, strict=True)
    ]
    for a, b in sides:
        ax.plot(*zip(a, b, strict=True), color="black", linewidth=1, zorder=2)
    middles = [(a + b) / 2 for a, b in sides]
    for number, path in enumerate(paths):
        ends = spots[0][path.i_in1], spots[1][path.i_in2], spots[2][path.i_out]
        centre = _crossing(ends[0], middles[0], ends[1], middles[1])
        colour: Any = "black"
        if path.has_weight:
            colour = "green" if strengths is None else colormaps["Blues"](0.5 + 0.5 * strengths[number])
        line = [point for end in ends for point in (end, centre)]
        ax.plot(*zip(*line, strict=True), color=colour, alpha=0.5, linewidth=1.5)
    looks = ({"ha": "right", "xytext": (-3, 0)}, {"ha": "left", "xytext": (3, 0)}, {"ha": "center", "xytext": (0, -3)})
    for side, places, look in zip(irreps, spots, looks, strict=True):
        below = {"va": "top", "rotation": 90} if look["ha"] == "center" else {}
        for slot, place in zip(side, places, strict=True):
            text = f"${slot.ir}$" if slot.mul == 1 else rf"${slot.mul} \times {slot.ir}$"
            ax.annotate(text, place, textcoords="offset points", fontsize=10, **look, **below)
    ax.axis("equal")
    ax.axis("off")
    return ax.get_figure(), ax


def _scale(counts: list[int], aspect_ratio: float | str) -> np.ndarray:
    """How much wider and higher the hexagon is than one of radius 1."""
    if aspect_ratio == "auto":
        height = max(*counts[:2], counts[2] / 2)
        return np.array([counts[2], height]) * 0.1
    if isinstance(aspect_ratio, str):
        raise ArgumentError(f"The aspect ratio is a number or 'auto', but got {aspect_ratio!r}.")
    return np.array([aspect_ratio, 1.0]) * 0.1 * max(counts)


def _crossing(a: np.ndarray, towards_a: np.ndarray, b: np.ndarray, towards_b: np.ndarray) -> np.ndarray:
    """Where the lines meet that leave two sides at right angles, for a regular hexagon."""
    directions = np.stack([towards_a, -towards_b], 1)
    along, _ = np.linalg.solve(directions, b - a)
    return np.asarray(a + along * towards_a)


def path_strengths(product: WeightedModule, weight: Tensor | None) -> np.ndarray | None:
    """The mean square of each path's weights beside the largest; None where there are no weights to look at."""
    if weight is None and not product.internal_weights:
        return None
    found = np.zeros(len(product.instructions))
    for number, _, view in product.weight_views(weight, yield_instruction=True):
        found[number] = float(view.detach().pow(2).mean())
    return found / (found.max() or 1.0)
