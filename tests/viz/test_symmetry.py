"""The pictures of a group show the axes and mirrors that textbooks count."""

import json
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, matrix_group, point_group
from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.viz.symmetry_elements import matrices_in_space, symmetry_elements

pytest.importorskip("plotly")

from intertwine.viz import stereogram, symmetry_figure
from intertwine.viz.stereogram import general_point, project

# The axes by order, the rotation-reflections by order, and the mirrors.
FACTS = {
    "C1": ({}, {}, 0),
    "Ci": ({}, {}, 0),
    "Cs": ({}, {}, 1),
    "C3v": ({3: 1}, {}, 3),
    "C3h": ({3: 1}, {3: 1}, 1),
    "S4": ({2: 1}, {4: 1}, 0),
    "D2d": ({2: 3}, {4: 1}, 2),
    "D3h": ({3: 1, 2: 3}, {3: 1}, 4),
    "D3d": ({3: 1, 2: 3}, {6: 1}, 3),
    "D6h": ({6: 1, 2: 6}, {6: 1}, 7),
    "Td": ({3: 4, 2: 3}, {4: 3}, 6),
    "Th": ({3: 4, 2: 3}, {6: 4}, 3),
    "Oh": ({4: 3, 3: 4, 2: 6}, {4: 3, 6: 4}, 9),
    "I": ({5: 6, 3: 10, 2: 15}, {}, 0),
    "Ih": ({5: 6, 3: 10, 2: 15}, {10: 6, 6: 10}, 15),
}
INVERSION = {"Ci", "D3d", "D6h", "Th", "Oh", "Ih", "Cinfh", "Dinfh", "O(3)"}
CONTINUOUS = ("Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh", "SO(3)", "O(3)")

each_name = pytest.mark.parametrize("name", [*FACTS, *CONTINUOUS])
each_finite = pytest.mark.parametrize("name", FACTS)
each_picture = pytest.mark.parametrize("draw", [symmetry_figure, stereogram])
each_place = pytest.mark.parametrize("axis", [None, (1, 2, -2)], ids=["standard", "moved"])


def legend(fig: object) -> set[str]:
    return {trace.name for trace in fig.data if trace.showlegend}


def pieces(trace: object) -> int:
    """How many separate lines a trace draws: a gap follows each."""
    return int(np.isnan(np.asarray(trace.x, dtype=float)).sum())


@each_finite
@each_place
def test_elements_are_counted_right(name: str, axis: tuple[int, ...] | None) -> None:
    axes, improper, mirrors = FACTS[name]
    found = symmetry_elements(O3.subgroup(name, axis=axis))
    assert found.name == name
    assert Counter(a.order for a in found.axes) == axes
    assert Counter(a.improper for a in found.axes if a.improper) == improper
    assert len(found.mirrors) == mirrors
    assert found.inversion == (name in INVERSION)
    assert found.order == point_group(name).order


@each_finite
def test_every_element_is_there(name: str) -> None:
    """Rotations about the axes, mirrors across the normals: they are what the elements say."""
    subgroup = O3.subgroup(name, axis=(1, 2, -2))
    found = symmetry_elements(subgroup)
    for normal in found.mirrors:
        assert subgroup.contains(np.eye(3) - 2 * np.outer(normal, normal))
    proper = sum(a.order - 1 for a in found.axes) + 1
    assert proper == np.sum(np.linalg.det(matrices_in_space(subgroup)) > 0)


@each_name
@each_place
def test_continuous_groups_are_recognised(name: str, axis: tuple[int, ...] | None) -> None:
    found = symmetry_elements(O3.subgroup(name, axis=axis))
    assert found.name == name
    if name in CONTINUOUS[:5]:
        (main,) = found.axes
        direction = np.array([0, 0, 1] if axis is None else axis) / (1 if axis is None else 3)
        assert abs(main.direction @ direction) == pytest.approx(1)
        assert found.upright == (name in ("Cinfv", "Dinfh"))
        assert found.across == (name in ("Dinf", "Dinfh"))
        assert len(found.mirrors) == (name in ("Cinfh", "Dinfh"))


@each_name
@each_place
@each_picture
def test_every_group_has_its_pictures(name: str, axis: tuple[int, ...] | None, draw: Callable) -> None:
    fig = draw(O3.subgroup(name, axis=axis))
    spec = json.loads(fig.to_json(validate=True), parse_constant=pytest.fail)  # NaN is no JSON
    assert spec["data"]
    assert fig.layout.width is None
    assert name.replace("inf", "∞") in fig.layout.title.text


