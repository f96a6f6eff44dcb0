"""Pictures in space: signals on the sphere as surfaces, with their rotation axes and mirror planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from intertwine.errors import ArgumentError, ShapeError
from intertwine.viz.theme import (
    BLUE,
    INK,
    ORANGE,
    PURPLE,
    SHADES,
    SIGNED,
    arrange,
    figure,
    graph_objects,
    interrupted,
    line,
    numbered,
    on_phones,
    panels,
    points_of,
    same_length,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

Directions = Mapping[str, Sequence[float]]

FROM_THE_SIDE = {"x": 0.9, "y": -1.5, "z": 0.6}
FROM_ABOVE = {"x": 0.35, "y": -0.8, "z": 1.6}
FLAT_LIGHT = {"ambient": 1.0, "diffuse": 0.0, "specular": 0.0}


def sphere_mesh(latitudes: int = 41, longitudes: int = 61) -> np.ndarray:
    """Unit vectors `(latitudes, longitudes, 3)` of a closed grid on the sphere with its poles on z, for surfaces.

    >>> sphere_mesh(3, 5)[1, 1].round(6)
    array([0., 1., 0.])
    """
    u, v = np.meshgrid(np.linspace(0, np.pi, latitudes), np.linspace(0, 2 * np.pi, longitudes), indexing="ij")
    return np.stack([np.sin(u) * np.cos(v), np.sin(u) * np.sin(v), np.cos(u)], -1)


@dataclass(frozen=True, eq=False)
class Solid:
    """A star-shaped surface, with what its symmetry is said to be.

    Args:
        radius: `(n, m)` distance from the centre in each direction of a grid on the sphere.
        title: a few words.
        axes: directions of rotation axes by label, such as `{"C∞": (0, 0, 1)}`.
        mirrors: normals of mirror planes by label.
        values: `(n, m)` numbers of either sign that colour the surface, blue above 0 and orange below; default the
            distance, darker where it is larger.

    >>> Solid(np.ones((3, 4)), "ball", axes={"z": (0, 0, 1)}).title
    'ball'
    """

    radius: np.ndarray
    title: str = ""
    axes: Directions = field(default_factory=dict)
    mirrors: Directions = field(default_factory=dict)
    values: np.ndarray | None = None


def surface(
    sphere_xyz: np.ndarray,
    radius: np.ndarray,
    title: str = "",
    axes: Directions | None = None,
    mirrors: Directions | None = None,
) -> go.Figure:
    """One star-shaped surface, with rotation axes as lines and mirror planes as translucent discs: see `surfaces`.

    >>> sphere = sphere_mesh(5, 9)
    >>> len(surface(sphere, np.ones((5, 9)), axes={"z": (0, 0, 1)}).data)
    2
    """
    return surfaces(sphere_xyz, [Solid(radius, title, axes or {}, mirrors or {})])


def surfaces(sphere_xyz: np.ndarray, solids: Sequence[Solid], height: int = 340) -> go.Figure:
    """Several surfaces side by side (one below the other on a phone), in one scale and with one view.

    `layout.meta["linked"]` says that turning one of them is meant to turn them all.

    Args:
        sphere_xyz: `(n, m, 3)` unit vectors of a closed grid on the sphere, such as `sphere_mesh`.
        solids: the surfaces; darker means farther from the centre.
        height: in pixels; on a phone, each surface gets four fifths of it.

    Raises `ArgumentError` for no surface, and `ShapeError` for a grid and radii that do not fit together, or directions
    that are no 3-vectors.

    >>> sphere = sphere_mesh(5, 9)
    >>> surfaces(sphere, [Solid(np.ones((5, 9)), "ball")] * 3).layout.meta["linked"]
    True
    """
    if not solids:
        raise ArgumentError("surfaces got nothing to draw. Pass at least one Solid.")
    grids = [_grid(sphere_xyz, solid.radius[None])[0] for solid in solids]
    reach = max(float(np.linalg.norm(grid, axis=-1).max()) for grid in grids) or 1.0  # however it is turned
    header = 0.08 if any(solid.title for solid in solids) else 0.0
    wide, tall = panels(len(solids), len(solids), 0.01, header), panels(len(solids), 1, 0.0, header)
    shades, colours = _colours(solids, grids)
    fig = figure(height=height, margin={"l": 0, "r": 0, "t": 8, "b": 0}, coloraxis=colours, showlegend=False)
    marked = any(solid.axes or solid.mirrors for solid in solids)
    for i, (solid, grid) in enumerate(zip(solids, grids, strict=True)):
        scene = numbered("scene", i)
        fig.add_trace(_sheet(grid, scene, shades[i]))
        traces, labels = _marks(solid, 1.35 * reach)
        for trace in traces:
            fig.add_trace(trace.update(scene=scene))
        cube = _scene(np.zeros(3), reach * (1.4 if marked else 1.0), {"eye": FROM_THE_SIDE}, zoom=1.65)
        fig.update_layout({scene: cube | {"domain": {"x": wide[i].x, "y": wide[i].y}, "annotations": labels}})
    fig.update_layout(meta={"linked": True})
    phone = arrange(fig, [solid.title for solid in solids], wide, tall, ("scene.domain.x", "scene.domain.y"))
    return on_phones(fig, phone | {"height": int(0.8 * height * len(solids))})


def signal_surfaces(sphere_xyz: np.ndarray, signals: Mapping[str, np.ndarray], height: int = 340) -> go.Figure:
    """Signals on the sphere side by side: as far from the centre as the value is large, blue above 0, orange below.

    Args:
        sphere_xyz: `(n, m, 3)` unit vectors, as for `surfaces`.
        signals: `(n, m)` values in these directions, by a few words about each.
        height: in pixels.

    Raises as `surfaces` does.

    >>> sphere = sphere_mesh(5, 9)
    >>> [trace.type for trace in signal_surfaces(sphere, {"x": sphere[..., 0], "z": sphere[..., 2]}).data]
    ['surface', 'surface']
    """
    given = {title: np.asarray(values, dtype=np.float64) for title, values in signals.items()}
    return surfaces(sphere_xyz, [Solid(np.abs(f), title, values=f) for title, f in given.items()], height)


def signals_on_points(
    points: np.ndarray,
    targets: np.ndarray,
    sphere_xyz: np.ndarray,
    signals: np.ndarray,
    title: str = "",
    height: int = 460,
) -> go.Figure:
    """A signal on the sphere at every point, as a surface about it, where it peaks: `r(u) = max(f(u), 0)`.

    With each signal's peak meant to lie at the point's displacement, the tips of the surfaces touch the targets when
    the displacements are right. Arrows lead from the points to the targets.

    Args:
        points: `(p, 3)` where the points are.
        targets: `(p, 3)` where they should go, in the same unit.
        sphere_xyz: `(n, m, 3)` unit vectors, as for `surfaces`.
        signals: `(p, n, m)` the value of each point's signal in these directions, in the same unit.
        title: a few words above the figure.
        height: in pixels.

    Raises `ShapeError` and `ArgumentError` where shapes or numbers do not fit together.

    >>> sphere = sphere_mesh(5, 9)
    >>> fig = signals_on_points(np.zeros((1, 3)), np.ones((1, 3)), sphere, sphere[None, ..., 0])
    >>> [type(trace).__name__ for trace in fig.data]
    ['Surface', 'Scatter3d', 'Scatter3d', 'Scatter3d', 'Cone']
    """
    points, targets = points_of(points, (3,), "points"), points_of(targets, (3,), "targets")
    same_length(points=points, targets=targets, signals=signals)
    radii = np.maximum(np.asarray(signals, dtype=np.float64), 0)
    colours = {"colorscale": SHADES, "cmin": 0, "cmax": float(radii.max(initial=0.0)) or 1.0, "showscale": False}
    fig = figure(title, height=height, coloraxis=colours)
    grids = _grid(sphere_xyz, radii) + points[:, None, None]
    everything = np.concatenate([points, targets, grids.reshape(-1, 3)])
    low, high = everything.min(0, initial=np.inf), everything.max(0, initial=-np.inf)
    above = {"eye": FROM_ABOVE, "up": {"x": 0, "y": 1, "z": 0}}
    fig.update_layout(margin={"l": 0, "r": 0, "b": 0}, legend={"x": 0.02})
    fig.update_layout(scene=_scene((low + high) / 2, float((high - low).max()) / 2, above, zoom=1.75))
    for grid, radius in zip(grids, radii, strict=True):
        fig.add_trace(_sheet(grid, "scene", radius))
    for trace in _journey(points, targets):
        fig.add_trace(trace)
    return on_phones(fig, {"height": int(0.78 * height)})


def _colours(solids: Sequence[Solid], grids: Sequence[np.ndarray]) -> tuple[list[np.ndarray], dict[str, Any]]:
    """What colours each surface, and the scale of all: two hues about 0 where a solid has values of its own."""
    lengths = [np.linalg.norm(grid, axis=-1) for grid in grids]
    shades = [own if solid.values is None else solid.values for solid, own in zip(solids, lengths, strict=True)]
    near, far = min(float(shade.min()) for shade in shades), max(float(shade.max()) for shade in shades)
    if any(solid.values is not None for solid in solids):
        most = max(abs(near), abs(far)) or 1.0
        return shades, {"colorscale": SIGNED, "cmin": -most, "cmax": most, "showscale": False}
    return shades, {"colorscale": SHADES, "cmin": near if near < far else 0, "cmax": far or 1, "showscale": False}


def _grid(sphere_xyz: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Positions `(p, n, m, 3)` of surfaces with radii `(p, n, m)` about the origin."""
    sphere, radii = np.asarray(sphere_xyz, dtype=np.float64), np.asarray(radii, dtype=np.float64)
    if sphere.ndim != 3 or sphere.shape[-1] != 3 or radii.shape[1:] != sphere.shape[:2]:
        raise ShapeError(
            f"Directions are (n, m, 3) and radii or signals (n, m), but got shapes {sphere.shape} and "
            f"{radii.shape[1:]}. Evaluate the signal in every direction of the grid."
        )
    return np.asarray(sphere * radii[..., None])


