"""The words and figures of the stories: results in, sections of the report out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intertwine.catalog import O2
from intertwine.reps import spherical_harmonics
from intertwine.symmetry import explain
from intertwine.tour import real_cells as cell_story
from intertwine.tour import rectangle, which_o2
from intertwine.tour.real_cells import CellResult
from intertwine.tour.rectangle import SIGNAL_DEGREE, TaskResult, TutorialNetwork
from intertwine.tour.turned_digits import IMAGE_NETWORKS, Frame, ImageNetwork, ImageResult
from intertwine.tour.which_o2 import PoseNetwork, PoseResult, SurpriseRow
from intertwine.viz import (
    Solid,
    arrow_images,
    bars,
    error_bars,
    loss_curves,
    outlines,
    signals_on_points,
    sphere_mesh,
    surfaces,
    task_picture,
    write_arrow_film,
)
from intertwine.viz.html_report import Report, Story
from intertwine.viz.program import program_of

FLOOR_ROUNDING = 1e-20  # a mean squared error below it is 0 but for rounding


def on_sphere(coefficients: np.ndarray, grid: np.ndarray, normalization: str) -> np.ndarray:
    """Values `(..., n, m)` of functions with harmonic coefficients `(..., dim)` on a grid `(n, m, 3)`."""
    degree = round(coefficients.shape[-1] ** 0.5) - 1
    harmonics = spherical_harmonics(range(degree + 1), grid, normalization)
    return np.asarray(np.einsum("nmi,...i->...nm", harmonics, coefficients))


def _figures(section: Story, result: TaskResult, name: str) -> None:
    section.figure(task_picture(result.task.start, result.task.finish), "The task: where each corner should go.")
    section.figure(
        loss_curves({name: result.losses}, result.floor if result.floor > FLOOR_ROUNDING else None),
        f"Mean squared error over {result.losses.shape[1]} steps of Adam, {len(result.losses)} seeds, the median "
        "thick.",
    )
    section.figure(
        _signals(result, np.eye(3), result.output),
        "The trained output: at each corner a signal on the sphere, meant to peak where the corner should go.",
    )


def _turned(section: Story, result: TaskResult) -> None:
    section.figure(
        _signals(result, result.rotation, result.rotated_output),
        f"The same network on the rotated input: the output turns along, to {result.equivariance:.1e} of its size.",
    )


def _signals(result: TaskResult, g: np.ndarray, output: np.ndarray) -> object:
    """The output of a task that a rotation g has turned."""
    grid = sphere_mesh()
    signals = on_sphere(output, grid, "integral")
    return signals_on_points(result.task.start @ g.T, result.task.finish @ g.T, grid, signals)


def _losses(result: TaskResult) -> str:
    count, below = len(result.final), int(np.sum(result.final < 1e-4))
    median, worst = np.median(result.final), result.final.max()
    return f"final loss {median:.1e} (median of {count}, worst {worst:.1e}); {below} of {count} seeds below 1e-4"


def _floor(result: TaskResult) -> str:
    """The floor, with rounding written as 0."""
    return f"{result.floor:.9e}" if result.floor > FLOOR_ROUNDING else "0"


def tell_rectangle_to_square(report: Report, result: TaskResult) -> str:
    """Story 1 as a section; returns its one-line result."""
    line = f"No floor forbids it (floor {_floor(result)}): {_losses(result)}."
    section = report.add_section("Rectangle to square", "Can a network distort a rectangle into a square?", line)
    section.text(
        "Four points with the number 1 on each, and a network of three steerable convolutions with features of "
        f"degrees 0 to {SIGNAL_DEGREE}. Its output at each point is a signal on the sphere, whose peak says where the "
        "point should go. A square is **more** symmetric than a rectangle, so this is allowed, and the loss falls."
    )
    _figures(section, result, "rectangle → square")
    _turned(section, result)
    section.code(program_of(TutorialNetwork, rectangle.run_task))
    return line


def tell_square_to_rectangle(report: Report, result: TaskResult) -> str:
    """Story 2 as a section; returns its one-line result."""
    gap = float(np.median(result.final) / result.floor - 1)
    line = (
        f"Impossible: no equivariant network gets below {result.floor:.9e}; training arrives at "
        f"{np.median(result.final):.4e} ({gap:+.1e} of the floor)."
    )
    section = report.add_section("Square to rectangle", "And back? The same network, the reverse task.", line)
    section.text(
        "The loss falls, then it is stuck at 0.0007. Nothing is wrong with the optimiser. Every symmetry h of the "
        "square gives `f(x) = f(h x) = ρ(h) f(x)`: the output must be as symmetric as the input (Curie's "
        "principle). The best attainable output is the average of the target over the symmetries of the square, and "
        "its distance to the target is a floor that **no weights can beat**."
    )
    section.note(
        f"`tw.symmetry.loss_floor(points, targets, rep)` = **{result.floor:.9e}**, computed before training from the "
        f"8 rotations of the square. Trained networks end at {np.min(result.final):.6e} to {np.max(result.final):.6e}."
    )
    asked, orders = rectangle.square_to_rectangle_asked()
    section.text("One call says so before training, `print(tw.symmetry.curie_check(points, targets, rep_out=rep))`:")
    section.printed(str(asked))
    section.text("And what would have to be added, `print(tw.symmetry.order_parameters(report))`:")
    section.printed(str(orders))
    _figures(section, result, "square → rectangle")
    section.text(
        "Look at the signals: each corner points both ways. The half-turn about its diagonal leaves the square "
        "alone and exchanges the two, so the network cannot prefer one: odd degrees cancel, even degrees stay."
    )
    section.code(program_of(rectangle.square_to_rectangle))
    return line


def tell_order_parameter(report: Report, result: TaskResult) -> str:
    """Story 3 as a section; returns its one-line result."""
    line = f"With x² − y² as input the floor is {_floor(result)}: {_losses(result)}."
    section = report.add_section("The missing information", "What must the network be told?", line)
    section.text(
        "The square does not know which of its axes should grow. Any feature that tells x from y helps; the most "
        "symmetric one is the degree-2 harmonic x² − y², here 0.1 of it at every corner. Now input and target share "
        "the symmetry of the rectangle, and no floor is left for the same network."
    )
    _figures(section, result, "with x² − y²")
    _turned(section, result)
    section.note(
        "Name features by their polynomial, never by their index: component 8 of degrees 0 … 5 is x² − y² in one "
        "convention and z² − x² in another. `tw.symmetry.harmonic_coefficients` takes the polynomial."
    )
    section.code(program_of(rectangle.square_to_rectangle_with_order_parameter))
    return line


def tell_which_o2(report: Report, pose: PoseResult, surprise: tuple[SurpriseRow, ...]) -> str:
    """Story 4 as a section; returns its one-line result."""
    line = (
        f"Element of O(2) that moved a held-out shape: exact to {pose.exact:.1e} with the cone group, wrong by "
        f"{pose.exact_twist:.1f} with the other O(2)."
    )
    section = report.add_section(
        "Which O(2)?", "My network finds rotations but not flips. Which axis is flipped?", line
    )
    section.text(
        "Shapes are given by spherical-harmonic coefficients, and rotations about z and flips should be recognised. "
        "But O(3) holds **two** kinds of O(2) about an axis. Flip a shape with each:"
    )
    section.figure(_flip_figure(), "One shape: as it is, mirrored (cone), half-turned (twisted cylinder).")
    section.text("What is the flip of my data? `print(tw.symmetry.identify_action(my_flip, rep))`:")
    section.printed(str(which_o2.named_flip()))
    section.text('And which O(2) is that? `print(tw.explain("O(2) in O(3)", degree=2))`:')
    section.printed(str(explain("O(2) in O(3)", degree=2)))
    _pose(section, pose)
    _surprise(section, surprise)
    return line


def _flip_figure() -> object:
    grid, titles = sphere_mesh(), ("the shape", "mirrored: y → −y (cone)", "half-turn about x (dihedral)")
    marks: tuple[dict[str, Any], ...] = (
        {"axes": {"z": (0, 0, 1)}},
        {"axes": {"z": (0, 0, 1)}, "mirrors": {"mirror": (0, 1, 0)}},
        {"axes": {"z": (0, 0, 1), "half-turn": (1, 0, 0)}},
    )
    radii = [on_sphere(coefficients, grid, "component") for coefficients in which_o2.flipped_shapes()]
    return surfaces(grid, [Solid(r, t, **m) for r, t, m in zip(radii, titles, marks, strict=True)])


def _pose(section: Story, pose: PoseResult) -> None:
    section.text(
        "A network with two output vectors, made orthonormal, gives an element of O(2); its determinant is the "
        "flip. It is equivariant, so the element that moved a shape is read off **exactly** from the shape before "
        f"and after, on shapes and elements never seen in training: error {pose.exact:.1e} on {pose.shapes} shapes. "
        f"The network that takes half-turns for its flips is off by {pose.exact_twist:.2f}."
    )
    section.text(
        "From the moved shape **alone** the pose is what training on unmoved shapes made of it: flips right on "
        f"{pose.flips:.1%}, angle errors {np.median(pose.angles):.1f}° (median), {np.percentile(pose.angles, 95):.1f}° "
        f"(95 %); the head calls {pose.degenerate:.1%} undefined."
    )
    section.figure(
        error_bars(
            {"right O(2): Cinfv": pose.exact, "wrong O(2): Dinf": pose.exact_twist}, tolerance=1e-10
        ),
        "Error of the element of O(2) that moved a held-out shape.",
    )  # fmt: skip
    section.text(
        "Some shapes have no flip at all: one that equals its own mirror image looks the same afterwards. "
        "`print(tw.symmetry.recognisable(achiral_shape, rep=rep))` says so:"
    )
    section.printed(str(which_o2.achiral_shape()))
    section.code(program_of(PoseNetwork))


def _surprise(section: Story, rows: tuple[SurpriseRow, ...]) -> None:
    section.text(
        "The surprise at the end of the issue: an **SO(2)** network whose invariants do not change when the input "
        "is flipped. Linear layers carry only frequency 0 to invariants, norms never mix frequencies, and the "
        "cone's mirror leaves all of that alone; so the network is blind to flips that nobody asked it to ignore. A "
        "nonlinearity that mixes frequencies sees them."
    )
    names = ["mirror y → −y", "half-turn about x"]
    values = {f"{row.name} network": [row.mirror, row.half_turn] for row in rows}
    section.figure(
        bars(names, values, label="relative change of the invariants", number=".2g"),
        "How the invariant outputs of two SO(2) networks change under maps that are not in SO(2).",
    )
    section.table(
        ["SO(2) network", "rotations", "mirror", "half-turn", "bound of the activation"],
        [
            [
                r.name,
                *(f"{x:.1e}" for x in (r.equivariance, r.mirror, r.half_turn)),
                f"{r.bound:.0e}" if r.bound else "exact",
            ]
            for r in rows
        ],
        f"Relative change of the invariants; random weights, hidden features of {O2} restricted to rotations.",
    )
    section.text("`tw.symmetry.effective_symmetry` proves it from the layers, and measures what cannot be proved:")
    section.printed(str(which_o2.blind_network()))
    section.code(program_of(which_o2.unwilling_invariance))


def tell_cells(report: Report, result: CellResult) -> str:
    """Story 5 as a section; returns its one-line result."""
    means, spread = result.accuracies.mean(-1), result.accuracies.std(-1)
    changed = result.changed[-1].mean(-1)
    line = (
        f"A cell's answer changes with its pose for {changed[0]:.0%} of the cells with the O(2) network, "
        f"{changed[2]:.0%} with a plain one; accuracy {means[-1, 0]:.0%} ± {spread[-1, 0]:.0%} and "
        f"{means[-1, 2]:.0%} ± {spread[-1, 2]:.0%} (largest class {result.chance:.0%}); pose exact to "
        f"{result.pose.exact:.0e}."
    )
    section = report.add_section("Real cells", "What was done to this cell, whichever way it lies?", line)
    section.text(
        f"Outlines of {result.cells} osteosarcoma cells ({result.dropped} unusable ones left out) under three "
        f"treatments: {', '.join(result.classes)}. Each becomes Fourier coefficients that are exactly vectors of "
        f"O(2): frequencies 0 to {cell_story.OUTLINE_DEGREE}, free of position, size and starting point. Networks "
        "train on the cells as they were found and are tested on other cells, turned and mirrored at random."
    )
    names = [f"{size} training cells" for size in result.sizes]
    by_network = {name: means[:, j].tolist() for j, name in enumerate(cell_story.NETWORKS)}
    errors = {name: spread[:, j].tolist() for j, name in enumerate(cell_story.NETWORKS)}
    seeds = result.accuracies.shape[-1]
    section.figure(
        bars(names, by_network, errors, chance=result.chance),
        f"Accuracy on moved test cells: mean and standard deviation over {seeds} seeds (split, weights).",
    )
    section.table(
        ["network", *names, "answers that change"], _cell_rows(result), "The last column: when the cell is moved."
    )
    section.text(
        "The task is hard (shapes overlap between treatments), and the cells of the files already lie at random. A "
        f"plain network that sees every cell in random poses reaches {means[-1, 3]:.0%}, the O(2) network "
        f"{means[-1, 0]:.0%}: what symmetry buys here is certainty, the same answer in every pose. Moving a test cell "
        f"changes an O(2) network's scores by {result.invariance:.0e} of their size. The SO(2) network may tell a cell "
        f"from its mirror image: {result.changed[-1, 1].mean():.0%} of its answers change."
    )
    _cell_poses(section, result)
    section.code(program_of(cell_story.InvariantClassifier))
    return line


def _cell_rows(result: CellResult) -> list[list[str]]:
    rows = []
    for j, name in enumerate(cell_story.NETWORKS):
        shares = [f"{row[j].mean():.1%} ± {row[j].std():.1%}" for row in result.accuracies]
        rows.append([name, *shares, f"{result.changed[-1, j].mean():.1%}"])
    return rows


def _cell_poses(section: Story, result: CellResult) -> None:
    outlines_shown, frames = result.examples
    section.text(
        "The pose: a network with an O(2) head reads the element that moved a test cell off its outlines before and "
        f"after, to {result.pose.exact:.0e}. Drawn on the pixel grid again after the move, as a microscope would, "
        f"flips are right on {result.pose.flips:.1%} and angles off by {np.median(result.pose.angles):.1f}° "
        f"(median), {np.percentile(result.pose.angles, 95):.1f}° (95 %). {result.pose.undefined:.1%} of the cells "
        "are so round that the head calls their pose undefined."
    )
    titles = ["as found" if i % 2 == 0 else "moved" for i in range(len(outlines_shown))]
    section.figure(
        outlines(outlines_shown, titles, frames, group=2), "Test cells before and after a move, and the pose read off."
    )


def tell_images(report: Report, result: ImageResult, folder: Path) -> str:
    """Story 6 as a section, and its film beside the report; returns its one-line result."""
    turned, lost = result.accuracies[1].mean(-1), result.angles[1].mean(-1)
    line = (
        f"Trained on upright digits alone, the steerable network reads {turned[0]:.0%} of turned ones and finds their "
        f"up to {lost[0]:.0f}° (median); a plain one of as many weights {turned[1]:.0%}, to {lost[1]:.0f}°."
    )
    section = report.add_section("Images that turn", "Can a network read what it has only seen upright?", line)
    section.text(
        "Written digits 0 to 8 (a 9 is a turned 6). Both networks learn from upright digits which digit it is, and "
        "that up is up. The filters of the steerable one are made of functions that turn by SO(2), its features are "
        "numbers, vectors and quadrupoles at every pixel: so what it sees in a turned digit is the turned field; it "
        "needs no turned example."
    )
    section.figure(
        bars(
            ["upright", "turned"],
            dict(zip(IMAGE_NETWORKS, result.accuracies.mean(-1).T.tolist(), strict=True)),
            dict(zip(IMAGE_NETWORKS, result.accuracies.std(-1).T.tolist(), strict=True)),
        ),
        f"Accuracy on held-out digits, {result.accuracies.shape[-1]} seeds; {result.weights[0]} and "
        f"{result.weights[1]} weights.",
    )
    shown = result.frames[:: max(1, len(result.frames) // 8)][:8]
    section.figure(
        arrow_images(*_layers(shown), [f"{frame.angle:.0f}°" for frame in shown]),
        "A test digit that turns, what each place of it says to which way is up (orange), and the mean, the answer "
        "(green): the field turns along.",
    )
    film = write_arrow_film(folder / "turned_digit.gif", *_layers(result.frames))
    section.text(
        f"The same as a film: `{film.name}` beside this page. Under quarter turns the field is exactly the turned one, "
        f"to {result.error.exact:.0e} of its size; between them it is off by {float(result.error):.0%}, where moving "
        f"an image between pixels, there and back, alone changes it by {result.error.floor:.0%}."
    )
    section.note(
        "Invariance has a price: scores that no turn changes cannot tell a 6 from a 9. Here the vector says it; "
        "elsewhere let the symmetry fall in mid-network, by `nn.Restrict`."
    )
    section.code(program_of(ImageNetwork))
    return line


def tell_left_out(report: Report, packages: list[str]) -> str:
    """That the story cannot be told here, and what to install."""
    line = f"left out: {', '.join(packages)} not installed; pip install 'intertwine[potentials]' tblite"
    report.add_section("A potential", "Can a model drive a molecule?", line)
    return line


def _layers(frames: Sequence[Frame]) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    return [frame.image for frame in frames], [frame.votes for frame in frames], [frame.up for frame in frames]
