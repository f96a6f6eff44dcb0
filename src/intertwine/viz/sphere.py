"""The axes and mirrors of a group on a sphere, in space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.groups import Subgroup
from intertwine.groups.grids import sphere_grid
from intertwine.viz.solids import FLAT_LIGHT, beside, circle, disc, sphere_mesh
from intertwine.viz.symmetry_elements import Axis, SymmetryElements, symmetry_elements
from intertwine.viz.theme import (
    AMBER,
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    figure,
    graph_objects,
    interrupted,
    line,
    on_phones,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

HUES = {0: ORANGE, 2: BLUE, 3: GREEN, 4: ORANGE, 5: AMBER, 6: SKY}
"""The colour of an axis by its order; those that are not here are orange too."""

ABOVE = 1.004  # the radius of circles that the sphere does not hide
AXIS_REACH = 1.27  # how far axes go, in radii of the sphere
EYE = {"x": 0.62, "y": -1.75, "z": 0.8}  # in no mirror plane of the usual settings
BELOW = {"x": 0.01, "y": -0.01, "yanchor": "top", "itemsizing": "constant"}  # a legend may need several lines
SMOOTH = np.linspace(0, 2 * np.pi, 97)


def symmetry_figure(group: Subgroup | CatalogGroup, title: str | None = None, height: int = 520) -> go.Figure:
    """The axes, mirrors and centre of a group on a sphere that can be turned.

    An axis of order n ends in a polygon with n corners (a lens for 2); an open polygon about it says that there is a
    rotation-reflection of that order. Mirrors are great circles. Of a continuous group the main axis ends in rings
    with arrows, and some of its infinitely many mirrors are pale circles, some of its half-turns lenses.

    Args:
        group: a subgroup of O(3), wherever it lies, or a point group.
        title: a few words above the figure. Default: the name in two notations, and the number of elements.
        height: in pixels.

    Raises `ArgumentError` for groups that do not act on space, and `MissingExtraError` where plotly is not installed.

    >>> from intertwine.catalog import O3
    >>> [trace.name for trace in symmetry_figure(O3.subgroup("C3v", axis=(1, 1, 1))).data if trace.showlegend]
    ['3 mirrors', '1 C₃']
    """
    found = symmetry_elements(group)
    fig = figure(found.title if title is None else title, height=height)
    fig.update_layout(margin={"l": 0, "r": 0, "b": 0, "t": 44}, legend=BELOW)
    flat = {"visible": False, "range": [-1.62, 1.62]}
    scene = {f"{letter}axis": flat for letter in "xyz"} | {"aspectmode": "cube", "dragmode": "orbit"}
    fig.update_layout(scene=scene | {"camera": {"eye": EYE, "projection": {"type": "orthographic"}}})
    fig.update_layout(scene_aspectmode="manual", scene_aspectratio=dict.fromkeys("xyz", 2.12))
    for trace in (*_coordinates(), *_mirrors(found), *_all_axes(found), *_centre(found), _ball()):
        fig.add_trace(trace)
    return on_phones(fig, {"height": int(0.85 * height)})


def by_kind(axes: Iterable[Axis]) -> dict[str, list[Axis]]:
    """Axes of one order and one order of rotation-reflections together, by what a legend calls them."""
    kinds: dict[str, list[Axis]] = {}
    for axis in axes:
        kinds.setdefault(axis.label, []).append(axis)
    return {f"{len(same)} {label}": same for label, same in kinds.items()}


def polygon(order: int, points: int = 12) -> np.ndarray:
    """The textbooks' symbol of an axis `(k, 2)`, within a radius of 1: a regular polygon, or a lens for order 2.

    >>> polygon(4).shape
    (4, 2)
    """
    if order == 2:
        bend = np.linspace(-1, 1, points)
        lens = np.stack([0.42 * (1 - bend**2), bend], -1)
        return np.concatenate([lens, -lens[1:-1]])
    angles = 2 * np.pi * (np.arange(order) / order + 0.25 + (0.5 / order if order % 2 == 0 else 0))
    return np.stack([np.cos(angles), np.sin(angles)], -1)


# parts ----------------------------------------------------------------------------------------------------------------


def _tangent(direction: np.ndarray, shape: np.ndarray, radius: float, height: float) -> np.ndarray:
    """A plane shape `(k, 2)` on the sphere, where a direction meets it."""
    first, second = beside(direction)
    return np.asarray(height * direction + radius * (shape[:, :1] * first + shape[:, 1:] * second))


def _ball() -> go.Surface:
    x, y, z = np.moveaxis(sphere_mesh(41, 81), -1, 0)
    plain = {"colorscale": [[0, GRID], [1, GRID]], "showscale": False, "opacity": 0.42, "hoverinfo": "skip"}
    light = {"ambient": 0.85, "diffuse": 0.25, "specular": 0.04, "roughness": 0.9}
    quiet = {"contours": {letter: {"highlight": False} for letter in "xyz"}, "showlegend": False}
    return graph_objects().Surface(x=x, y=y, z=z, lighting=light, **plain, **quiet)


def _coordinates() -> list[Any]:
    """Thin lines along x, y and z with their names."""
    ends = 1.38 * np.eye(3)
    lines = line(interrupted(np.stack([0 * end, end]) for end in ends), MUTED, 2)
    x, y, z = 1.45 * np.eye(3)
    words = {"text": ["x", "y", "z"], "textfont": {"size": 14, "color": MUTED}, "hoverinfo": "skip"}
    return [lines, graph_objects().Scatter3d(x=x, y=y, z=z, mode="text", showlegend=False, **words)]


def _centre(found: SymmetryElements) -> list[Any]:
    """A dot where the centre of inversion is."""
    if not found.inversion:
        return []
    x, y, z = 0.055 * sphere_grid("fibonacci", 80).points.T
    hover = "i: inversion, every point to its opposite<extra></extra>"
    look = {"color": INK, "lighting": FLAT_LIGHT, "name": "inversion", "showlegend": True, "hovertemplate": hover}
    return [graph_objects().Mesh3d(x=x, y=y, z=z, alphahull=0, **look)]


def _mirrors(found: SymmetryElements) -> list[Any]:
    """Great circles with faint discs; of infinitely many mirrors a few pale circles."""
    traces, count = [], len(found.mirrors)
    if count:
        look = {"name": f"{count} mirror{'s' if count > 1 else ''}", "legendgroup": "mirrors", "showlegend": True}
        rims = interrupted(circle(normal, ABOVE) for normal in found.mirrors)
        traces.append(line(rims, PURPLE, 3.5, "σ: mirror plane", **look))
        faint = 0.22 / (2 + count)
        traces += [disc(circle(normal, 1.0), faint, legendgroup="mirrors") for normal in found.mirrors]
    if found.upright:
        normals = sphere_grid("fibonacci", 12).points[:6] if found.everywhere else _around(found, np.pi / 8)
        words = "through the centre" if found.everywhere else "that contains the axis"
        some = interrupted(circle(normal, ABOVE) for normal in normals)
        pale = {"opacity": 0.55, "name": "∞ mirrors", "showlegend": True}
        traces.append(line(some, PURPLE, 2, f"σ: every plane {words} is a mirror", **pale))
    return traces


def _around(found: SymmetryElements, step: float) -> np.ndarray:
    """Eight directions `(8, 3)` perpendicular to the main axis, by equal steps from the reference direction."""
    angles = step * np.arange(8)
    return np.outer(np.cos(angles), found.frame[:, 0]) + np.outer(np.sin(angles), found.frame[:, 1])


def _all_axes(found: SymmetryElements) -> list[Any]:
    if found.everywhere:
        directions = sphere_grid("fibonacci", 40).points
        ring = np.stack([np.cos(SMOOTH), np.sin(SMOOTH)], -1)
        rings = interrupted(_tangent(d, ring, 0.07, 1.01) for d in directions)
        words = "C∞: rotations by any angle, about every axis"
        return [line(rings, ORANGE, 4, words, name="∞ C∞", showlegend=True)]
    traces = [trace for name, axes in by_kind(found.axes).items() for trace in _axes(name, axes)]
    return traces + (_half_turns(found) if found.across else [])


def _axes(name: str, axes: Sequence[Axis]) -> list[Any]:
    """Axes of one kind: lines, and the symbols at their ends."""
    first, colour = axes[0], HUES.get(axes[0].order, ORANGE)
    ends = [sign * axis.direction for axis in axes for sign in (1, -1)]
    shared = {"legendgroup": name}
    sticks = interrupted(np.stack([-AXIS_REACH * axis.direction, AXIS_REACH * axis.direction]) for axis in axes)
    lines = line(sticks, colour, (4 if len(axes) < 10 else 2.5) if first.order else 9, **shared)
    if not first.order:
        return [lines.update(name=name, showlegend=True), *_arrows(ends, colour, first.words)]
    size = 0.13 if len(axes) < 10 else 0.1
    traces = [lines, _symbols(ends, polygon(first.order), size, colour, name, first.words)]
    if first.improper > first.order:
        open_shape = np.concatenate([polygon(first.improper), polygon(first.improper)[:1]])
        rings = [_tangent(end, open_shape, 1.55 * size, 1.02) for end in ends]
        traces.append(line(interrupted(rings), colour, 3, **shared))
    return traces


def _symbols(
    ends: Sequence[np.ndarray], shape: np.ndarray, size: float, colour: str, name: str, words: str
) -> go.Mesh3d:
    """Filled plane shapes on the sphere, each a fan about its centre."""
    corners = len(shape)
    whole = np.concatenate([np.zeros((1, 2)), shape])
    x, y, z = np.concatenate([_tangent(end, whole, size, 1.02) for end in ends]).T
    fan = np.arange(corners)
    start = (corners + 1) * np.arange(len(ends))[:, None]
    i, j, k = ((start + index).reshape(-1) for index in (0 * fan, 1 + fan, 1 + (fan + 1) % corners))
    look = {"color": colour, "lighting": FLAT_LIGHT, "name": name, "legendgroup": name, "showlegend": True}
    hover = f"{words}<br>about (%{{x:.2f}}, %{{y:.2f}}, %{{z:.2f}})<extra></extra>"
    return graph_objects().Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, hovertemplate=hover, **look)


def _arrows(ends: Sequence[np.ndarray], colour: str, words: str) -> list[Any]:
    """Round arrows about the ends of an axis of all rotations, one sense of turning for both."""
    turn = np.linspace(0.25, 2 * np.pi - 0.35, 60)
    first, second = beside(ends[0])
    arcs = [1.2 * end + 0.2 * (np.outer(np.cos(turn), first) - np.outer(np.sin(turn), second)) for end in ends]
    x, y, z = np.array([arc[-1] for arc in arcs]).T
    u, v, w = np.array([0.16 * (arc[-1] - arc[-2]) / np.linalg.norm(arc[-1] - arc[-2]) for arc in arcs]).T
    plain = {"colorscale": [[0, colour], [1, colour]], "showscale": False, "hoverinfo": "skip"}
    tips = {"sizemode": "raw", "sizeref": 1.0, "anchor": "tail"}
    cones = graph_objects().Cone(x=x, y=y, z=z, u=u, v=v, w=w, **tips, **plain)
    return [line(interrupted(arcs), colour, 7, words), cones]


def _half_turns(found: SymmetryElements) -> list[Any]:
    """A few of infinitely many axes of half-turns perpendicular to the main axis."""
    ends = list(_around(found, np.pi / 4))
    words = "C₂: rotations by 180°, about every axis perpendicular to the main one"
    spokes = line(interrupted(np.stack([-end, end]) * 1.1 for end in ends[:4]), BLUE, 2, legendgroup="∞ C₂")
    return [spokes, _symbols(ends, polygon(2), 0.09, BLUE, "∞ C₂", words)]
