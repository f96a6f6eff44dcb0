"""One look for every figure: quiet axes, colours that colour-blind readers can tell apart, and a layout for phones.

Colours are from Okabe and Ito, "Color Universal Design" (2008). A figure keeps its phone layout in
`layout.meta["phone"]`, as plotly paths and values; whoever shows the figure on a narrow screen applies them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError, ShapeError

if TYPE_CHECKING:
    import plotly.graph_objects as go

PAPER = "#fcfdfe"
INK = "#1f2933"
MUTED = "#66727f"
GRID = "#e1e6eb"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PURPLE = "#a8558b"
AMBER = "#e69f00"
SKY = "#56b4e9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)

# What each colour above becomes on a dark page: the same hue, light enough to read.
DARK = {
    PAPER: "#12161b",
    INK: "#e4e9ee",
    MUTED: "#98a5b2",
    GRID: "#2f3842",
    BLUE: "#4aa6e0",
    ORANGE: "#f08a4b",
    GREEN: "#35c096",
    PURPLE: "#d38bbb",
    AMBER: "#f2b838",
    SKY: "#8fd0f7",
}

# Light to dark in even steps of lightness, so that it also reads in grey.
SHADES = ((0.0, "#c9e3f6"), (0.35, "#7fbbe3"), (0.7, "#2a86c4"), (1.0, "#074a7c"))

# Of either sign: as dark on both sides of 0.
SIGNED = ((0.0, "#a33c00"), (0.25, "#e8995f"), (0.5, "#f1efe9"), (0.75, "#7fbbe3"), (1.0, "#074a7c"))

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def graph_objects() -> Any:
    """The module `plotly.graph_objects`, imported when the first figure is made.

    Raises `MissingExtraError` where plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingExtraError.of("plotly", "plot") from error
    return go


def figure(title: str = "", height: int = 380, **layout: Any) -> go.Figure:
    """An empty figure with this library's look, as wide as its page, `height` pixels high; more of plotly's layout.

    Raises `MissingExtraError` where plotly is not installed.

    >>> figure("Loss").layout.title.text
    'Loss'
    """
    go = graph_objects()
    axis = {
        "gridcolor": GRID,
        "linecolor": MUTED,
        "tickcolor": MUTED,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "automargin": True,
        "tickfont": {"size": 12},
        "title": {"standoff": 8, "font": {"size": 13}},
    }
    space = {"visible": False, "showbackground": False}
    look = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 10, "t": 6}, "font": {"size": 15}},
        "colorway": list(COLOURS),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis,
        "yaxis": axis,
        "scene": {"xaxis": space, "yaxis": space, "zaxis": space, "aspectmode": "data"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "colorscale": {"sequential": SHADES},
    }
    margin = {"l": 10, "r": 14, "t": 72 if title else 36, "b": 10}
    settings = {"template": {"layout": look}, "height": height, "autosize": True, "margin": margin}
    return go.Figure(layout=settings | ({"title": {"text": title}} if title else {}) | layout)


def on_phones(fig: go.Figure, changes: Mapping[str, Any]) -> go.Figure:
    """The figure itself, told how its layout changes on a narrow screen: values by plotly path.

    >>> on_phones(figure(), {"height": 300}).layout.meta["phone"]
    {'height': 300}
    """
    meta = dict(fig.layout.meta or {})
    meta["phone"] = dict(meta.get("phone", {})) | dict(changes)
    fig.update_layout(meta=meta)
    return fig


@dataclass(frozen=True)
class Panel:
    """Where one of several pictures stands in a figure: its parts of the width and of the height, from 0 to 1.

    >>> panels(2, columns=2, gap=0.0)[1].x
    (0.5, 1.0)
    """

    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def caption(self) -> tuple[float, float]:
        """The point in the middle of the upper edge, where a title stands."""
        return (self.x[0] + self.x[1]) / 2, self.y[1]


