"""Curie's principle as a question: can any equivariant map send this input to this output?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from intertwine._arrays import as_array, epsilon, for_json, to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.irrep import irreps_up_to
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.inputs.tolerances import FLOAT64, SHARP, TINY
from intertwine.symmetry.words.identify import element_name

BROKEN_TRANSLATIONS = "k ≠ 0"
"""The name of the part of a crystal's target that is not the same in every primitive cell."""


@dataclass(frozen=True, repr=False, eq=False)
class CurieReport:
    """Whether an equivariant map can send x to y, and what the best one does.

    Args:
        H: the symmetry of the input.
        K: the part of it that the target has too.
        floor: the mean squared error that no equivariant map can beat.
        power: the mean square of the target, the error of the answer 0.
        answers: how many equally good answers there are, |H : K|; their mean is the best output.
        best_output: the attainable output closest to the target, of its shape.
        irreps: the share of the target's power that each irrep of H holds; only the trivial one can be had.
        degrees: the share of the target's power that is lost, by irrep of the output's rep.
        gain: the Lipschitz constant that an exact fit needs, `max |h y − y| / |h x − x|` over H; infinite where the
            symmetry is exact and the target breaks it, 0 where the target has all of it.
        y: the target.
        rep_out: its rep.
        zero: the size up to which numbers of the target are rounding: see `resolution`.
    """

    H: Stabiliser
    K: Stabiliser
    floor: float
    power: float
    answers: float
    best_output: np.ndarray
    irreps: dict[str, float]
    degrees: dict[str, float]
    gain: float
    y: np.ndarray
    rep_out: Rep
    zero: float = 0.0

    @property
    def equivariance(self) -> str:
        """The name of the group that the map is equivariant under: of a part of it, where that was asked."""
        return self.H.group.name if self.H.part is None else self.H.part.name

    @property
    def possible(self) -> bool:
        """Whether the target can be reached: it is at least as symmetric as the input, up to tolerance and rounding."""
        return self.floor <= self.noise + max(1e-12 * self.power, self.zero**2)

    @cached_property
    def noise(self) -> float:
        """The part of the floor that is no loss of symmetry: how far the target is from having all of K exactly."""
        return float(np.mean((self.y - attainable(self.y, self.K, self.rep_out)) ** 2))

    def reaches(self, floor: float) -> bool:
        """Whether a mean squared error is as small as that of the best answer with the symmetry K."""
        return floor <= self._reach

    @cached_property
    def _reach(self) -> float:
        slack = self.H.tolerance**2 if self.K.continuous else 0.0  # its axis is fitted anew, and noise turns it
        return self.noise + max(max(slack, 1e-9) * self.power, self.zero**2)

    def to_dict(self) -> dict[str, object]:
        """The numbers, for JSON."""
        names = ("H", "K", "floor", "noise", "power", "answers", "gain", "best_output", "irreps", "degrees")
        return {"possible": self.possible, "group": self.equivariance, **for_json(self, *names)}

    def __str__(self) -> str:
        verdict = "POSSIBLE" if self.possible else f"IMPOSSIBLE for any {self.equivariance}-equivariant map"
        lines = [verdict, f" input  : {self.H}".replace("\n", "\n          ")]
        if self.possible:
            floor = "floor 0" if self.floor <= 1e-12 * self.power else f"floor {self.floor:.3g}, within the tolerance"
            lines.append(f" target : keeps all of it ({self.K.name}); {floor}")
            if 0 < self.power <= self.zero**2:
                lines.append(
                    f"          it is 0 up to rounding ({self.power**0.5:.1e}, where the input's own numbers round to "
                    f"{self.zero:.1e}): give it in larger units if it is not meant to be"
                )
            return "\n".join(lines)
        share = 100 * self.floor / max(self.power, TINY)
        lost = ", ".join(f"{label}" for label, part in self.irreps.items() if part > 1e-9 and label != self._trivial)
        parts = ", ".join(label for label, part in self.degrees.items() if part > 1e-9)
        asked = "report, sites=…" if BROKEN_TRANSLATIONS in self.irreps else "report"
        answers = "infinitely many" if np.isinf(self.answers) else f"{int(self.answers)}"
        lines += [
            f" target : keeps only {self.K.name} ({_size(self.K)}){self._lost()}",
            f" floor  : MSE {self.floor:.6g} ({share:.1f} % of the target's {self.power:.6g}), of type {lost} of "
            f"{self.H.name}; in {parts}",
            f" best   : the mean of {answers} equally good answers",
            f" fix    : call order_parameters({asked}) for the inputs that would make it possible",
        ]
        return "\n".join(lines)

    def _lost(self) -> str:
        """What the target breaks, in words: a few of the elements of H that are not in K, without their inverses."""
        if self.H.space is not None or self.H.continuous:
            return ""
        gone = self.H.elements[~self.K.subgroup.contains(self.H.elements, 1e-6)]
        names = dict.fromkeys(min(element_name(g), element_name(g.T), key=lambda n: ("−" in n, n)) for g in gone)
        return f"\n          it breaks {', '.join([*names][:3])}{', …' if len(names) > 3 else ''}" if names else ""

    @property
    def _trivial(self) -> str:
        return self.H.subgroup.group.trivial

    def __repr__(self) -> str:
        return f"<CurieReport H = {self.H.name}, K = {self.K.name}, floor {self.floor:.4g}>"


