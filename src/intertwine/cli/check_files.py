"""`intertwine check`: can an equivariant network send what is in one file to what is in another?"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from intertwine.catalog import O2, O3
from intertwine.catalog import group as group_by_name
from intertwine.catalog.base import CatalogGroup
from intertwine.cli.console import AsJson, Cell, Format, complain, progress, say_either
from intertwine.cli.files import read_samples
from intertwine.cli.reading.atom_names import as_symbols
from intertwine.cli.reading.sample import Sample
from intertwine.cli.reading.text import ENOUGH, decimals, rounded
from intertwine.errors import ArgumentError, IntertwineError
from intertwine.groups import Subgroup
from intertwine.reps import Rep
from intertwine.symmetry import (
    CurieReport,
    OrderParameters,
    Points,
    Stabiliser,
    curie_check,
    order_parameters,
    symmetry_ladder,
)
from intertwine.symmetry.inputs.motion import are_shuffled, motion
from intertwine.symmetry.limits.curie import attainable

_MANY = 1000
"""More points than anybody looks for another order of."""

_CLEAR = math.log10(3)
"""A gap above a deviation that leaves no doubt, in powers of ten."""


def check(
    input_file: Annotated[Path, typer.Argument(help="What goes in: points, a crystal, or a vector of --rep-in.")],
    target_file: Annotated[
        Path | None,
        typer.Argument(help="What should come out: the same points elsewhere, or numbers. Default: the input file."),
    ] = None,
    target: Annotated[
        str, typer.Option(help="The target's name in its file: forces, dipole, energy … Default: displacements.")
    ] = "",
    rep_in: Annotated[str, typer.Option(help="How an input vector, or features, turn, such as '1x0e + 1x2e'.")] = "",
    rep_out: Annotated[str, typer.Option(help="How the target turns. Default: as scalar, vector or matrix.")] = "",
    group: Annotated[
        str, typer.Option(help="The network's group: SO(2), O(2), SO(3), O(3), or a part of them such as Cinfv.")
    ] = "",
    frame: Annotated[int, typer.Option(help="Which frame of a trajectory; negative numbers count from the end.")] = -1,
    form: Format = "",
    cell: Cell = True,
    tolerance: Annotated[
        float,
        typer.Option(help="The deviation, relative to the size, that counts as none.", min=1e-12),
    ] = 1e-4,
    as_json: AsJson = False,
) -> None:
    """Can any equivariant network send an input to a target? Exit code 0: yes; 1: no; 2: an error.

    check square.xyz rectangle.xyz: can these points move there?

    check water.extxyz --target dipole: can an array of the file be predicted from its atoms?

    check x.npy y.npy --rep-in '1x1o + 1x2e' --rep-out 1x1o: a vector from a vector.
    """
    try:
        start = read_samples(input_file, frame, cell=cell, form=form)[0]
        finish = start if target_file is None else read_samples(target_file, frame, cell=cell, form=form)[0]
        asked = question(start, finish, target, rep_in, rep_out, group)
        with progress(1) as show:
            show(input_file.name, 0)
            answer = asked.answer(tolerance)
    except IntertwineError as error:
        complain(error)
        raise typer.Exit(2) from error
    except Exception as error:  # a traceback ends with code 1, which would be an answer
        Console(stderr=True).print_exception()
        raise typer.Exit(2) from error
    say_either(answer, as_json)
    if not answer.report.possible:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Nearly:
    """A larger symmetry that the input nearly has, and whether the target would be possible if it had it."""

    name: str
    deviation: float
    possible: bool


@dataclass(frozen=True, eq=False)
class Answer:
    """What `intertwine check` says: what was asked in words, the verdict, and what would make the target possible."""

    words: str
    report: CurieReport
    orders: OrderParameters | None
    nearly: Nearly | None

    def to_dict(self) -> dict[str, object]:
        """All that as plain numbers and texts, for JSON."""
        return {
            "asked": self.words,
            "tolerance": self.report.H.tolerance,
            **self.report.to_dict(),
            **({} if self.orders is None else self.orders.to_dict()),
            "nearly": None if self.nearly is None else asdict(self.nearly),
        }

    def __str__(self) -> str:
        said = str(self.report)
        said = said if self.orders is None else said.split("\n fix ")[0]  # the table below is the fix
        table = [] if self.orders is None else [f"\n{self.orders}"]
        note = []
        if (near := self.nearly) is not None:
            then = ": if that is meant, the target is IMPOSSIBLE" * (self.report.possible and not near.possible)
            note = [f"The input nearly has {near.name} (deviation {near.deviation:.1e}){then}."]
        return "\n".join([self.words, said, *note, *table])


@dataclass(frozen=True, eq=False)
class Question:
    """What `curie_check` is asked, and in words.

    Of displacements between two files `size` is that of the input, which their rounding is relative to, else 0;
    `rounding` is how far the digits of both files leave a displacement open, or those of a target its numbers.
    """

    x: Points | np.ndarray
    y: np.ndarray
    rep_in: Rep | None
    rep_out: Rep
    group: CatalogGroup | Subgroup
    size: float
    rounding: float
    words: str

    def answer(self, tolerance: float) -> Answer:
        """The report, the order parameters that would make an impossible target possible, and what is nearly so.

        Files hold rounded numbers. So a target that keeps symmetries up to the tolerance is taken for the nearest one
        that keeps them exactly.
        """
        report = self._answered(tolerance)
        orders = None if report.possible or report.H.continuous else order_parameters(report)
        return Answer(self.words, report, orders, self._nearly(report))

    def _answered(self, tolerance: float) -> CurieReport:
        report = self._asked(self.y, tolerance)
        return report if report.possible else self._asked(self._symmetric(report.H), tolerance)

    def _nearly(self, report: CurieReport) -> Nearly | None:
        """The symmetry that the input has, clearly, at a larger tolerance; one that makes the target impossible first.

        The clearest is that with the widest gap above its deviation.
        """
        if report.H.continuous or (isinstance(self.x, Points) and len(self.x.positions) > _MANY):
            return None
        found = list[Nearly]()
        with suppress(ArgumentError):  # what has no ladder is near nothing that has a name
            ladder = symmetry_ladder(self.x, rep=self.rep_in, group=report.H.group)
            for rung in sorted(ladder.rungs, key=lambda rung: -rung.width):
                if rung.width > _CLEAR and rung.residual > report.H.tolerance:
                    near = self._answered(rung.residual * (1 + 1e-6))
                    found += [Nearly(near.H.name, rung.residual, near.possible)] * (near.H.order > report.H.order)
        return min(found, key=lambda near: near.possible, default=None)

    def _symmetric(self, H: Stabiliser) -> np.ndarray:
        """The average of the target over those of the input's symmetries that it keeps up to the tolerance."""
        length = max(float(np.linalg.norm(self.y)), 1e-300)
        slack = max(10 * H.tolerance, (2 * H.tolerance * self.size + self.rounding) * self.y.size**0.5 / length)
        K = replace(H, tolerance=slack / 10).kept(self.y, self.rep_out)
        mean = attainable(self.y, K, self.rep_out)
        return np.where(np.abs(mean) < 1e-9 * np.abs(self.y).max(), 0.0, mean)

    def _asked(self, y: np.ndarray, tolerance: float) -> CurieReport:
        return curie_check(self.x, y, self.rep_in, self.rep_out, group=self.group, tolerance=tolerance)