def _sheet(grid: np.ndarray, scene: str, colour: np.ndarray) -> go.Surface:
    # float32 halves the page, and no screen shows the difference.
    x, y, z = np.moveaxis(grid, -1, 0).astype(np.float32)
    light = {"ambient": 0.75, "diffuse": 0.45, "specular": 0.08, "roughness": 0.8}
    lamp = {"x": 2000, "y": 500, "z": 3000}
    quiet = {"hoverinfo": "skip", "contours": {axis: {"highlight": False} for axis in "xyz"}}
    look = {"coloraxis": "coloraxis", "surfacecolor": colour.astype(np.float32)}
    return graph_objects().Surface(x=x, y=y, z=z, scene=scene, lighting=light, lightposition=lamp, **look, **quiet)


def _scene(centre: np.ndarray, reach: float, camera: Mapping[str, Any], zoom: float) -> dict[str, Any]:
    """A cube of space about a centre, `2 reach` wide, so that lengths along all axes are equal; without the axes.

    In the orthographic projection of plotly's camera the distance of the eye changes nothing: the zoom does.
    """
    ranges = {
        f"{axis}axis": {"range": [middle - reach, middle + reach], "visible": False}
        for axis, middle in zip("xyz", centre.tolist(), strict=True)
    }
    view = {"projection": {"type": "orthographic"}} | dict(camera)
    sides = {"aspectmode": "manual", "aspectratio": dict.fromkeys("xyz", zoom)}
    return ranges | sides | {"camera": view, "dragmode": "orbit"}


