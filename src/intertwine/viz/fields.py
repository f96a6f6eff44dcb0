"""Images with arrows on them: vector fields that turn with what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError, ShapeError
from intertwine.viz.plane import DOMAINS, flat_axes
from intertwine.viz.theme import (
    BLUE,
    GREEN,
    GRID,
    ORANGE,
    PAPER,
    SHADES,
    arrange,
    figure,
    graph_objects,
    interrupted,
    line,
    numbered,
    on_phones,
    panels,
    same_length,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go


def arrow_images(
    images: Sequence[np.ndarray],
    fields: Sequence[np.ndarray],
    whole: Sequence[np.ndarray] | None = None,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 4,
) -> go.Figure:
    """Images side by side, each with a vector field on it, all arrows in one scale.

    Args:
        images: `(height, width)` values in [0, 1] each, rows run down.
        fields: `(rows, columns, 2)` arrows (x, y), y upwards, spread evenly over their image.
        whole: a direction `(2,)` for each image, drawn thick from its middle.
        titles: one per image.
        columns: how many stand side by side; on a phone half as many.

    Raises `ArgumentError` for lists of different lengths and for no image, `ShapeError` for arrays of other shapes.

    >>> figure = arrow_images([np.eye(8)], [np.ones((4, 4, 2))])
    >>> [type(trace).__name__ for trace in figure.data]
    ['Heatmap', 'Scatter']
    """
    longest = _checked(images, fields)
    same_length(images=images, whole=whole, titles=titles)
    go = graph_objects()
    header = 0.12 if titles else 0.0
    few = max(1, columns // 2)
    wide, tall = panels(len(images), columns, 0.02, header), panels(len(images), few, 0.02, header)
    rows, phone_rows = -(-len(images) // columns), -(-len(images) // few)
    fig = figure(height=200 * rows + 24, margin={"l": 4, "r": 4, "t": 20, "b": 4}, showlegend=False)
    shades = [[0.0, PAPER], [0.4, SHADES[0][1]], [1.0, SHADES[2][1]]]
    for i, (image, field) in enumerate(zip(images, fields, strict=True)):
        axes = flat_axes(fig, i, wide[i])
        (x, y), shown = _centres(image.shape), {"showscale": False, "hoverinfo": "skip", "zmin": 0, "zmax": 1}
        fig.add_trace(go.Heatmap(z=image, x=x, y=y, colorscale=shades, **shown, **axes))
        fig.add_trace(line(interrupted(_arrows(image.shape, field, longest)), ORANGE, 1.6, **axes))
        if whole is not None:
            fig.add_trace(line(_pointer(image.shape, whole[i]), GREEN, 4.0, **axes))
    return on_phones(fig, arrange(fig, titles or (), wide, tall, DOMAINS) | {"height": 180 * phone_rows + 24})


def write_arrow_film(
    path: str | Path,
    images: Sequence[np.ndarray],
    fields: Sequence[np.ndarray],
    whole: Sequence[np.ndarray] | None = None,
    *,
    per_second: int = 8,
) -> Path:
    """The images of `arrow_images` one after the other as an animated GIF; returns the path.

    Raises as `arrow_images` does, and `MissingExtraError` where matplotlib is not installed.
    """
    longest = _checked(images, fields)
    same_length(images=images, whole=whole)
    try:
        from matplotlib.animation import FuncAnimation, PillowWriter
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError.of("matplotlib", "plot") from error
    picture = Figure(figsize=(4, 4), facecolor=PAPER)
    panel = picture.add_axes((0, 0, 1, 1))
    colours = LinearSegmentedColormap.from_list("shades", [PAPER, SHADES[0][1], SHADES[2][1]])

    def draw(i: int) -> None:
        height, width = images[i].shape
        panel.clear()
        panel.set_axis_off()
        extent = (-width / 2, width / 2, -height / 2, height / 2)
        panel.imshow(images[i], cmap=colours, vmin=0, vmax=1, extent=extent)
        panel.plot(*interrupted(_arrows(images[i].shape, fields[i], longest)).T, color=ORANGE, linewidth=1.8)
        if whole is not None:
            panel.plot(*_pointer(images[i].shape, whole[i]).T, color=GREEN, linewidth=5)

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    film = FuncAnimation(picture, draw, frames=len(images), init_func=lambda: None)
    film.save(path, writer=PillowWriter(fps=per_second), dpi=80)
    return path


def filter_images(pictures: Sequence[tuple[str, np.ndarray]], *, columns: int = 4) -> go.Figure:
    """What filters of convolutions are made of, as `layer.filters.pictures()` gives it: small images in one scale.

    Args:
        pictures: words and a flat picture `(height, width)` each; NaN leaves a gap.
        columns: how many stand side by side; on a phone half as many.

    Raises `ArgumentError` for no picture, and `ShapeError` for what is not flat.

    >>> figure = filter_images([("degree 1, error 4.9%", np.array([[1.0, 0.0, -1.0]]))])
    >>> figure.layout.annotations[0].text
    'degree 1, error 4.9%'
    """
    if not len(pictures):
        raise ArgumentError("There are no filters to draw. Pass layer.filters.pictures() of a convolution.")
    titles, images = zip(*pictures, strict=True)
    if (unfit := next((image for image in images if np.ndim(image) != 2), None)) is not None:
        raise ShapeError(f"A picture of filters is (height, width), but got {np.shape(unfit)}. Pass one at a time.")
    go = graph_objects()
    tallest, widest = np.max([image.shape for image in images], 0)
    few, header = max(1, columns // 2), 0.3 if tallest < 16 else 0.12
    wide, tall = panels(len(images), columns, 0.02, header), panels(len(images), few, 0.02, header)
    rows, phone_rows = -(-len(images) // columns), -(-len(images) // few)
    height = 40 + 90 * min(3, 1 + tallest // 16)
    fig = figure(height=height * rows + 24, margin={"l": 4, "r": 4, "t": 20, "b": 4}, showlegend=False)
    colours = [[0.0, BLUE], [0.5, GRID], [1.0, ORANGE]]
    for i, image in enumerate(images):
        axes, largest = flat_axes(fig, i, wide[i]), max(float(np.nanmax(np.abs(image))), 1e-12)
        (x, y), shown = _centres(image.shape), {"showscale": False, "hovertemplate": "%{z:.3g}<extra></extra>"}
        fig.add_trace(go.Heatmap(z=image, x=x, y=y, zmin=-largest, zmax=largest, colorscale=colours, **shown, **axes))
        fig.update_layout({numbered("xaxis", i): {"range": [-widest / 2, widest / 2]}})
        fig.update_layout({numbered("yaxis", i): {"range": [-tallest / 2, tallest / 2]}})
    return on_phones(fig, arrange(fig, titles, wide, tall, DOMAINS) | {"height": height * phone_rows + 24})


def _checked(images: Sequence[np.ndarray], fields: Sequence[np.ndarray]) -> float:
    """The length of the longest arrow, of pictures that can be drawn."""
    if not len(images):
        raise ArgumentError("There is no image to draw. Pass at least one, and a field for each.")
    same_length(images=images, fields=fields)
    for image, field in zip(images, fields, strict=True):
        if np.ndim(image) != 2 or np.ndim(field) != 3 or np.shape(field)[2] != 2:
            raise ShapeError(
                f"An image is (height, width) and its field (rows, columns, 2), but got shapes {np.shape(image)} and "
                f"{np.shape(field)}. Pass one channel of an image and one vector for each place."
            )
    return max(max(float(np.linalg.norm(field, axis=-1).max()) for field in fields), 1e-12)


def _centres(shape: Sequence[int], step: tuple[float, float] = (1.0, 1.0)) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of the pixels of a grid about its middle, `step` apart."""
    (height, width), (along_y, along_x) = shape, step
    return (np.arange(width) - (width - 1) / 2) * along_x, ((height - 1) / 2 - np.arange(height)) * along_y


