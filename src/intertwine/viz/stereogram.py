"""The stereographic picture of a point group that textbooks print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.words import direction_name, vector
from intertwine.groups import Subgroup
from intertwine.groups.grids import sphere_grid
from intertwine.viz.sphere import BELOW, HUES, by_kind, polygon
from intertwine.viz.symmetry_elements import Axis, SymmetryElements, matrices_in_space, symmetry_elements
from intertwine.viz.theme import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    figure,
    graph_objects,
    interrupted,
    line,
    on_phones,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

USUAL: np.ndarray = np.array([0.62, 0.3, 0.72]) / np.linalg.norm([0.62, 0.3, 0.72])
"""The general point where nothing speaks for another one."""


def stereogram(group: Subgroup | CatalogGroup, title: str | None = None, height: int = 520) -> go.Figure:
    """The stereographic projection of a group along its main axis: axes, mirrors, and the images of a general point.

    A point of the upper half of the sphere is drawn where the line from it to the south pole meets the equator's plane:
    a dot. One of the lower half is a ring, seen from the north pole. Heavy lines are mirrors, the outer circle among
    them if it is heavy. Symbols are those of `symmetry_figure`. Images under a continuous group are circles.

    Args:
        group: a subgroup of O(3), wherever it lies, or a point group.
        title: a few words above the figure. Default: the name in two notations, and the number of elements.
        height: in pixels.

    Raises `ArgumentError` for groups that do not act on space, and `MissingExtraError` where plotly is not installed.

    >>> from intertwine.catalog import point_group
    >>> fig = stereogram(point_group("D2d"))
    >>> [trace.name for trace in fig.data if trace.showlegend]
    ['2 mirrors', '1 C₂ S₄', '2 C₂', 'above', 'below']
    """
    found = symmetry_elements(group)
    words = f"{found.title if title is None else title}<br>{_view(found.frame)}"
    fig = figure(words, height=height)
    quiet = {"visible": False, "range": [-1.25, 1.25], "fixedrange": True, "constrain": "domain"}
    fig.update_layout(xaxis=quiet, yaxis=quiet | {"scaleanchor": "x", "scaleratio": 1})
    fig.update_layout(margin={"t": 58, "l": 6, "r": 6, "b": 6}, legend=BELOW, hovermode="closest")
    for trace in (*_circle(), *_mirrors(found), *_axes(found), *_images(group, found), *_centre(found)):
        fig.add_trace(trace)
    _name_directions(fig, found.frame)
    return on_phones(fig, {"height": int(0.8 * height)})


def project(points: np.ndarray) -> np.ndarray:
    """The stereographic projection `(..., 2)` of unit vectors `(..., 3)`, the lower half from the north pole.

    >>> project(np.array([[0.6, 0.0, 0.8], [0.6, 0.0, -0.8]]))
    array([[0.33333333, 0.        ],
           [0.33333333, 0.        ]])
    """
    return np.asarray(points[..., :2] / (1 + np.abs(points[..., 2:])))


def general_point(images: np.ndarray) -> np.ndarray:
    """A unit vector `(3,)` whose images under elements `(q, 3, 3)` are far from each other, at a middle height.

    >>> general_point(np.eye(3)[None]).round(2)
    array([0.62, 0.3 , 0.72])
    """
    directions = sphere_grid("fibonacci", 3000).points
    directions = directions[(directions[:, 2] > 0.3) & (directions[:, 2] < 0.85)]
    moving = images[np.abs(images - np.eye(3)).max((-1, -2)) > 1e-6]
    if not len(moving):
        return USUAL
    moved = np.einsum("gij,pj->gpi", moving, directions)
    distance = np.linalg.norm(moved - directions, axis=-1)
    distance = np.where(moved[..., 2] > 0, distance, 0.7).min(0)  # a dot and a ring may be close
    best = distance.max()
    # Where there is room, not in the middle between mirrors, which looks like one more symmetry.
    good = distance > 0.6 * best if best > 0.4 else distance > 0.95 * best
    fair = good & (distance < 0.75 * best) if best > 0.4 else good
    choice = directions[fair if fair.any() else good]
    return np.asarray(choice[np.argmax(choice @ USUAL)])


# parts ----------------------------------------------------------------------------------------------------------------


def _round(radius: float = 1.0) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 145)
    return radius * np.stack([np.cos(angles), np.sin(angles)], -1)


def _circle() -> list[Any]:
    """The equator, and thin lines along the two directions in it."""
    cross = interrupted(np.array([[-1.0, -1], [1, 1]]) * end for end in np.eye(2))
    return [line(cross, MUTED, 0.6, line={"color": MUTED, "width": 0.7, "dash": "dot"}), line(_round(), MUTED, 1.2)]


def _mirrors(found: SymmetryElements) -> list[Any]:
    if found.everywhere:
        return []
    count, arcs = str(len(found.mirrors)), [_arc(found.frame.T @ normal) for normal in found.mirrors]
    heavy = {"showlegend": True, "legendgroup": "mirrors"}
    name = f"{count} mirror{'s' if len(arcs) > 1 else ''}"
    traces = [line(interrupted(arcs), PURPLE, 4, "σ: mirror plane", name=name, **heavy)] if arcs else []
    if found.upright:
        angles = np.arange(8) * np.pi / 8
        spokes = [np.outer([-1, 1], [np.cos(angle), np.sin(angle)]) for angle in angles]
        words = "σ: every plane that contains the axis is a mirror"
        traces.append(line(interrupted(spokes), PURPLE, 2.5, words, name="∞ mirrors", opacity=0.6, **heavy))
    return traces


def _arc(normal: np.ndarray) -> np.ndarray:
    """The upper half of the great circle across a normal, projected; all of it for the equator."""
    if abs(normal[2]) > 1 - 1e-9:
        return _round()
    first = np.array([-normal[1], normal[0], 0.0]) / np.hypot(normal[0], normal[1])
    second = np.cross(normal, first)
    second = second if second[2] > 0 else -second
    angles = np.linspace(0, np.pi, 73)
    return project(np.outer(np.cos(angles), first) + np.outer(np.sin(angles), second))


def _axes(found: SymmetryElements) -> list[Any]:
    traces = []
    for name, axes in by_kind(found.axes).items():
        first, colour = axes[0], HUES.get(axes[0].order, ORANGE)
        places = [place for axis in axes for place in _places(found.frame.T @ axis.direction)]
        size = 0.075 if len(found.axes) < 20 else 0.058
        look = {"name": name, "legendgroup": name}
        if not first.order:
            traces += _whirl(first, colour, name)
            continue
        if first.improper > first.order:
            shape = polygon(first.improper)
            around = [1.5 * size * _turned(np.concatenate([shape, shape[:1]]), place) + place for place in places]
            traces.append(line(interrupted(around), colour, 1.8, fill="toself", fillcolor=PAPER, **look))
        traces.append(_symbols(places, first.order, size, colour, first.words, look))
    return traces + (_half_turns() if found.across else [])


def _places(direction: np.ndarray) -> list[np.ndarray]:
    """Where an axis is drawn: once inside the circle, or at both ends on it."""
    end = project(direction if direction[2] >= 0 else -direction)
    return [end, -end] if abs(direction[2]) < 1e-9 else [end]


def _turned(shape: np.ndarray, place: np.ndarray) -> np.ndarray:
    """A symbol `(k, 2)` turned to point away from the centre; upright in the centre."""
    radius = np.linalg.norm(place)
    if radius < 1e-6:
        return shape
    x, y = place / radius
    return np.asarray(shape @ np.array([[y, -x], [x, y]]))


def _symbols(
    places: list[np.ndarray], order: int, size: float, colour: str, words: str, look: dict[str, Any]
) -> go.Scatter:
    shape = polygon(order)
    closed = np.concatenate([shape, shape[:1]])
    filled = {"fill": "toself", "fillcolor": colour, "hoveron": "fills"}
    shapes = interrupted(size * _turned(closed, place) + place for place in places)
    return line(shapes, PAPER, 1, words, showlegend=True, **filled, **look)


def _whirl(axis: Axis, colour: str, name: str) -> list[Any]:
    """The main axis of a continuous group: a disc with a ring about it."""
    filled = {"fill": "toself", "fillcolor": colour, "hoveron": "fills", "showlegend": True, "name": name}
    disc = line(_round(0.05), colour, 1, axis.words, legendgroup=name, **filled)
    return [line(_round(0.1), colour, 3, legendgroup=name), disc]


def _half_turns() -> list[Any]:
    angles = np.arange(8) * np.pi / 4
    places = list(np.stack([np.cos(angles), np.sin(angles)], -1))
    words = "C₂: rotations by 180°, about every axis in this plane"
    return [_symbols(places, 2, 0.06, BLUE, words, {"name": "∞ C₂"})]


def _images(group: Subgroup | CatalogGroup, found: SymmetryElements) -> list[Any]:
    """Dots for the images of a general point above the plane, rings for those below it; circles for all angles."""
    if found.everywhere:
        return []
    if found.order is None:
        both = found.across or len(found.mirrors) > 0 or found.inversion
        return [_orbit(0.5, "above", False)] + ([_orbit(0.5, "below", True)] if both else [])
    images = found.frame.T @ matrices_in_space(group) @ found.frame
    points = images @ general_point(images)
    above = points[:, 2] > 0
    size = 9 if len(points) <= 48 else 6
    dot = {"size": size, "color": INK}
    ring = {"size": size + 7, "color": INK, "symbol": "circle-open", "line": {"width": 1.8}}
    words = "an image of the general point, {} the plane"
    traces = [_marks(project(points[above]), dot, "above", words.format("above"))]
    if not above.all():
        traces.append(_marks(project(points[~above]), ring, "below", words.format("below")))
    return traces


def _marks(points: np.ndarray, marker: dict[str, Any], name: str, words: str) -> go.Scatter:
    look = {"mode": "markers", "marker": marker, "name": name, "showlegend": True}
    return graph_objects().Scatter(x=points[:, 0], y=points[:, 1], hovertemplate=f"{words}<extra></extra>", **look)


def _orbit(radius: float, name: str, below: bool) -> go.Scatter:
    dash = {"color": INK, "width": 7 if below else 2.2, "dash": "solid"}
    return line(_round(radius), INK, 2, line=dash, name=name, showlegend=True, opacity=0.25 if below else 1.0)


def _centre(found: SymmetryElements) -> list[Any]:
    """A small ring in the middle where the centre of inversion is."""
    if not found.inversion:
        return []
    dot = {"size": 8, "color": PAPER, "line": {"color": INK, "width": 1.6}}
    return [_marks(np.zeros((1, 2)), dot, "inversion", "i: inversion, every point to its opposite")]


def _view(frame: np.ndarray) -> str:
    """From where the picture is seen, as a second line of the title."""
    x, z = (direction_name(frame[:, i]) for i in (0, 2))
    words = f"seen along {z or f'a = {vector(frame[:, 2])}'}" + ("" if x else f", b = {vector(frame[:, 0])}")
    return f'<span style="font-size:12px;color:{MUTED}">{words}</span>'


def _name_directions(fig: go.Figure, frame: np.ndarray) -> None:
    """The names of the directions to the right and up."""
    look = {"showarrow": False, "font": {"size": 13, "color": MUTED}}
    fig.add_annotation(x=1.16, y=0, text=direction_name(frame[:, 0]) or "b", **look)
    fig.add_annotation(x=0, y=1.16, text=direction_name(frame[:, 1]) or "", **look)