def question(
    start: Sample, finish: Sample, target: str = "", rep_in: str = "", rep_out: str = "", group: str = ""
) -> Question:
    """Whether the one sample can become the other: a vector a vector; points their displacements, or other numbers.

    The texts are the options of the command; what is left out the files say. Raises `ArgumentError` for files that do
    not fit each other or the options.
    """
    rep_in, rep_out = rep_in or start.reps.get("rep_in", ""), rep_out or finish.reps.get("rep_out", "")
    name, y = finish.target(target, bool(rep_out))
    title = " → ".join(dict.fromkeys((start.path.name, finish.path.name)))
    if isinstance(start.x, np.ndarray) and start.x.ndim == 1:
        if not rep_in:
            raise ArgumentError(
                f"{start.path} holds a vector of {len(start.x)} numbers, and nothing says how it turns. Pass its rep, "
                "for example --rep-in '1x0e + 1x2e'."
            )
        if y is None or (start is finish and not name):
            raise ArgumentError(
                f"{start.path} holds a vector: give a second file that holds the vector it should become."
            )
        whole, part = _groups(group, None)
        out = finish.target_rep(name, y, rep_out, whole)
        words = f"{title}: from {rep_in} to {out} of {whole}"
        return Question(start.x.astype(float), y, whole.rep(rep_in), out, part, 0.0, _printed(y), words)
    points = start.points
    whole, part = _groups(group, points.positions.shape[1])
    under = f"{whole}" if part is whole else f"{whole}, asked of {part.name} only"
    if y is None:
        y, rounding = _displacements(start, finish)
        words = f"{title}: displacements {_at(y)}, as {whole.defining} of {under}"
        if points.lattice is None and len(y) <= _MANY and are_shuffled(points, y):
            words += "\nNote: in another order the points would move much less. Are both files in the same order?"
        return Question(points, y, start.rep(rep_in, whole), whole.defining, part, points.scale, rounding, words)
    if y.shape == points.positions.shape[:1] and rep_out and whole.rep(rep_out).dim == 1:
        y = y[:, None]  # a number at each point
    out = finish.target_rep(name, y, rep_out, whole)
    words = f"{title}: {name or 'a target'} {_at(y)}, as {out} of {under}"
    return Question(points, y, start.rep(rep_in, whole), out, part, 0.0, _printed(y), words)


