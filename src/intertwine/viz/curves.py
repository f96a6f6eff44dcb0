"""Numbers as figures: losses that fall or get stuck, accuracies, and errors of equivariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from intertwine.errors import ArgumentError, ShapeError
from intertwine.viz.theme import (
    BLUE,
    COLOURS,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    figure,
    graph_objects,
    number_text,
    on_phones,
    same_length,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

DASHES = ("solid", "dash", "dot", "dashdot")

# Plotly writes powers a quarter larger than other ticks.
POWERS = {"exponentformat": "power", "tickfont": {"size": 10}}


def loss_curves(
    curves: Mapping[str, np.ndarray], floor: float | None = None, title: str = "", floor_label: str = "floor"
) -> go.Figure:
    """Losses over training steps on a logarithmic axis: every run thin, the median run by run thick.

    Args:
        curves: `(runs, steps)` losses, or `(steps,)` of a single run, by name. Values that are not positive
            leave a gap.
        floor: a loss that cannot be undercut; it is drawn as a dashed line with its value.
        title: a few words above the figure.
        floor_label: what to call the floor.

    Raises `ShapeError` for losses of any other shape and `ArgumentError` for none.

    >>> fig = loss_curves({"task 1": np.geomspace(1, 1e-4, 50)}, floor=1e-5)
    >>> fig.layout.yaxis.type
    'log'
    """
    go = graph_objects()
    _some(curves, "loss_curves")
    fig = figure(title, xaxis={"title": {"text": "step"}}, yaxis={"title": {"text": "loss"}, "type": "log"})
    fig.update_yaxes(**POWERS, dtick=1)
    for i, (name, losses) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        runs = _runs(name, losses)
        shared = {"mode": "lines", "legendgroup": name, "x": np.arange(runs.shape[1])}
        thin = {"color": colour, "width": 1}
        for run in runs if len(runs) > 1 else ():
            fig.add_trace(go.Scatter(y=run, line=thin, opacity=0.35, showlegend=False, hoverinfo="skip", **shared))
        thick = {"color": colour, "width": 3, "dash": DASHES[i // len(COLOURS) % len(DASHES)]}
        hover = name + "<br>step %{x}: %{y:.3e}<extra></extra>"
        fig.add_trace(go.Scatter(y=_median(runs), line=thick, name=name, hovertemplate=hover, **shared))
    if floor is not None:
        _dashed_line(fig, floor, floor_label, number_text(floor), [0])
    return on_phones(fig, {"height": 330})


def angle_curves(
    angles: np.ndarray, curves: Mapping[str, np.ndarray], title: str = "", label: str = "loss"
) -> go.Figure:
    """A quantity as a function of the angle by which something was turned.

    Args:
        angles: `(n,)` angles in radians; the axis shows degrees.
        curves: `(n,)` values by name; raises `ArgumentError` for other lengths and for none.
        title: a few words above the figure.
        label: the name of the quantity, written at the axis.

    >>> angles = np.linspace(0, np.pi, 5)
    >>> angle_curves(angles, {"plain": np.sin(angles)}).data[0].name
    'plain'
    """
    go = graph_objects()
    _some(curves, "angle_curves")
    same_length(angles=angles, **dict(curves))
    fig = figure(title, xaxis={"title": {"text": "angle"}, "ticksuffix": "°"}, yaxis={"title": {"text": label}})
    degrees = np.degrees(angles)
    span = np.ptp(degrees) if len(degrees) else 0.0
    ends = [degrees.min(initial=0.0) - 0.02 * span, degrees.max(initial=0.0) + 0.02 * span]
    fig.update_xaxes(range=ends, dtick=next((step for step in (15, 30, 45, 90) if span / step <= 6), 90))
    for i, (name, values) in enumerate(curves.items()):
        line = {"color": COLOURS[i % len(COLOURS)], "width": 2.5, "dash": DASHES[i % len(DASHES)]}
        hover = name + "<br>%{x:.0f}°: %{y:.4g}<extra></extra>"
        fig.add_trace(go.Scatter(x=degrees, y=values, mode="lines", line=line, name=name, hovertemplate=hover))
    return on_phones(fig, {"height": 320})


def bars(
    groups: Sequence[str],
    values: Mapping[str, Sequence[float]],
    errors: Mapping[str, Sequence[float]] | None = None,
    *,
    label: str = "accuracy",
    number: str = ".0%",
    chance: float | None = None,
) -> go.Figure:
    """Bars side by side, one colour per series, each with its value and its error.

    Args:
        groups: the names along the axis, such as "as photographed" and "turned".
        values: one number per group, by series, such as "O(2) network".
        errors: one standard deviation per group, by series; series without an entry have none.
        label: the name of the quantity, written at the axis.
        number: how plotly (d3) formats the values: ".0%", ".2f" and so on.
        chance: the accuracy of guessing the largest class, drawn as a dashed line.

    Raises `ArgumentError` where a series has not one number per group, or there is none.

    >>> fig = bars(["upright", "turned"], {"plain": [0.66, 0.4], "O(2)": [0.7, 0.7]}, {"O(2)": [0.02, 0.02]})
    >>> [trace.name for trace in fig.data]
    ['plain', 'O(2)']
    """
    go = graph_objects()
    _some(values, "bars")
    errors = errors or {}
    same_length(groups=groups, **dict(values))
    fig = figure(barmode="group", bargap=0.28, bargroupgap=0.08)
    fig.update_yaxes(title_text=label, tickformat=number, rangemode="tozero")
    tallest = max((abs(value) for series in values.values() for value in series), default=0.0)
    for i, (name, series) in enumerate(values.items()):
        same_length(groups=groups, errors=errors.get(name))
        spread = {"type": "data", "array": errors.get(name), "color": INK, "thickness": 1.4, "width": 5}
        fig.add_trace(
            go.Bar(
                x=list(groups),
                y=list(series),
                name=name,
                error_y=spread if name in errors else None,
                marker={"color": COLOURS[i % len(COLOURS)]},
                texttemplate=f"%{{y:{number}}}",
                textposition=["inside" if abs(value) > 0.1 * tallest else "outside" for value in series],
                insidetextanchor="start",
                insidetextfont={"color": PAPER, "size": 12},
                outsidetextfont={"color": MUTED, "size": 11},
                hovertemplate=f"{name}, %{{x}}: %{{y:{number}}}<extra></extra>",
            )
        )
    if chance is not None:
        _dashed_line(fig, chance, "largest class", "", groups)
    return on_phones(fig, {"height": 410})


def error_bars(errors: Mapping[str, float], tolerance: float | None = None, title: str = "") -> go.Figure:
    """Errors of equivariance by name on a logarithmic axis: dots up to the tolerance, crosses beyond it.

    Args:
        errors: non-negative errors by name, drawn from top to bottom; zeros stand at 10⁻¹⁷, below float64's rounding.
        tolerance: the error up to which all is well, drawn as a dashed line.
        title: a few words above the figure.

    Raises `ArgumentError` for a negative error or for none at all.

    >>> error_bars({"Linear": 2e-16, "broken": 0.3}, tolerance=1e-10).data[0].marker.symbol
    ('circle', 'x')
    """
    go = graph_objects()
    _some(errors, "error_bars")
    values = np.array(list(errors.values()), dtype=np.float64)
    if not np.all(values >= 0):
        raise ArgumentError(f"The errors {values.tolist()} are not all 0 or larger. Pass norms of differences.")
    shown = np.maximum(values, 1e-17)
    bad = values > (np.inf if tolerance is None else tolerance)
    fig = figure(title, height=90 + 30 * len(values) + (36 if title else 0), showlegend=False)
    low, high = np.floor(np.log10(shown.min())) - 0.5, np.ceil(np.log10(shown.max()))
    step = max(1, round((high - low) / 5))
    left = ~bad if tolerance is not None else np.zeros_like(bad)  # the line of the tolerance crosses no number
    wide, narrow = (
        [float(low - room * (high - low) * left.any()), float(high + room * (high - low) * (~left).any())]
        for room in (0.2, 0.65)
    )
    fig.update_xaxes(type="log", **POWERS, dtick=step, tickangle=0, range=wide, title_text="error")
    fig.update_yaxes(autorange="reversed", ticks="", showgrid=True)
    marker = {
        "size": 10,
        "color": [ORANGE if wrong else BLUE for wrong in bad],
        "symbol": ["x" if wrong else "circle" for wrong in bad],
    }
    text = [f" {number_text(value, 2)} " for value in values]
    hover = "%{y}: %{text}<extra></extra>"
    look = {"mode": "markers+text", "textposition": ["middle left" if good else "middle right" for good in left]}
    fig.add_trace(go.Scatter(x=shown, y=list(errors), text=text, marker=marker, **look))
    fig.update_traces(hovertemplate=hover, textfont={"size": 11, "color": MUTED}, cliponaxis=False)
    if tolerance is not None:
        fig.add_vline(x=tolerance, line={"color": INK, "dash": "dash", "width": 1.2})
        line = {"text": f"tolerance {number_text(tolerance, 1)}", "x": np.log10(tolerance), "y": 1, "yref": "paper"}
        fig.add_annotation(**line, yanchor="bottom", showarrow=False, font={"size": 11})
    few = range(int(low // step + 1) * step, int(high) + 1, 2 * step)
    words = [f"10<sup>{n}</sup>".replace("-", "−") if n else "1" for n in few]
    ticks = {"xaxis.tickmode": "array", "xaxis.tickvals": [10.0**n for n in few], "xaxis.ticktext": words}
    return on_phones(fig, ticks | {"xaxis.range": narrow, "xaxis.title.text": ""})


def _some(things: Mapping[str, object], function: str) -> None:
    if not things:
        raise ArgumentError(f"{function} got nothing to draw. Pass at least one entry, name: values.")


def _runs(name: str, losses: np.ndarray) -> np.ndarray:
    """The losses as `(runs, steps)`, with NaN where a logarithm does not exist."""
    runs = np.asarray(losses, dtype=np.float64)
    runs = runs[None] if runs.ndim == 1 else runs
    if runs.ndim != 2 or not runs.size:
        raise ShapeError(
            f"The losses of {name!r} have the shape {np.shape(losses)}, but they are (runs, steps) or (steps,), and "
            "not empty. Stack the runs on the first axis."
        )
    return np.where(runs > 0, runs, np.nan)


def _median(runs: np.ndarray) -> np.ndarray:
    """The median over runs, NaN where no run has a value."""
    some = np.isfinite(runs).any(axis=0)
    return np.where(some, np.nanmedian(np.where(some, runs, 0.0), axis=0), np.nan)


def _dashed_line(fig: go.Figure, y: float, name: str, value: str, across: Sequence[float | str]) -> None:
    """A dashed line at a height, named in the legend, with its value at its right end just above it."""
    line = {"color": INK, "dash": "dash", "width": 1.4}
    fig.add_hline(y=y, line=line)
    # A shape has no place in a legend of every plotly version; a line without points has.
    fig.add_scatter(x=[across[0]], y=[None], mode="lines", line=line, name=name)
    place = np.log10(y) if fig.layout.yaxis.type == "log" else y
    here = {"x": 1, "xref": "paper", "xanchor": "right", "y": place, "yanchor": "bottom"}
    fig.add_annotation(text=value, showarrow=False, font={"size": 12, "color": INK}, **here)