def _size(found: Stabiliser) -> str:
    return "infinitely many elements" if found.continuous else f"{int(found.order)} of the elements"


def curie_check(
    x: Points | np.ndarray,
    y: np.ndarray | Points,
    rep_in: Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    group: CatalogGroup | Subgroup | None = None,
    tolerance: float = 1e-6,
) -> CurieReport:
    """Whether any equivariant map can send an input to an output, and what the best one would do.

    Every equivariant f has `f(x) = ρ(h) f(x)` for the symmetries h of x, so f(x) lies in the space that H fixes, and
    every vector of that space is the value of some equivariant map. The closest is the average P y of the target over
    H, and `|y − P y|²` is lost. What is not larger than the rounding of the input's own numbers, in the dtype of the
    target, is 0.

    Args:
        x: a cloud or crystal (`Points`, or positions `(N, n)`), or a vector of `rep_in`.
        y: for a cloud a target at each point `(N, rep_out.dim)`, or one for the whole cloud `(rep_out.dim,)`, or
            `Points` with features; for a vector, a vector of `rep_out`.
        rep_in: the rep of a vector x, or of the features of a cloud.
        rep_out: the rep of y.
        group: the group that the map is really equivariant under: that of `rep_out` (the default), or a subgroup of
            it, where a field, a substrate or the camera's upright singles out directions. A network whose real group is
            larger than declared (see `effective_symmetry`) is asked about with reps of that.
        tolerance: the residual up to which an element counts as a symmetry of x.

    Raises `ShapeError`, `ArgumentError` and `RepMismatchError` for inputs that do not fit.

    Source: Curie 1894; Smidt, Geiger, Miller 2021, doi:10.1103/PhysRevResearch.3.L012002.

    >>> from intertwine.catalog import O3
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> report.H.name, report.K.name, report.answers, round(report.floor, 7)
    ('D4h', 'D2h', 2.0, 0.0416667)
    """
    if rep_out is None:
        raise ArgumentError("The rep of the target is needed to know how symmetries move it: pass rep_out=….")
    rep_out, found_in = as_rep(rep_out), None if rep_in is None else as_rep(rep_in)
    whole = (group.parent if isinstance(group, Subgroup) else group) or rep_out.group
    for rep in (rep_out, found_in):
        if rep is not None and rep.group != whole:
            raise RepMismatchError(
                f"The map is to be equivariant under {whole}, but the rep {rep} belongs to {rep.group}."
            )
    wanted = y.features if isinstance(y, Points) else y
    if wanted is None:
        raise ArgumentError("The target is a cloud without features. Pass Points(…, features=…), or the numbers alone.")
    x = x if isinstance(x, Points) else to_numpy(x)
    if found_in is None and not isinstance(x, Points) and x.ndim != 2:
        raise ArgumentError("The rep of the input is needed to know how symmetries move it: pass rep_in=….")
    H = stabiliser(x, rep=found_in, group=group or whole, tolerance=tolerance)  # type: ignore[arg-type]
    if isinstance(x, Points) and H.continuous and x.lattice is not None:
        raise ArgumentError(
            f"The atoms lie on one line along their only period, with the continuous symmetry {H.name}. What such an "
            "input can become is not worked out. Leave the cell out for a molecule."
        )
    return _report(to_numpy(wanted), H, rep_out, resolution(wanted, x))