def _arrows(shape: Sequence[int], field: np.ndarray, longest: float) -> list[np.ndarray]:
    """Each arrow as a line of points `(5, 2)`; the longest is 1.6 times as long as its cell is wide."""
    step = shape[0] / field.shape[0], shape[1] / field.shape[1]
    x, y = _centres(field.shape[:2], step)
    starts = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    shafts = field.reshape(-1, 2) * (1.6 * min(step) / longest)
    seen = np.linalg.norm(shafts, axis=1) > 0.05 * min(step)  # shorter ones would be specks
    return list(_with_barbs(starts[seen], shafts[seen]))


def _pointer(shape: Sequence[int], direction: np.ndarray) -> np.ndarray:
    """A direction as an arrow from the middle of an image, 0.4 of its width long."""
    shaft = np.asarray(direction) * (0.4 * min(shape) / max(float(np.linalg.norm(direction)), 1e-12))
    points: np.ndarray = _with_barbs(np.zeros((1, 2)), shaft[None])[0]
    return points


def _with_barbs(starts: np.ndarray, shafts: np.ndarray) -> np.ndarray:
    """Arrows `(n, 5, 2)` as lines that go along the shaft and over both barbs."""
    across = shafts @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    tips = starts + shafts
    barbs = [tips - 0.3 * shafts + sign * 0.18 * across for sign in (1, -1)]
    return np.stack([starts, tips, barbs[0], tips, barbs[1]], 1)
