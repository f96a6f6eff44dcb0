"""Tensor products as figures: which terms meet, where that leads, and what each path costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.viz.theme import COLOURS, INK, MUTED, figure, graph_objects, on_phones

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class DrawnPath:
    """One path of a product.

    Args:
        first, second, output: the terms that meet and the one that they lead to, numbered.
        weights: how many weights it has.
        multiplications: how many numbers are multiplied for each sample.
    """

    first: int
    second: int
    output: int
    weights: int
    multiplications: int


def product_picture(
    first: Sequence[str],
    second: Sequence[str],
    output: Sequence[str],
    paths: Sequence[DrawnPath],
    title: str = "",
) -> go.Figure:
    """A product as a figure: terms of the first factor at the left, of the output at the right, a line for each path.

    Colours tell the term of the second factor, widths the multiplications of a path; terms that no path leads to are
    crossed out.

    Args:
        first, second, output: what the terms are called.
        paths: the paths: `tensor_product.instructions` and `costs` know them.
        title: a few words above the figure.

    Raises `ArgumentError` for paths of other terms.

    >>> fig = product_picture(
    ...     ["4x1o"], ["1x1o"], ["4x0e", "4x2e"], [DrawnPath(0, 0, 0, 4, 36), DrawnPath(0, 0, 1, 4, 132)]
    ... )
    >>> [trace.name for trace in fig.data if trace.showlegend]
    ['⊗ 1x1o']
    """
    if not all(p.first < len(first) and p.second < len(second) and p.output < len(output) for p in paths):
        raise ArgumentError(f"Paths name terms of {[*first]}, {[*second]} and {[*output]}, but got {[*paths]}.")
    go = graph_objects()
    rows = max(len(first), len(output), 2)
    fig = figure(title, height=120 + 46 * rows, margin={"l": 10, "r": 14, "t": 96 if title else 60, "b": 40})
    fig.update_xaxes(visible=False, range=[-0.32, 1.32])
    fig.update_yaxes(visible=False, range=[-0.06, 1.06])
    left, right = _heights(len(first)), _heights(len(output))
    most, named = max((p.multiplications for p in paths), default=1), set[int]()
    for path in paths:
        x, y = _curve(left[path.first], right[path.output])
        colour, begins = COLOURS[path.second % len(COLOURS)], path.second not in named
        named.add(path.second)
        hover = (
            f"{first[path.first]} ⊗ {second[path.second]} → {output[path.output]}<br>{path.weights} weights, "
            f"{path.multiplications} multiplications<extra></extra>"
        )
        fig.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                line={"color": colour, "width": 1.5 + 6 * np.sqrt(path.multiplications / most)},
                opacity=0.75,
                name=f"⊗ {second[path.second]}",
                legendgroup=str(path.second),
                showlegend=begins,
                hovertemplate=hover,
            )
        )
    reached = {p.output for p in paths}
    for names, heights, place, anchor in ((first, left, -0.03, "right"), (output, right, 1.03, "left")):
        for number, (name, height) in enumerate(zip(names, heights, strict=True)):
            dead = names is output and number not in reached
            text = f"<s>{name}</s>" if dead else name
            look = {"size": 14, "color": MUTED if dead else INK}
            fig.add_annotation(x=place, y=height, text=text, showarrow=False, xanchor=anchor, font=look)
    total = f"{sum(p.weights for p in paths)} weights, {sum(p.multiplications for p in paths)} multiplications a sample"
    fig.add_annotation(x=0.5, y=-0.06, text=total, showarrow=False, yanchor="top", font={"size": 12, "color": MUTED})
    return on_phones(fig, {"height": 120 + 38 * rows})


def _heights(count: int) -> np.ndarray:
    """The first term at the top."""
    return np.linspace(1, 0, count) if count > 1 else np.full(count, 0.5)


def _curve(start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """From left to right, level at both ends."""
    x = np.linspace(0, 1, 40)
    return x, start + (end - start) * (3 * x**2 - 2 * x**3)