def resolution(y: np.ndarray | Tensor, x: Points | np.ndarray) -> float:
    """The size up to which numbers of a target are rounding: eight units of its dtype, for numbers like the input's.

    Displacements are differences of positions, and one vector for the whole is a sum over them: what they cannot
    resolve is 0, as symmetric as can be. A target that is small, but not as small as that, is what it is. The input is
    as large as its positions and the periods of its cell; one without any size, such as an atom at the origin, counts
    as 1.
    """
    numbers = to_numpy(x.positions if isinstance(x, Points) else x)
    if isinstance(x, Points) and (lattice := x.lattice) is not None:
        numbers = np.concatenate([numbers, lattice.cell[lattice.periodic]])
    size = float(np.linalg.norm(numbers) if np.ndim(y) == 1 else np.abs(numbers).max(initial=0.0))
    return 8 * epsilon(as_array(y)) * (size or 1.0)


def attainable(y: np.ndarray, H: Stabiliser, rep_out: Rep) -> np.ndarray:
    """The value of an equivariant map, at an input of symmetry H, that is closest to a target: its average over H.

    Raises `ShapeError` for a target that is neither a vector of its rep nor one for each point, and `ArgumentError` for
    numbers that are not finite.
    """
    count = None if H.permutations is None else H.permutations.shape[1]
    shapes = [(rep_out.dim,)] + ([(count, rep_out.dim)] if count is not None else [])
    if y.shape not in shapes:
        raise ShapeError(f"A target of {rep_out} has the shape {' or '.join(map(str, shapes))}, but got {y.shape}.")
    if not np.isfinite(y).all():
        raise ArgumentError("The target holds NaN or infinite numbers. Repair it first.")
    return H.averaging(rep_out.degree).mean(y, rep_out)


def _report(y: np.ndarray, H: Stabiliser, rep_out: Rep, zero: float) -> CurieReport:
    best = attainable(y, H, rep_out)
    lost = y - best
    floor = float(np.mean(lost**2))
    K = H if floor <= zero**2 else H.kept(y, rep_out, zero)
    return CurieReport(
        H=H,
        K=K,
        floor=floor if floor > zero**2 else 0.0,
        power=float(np.mean(y**2)),
        answers=H.index(K),
        best_output=best,
        irreps=_by_irreps(y, H, rep_out),
        degrees=_by_degrees(lost, y, rep_out),
        gain=_gain(y, H, rep_out, zero),
        y=y,
        rep_out=rep_out,
        zero=zero,
    )


def _by_irreps(y: np.ndarray, H: Stabiliser, rep_out: Rep) -> dict[str, float]:
    """The share of the target's power in each irrep of H, by character projectors."""
    group, by = H.subgroup.group, H.averaging(2 * max(rep_out.degree, 1))
    h, images = H.subgroup.candidate(by.elements), by.moved(y, rep_out)
    irreps = irreps_up_to(group, rep_out.degree if H.continuous else int(group.order))
    power = max(float(np.sum(y**2)), TINY)
    shares = {}
    for irrep in irreps:
        character = np.trace(irrep.evaluate(h), axis1=-2, axis2=-1) * irrep.dim / len(irrep.endomorphisms)
        part = np.tensordot(by.weights * character, images, 1)
        if (share := float(np.sum(part**2)) / power) > 1e-12:
            shares[irrep.label] = share
    if H.space is not None and (rest := 1 - sum(shares.values())) > 1e-12:
        shares[BROKEN_TRANSLATIONS] = rest
    return shares


def _by_degrees(lost: np.ndarray, y: np.ndarray, rep: Rep) -> dict[str, float]:
    """The share of the target's power that is lost, by irrep of its rep."""
    power = max(float(np.sum(y**2)), TINY)
    inner = lost @ rep.change_of_basis
    shares = {}
    for (_, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        shares[irrep.label] = float(np.sum(inner[..., where] ** 2)) / power
    return shares


def _gain(y: np.ndarray, H: Stabiliser, rep_out: Rep, zero: float) -> float:
    """The largest |h y − y| / |h x − x| over the elements: 0 where y keeps them, infinite for exact symmetries."""
    by = H.averaging(rep_out.degree)
    off = np.linalg.norm((by.moved(y, rep_out) - y).reshape(len(by.elements), -1), axis=1)
    breaking = off > max(SHARP * float(np.linalg.norm(y)), 2 * zero * y.size**0.5)
    if not breaking.any():
        return 0.0
    moves = H.displacements(by)[breaking]
    if (moves <= FLOAT64 * max(H.source.size, TINY)).any():
        return float("inf")
    return float((off[breaking] / moves).max())