def _unit(label: str, direction: Sequence[float]) -> np.ndarray:
    vector = np.asarray(direction, dtype=np.float64)
    if vector.shape != (3,) or not np.linalg.norm(vector) > 0:
        raise ShapeError(f"The direction of {label!r} is {direction!r}, but it should be three numbers, not all 0.")
    return vector / np.linalg.norm(vector)


def _marks(solid: Solid, length: float) -> tuple[list[Any], list[dict[str, Any]]]:
    """Rotation axes and mirror planes as traces, and their labels."""
    traces, labels = [], []
    for label, direction in solid.axes.items():
        end = length * _unit(label, direction)
        traces.append(line(np.stack([-end, end]), ORANGE, 5))
        labels.append(_label(label, end, INK))
    for label, normal in solid.mirrors.items():
        rim = circle(_unit(label, normal), length)
        traces += [disc(rim, 0.16), line(rim, PURPLE, 2)]
        labels.append(_label(label, rim[np.argmax(rim @ [-1.0, -0.9, 0.8])], PURPLE))
    return traces, labels


def _label(text: str, place: np.ndarray, colour: str) -> dict[str, Any]:
    """A label above a point of a scene; text among the traces would be cut at the scene's edge and hidden by solids."""
    here = dict(zip("xyz", place.tolist(), strict=True)) | {"showarrow": False, "yanchor": "bottom", "yshift": 5}
    return here | {"text": f"<b>{text}</b>", "font": {"size": 13, "color": colour}}