@each_finite
@each_place
def test_space_shows_every_axis_and_mirror(name: str, axis: tuple[int, ...] | None) -> None:
    axes, improper, mirrors = FACTS[name]
    fig = symmetry_figure(O3.subgroup(name, axis=axis))
    rims = [t for t in fig.data if t.legendgroup == "mirrors" and t.type == "scatter3d"]
    assert sum(map(pieces, rims)) == mirrors
    assert sum(t.legendgroup == "mirrors" and t.type == "mesh3d" for t in fig.data) == mirrors
    sticks = [
        t for t in fig.data if "C" in (t.legendgroup or "") and t.type == "scatter3d" and len(t.x) == 3 * pieces(t)
    ]
    assert sum(map(pieces, sticks)) == sum(axes.values())
    opened = sum(n for order, n in improper.items() if order not in axes)
    rings = [t for t in fig.data if "S" in (t.legendgroup or "") and t.type == "scatter3d" and t not in sticks]
    assert sum(map(pieces, rings)) == 2 * opened
    assert ("inversion" in legend(fig)) == (name in INVERSION)


def test_symbols_lie_where_axes_meet_the_sphere() -> None:
    fig = symmetry_figure(O3.subgroup("C4", axis=(1, 2, -2)))
    (mesh,) = [t for t in fig.data if t.name == "1 C₄"]
    corners = np.stack([mesh.x, mesh.y, mesh.z], -1).reshape(2, 5, 3)
    assert np.allclose(np.abs(corners @ [1, 2, -2]) / 3, 1.02)
    assert np.allclose(corners[0, 1:].mean(0), corners[0, 0])
    assert "multiples of 90°" in mesh.hovertemplate


def test_legends_count() -> None:
    assert legend(symmetry_figure(point_group("Oh"))) == {"9 mirrors", "3 C₄ S₄", "4 C₃ S₆", "6 C₂", "inversion"}
    assert legend(stereogram(point_group("D3h"))) == {"4 mirrors", "1 C₃ S₃", "3 C₂", "above", "below"}
    assert legend(symmetry_figure(O3.subgroup("Cinfv"))) == {"∞ mirrors", "1 C∞"}
    assert legend(symmetry_figure(SO3.subgroup("Dinf"))) == {"1 C∞", "∞ C₂"}
    assert legend(symmetry_figure(point_group("O(3)"))) == {"∞ mirrors", "∞ C∞", "inversion"}


@each_finite
@each_place
def test_the_stereogram_has_an_image_for_every_element(name: str, axis: tuple[int, ...] | None) -> None:
    group = O3.subgroup(name, axis=axis)
    fig = stereogram(group)
    shown = [t for t in fig.data if t.name in ("above", "below")]
    points = np.concatenate([np.stack([t.x, t.y], -1) for t in shown])
    assert len(points) == symmetry_elements(group).order
    assert np.all(np.linalg.norm(points, axis=-1) < 1)
    for trace in shown:  # none hides another
        flat = np.stack([trace.x, trace.y], -1)
        distance = np.linalg.norm(flat[:, None] - flat, axis=-1) + 9 * np.eye(len(flat))
        assert distance.min() > 0.06
    (mirrors,) = [t for t in fig.data if t.legendgroup == "mirrors"] or [None]
    assert (pieces(mirrors) if mirrors else 0) == FACTS[name][2]


def test_mirrors_are_circles_in_the_stereogram() -> None:
    """The projection keeps circles: those across (1, 0, 1) lie about (−1, 0) or (1, 0) with radius √2."""
    fig = stereogram(point_group("Oh"))
    (mirrors,) = [t for t in fig.data if t.legendgroup == "mirrors"]
    points = np.stack([mirrors.x, mirrors.y], -1)
    arcs = np.split(points, np.flatnonzero(np.isnan(points[:, 0])))
    radii = [np.linalg.norm(arc[1:] - [1, 0], axis=-1) for arc in arcs if len(arc) > 1]
    assert sum(np.allclose(r, np.sqrt(2)) for r in radii) == 1


def test_projection_and_general_point() -> None:
    south = np.array([0.6, 0.0, -0.8])
    assert np.allclose(project(south), [1 / 3, 0])
    images = matrices_in_space(O3.subgroup("Oh"))
    moved = images @ general_point(images)
    gaps = np.linalg.norm(moved[:, None] - moved, axis=-1) + 9 * np.eye(48)
    assert gaps.min() > 0.15


def test_any_group_of_3_by_3_matrices_will_do() -> None:
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert symmetry_elements(matrix_group(discrete=[turn])).name == "C3"
    spin = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    assert symmetry_elements(matrix_group(lie=[spin])).name == "Cinf"
    inner = O3.subgroup("D4h").compose(point_group("D4h").subgroup("C2v"))
    assert symmetry_elements(inner).name == "C2v"


@each_picture
def test_groups_of_the_plane_are_refused(draw: Callable) -> None:
    for group in (O2, O2.subgroup("D4")):
        with pytest.raises(ArgumentError, match=r"3 × 3 matrices.*tw\.O3\.subgroup"):
            draw(group)


@each_picture
def test_without_plotly_the_extra_is_named(draw: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r"intertwine\[plot\]"):
        draw(point_group("C2v"))
