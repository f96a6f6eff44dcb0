"""Flat pictures: the tasks of moving points, and outlines with the pose that a network sees in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.errors import ArgumentError, ShapeError
from intertwine.viz.theme import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    Panel,
    arrange,
    figure,
    graph_objects,
    numbered,
    on_phones,
    panels,
    points_of,
    same_length,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go


DOMAINS = ("xaxis.domain", "yaxis.domain")


def task_picture(start: np.ndarray, finish: np.ndarray, title: str = "") -> go.Figure:
    """Points that are to move: where they start, where they finish, and arrows between: see `task_pictures`.

    >>> task_picture([[0, 0], [1, 0]], [[0, 1], [1, 1]]).data[0].name
    'start'
    """
    return task_pictures({title: (start, finish)})


def task_pictures(tasks: Mapping[str, tuple[np.ndarray, np.ndarray]], height: int = 320) -> go.Figure:
    """Several tasks of moving points, seen along z, side by side (one below the other on a phone).

    Args:
        tasks: by title, start and finish: `(n, 2)` or `(n, 3)` points in the order of their outline.
        height: in pixels; on a phone, each task gets three quarters of it.

    Raises `ShapeError` for other shapes, and `ArgumentError` for no task and different numbers of points.

    >>> len(task_pictures({"there": ([[0, 0]], [[0, 1]]), "back": ([[0, 1]], [[0, 0]])}).data)
    4
    """
    if not tasks:
        raise ArgumentError("task_pictures got no task to draw. Pass at least one entry, title: (start, finish).")
    go = graph_objects()
    fig = figure(height=height, margin={"l": 8, "r": 8, "t": 40, "b": 8})
    header = 0.1 if any(tasks) else 0.0
    wide, tall = panels(len(tasks), len(tasks), 0.04, header), panels(len(tasks), 1, 0.0, header)
    for i, (start, finish) in enumerate(tasks.values()):
        start, finish = points_of(start, (2, 3), "start"), points_of(finish, (2, 3), "finish")
        same_length(start=start, finish=finish)
        axes = flat_axes(fig, i, wide[i])
        ring = {"size": 15, "color": BLUE, "symbol": "circle-open", "line": {"width": 3}}
        dot = {"size": 13, "color": ORANGE}
        for points, marker, name in ((start, ring, "start"), (finish, dot, "finish")):
            x, y = np.concatenate([points, points[:1]])[:, :2].T
            line = {"color": marker["color"], "width": 1.5}
            look = {"mode": "lines+markers", "marker": marker, "line": line, "hoverinfo": "skip"}
            fig.add_trace(go.Scatter(x=x, y=y, name=name, legendgroup=name, showlegend=i == 0, **look, **axes))
        for a, b in zip(start, finish, strict=True):
            fig.add_annotation(**_arrow(a, b, axes, INK, 2.0))
    phone = arrange(fig, list(tasks), wide, tall, DOMAINS)
    return on_phones(fig, phone | {"height": int(0.75 * height * len(tasks)) + 40})


def outlines(
    outlines: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    frames: np.ndarray | None = None,
    *,
    colours: Sequence[str] | None = None,
    columns: int = 6,
    group: int = 1,
) -> go.Figure:
    """Closed outlines as small filled shapes, each with the frame that a network sees in it.

    Args:
        outlines: `(n, 2)` points each, every outline in a scale of its own.
        titles: one per outline.
        frames: `(outlines, 2, 2)` matrices: the columns are the first (orange) and second (green) axis, drawn from the
            middle of the outline, with half of its extent as their unit.
        colours: one fill colour per outline, such as that of its class.
        columns: how many stand side by side; on a phone half as many.
        group: how many belong together, such as 2 for before and after; rows hold whole groups.

    Raises `ArgumentError` for titles, frames or colours that are not one per outline, or no outline, and `ShapeError`
    for frames that are not 2 × 2.

    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> len(outlines([square, square], ["upright", "turned"], np.stack([np.eye(2)] * 2)).layout.annotations)
    6
    """
    if not len(outlines) or columns < 1 or group < 1:
        raise ArgumentError(
            f"Outlines, columns and groups start at one, but got {len(outlines)} outlines for {columns} columns in "
            f"groups of {group}. Pass (n, 2) points."
        )
    same_length(outlines=outlines, titles=titles, frames=frames, colours=colours)
    if frames is not None and np.shape(frames)[1:] != (2, 2):
        raise ShapeError(f"The frames have the shape {np.shape(frames)}, but (outlines, 2, 2) was expected.")
    go = graph_objects()
    columns, few = (max(1, n // group) * group for n in (columns, columns // 2))
    header = 0.16 if titles else 0.0
    wide, tall = panels(len(outlines), columns, 0.015, header), panels(len(outlines), few, 0.015, header)
    rows, phone_rows = -(-len(outlines) // columns), -(-len(outlines) // few)
    fig = figure(height=150 * rows + 24, margin={"l": 4, "r": 4, "t": 20, "b": 4}, showlegend=False)
    for i, outline in enumerate(outlines):
        points, radius = _centred(points_of(outline, (2,), "outline"))
        axes = flat_axes(fig, i, wide[i])
        x, y = np.concatenate([points, points[:1]]).T
        colour = colours[i] if colours else BLUE
        look = {"fill": "toself", "fillcolor": _pale(colour), "line": {"width": 1.2, "color": colour}}
        fig.add_trace(go.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", **look, **axes))
        for axis, hue in zip(() if frames is None else np.asarray(frames)[i].T, (ORANGE, GREEN), strict=False):
            fig.add_annotation(**_arrow(np.zeros(2), 0.62 * radius * axis, axes, hue, 2.4))
        for key in ("xaxis", "yaxis"):
            fig.update_layout({numbered(key, i): {"range": [-1.08 * radius, 1.08 * radius]}})
    return on_phones(fig, arrange(fig, titles or (), wide, tall, DOMAINS) | {"height": 140 * phone_rows + 24})


def flat_axes(fig: go.Figure, i: int, panel: Panel) -> dict[str, str]:
    """Invisible axes with equal units in a panel; what a trace needs to be drawn there."""
    here = {"xaxis": numbered("x", i), "yaxis": numbered("y", i)}
    quiet = {"visible": False, "fixedrange": True, "automargin": False}
    same = {"scaleanchor": here["xaxis"], "scaleratio": 1, "constrain": "domain"}
    fig.update_layout(
        {
            numbered("xaxis", i): quiet | {"domain": panel.x, "anchor": here["yaxis"], "constrain": "domain"},
            numbered("yaxis", i): quiet | {"domain": panel.y, "anchor": here["xaxis"]} | same,
        }
    )
    return here


def _arrow(a: np.ndarray, b: np.ndarray, axes: dict[str, str], colour: str, width: float) -> dict[str, Any]:
    x, y = axes["xaxis"], axes["yaxis"]
    ends = {"ax": a[0], "ay": a[1], "x": b[0], "y": b[1], "xref": x, "yref": y, "axref": x, "ayref": y}
    return ends | {"text": "", "showarrow": True, "arrowhead": 2, "arrowwidth": width, "arrowcolor": colour}


def _centred(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The points about the middle of their bounding box, and the largest distance from it along x or y."""
    middle = (points.min(0) + points.max(0)) / 2
    return points - middle, max(float(np.abs(points - middle).max()), 1e-12)


def _pale(colour: str) -> str:
    """A colour `#rrggbb` as a translucent fill."""
    if len(colour) != 7 or not colour.startswith("#"):
        return colour
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},0.22)"
