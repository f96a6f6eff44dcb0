"""Curie's principle as a question: can any equivariant map send this input to this output?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import Tensor

from intertwine._arrays import as_array, epsilon, to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.irrep import matrix_trace
from intertwine.symmetry.inputs.crystals import Operations, displacements, kept_operations
from intertwine.symmetry.inputs.greedy_closure import largest_among
from intertwine.symmetry.inputs.identify_subgroup import named_subgroup
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.points import Points
from intertwine.symmetry.inputs.stabiliser import cloud_stabiliser, of_operations, stabiliser, within
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
        rep_in: the rep of the input's features, if any.
        x: the input.
        part: the subgroup that the map is equivariant under; None for all of the group of `rep_out`.
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
    rep_in: Rep | None
    x: Points | np.ndarray
    part: Subgroup | None = None
    zero: float = 0.0

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
        slack = self.H.tolerance**2 if self.K.continuous else 0.0  # its axis is fitted anew, and noise turns it
        return floor <= self.noise + max(max(slack, 1e-9) * self.power, self.zero**2)

    def to_dict(self) -> dict[str, object]:
        """The numbers, for JSON."""
        return {
            "possible": self.possible,
            "group": self.H.group.name if self.part is None else self.part.name,
            "H": self.H.to_dict(),
            "K": self.K.to_dict(),
            "floor": self.floor,
            "noise": self.noise,
            "power": self.power,
            "answers": None if np.isinf(self.answers) else self.answers,
            "gain": None if np.isinf(self.gain) else self.gain,
            "best_output": self.best_output.tolist(),
            "irreps": self.irreps,
            "degrees": self.degrees,
        }

    def __str__(self) -> str:
        verdict = (
            "POSSIBLE"
            if self.possible
            else f"IMPOSSIBLE for any {self.H.group if self.part is None else self.part.name}-equivariant map"
        )
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
        share = 100 * self.floor / max(self.power, 1e-300)
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
    part = group if isinstance(group, Subgroup) else None
    whole = (part.parent if part is not None else group) or rep_out.group
    for rep in (rep_out, found_in):
        if rep is not None and rep.group != whole:
            raise RepMismatchError(
                f"The map is to be equivariant under {whole}, but the rep {rep} belongs to {rep.group}."
            )
    wanted = y.features if isinstance(y, Points) else y
    if wanted is None:
        raise ArgumentError("The target is a cloud without features. Pass Points(…, features=…), or the numbers alone.")
    target = to_numpy(wanted)
    cloud = x if isinstance(x, Points) else to_numpy(x)
    if isinstance(cloud, Points) or cloud.ndim == 2:
        cloud = replace(cloud, positions=to_numpy(cloud.positions)) if isinstance(cloud, Points) else Points(cloud)
        H = stabiliser(cloud, rep=found_in, group=whole, tolerance=tolerance)  # type: ignore[arg-type]
    elif found_in is None:
        raise ArgumentError("The rep of the input is needed to know how symmetries move it: pass rep_in=….")
    else:
        H = stabiliser(cloud, rep=found_in, tolerance=tolerance)
    if isinstance(cloud, Points) and H.continuous and cloud.lattice is not None:
        raise ArgumentError(
            f"The atoms lie on one line along their only period, with the continuous symmetry {H.name}. What such an "
            "input can become is not worked out. Leave the cell out for a molecule."
        )
    H = H if part is None else replace(within(H, part), asked=H.asked)
    return _report(cloud, target, H, rep_out, found_in, part, resolution(wanted, cloud))


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
    elements, weights, permutations = H.averaging(rep_out.degree)
    return np.asarray(np.tensordot(weights, moved(y, rep_out, elements, permutations), 1))


def moved(y: np.ndarray, rep: Rep, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
    """The target moved by each of some elements, `(h, *y.shape)`; targets at points go along with their points."""
    matrices = rep.evaluate(elements)
    if y.ndim == 1 or permutations is None:
        return np.asarray(matrices @ y)
    out = np.empty((len(elements), *y.shape))
    out[np.arange(len(elements))[:, None], permutations] = y @ matrices.swapaxes(-1, -2)
    return out


def _report(
    x: Points | np.ndarray,
    y: np.ndarray,
    H: Stabiliser,
    rep_out: Rep,
    rep_in: Rep | None,
    part: Subgroup | None,
    zero: float,
) -> CurieReport:
    best = attainable(y, H, rep_out)
    lost = y - best
    floor = float(np.mean(lost**2))
    K = H if floor <= zero**2 else kept_by(x, y, H, rep_out, rep_in, part, zero)
    return CurieReport(
        H=H,
        K=K,
        floor=floor if floor > zero**2 else 0.0,
        power=float(np.mean(y**2)),
        answers=_index(H, K),
        best_output=best,
        irreps=_by_irreps(y, H, rep_out),
        degrees=_by_degrees(lost, y, rep_out),
        gain=_gain(x, y, H, rep_out, rep_in, zero),
        y=y,
        rep_out=rep_out,
        rep_in=rep_in,
        x=x,
        part=part,
        zero=zero,
    )


def kept_by(
    x: Points | np.ndarray,
    y: np.ndarray,
    H: Stabiliser,
    rep_out: Rep,
    rep_in: Rep | None,
    part: Subgroup | None = None,
    zero: float = 0.0,
) -> Stabiliser:
    """The elements of H that leave the target as it is, as a subgroup of the whole group.

    Those of a continuous H are found in the whole group; `part` is the subgroup that H was looked for in, if any. All
    keep a target up to `zero`, which is rounding.
    """
    tolerance = min(max(10 * H.tolerance, 1e-9), 0.3)  # elements that change the target by all of it are not kept
    size = max(float(np.linalg.norm(y)), zero * y.size**0.5 / tolerance, 1e-300)
    if H.space is not None and H.permutations is not None:
        off = np.linalg.norm((moved(y, rep_out, H.elements, H.permutations) - y).reshape(len(H.elements), -1), axis=1)
        operations = Operations(H.space, H.elements, H.permutations, off / size)
        kept = kept_operations(H.space, H.permutations, operations.residuals, tolerance)
        return of_operations(H.group, operations, kept, tolerance, to_numpy(x.positions))  # type: ignore[union-attr]
    if not H.continuous:
        off = np.linalg.norm((moved(y, rep_out, H.elements, H.permutations) - y).reshape(len(H.elements), -1), axis=1)
        good = largest_among(H.elements, off / size, tolerance)
        subgroup = named_subgroup(H.group, H.elements[good], H.group.lie_generators[:0])
        if subgroup is None:
            raise ArgumentError(
                f"The symmetries that the target keeps up to {tolerance:g} do not form a group: it is nearly more "
                "symmetric than it is. Pass another tolerance."
            )
        permutations = None if H.permutations is None else H.permutations[good]
        return Stabiliser(subgroup, H.elements[good], off[good] / size, permutations, tolerance, H.centred)
    y = np.where(np.abs(y) <= zero, 0.0, y) / size
    if not y.any():
        return H
    if isinstance(x, Points):
        found = _kept_on_a_line(x, y, H, rep_out, rep_in, tolerance)
    else:
        both = np.concatenate([x / max(float(np.linalg.norm(x)), 1e-300), y])
        found = stabiliser(both, rep=as_rep(rep_in) + rep_out, tolerance=tolerance)  # type: ignore[arg-type]
    return found if part is None else within(found, part)


def _kept_on_a_line(
    x: Points, y: np.ndarray, H: Stabiliser, rep_out: Rep, rep_in: Rep | None, tolerance: float
) -> Stabiliser:
    """`kept_by` for a cloud on a line or in one point: the symmetry of the cloud with the targets as tensors."""
    tensors, rep = (None, None) if x.features is None else (to_numpy(x.features), rep_in)
    if y.ndim == 1:
        return cloud_stabiliser(x.positions, x.labels, tensors, rep, H.group, tolerance, (rep_out, y))
    if tensors is None or rep is None:
        return cloud_stabiliser(x.positions, x.labels, y, rep_out, H.group, tolerance)
    both = np.concatenate([tensors / max(float(np.linalg.norm(tensors)), 1e-300), y], 1)
    return cloud_stabiliser(x.positions, x.labels, both, rep + rep_out, H.group, tolerance)


def _index(H: Stabiliser, K: Stabiliser) -> float:
    """The number of cosets of K in H."""
    if not H.continuous:
        return float(H.order / K.order)
    if len(H.subgroup.group.lie_generators) != len(K.subgroup.group.lie_generators):
        return float("inf")
    return float(components(H) / components(K))


def components(found: Stabiliser) -> int:
    """The number of connected pieces of a continuous stabiliser."""
    return {"Cinf": 1, "SO(2)": 1, "SO(3)": 1, "Dinfh": 4}.get(found.name, 2)


def _by_irreps(y: np.ndarray, H: Stabiliser, rep_out: Rep) -> dict[str, float]:
    """The share of the target's power in each irrep of H, by character projectors."""
    group, degree = H.subgroup.group, rep_out.degree
    if not H.continuous:
        h, weights = H.subgroup.candidate(H.elements), np.full(len(H.elements), 1 / len(H.elements))
        elements, permutations = H.elements, H.permutations
        labels = group.labels(int(group.order))
    else:
        h, weights = group.quadrature(2 * max(degree, 1))
        elements, _, permutations = H.averaging(2 * max(degree, 1))
        labels = group.labels(degree)
    images = moved(y, rep_out, elements, permutations)
    power = max(float(np.sum(y**2)), 1e-300)
    shares = {}
    for label in labels:
        irrep = Irrep(group, label)
        character = matrix_trace(irrep.evaluate(h)) * irrep.dim / len(irrep.endomorphisms)
        part = np.tensordot(weights * character, images, 1)
        if (share := float(np.sum(part**2)) / power) > 1e-12:
            shares[label] = share
    if H.space is not None and (rest := 1 - sum(shares.values())) > 1e-12:
        shares[BROKEN_TRANSLATIONS] = rest
    return shares


