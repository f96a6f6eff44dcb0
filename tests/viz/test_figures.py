"""Figures say what their arrays say, fit a phone, and refuse arrays that do not belong together."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from intertwine.errors import ArgumentError, MissingExtraError, ShapeError

pytest.importorskip("plotly")

from intertwine.viz import (
    Solid,
    angle_curves,
    arrow_images,
    bars,
    error_bars,
    filter_images,
    loss_curves,
    outlines,
    parity_plot,
    run_curves,
    signal_surfaces,
    signals_on_points,
    surface,
    surfaces,
    task_picture,
    task_pictures,
    write_arrow_film,
)
from intertwine.viz.theme import COLOURS, DARK, figure, number_text, on_phones, panels

RNG = np.random.default_rng(0)
U, V = np.meshgrid(np.linspace(0, np.pi, 7), np.linspace(0, 2 * np.pi, 13), indexing="ij")
SPHERE = np.stack([np.sin(U) * np.cos(V), np.sin(U) * np.sin(V), np.cos(U)], -1)
SQUARE = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
TALL = SQUARE * [0.5, 1.5, 1.0]
ANGLES = np.linspace(0, np.pi, 9)
ARROWS = RNG.normal(size=(3, 3, 2))
MARKS = {"axes": {"z": (0, 0, 2)}, "mirrors": {"σ": (0, 1, 0)}}

FIGURES = {
    "loss_curves": lambda: loss_curves({"a": RNG.uniform(size=(3, 20)), "b": RNG.uniform(size=20)}, floor=7e-4),
    "angle_curves": lambda: angle_curves(ANGLES, {"a": np.sin(ANGLES), "b": np.cos(ANGLES)}),
    "bars": lambda: bars(["x", "y"], {"a": [0.5, 0.6], "b": [0.7, 0.8]}, {"b": [0.1, 0.1]}, chance=0.4),
    "error_bars": lambda: error_bars({"a": 0.0, "b": 1e-16, "c": 0.3}, tolerance=1e-10, title="Errors"),
    "task_picture": lambda: task_picture(SQUARE, TALL, "Task"),
    "task_pictures": lambda: task_pictures({"there": (SQUARE, TALL), "back": (TALL, SQUARE)}),
    "outlines": lambda: outlines([SQUARE[:, :2]] * 7, list("abcdefg"), np.stack([np.eye(2)] * 7)),
    "arrow_images": lambda: arrow_images([np.eye(6)] * 3, [ARROWS] * 3, [np.array([0.0, 1.0])] * 3, ["a", "b", "c"]),
    "filter_images": lambda: filter_images([("degree 0", np.eye(3)), ("degree 1", np.ones((3, 7)))]),
    "parity_plot": lambda: parity_plot({"a": (ANGLES, ANGLES + 0.1), "b": (ANGLES, np.full(9, np.nan))}, "energy"),
    "run_curves": lambda: run_curves({"a": (ANGLES, ANGLES), "b": ([1, 2], [np.nan, 1])}, ("epoch", "loss")),
    "surface": lambda: surface(SPHERE, np.ones(U.shape), "ball", **MARKS),
    "surfaces": lambda: surfaces(SPHERE, [Solid(np.ones(U.shape), "ball"), Solid(U, "pear", **MARKS)]),
    "signal_surfaces": lambda: signal_surfaces(SPHERE, {"x": SPHERE[..., 0], "z²": SPHERE[..., 2] ** 2}),
    "signals_on_points": lambda: signals_on_points(SQUARE, TALL, SPHERE, RNG.normal(size=(4, *U.shape))),
}

every_figure = pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES.keys())


@every_figure
def test_a_figure_is_valid_and_fits_a_phone(make: Callable) -> None:
    """What plotly validates can be drawn; what has no width of its own takes that of the page."""
    fig = make()
    spec = json.loads(fig.to_json(validate=True), parse_constant=pytest.fail)  # NaN is no JSON
    assert spec["data"]
    assert fig.layout.width is None
    assert fig.layout.autosize


@every_figure
def test_the_phone_layout_names_real_places(make: Callable) -> None:
    """A path that plotly does not know would be ignored, silently, on the one screen that nobody tests."""
    fig = make()
    layout = fig.to_dict()["layout"]
    for path, value in (fig.layout.meta or {}).get("phone", {}).items():
        keys = path.replace("[", ".").replace("]", "").split(".")
        place = layout
        for key in keys[:-1]:
            place = place[int(key)] if key.isdigit() else place[key]
        assert np.shape(place.get(keys[-1], value)) == np.shape(value), path
    fig.update_layout({key: value for key, value in (fig.layout.meta or {}).get("phone", {}).items() if "." not in key})


def test_losses_show_every_run_and_their_median() -> None:
    runs = np.stack([np.full(5, 1.0), np.full(5, 2.0), np.full(5, 4.0)])
    runs[:, 3] = 0.0  # a logarithm has no place for it
    fig = loss_curves({"task": runs}, floor=7.070199516e-4)
    thin, thick = [t for t in fig.data if t.line.width == 1], [t for t in fig.data if t.line.width == 3]
    assert (len(thin), len(thick)) == (3, 1)
    assert np.allclose(thick[0].y, [2, 2, 2, np.nan, 2], equal_nan=True)
    assert "7.07·10<sup>−4</sup>" in [a.text for a in fig.layout.annotations]
    assert fig.layout.shapes[0].y0 == pytest.approx(7.070199516e-4)


def test_a_single_run_is_drawn_once() -> None:
    assert [t.name for t in loss_curves({"task": np.ones(4)}).data] == ["task"]


def test_many_points_are_thinned_but_the_worst_stay() -> None:
    """A page of a hundred thousand points would be slow, and one without its outliers would lie."""
    reference = np.linspace(0, 1, 100_000)
    predicted = reference.copy()
    predicted[[5, 77_777]] += 3
    fig = parity_plot({"test": (reference, predicted)}, "force", {"test": str})
    points = fig.data[0]
    assert len(points.x) <= 4000
    assert sorted(text for text, x, y in zip(points.text, points.x, points.y, strict=True) if y > x + 1) == [
        "5",
        "77777",
    ]


def test_points_without_labels_are_left_out() -> None:
    fig = parity_plot({"test": (np.array([1.0, np.nan]), np.array([2.0, 3.0]))}, "energy")
    assert [*fig.data[0].x] == [1.0]


@pytest.mark.parametrize(("values", "ticks"), [([1.0, 3.0], ["1", "2", "5"]), ([1e-3, 1.0], None)])
def test_an_axis_of_little_range_has_ticks_all_the_same(values: list[float], ticks: list[str] | None) -> None:
    axis = run_curves({"a": ([0, 1], values)}, ("epoch", "loss")).layout.yaxis
    assert axis.ticktext == (None if ticks is None else tuple(ticks))
    assert axis.dtick == (1 if ticks is None else None)


def test_errors_beyond_the_tolerance_look_different() -> None:
    """Not by colour alone."""
    marker = error_bars({"good": 1e-16, "bad": 1e-3, "zero": 0.0}, tolerance=1e-10).data[0].marker
    assert marker.symbol == ("circle", "x", "circle")
    assert len(set(marker.color)) == 2


def test_the_line_of_the_tolerance_crosses_no_number() -> None:
    """Numbers stand on the far side of it, and there is room for them, the more so on a phone."""
    errors = {"good": 1e-13, "bad": 1e-8}
    fig = error_bars(errors, tolerance=1e-10)
    assert fig.data[0].textposition == ("middle left", "middle right")
    for low, high in (fig.layout.xaxis.range, fig.layout.meta["phone"]["xaxis.range"]):
        assert low < -13 - 0.15 * (high - low) / 1.4 < -8 + 0.15 * (high - low) / 1.4 < high
    assert set(error_bars(errors).data[0].textposition) == {"middle right"}
    assert np.allclose(np.log10(fig.layout.meta["phone"]["xaxis.tickvals"]), [-13, -11, -9])  # none where nothing is


def test_bars_carry_their_errors() -> None:
    plain, _ = bars(["x"], {"a": [0.5], "b": [0.7]}, {"a": [0.1]}).data
    assert plain.error_y.array == (0.1,)


def test_frames_are_drawn_as_they_are() -> None:
    """A mirrored frame has its second axis on the other side."""
    mirrored = np.diag([1.0, -1.0])
    fig = outlines([SQUARE[:, :2]], frames=mirrored[None])
    first, second = fig.layout.annotations
    assert first.x > 0
    assert second.y < 0
    assert np.allclose([first.y, second.x], 0)


@pytest.mark.parametrize(("columns", "group"), [(6, 2), (5, 2), (6, 3), (2, 2), (1, 2), (7, 3)])
def test_what_belongs_together_stands_in_one_row(columns: int, group: int) -> None:
    """Before and after are side by side on every screen, whatever the number of columns."""
    fig = outlines([SQUARE[:, :2]] * 12, columns=columns, group=group)
    axes = [f"yaxis{i + 1 if i else ''}" for i in range(12)]
    wide = [tuple(fig.layout[axis].domain) for axis in axes]
    tall = [tuple(fig.layout.meta["phone"][f"{axis}.domain"]) for axis in axes]
    for rows in (wide, tall):
        assert all(len(set(rows[i : i + group])) == 1 for i in range(0, 12, group))
    assert max(wide.count(row) for row in wide) <= max(columns, group)
    assert max(tall.count(row) for row in tall) <= max(columns // 2, group)


def test_outlines_close() -> None:
    (trace,) = outlines([SQUARE[:, :2]]).data
    assert (trace.x[0], trace.y[0]) == (trace.x[-1], trace.y[-1])


def test_signals_are_surfaces_about_their_points() -> None:
    """r = max(f, 0): where the signal is negative, the surface stays at its point."""
    signals = np.stack([SPHERE[..., 0]] * 4)
    fig = signals_on_points(SQUARE, TALL, SPHERE, 2 * signals)
    sheet = fig.data[1]
    position = np.stack([sheet.x, sheet.y, sheet.z], -1) - SQUARE[1]
    assert np.allclose(np.linalg.norm(position, axis=-1), 2 * np.maximum(signals[1], 0), atol=1e-6)
    assert fig.layout.scene.aspectratio.x == fig.layout.scene.aspectratio.y == fig.layout.scene.aspectratio.z
    spans = [np.ptp(axis.range) for axis in (fig.layout.scene.xaxis, fig.layout.scene.yaxis, fig.layout.scene.zaxis)]
    assert np.allclose(spans, spans[0])


def test_labels_of_solids_are_above_their_marks() -> None:
    """Not among the traces, where the edge of a scene would cut them: above the ends of axes, at the rim of mirrors."""
    fig = surface(SPHERE, np.ones(U.shape), **MARKS)
    assert not any(trace.text for trace in fig.data if trace.type == "scatter3d")
    axis, mirror = fig.layout.scene.annotations
    assert (axis.text, mirror.text) == ("<b>z</b>", "<b>σ</b>")
    assert (axis.x, axis.y, axis.z) == (0, 0, max(fig.data[1].z))
    assert np.linalg.norm([mirror.x, mirror.y, mirror.z]) == pytest.approx(axis.z)
    low, high = fig.layout.scene.zaxis.range
    assert low < axis.z < high  # plotly hides what lies outside


def test_mirror_planes_contain_what_they_leave_alone() -> None:
    """The disc of a mirror lies across its normal; an axis goes through the centre."""
    _, line, disc, _ = surface(SPHERE, np.ones(U.shape), **MARKS).data
    assert np.allclose(disc.y, 0)
    assert np.allclose(np.add(line.z[0], line.z[1]), 0)
    assert np.allclose([line.x, line.y], 0)


def test_solids_side_by_side_share_their_scale() -> None:
    fig = surfaces(SPHERE, [Solid(np.ones(U.shape)), Solid(np.full(U.shape, 3.0))])
    assert fig.layout.scene.xaxis.range == fig.layout.scene2.xaxis.range
    assert fig.layout.scene.domain.x[1] < fig.layout.scene2.domain.x[0]


def test_panels_fill_the_page_without_overlap() -> None:
    grid = panels(5, columns=3, gap=0.1)
    assert [panel.x[0] for panel in grid[:3]] == pytest.approx([0, 0.3667, 0.7333], abs=1e-3)
    assert grid[3].y == pytest.approx((0, 0.5))
    assert max(panel.x[1] for panel in grid) == pytest.approx(1)


def test_every_colour_has_a_dark_one() -> None:
    assert set(COLOURS) <= DARK.keys()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (0.0123, "0.0123"), (3e-16, "3.00·10<sup>−16</sup>"), (-2.5e7, "−2.50·10<sup>7</sup>")],
)
def test_numbers_are_written_as_people_write_them(value: float, text: str) -> None:
    assert number_text(value) == text


def test_phone_changes_add_up() -> None:
    fig = on_phones(on_phones(figure(), {"height": 1}), {"xaxis.dtick": 2})
    assert fig.layout.meta["phone"] == {"height": 1, "xaxis.dtick": 2}


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: loss_curves({}), ArgumentError, "nothing to draw"),
        (lambda: parity_plot({"a": (np.full(2, np.nan), np.ones(2))}, "energy"), ArgumentError, "no points"),
        (lambda: parity_plot({"a": (np.ones(2), np.ones(3))}, "energy"), ArgumentError, "one length"),
        (lambda: run_curves({"a": ([1, 2], [1])}, ("x", "y")), ArgumentError, "one length"),
        (lambda: loss_curves({"a": np.ones((2, 2, 2))}), ShapeError, "runs, steps"),
        (lambda: angle_curves(ANGLES, {"a": np.ones(3)}), ArgumentError, "9 angles and 3 a"),
        (lambda: bars(["x"], {"a": [1.0, 2.0]}), ArgumentError, "1 groups and 2 a"),
        (lambda: bars(["x"], {"a": [1.0]}, {"a": [1.0, 1.0]}), ArgumentError, "errors"),
        (lambda: error_bars({"a": -1.0}), ArgumentError, "0 or larger"),
        (lambda: error_bars({"a": float("nan")}), ArgumentError, "0 or larger"),
        (lambda: task_picture(SQUARE, TALL[:3]), ArgumentError, "4 start and 3 finish"),
        (lambda: task_picture(SQUARE[0], TALL[0]), ShapeError, "start"),
        (lambda: task_pictures({}), ArgumentError, "no task"),
        (lambda: outlines([]), ArgumentError, "0 outlines"),
        (lambda: outlines([SQUARE[:, :2]], group=0), ArgumentError, "groups of 0"),
        (lambda: outlines([SQUARE]), ShapeError, "outline"),
        (lambda: outlines([SQUARE[:, :2]], frames=np.ones((1, 2))), ShapeError, "frames"),
        (lambda: surface(SPHERE, np.ones((3, 3))), ShapeError, "every direction"),
        (lambda: surface(SPHERE, np.ones(U.shape), axes={"z": (0, 0, 0)}), ShapeError, "'z'"),
        (lambda: surfaces(SPHERE, []), ArgumentError, "at least one Solid"),
        (lambda: signals_on_points(SQUARE, TALL, SPHERE, np.ones((3, *U.shape))), ArgumentError, "3 signals"),
    ],
)
def test_mistakes_are_explained(make: Callable, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_without_plotly_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r"intertwine\[plot\]"):
        figure()


def test_arrows_lie_on_their_image() -> None:
    """A field of 2 × 2 arrows on 8 × 8 pixels starts in the middle of each quarter; y runs up."""
    field = np.zeros((2, 2, 2))
    field[0, 1] = 0.0, 1.0  # at the upper right, upwards
    arrow = arrow_images([np.zeros((8, 8))], [field]).data[1]
    np.testing.assert_allclose([arrow.x[:2], arrow.y[:2]], [[2.0, 2.0], [2.0, 2.0 + 1.6 * 4.0]], atol=1e-12)
    assert len(arrow.x) == 6  # one arrow of five points and a gap: the others have no length


def test_an_arrow_film_has_a_frame_for_each_image(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path = write_arrow_film(tmp_path / "new" / "film.gif", [np.eye(6), np.ones((6, 6))], [ARROWS, -ARROWS])
    with image.open(path) as film:
        assert film.n_frames == 2


def test_arrow_images_need_fitting_arrays() -> None:
    with pytest.raises(ArgumentError, match="no image"):
        arrow_images([], [])
    with pytest.raises(ArgumentError, match="1 images and 2 fields"):
        arrow_images([np.eye(3)], [ARROWS] * 2)
    with pytest.raises(ShapeError, match=r"\(1, 3, 3\)"):
        arrow_images([np.eye(3)[None]], [ARROWS])


def test_filters_stand_in_one_scale_and_gaps_stay_empty() -> None:
    gap = np.array([[1.0, np.nan, -2.0]])
    figure = filter_images([("0: degree 0, error 0.0%", np.eye(3)), ("1: degree 1, error 4.9%", gap)])
    assert [tuple(axis.range) for axis in (figure.layout.xaxis, figure.layout.xaxis2)] == [(-1.5, 1.5)] * 2
    assert (figure.data[1].zmin, figure.data[1].zmax) == (-2, 2)
    np.testing.assert_array_equal(figure.data[1].z, gap)
    with pytest.raises(ArgumentError, match="no filters to draw"):
        filter_images([])
    with pytest.raises(ShapeError, match=r"\(2, 2, 2\)"):
        filter_images([("a volume", np.zeros((2, 2, 2)))])


def test_a_signal_is_drawn_with_its_sign() -> None:
    """As far out as its size, in a hue for each sign; 0 has the colour in the middle."""
    fig = signal_surfaces(SPHERE, {"z": SPHERE[..., 2], "−2 z": -2 * SPHERE[..., 2]})
    first, second = fig.data
    np.testing.assert_allclose(first.surfacecolor, SPHERE[..., 2], atol=1e-7)
    np.testing.assert_allclose(
        np.linalg.norm([second.x, second.y, second.z], axis=0), 2 * abs(SPHERE[..., 2]), atol=1e-6
    )
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (-2, 2)