def panels(count: int, columns: int, gap: float = 0.02, header: float = 0.0) -> list[Panel]:
    """A grid of panels, row by row from the top, with gaps (parts of the whole) and headers (parts of a row) between.

    >>> len(panels(5, columns=3))
    5
    """
    rows = -(-count // columns)
    width, height = (1 - gap * (columns - 1)) / columns, 1 / max(rows, 1)
    places = [divmod(i, columns) for i in range(count)]
    return [
        Panel(
            (column * (width + gap), column * (width + gap) + width),
            (1 - (row + 1) * height, 1 - (row + header) * height),
        )
        for row, column in places
    ]


def numbered(name: str, i: int) -> str:
    """Plotly's name of the i-th axis or scene: xaxis, xaxis2, xaxis3 and so on.

    >>> numbered("scene", 0), numbered("scene", 1)
    ('scene', 'scene2')
    """
    return name if i == 0 else f"{name}{i + 1}"


def arrange(
    fig: go.Figure, titles: Sequence[str], wide: Sequence[Panel], tall: Sequence[Panel], parts: tuple[str, str]
) -> dict[str, Any]:
    """Write titles, if any, above panels; returns where panels and titles go on a phone, for `on_phones`.

    The parts are what has a domain along x and along y, such as ("xaxis.domain", "yaxis.domain"); the i-th is numbered.
    """
    first, changes = len(fig.layout.annotations), dict[str, Any]()
    here = {"xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom", "showarrow": False}
    for i, panel in enumerate(tall):
        for part, domain in zip(parts, (panel.x, panel.y), strict=True):
            name, _, rest = part.partition(".")
            changes[f"{numbered(name, i)}.{rest}"] = list(domain)
        if titles:
            x, y = wide[i].caption
            fig.add_annotation(x=x, y=y, text=titles[i], font={"size": 12.5, "color": MUTED}, **here)
            changes[f"annotations[{first + i}].x"], changes[f"annotations[{first + i}].y"] = panel.caption
    return changes


def interrupted(pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Lines through points `(n, d)` as one line `(m, d)` with gaps: NaN follows each.

    >>> interrupted([np.zeros((1, 2)), np.ones((1, 2))]).shape
    (4, 2)
    """
    parts = list(pieces)
    return np.concatenate([np.append(piece, np.full((1, piece.shape[1]), np.nan), 0) for piece in parts])


def line(points: np.ndarray, colour: str, width: float, words: str = "", **more: Any) -> Any:
    """A line through points `(n, 2)` or `(n, 3)` with the words that hovering shows; without legend unless asked for.

    >>> type(line(np.zeros((2, 3)), INK, 1.0)).__name__
    'Scatter3d'
    """
    go = graph_objects()
    coordinates = dict(zip("xyz", points.T, strict=False))
    solid = points.shape[1] == 3
    hover = {"hovertemplate": f"{words}<extra></extra>"} if solid else {"hoverinfo": "text", "text": words}
    look = {"mode": "lines", "line": {"color": colour, "width": width}, "showlegend": False}
    look |= hover if words else {"hoverinfo": "skip"}
    return (go.Scatter3d if solid else go.Scatter)(**coordinates, **(look | more))


def number_text(value: float, digits: int = 3) -> str:
    """A number as plotly writes it, with a power of ten where it is far from 1.

    >>> number_text(7.070199516e-4), number_text(0.25), number_text(0.0)
    ('7.07·10<sup>−4</sup>', '0.25', '0')
    """
    if value == 0 or 0.01 <= abs(value) < 10000:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}·10<sup>{int(exponent)}</sup>".replace("-", "−")


def points_of(points: Any, dimensions: Sequence[int], name: str) -> np.ndarray:
    """Points `(n, d)` as a float64 array; raises `ShapeError` that names them for a d that is not among `dimensions`.

    >>> points_of([[0, 1]], (2, 3), "start").shape
    (1, 2)
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] not in dimensions:
        wanted = " or ".join(f"(n, {d})" for d in dimensions)
        raise ShapeError(
            f"{name} has the shape {array.shape}, but points have the shape {wanted}. Pass one row per point."
        )
    return array


def same_length(**lists: Any) -> None:
    """Raises `ArgumentError` where things that belong together differ in number; None counts as absent.

    >>> same_length(outlines=[1, 2], titles=None)
    """
    lengths = {name: len(things) for name, things in lists.items() if things is not None}
    if len(set(lengths.values())) > 1:
        numbers = " and ".join(f"{length} {name}" for name, length in lengths.items())
        raise ArgumentError(
            f"Lists that belong together have one length, but got {numbers}. Pass equally many of each."
        )