def circle(normal: np.ndarray, radius: float) -> np.ndarray:
    """A closed circle `(97, 3)` about the origin, in the plane across a unit vector.

    >>> np.abs(circle(np.array([0.0, 0.0, 1.0]), 2.0)[:, 2]).max()
    np.float64(0.0)
    """
    first, second = beside(normal)
    turn = np.linspace(0, 2 * np.pi, 97)
    return np.asarray(radius * (np.outer(np.cos(turn), first) + np.outer(np.sin(turn), second)))


def beside(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors perpendicular to a direction and each other; the second is as upright as it can be.

    >>> beside(np.array([1.0, 0.0, 0.0]))[1]
    array([0., 0., 1.])
    """
    upright = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    second = upright - (upright @ direction) * direction
    second /= np.linalg.norm(second)
    return np.cross(second, direction), second


def disc(rim: np.ndarray, opacity: float, **more: Any) -> go.Mesh3d:
    """The translucent disc within a closed circle about the origin.

    >>> disc(circle(np.array([0.0, 0.0, 1.0]), 1.0), 0.2).opacity
    0.2
    """
    x, y, z = np.concatenate([np.zeros((1, 3)), rim]).T
    fan = np.arange(1, len(rim))
    corners = {"i": 0 * fan, "j": fan, "k": fan + 1}
    look = {"color": PURPLE, "opacity": opacity, "lighting": FLAT_LIGHT, "hoverinfo": "skip"}
    return graph_objects().Mesh3d(x=x, y=y, z=z, **corners, **look, **more)


def _journey(points: np.ndarray, targets: np.ndarray) -> list[Any]:
    """Markers of starts and finishes, and arrows between."""
    go = graph_objects()
    spot = {"mode": "markers", "hoverinfo": "skip"}
    starts, finishes = (dict(zip("xyz", ends.T, strict=True)) for ends in (points, targets))
    heads = 0.25 * (targets - points)
    tips = dict(zip("uvw", heads.T, strict=True)) | {"anchor": "tip", "sizemode": "raw", "sizeref": 1.0}
    plain = {"colorscale": [[0, INK], [1, INK]], "showscale": False, "hoverinfo": "skip"}
    return [
        go.Scatter3d(**starts, **spot, name="start", marker={"size": 5, "color": BLUE}),
        go.Scatter3d(**finishes, **spot, name="finish", marker={"size": 4, "color": ORANGE, "symbol": "diamond"}),
        line(interrupted(np.stack([points, targets], 1)), INK, 4),
        go.Cone(**finishes, **tips, **plain),
    ]