def _by_degrees(lost: np.ndarray, y: np.ndarray, rep: Rep) -> dict[str, float]:
    """The share of the target's power that is lost, by irrep of its rep."""
    power = max(float(np.sum(y**2)), 1e-300)
    inner = lost @ rep.change_of_basis
    shares = {}
    for (_, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        shares[irrep.label] = float(np.sum(inner[..., where] ** 2)) / power
    return shares


def _gain(x: Points | np.ndarray, y: np.ndarray, H: Stabiliser, rep_out: Rep, rep_in: Rep | None, zero: float) -> float:
    """The largest |h y − y| / |h x − x| over the elements: 0 where y keeps them, infinite for exact symmetries."""
    elements, _, permutations = H.averaging(rep_out.degree)
    off = np.linalg.norm((moved(y, rep_out, elements, permutations) - y).reshape(len(elements), -1), axis=1)
    breaking = off > max(1e-9 * float(np.linalg.norm(y)), 2 * zero * y.size**0.5)
    if not breaking.any():
        return 0.0
    if isinstance(x, Points) and H.space is not None and permutations is not None:
        distance = displacements(to_numpy(x.positions), H.space, permutations)
        size = H.space.lattice.scale(permutations.shape[1])
    elif isinstance(x, Points) and H.centred is not None and permutations is not None:
        partners = H.centred[permutations]
        distance = np.linalg.norm((H.centred @ elements.swapaxes(-1, -2) - partners).reshape(len(elements), -1), axis=1)
        size = float(np.linalg.norm(H.centred))
    else:
        vector = np.asarray(x, dtype=np.float64)
        distance = np.linalg.norm(as_rep(rep_in).evaluate(elements) @ vector - vector, axis=1)  # type: ignore[arg-type]
        size = float(np.linalg.norm(vector))
    if (distance[breaking] <= 1e-12 * max(size, 1e-300)).any():
        return float("inf")
    return float((off[breaking] / distance[breaking]).max())