def _printed(y: np.ndarray) -> float:
    """How far the digits of its numbers leave two equal parts of a target from each other: −0.11 0.07 are rounded."""
    numbers = np.ravel(y)[:ENOUGH].tolist()
    return 2 * rounded([(number, decimals(repr(number))) for number in numbers])


def _at(y: np.ndarray) -> str:
    return "for the whole" if y.ndim == 1 else f"at {len(y)} point{'s' if len(y) > 1 else ''}"


def _groups(name: str, dim: int | None) -> tuple[CatalogGroup, CatalogGroup | Subgroup]:
    """The group that the reps belong to, and the group that the network is equivariant under."""
    whole = O2 if dim == 2 else O3
    if not name:
        return whole, whole
    found = group_by_name(name)
    if dim is None or found.is_full:
        return found, found
    return whole, whole.subgroup(name)


def _displacements(start: Sample, finish: Sample) -> tuple[np.ndarray, float]:
    """How far each point moves, and how far the digits of both files leave that open: no farther is not at all."""
    a, b = start.points, finish.points
    if start is finish:
        raise ArgumentError(
            f"Nothing says what should come out of {start.path}. Give a second file, or name the target with --target: "
            f"the file holds {finish.held}."
        )
    if a.positions.shape != b.positions.shape:
        raise ArgumentError(
            f"{start.path} and {finish.path} hold {a.positions.shape} and {b.positions.shape} numbers. "
            "Input and target are the same points, in the same order."
        )
    _check_order(start, finish)
    if a.lattice is not None and b.lattice is not None and a.lattice.rank != b.lattice.rank:
        raise ArgumentError(
            f"{start.path} has {a.lattice.rank} periods and {finish.path} has {b.lattice.rank}. Input and target are "
            "the same points in cells of the same kind."
        )
    off = motion(a, b)
    rounding = 2 * off.shape[1] ** 0.5 * (a.precision + b.precision)
    return off if np.linalg.norm(off, axis=1).max() > rounding else np.zeros_like(off), rounding


def _check_order(start: Sample, finish: Sample) -> None:
    """An error where the kinds of two files tell that points are not in the same order."""
    if start.points.labels is None or finish.points.labels is None:
        return
    a, b = as_symbols(start.points.labels), as_symbols(finish.points.labels)
    if (a == b).all():
        return
    place = int(np.flatnonzero(a != b)[0])
    alike = "the same kinds of points in another order" if sorted(a) == sorted(b) else "other kinds of points"
    raise ArgumentError(
        f"{finish.path} holds {alike}: point {place + 1} is {a[place]} in {start.path.name}, but {b[place]} in "
        f"{finish.path.name}. Input and target are the same points, in the same order."
    )
