"""Predictions beside what was measured, and quantities along a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.viz.curves import DASHES, POWERS
from intertwine.viz.theme import COLOURS, MUTED, figure, graph_objects, number_text, on_phones, same_length

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 4000
"""Of more points a picture shows a part: a browser draws them in an instant, and a page stays small."""


def parity_plot(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], label: str, names: Mapping[str, Sequence[str]] | None = None
) -> go.Figure:
    """Predictions over references, with the diagonal on which both agree.

    Of more than 4000 points of a series every so-manieth is drawn, and those farthest from the diagonal.

    Args:
        pairs: references and predictions, of one shape, by series.
        label: the name of the quantity with its unit, written at the axes.
        names: what hovering says of each point, by series.

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
        words = None if names is None or name not in names else [names[name][k] for k in kept]
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
    x: Sequence[float] | np.ndarray,
    curves: Mapping[str, Sequence[float] | np.ndarray],
    axes: tuple[str, str],
    *,
    log: tuple[bool, bool] = (False, True),
) -> go.Figure:
    """Quantities along a run, a line each; values that are NaN, or have no logarithm, are passed over.

    Args:
        x: where the values stand: epochs, seconds, sizes.
        curves: one value for each of them, by name.
        axes: the names of both axes, with units.
        log: which of the axes are logarithmic.

    Raises `ArgumentError` where a curve has another length than x.

    >>> fig = run_curves([1, 2, 3], {"train": [1.0, 0.1, 0.01], "validation": [np.nan, 0.2, 0.03]}, ("epoch", "loss"))
    >>> len(fig.data[1].x)
    2
    """
    go = graph_objects()
    fig = figure()
    for i, (name, values) in enumerate(curves.items()):
        same_length(x=x, **{name: values})
        places, heights = np.asarray(x, float), np.asarray(values, float)
        shown = np.isfinite(heights) & (heights > 0 if log[1] else True) & (places > 0 if log[0] else True)
        line = {"color": COLOURS[i % len(COLOURS)], "width": 2.5, "dash": DASHES[i // len(COLOURS) % len(DASHES)]}
        mode = "lines" if shown.sum() > 40 else "lines+markers"
        text = [number_text(float(v)) for v in heights[shown]]
        hover = f"{name}<br>{axes[0]} %{{x:.4g}}: %{{text}}<extra></extra>"
        fig.add_trace(
            go.Scatter(
                x=places[shown], y=heights[shown], name=name, mode=mode, line=line, text=text, hovertemplate=hover
            )
        )
    fig.update_xaxes(title_text=axes[0])
    fig.update_yaxes(title_text=axes[1])
    for update, power in zip((fig.update_xaxes, fig.update_yaxes), log, strict=True):
        if power:
            update(type="log", **POWERS, dtick=1)
    return on_phones(fig, {"height": 320})
