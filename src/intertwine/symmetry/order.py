"""Order parameters: the inputs that lower the symmetry just enough to make a target possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep
from intertwine.symmetry.curie import CurieReport, components, kept_by, moved
from intertwine.symmetry.polynomials import polynomial_text
from intertwine.symmetry.stabiliser import Stabiliser


@dataclass(frozen=True, eq=False)
class OrderParameter:
    """A vector of an irrep which, given as an input at every point or for the whole, lowers the symmetry.

    Args:
        irrep: the irrep of the network's group.
        vector: the vector `(irrep.dim,)`, of length 1; any nonzero multiple does, and the sign chooses the answer.
        polynomial: the harmonic polynomial that the vector is, where the irrep is one of harmonics.
        stabiliser: the name of the symmetry that is left.
        order: how many elements it has; infinite for a continuous one.
        floor: the mean squared error that is left.
        exact: whether just the target's symmetry K is left: most symmetric.
    """

    irrep: Irrep
    vector: np.ndarray
    polynomial: str
    stabiliser: str
    order: float
    floor: float
    exact: bool


@dataclass(frozen=True, eq=False)
class OrderParameters:
    """What `order_parameters` found, best first. It iterates over them, and prints as a table.

    Args:
        report: the question that they answer.
        found: the order parameters: those that repair the target, most symmetric and lowest degree first; then tempting
            ones that do not.
    """

    report: CurieReport
    found: tuple[OrderParameter, ...]

    @property
    def working(self) -> tuple[OrderParameter, ...]:
        """Those that leave no floor."""
        return tuple(p for p in self.found if p.floor <= 1e-9 * self.report.power)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, place: int) -> OrderParameter:
        return self.found[place]

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        keys = ("polynomial", "stabiliser", "floor", "exact")
        rows = [
            {
                "irrep": p.irrep.label,
                "vector": p.vector.tolist(),
                "order": None if np.isinf(p.order) else int(p.order),
                **{key: getattr(p, key) for key in keys},
            }
            for p in self.found
        ]
        return {"order_parameters": rows}

    def __str__(self) -> str:
        rows = [("rank", "irrep", "component", "leaves", "floor", "")]
        for i, p in enumerate(self.found, start=1):
            works = p in self.working
            note = "most symmetric" if p.exact and works else "breaks more than needed" if works else "does not help"
            if not works and p.stabiliser == self.report.K.name:
                note = "wrong axes"
            if not works and p.floor < self.report.floor * (1 - 1e-9):
                note = "helps in part"
            floor = "0" if works else f"{p.floor:.3g}"
            rows.append((str(i) if works else "–", p.irrep.label, p.polynomial, p.stabiliser, floor, note))
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def order_parameters(report: CurieReport, degree: int = 4) -> OrderParameters:
    """The irreps, up to a degree, a vector of which as one more input makes an impossible target possible.

    A vector w lowers the symmetry H of the input to the elements that fix it too. It works if the target keeps all of
    these; it is most symmetric if they are just K, the symmetries that input and target share. Such a vector is fixed
    by K and not by more, so it lies in Fix_K(σ) outside of every larger fixed space: a generic vector of it, if any.

    Args:
        report: what `curie_check` said.
        degree: the largest degree of irreps that are tried.

    Raises `ArgumentError` if the target is possible already.

    Source: Smidt, Geiger, Miller 2021, doi:10.1103/PhysRevResearch.3.L012002 (who find them by gradients).

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> [(p.irrep.label, p.polynomial, p.stabiliser) for p in order_parameters(report, degree=3).working]
    [('2e', 'x² − y²', 'D2h'), ('3e', 'xyz (pseudo)', 'D2h')]
    """
    if report.possible:
        raise ArgumentError(
            "The target is possible already: it is as symmetric as the input, and needs no more inputs."
        )
    group = report.H.group
    found: dict[tuple[str, str, str], OrderParameter] = {}
    for irrep in group.irreps(degree):
        for vector in _candidates(report, irrep):
            parameter = _tried(report, irrep, vector)
            found.setdefault((irrep.label, parameter.stabiliser, parameter.polynomial), parameter)
    return OrderParameters(report, tuple(sorted(found.values(), key=lambda p: _rank(report, p))))


def _rank(report: CurieReport, p: OrderParameter) -> tuple[object, ...]:
    works = p.floor <= 1e-9 * report.power
    return (not works, not p.exact, -p.order if works else p.floor, p.irrep.key)


def _candidates(report: CurieReport, irrep: Irrep) -> list[np.ndarray]:
    """A generic vector that K fixes but H does not, and the vectors of the one-dimensional irreps of H in the irrep."""
    kept, all_fixed = report.K.fixed(irrep), report.H.fixed(irrep)
    kept = kept - all_fixed @ (all_fixed.T @ kept)
    u, sizes, _ = np.linalg.svd(kept, full_matrices=False)
    basis = u[:, sizes > 1e-6]
    found = []
    if basis.shape[1] == 1:
        found.append(basis[:, 0])
    elif basis.shape[1]:
        found.append(basis @ np.array([1.0 / (1 + i) ** 0.5 for i in range(basis.shape[1])]))
    if irrep.degree <= 2:
        restricted = irrep.irreps.restrict(report.H.subgroup)
        for small, columns in restricted.copies.items():
            if small.dim == 1 and not small.is_trivial and columns.shape[-1] == 1:
                found.append(columns[:, 0, 0])
    return [_upright(report.H.group, irrep, v / np.linalg.norm(v)) for v in found]


def _upright(group: CatalogGroup, irrep: Irrep, vector: np.ndarray) -> np.ndarray:
    """The vector or its negative, such that its polynomial does not start with a minus sign; tiny entries are zero."""
    vector = np.where(np.abs(vector) < 1e-10, 0.0, vector)
    return -vector if _polynomial(group, irrep, vector).startswith(("−", "-")) else vector


def _tried(report: CurieReport, irrep: Irrep, vector: np.ndarray) -> OrderParameter:
    """What is left of the symmetry, and of the floor, when the vector is one more input."""
    left = kept_by(report.x, vector, report.H, irrep.irreps, report.rep_in)
    elements, weights, permutations = left.averaging(report.rep_out.degree)
    best = np.tensordot(weights, moved(report.y, report.rep_out, elements, permutations), 1)
    floor = float(np.mean((report.y - best) ** 2))
    return OrderParameter(
        irrep=irrep,
        vector=vector,
        polynomial=_polynomial(report.H.group, irrep, vector),
        stabiliser=left.name,
        order=left.order,
        floor=floor,
        exact=floor <= 1e-9 * report.power and _as_large(left, report.K),
    )


def _as_large(left: Stabiliser, K: Stabiliser) -> bool:
    """Whether a subgroup of K is all of K."""
    if left.continuous and K.continuous:
        same = len(left.subgroup.group.lie_generators) == len(K.subgroup.group.lie_generators)
        return same and components(left) == components(K)
    return left.order == K.order


def _polynomial(group: CatalogGroup, irrep: Irrep, vector: np.ndarray) -> str:
    """The polynomial of a vector of SO(3) or O(3); the irrep's components otherwise."""
    if not (group.is_whole and group.dim == 3):
        return " ".join(f"{x:.3g}" for x in vector)
    text = polynomial_text(vector)
    if group.is_proper or irrep.label.endswith("eo"[irrep.degree % 2]):
        return text
    return "pseudoscalar" if irrep.degree == 0 else f"{text} (pseudo)"
