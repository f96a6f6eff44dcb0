"""Predictions beside what was measured, and quantities along a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.viz.curves import DASHES, POWERS
from intertwine.viz.theme import COLOURS, MUTED, figure, graph_objects, number_text, on_phones, same_length

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 4000
"""Of more points a picture shows a part: a browser draws them in an instant, and a page stays small."""


def parity_plot(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    label: str,
    names: Mapping[str, Callable[[int], str]] | None = None,
) -> go.Figure:
    """Predictions over references, with the diagonal on which both agree.

    Of more than 4000 points of a series every so-manieth is drawn, and those farthest from the diagonal.

    Args:
        pairs: references and predictions, of one shape, by series.
        label: the name of the quantity with its unit, written at the axes.
        names: what hovering says of a point by its place, by series.

    Raises `ArgumentError` where there are no points, and where references and predictions differ in number.

    >>> fig = parity_plot({"test": (np.arange(5.0), np.arange(5.0) + 0.1)}, "energy, eV")
    >>> [trace.name for trace in fig.data]
    ['test', 'agreement']
    """
    go = graph_objects()
    fig = figure(height=430)
    ends: list[float] = []
    for i, (name, (reference, predicted)) in enumerate(pairs.items()):
        x, y = np.ravel(reference), np.ravel(predicted)
        same_length(references=x, predictions=y)
        kept = _telling(x, y)
        ends += [float(v) for v in (*x[kept], *y[kept])]
        words = None if names is None or name not in names else [names[name](int(k)) for k in kept]
        hover = f"{name}<br>reference %{{x:.5g}}<br>predicted %{{y:.5g}}" + ("<br>%{text}" if words else "")
        marker = {"size": 5, "color": COLOURS[i % len(COLOURS)], "opacity": 0.55}
        look = {"mode": "markers", "marker": marker, "text": words, "hovertemplate": f"{hover}<extra></extra>"}
        fig.add_trace(go.Scatter(x=x[kept], y=y[kept], name=name, **look))
    if not ends:
        raise ArgumentError("parity_plot got no points to draw. Pass references and predictions that are finite.")
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low) or 0.5
    span = [low - room, high + room]
    diagonal = {"color": MUTED, "width": 1.2, "dash": "dash"}
    fig.add_trace(go.Scatter(x=span, y=span, mode="lines", line=diagonal, name="agreement", hoverinfo="skip"))
    fig.update_xaxes(title_text=f"reference {label}", range=span, nticks=7, tickangle=0)
    fig.update_yaxes(title_text=f"predicted {label}", range=span, nticks=7)
    return on_phones(fig, {"height": 360, "xaxis.nticks": 4})


def _telling(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The places of the points to draw, those that are finite: all, or a part with the worst among them."""
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(finite) <= MOST_POINTS:
        return finite
    worst = finite[np.argsort(-np.abs(x - y)[finite], kind="stable")[: MOST_POINTS // 20]]
    even = finite[:: -(-len(finite) // (MOST_POINTS - len(worst)))]
    return np.union1d(even, worst)


def run_curves(
    curves: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    axes: tuple[str, str],
    *,
    log: tuple[bool, bool] = (False, True),
) -> go.Figure:
    """Quantities along a run, a line each; values that are NaN, or have no logarithm, are passed over.

    Args:
        curves: where the values stand (epochs, seconds, sizes) and the values, by name.
        axes: the names of both axes, with units.
        log: which of the axes are logarithmic.

    Raises `ArgumentError` where there are not as many values as places.

    >>> fig = run_curves({"train": ([1, 2, 3], [1.0, 0.1, 0.01]), "test": ([1, 2], [np.nan, 0.2])}, ("epoch", "loss"))
    >>> len(fig.data[1].x)
    1
    """
    go = graph_objects()
    fig = figure(showlegend=True)
    seen: list[np.ndarray] = []
    for i, (name, (x, y)) in enumerate(curves.items()):
        same_length(places=x, values=y)
        points = np.array([np.asarray(x, float), np.asarray(y, float)])
        shown = np.isfinite(points).all(0) & ((points > 0) | ~np.array(log)[:, None]).all(0)
        points = points[:, shown]
        seen.append(points)
        line = {"color": COLOURS[i % len(COLOURS)], "width": 2.5, "dash": DASHES[i // len(COLOURS) % len(DASHES)]}
        look = {"mode": "lines" if points.shape[1] > 40 else "lines+markers", "line": line, "name": name}
        text = [number_text(float(value)) for value in points[1]]
        hover = f"{name}<br>{axes[0]} %{{x:.4g}}: %{{text}}<extra></extra>"
        fig.add_trace(go.Scatter(x=points[0], y=points[1], text=text, hovertemplate=hover, **look))
    fig.update_xaxes(title_text=axes[0])
    fig.update_yaxes(title_text=axes[1])
    for axis, update in enumerate((fig.update_xaxes, fig.update_yaxes)):
        if log[axis]:
            values = np.concatenate([points[axis] for points in seen] or [np.zeros(0)])
            update(type="log", **_ticks(values))
    return on_phones(fig, {"height": 320})


def _ticks(values: np.ndarray) -> dict[str, Any]:
    """The ticks of a logarithmic axis: powers of ten, or 1, 2 and 5 times these where the values span few."""
    if not len(values) or values.max() > 60 * values.min():
        return {**POWERS, "dtick": 1}
    low, high = (int(np.floor(np.log10(value))) for value in (values.min(), values.max()))
    places = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
    return {"tickmode": "array", "tickvals": places, "ticktext": [number_text(place) for place in places]}
