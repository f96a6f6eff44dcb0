"""Order parameters: the inputs that lower the symmetry just enough to make a target possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import Tensor

from intertwine._arrays import for_json
from intertwine.catalog import words
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.decomposition import invariants
from intertwine.reps.irrep import irreps_up_to
from intertwine.symmetry.inputs.isotropy_group import Averaging, Stabiliser, some
from intertwine.symmetry.limits.curie import BROKEN_TRANSLATIONS, CurieReport, attainable
from intertwine.symmetry.limits.site_fields import (
    closed_sites,
    generic,
    gradient_at_zero,
    orbits,
    site_candidates,
)
from intertwine.symmetry.words.polynomials import component_name, upright


@dataclass(frozen=True, eq=False)
class OrderParameter:
    """A vector of an irrep which, given as an input at every point or for the whole, lowers the symmetry.

    Args:
        irrep: the irrep of the network's group.
        vector: the vector `(irrep.dim,)`, the same for all points, of length 1; any nonzero multiple does, and the sign
            chooses the answer. For chosen sites a field `(N, irrep.dim)`, zero elsewhere.
        polynomial: the harmonic polynomial that the vector is, where the irrep is one of harmonics; of a field, that at
            one site of each kind.
        stabiliser: the name of the symmetry that is left.
        order: how many elements it has; infinite for a continuous one.
        floor: the mean squared error that is left.
        exact: whether just the target's symmetry K is left: most symmetric.
        gradient: the share that lies along it of the squared gradient of a model's loss, less what H fixes, where a
            model was given.
    """

    irrep: Irrep
    vector: np.ndarray
    polynomial: str
    stabiliser: str
    order: float
    floor: float
    exact: bool
    gradient: float | None = None


@dataclass(frozen=True, eq=False)
class OrderParameters:
    """What `order_parameters` found, best first. It iterates over them, and prints as a table.

    Args:
        report: the question that they answer.
        found: the order parameters: those that repair the target, most symmetric and lowest degree first; then tempting
            ones that do not.
        together: where no single one repairs the target, several that do when all are given; else empty.
    """

    report: CurieReport
    found: tuple[OrderParameter, ...]
    together: tuple[OrderParameter, ...] = ()

    @cached_property
    def working(self) -> tuple[OrderParameter, ...]:
        """Those that leave no floor, beyond the noise in the target."""
        return tuple(p for p in self.found if self.report.reaches(p.floor))

    @property
    def most_symmetric(self) -> tuple[OrderParameter, ...]:
        """Those that leave no floor and break nothing that the target keeps."""
        return tuple(p for p in self.found if p.exact)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, place: int) -> OrderParameter:
        return self.found[place]

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        keys = ("irrep", "vector", "order", "polynomial", "stabiliser", "floor", "exact", "gradient")
        return {
            "order_parameters": [for_json(p, *keys) for p in self.found],
            "together": [self.found.index(p) for p in self.together],
        }

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("rank", "irrep", "component", "leaves", "floor", "gradient", "")]
        for i, p in enumerate(self.found, start=1):
            works = p in self.working
            floor = "0" if p.floor <= 1e-9 * self.report.power else f"{p.floor:.3g}"
            share = "" if p.gradient is None else f"{100 * p.gradient:.1f} %"
            rank = str(i) if works else "–"
            rows.append((rank, p.irrep.label, _short(p.polynomial), p.stabiliser, floor, share, self._note(p, works)))
        if not any(row[5] for row in rows[1:]):  # no model was given
            rows = [(*row[:5], row[6]) for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if self.together:
            names = ", ".join(f"{p.irrep.label} {p.polynomial}" for p in self.together)
            lines.append(f"none works alone; together these do: {names}")
        elif not self.working and BROKEN_TRANSLATIONS in self.report.irreps:
            lines.append(
                "the target is not the same in every primitive cell: no vector for the whole crystal can help; pass "
                "sites=… for fields that differ from cell to cell"
            )
        return "\n".join(lines)

    def _note(self, p: OrderParameter, works: bool) -> str:
        if works:
            return "most symmetric" if p.exact else "breaks more than needed"
        if p.floor < self.report.floor * (1 - 1e-3):
            return "helps in part"
        if p.floor < self.report.floor * (1 - 1e-9):
            return "hardly helps"
        return "wrong axes" if p.stabiliser == self.report.K.name else "does not help"


def order_parameters(
    report: CurieReport,
    degree: int = 4,
    *,
    sites: Sequence[int] | np.ndarray | None = None,
    model: Callable[[Tensor], Tensor] | None = None,
    rep: Rep | Irrep | None = None,
) -> OrderParameters:
    """The irreps, up to a degree, a vector of which as one more input makes an impossible target possible.

    A vector w lowers the symmetry H of the input to the elements that fix it too. It works if the target keeps all of
    these; it is most symmetric if they are just K, the symmetries that input and target share. Such a vector is fixed
    by K and not by more, so it lies in Fix_K(σ) outside of every larger fixed space: a generic vector of it, if any.

    The vector is one for the whole input, or the same at every point. With `sites` it is a field, a vector at each of
    these points that may differ from point to point: Fix_K is then taken in the fields on them.

    A `model` ranks what works by what it would learn first: the gradient of its mean squared error at w = 0. Apart from
    what H fixes, that gradient lies in the irreps of H that the target misses and nowhere else, for every architecture.

    Args:
        report: what `curie_check` said.
        degree: the largest degree of irreps that are tried.
        sites: the points, by number, that carry the order parameter; those that H takes them to are added.
        model: your network as a function of the extra input alone, the report's input being fixed: it takes w of `rep`,
            `(rep.dim,)` or with sites `(N, rep.dim)`, and gives a prediction of the target's shape.
        rep: the rep of that w; only its irreps are tried then.

    Raises `ArgumentError` if the target is possible already, for a model without its rep, and for sites of an input
    that has no points.

    Source: Smidt, Geiger, Miller 2021, doi:10.1103/PhysRevResearch.3.L012002 (who find them by gradients).

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> [(p.irrep.label, p.polynomial, p.stabiliser) for p in order_parameters(report, degree=3).most_symmetric]
    [('2e', 'x² − y²', 'D2h'), ('3e', 'xyz (pseudo)', 'D2h')]
    >>> order_parameters(report, degree=1, sites=[0])[0].polynomial  # a vector on each corner
    'x − y at 0 and images'
    """
    if report.possible:
        raise ArgumentError(
            "The target is possible already: it is as symmetric as the input, and needs no more inputs."
        )
    search = _Search(report, None if sites is None else closed_sites(report, sites))
    irreps, gradient = report.H.group.irreps(degree), None
    if model is not None:
        if rep is None:
            raise ArgumentError("A model of an extra input is asked about with the rep of that input: pass rep=….")
        gradient = gradient_at_zero(report, model, as_rep(rep), fields=sites is not None)
    if rep is not None:
        irreps = tuple(sorted({irrep for _, irrep in as_rep(rep).isotypic}, key=lambda irrep: irrep.key))
    found: dict[tuple[str, str, str], OrderParameter] = {}
    for irrep in irreps:
        for parameter in search.of(irrep):
            if gradient is not None:
                parameter = replace(parameter, gradient=gradient.along(irrep, parameter.vector))
            found.setdefault((irrep.label, parameter.stabiliser, parameter.polynomial), parameter)
    ranked = tuple(sorted(found.values(), key=search.rank))
    works = bool(ranked) and report.reaches(ranked[0].floor)
    return OrderParameters(report, ranked, () if works else _together(report, ranked))


@dataclass(frozen=True, eq=False)
class _Search:
    """The search in one irrep after another, for vectors or for fields on some sites; what they share is made once."""

    report: CurieReport
    sites: np.ndarray | None

    def of(self, irrep: Irrep) -> list[OrderParameter]:
        """What an irrep offers: a generic vector that K fixes, tempting ones, else one that breaks more than needed."""
        report = self.report
        H, K = report.H.averaging(irrep.degree), report.K.averaging(irrep.degree)
        matrices, fixed = irrep.evaluate(K.elements), np.tensordot(H.weights, irrep.evaluate(H.elements), 1)

        def generic_of(part: Averaging, its_matrices: np.ndarray) -> list[np.ndarray]:
            """A generic vector or field that a part of H fixes, with nothing in it that H fixes, if there is one."""
            if self.sites is not None:
                return site_candidates(report, irrep, self.sites, part)
            projector = np.tensordot(part.weights, its_matrices, 1) - fixed
            return [v / np.linalg.norm(v) for v in generic(invariants((projector[None],), np.ones(1)).T)]

        tried = [self._tried(irrep, vector) for vector in generic_of(K, matrices) + self._tempting(irrep)]
        if irrep.degree > 2 or any(report.reaches(p.floor) for p in tried):
            return tried
        for places in self._parts:
            weights = np.full(len(places), 1 / len(places))
            part = Averaging(K.elements[places], weights, some(K.permutations, places))
            for vector in generic_of(part, matrices[places]):
                if report.reaches((p := self._tried(irrep, vector)).floor):
                    return [*tried, p]
        return tried

    @cached_property
    def _parts(self) -> list[np.ndarray]:
        """The places of the proper subgroups of K."""
        return self.report.K.smaller()

    def _tempting(self, irrep: Irrep) -> list[np.ndarray]:
        """The vectors that span the one-dimensional irreps of H in a small irrep."""
        if irrep.degree > 2 or self.sites is not None:
            return []
        elements, weights, signs = self._signs
        matrices = irrep.evaluate(elements)
        once = np.round(signs @ (weights * np.trace(matrices, axis1=1, axis2=2))) == 1
        return [invariants((sign[:, None, None] * matrices,), weights)[0] for sign in signs[once]]

    @cached_property
    def _signs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Elements and weights of H, and the values `(k, h)` of its one-dimensional irreps, without the trivial one."""
        H = self.report.H
        elements, weights, _ = H.averaging(4)  # of irreps up to degree 2 times these
        h, group = H.subgroup.candidate(elements), H.subgroup.group
        small = [i for i in irreps_up_to(group, int(group.order) if group.is_finite else 2) if i.dim == 1]
        values = group.irrep_matrices([i.label for i in small], h)
        signs = [values[i.label] for i in small if not i.is_trivial]
        return elements, weights, np.reshape(signs, (len(signs), len(h)))

    def _tried(self, irrep: Irrep, vector: np.ndarray) -> OrderParameter:
        """What is left of the symmetry, and of the floor, when the vector or field is one more input."""
        report, named = self.report, ""
        if self.sites is None:
            vector, named = upright(irrep, vector)
        left = report.H.kept(vector, irrep.irreps)
        if self.sites is not None:
            named = _field_text(left, irrep, vector, self.sites)
        floor = _floor(report, left)
        exact = report.reaches(floor) and report.K.index(left) == 1
        return OrderParameter(irrep, vector, named, left.name, left.order, floor, exact)

    def rank(self, p: OrderParameter) -> tuple[object, ...]:
        """What order parameters are sorted by: what works, breaks least and is learned first comes first."""
        works = self.report.reaches(p.floor)
        learned = 0.0 if p.gradient is None or not works else -round(p.gradient, 9)
        lost = round(p.floor / self.report.power, 9)  # equal floors differ by rounding
        return (not works, not p.exact, -p.order if works else lost, learned, p.irrep.key)


def _together(report: CurieReport, found: Sequence[OrderParameter]) -> tuple[OrderParameter, ...]:
    """Order parameters, chosen greedily, that leave no floor when all are given; empty if there are none."""
    chosen: list[OrderParameter] = []
    best = (report.floor, float(report.H.order))
    while not report.reaches(best[0]):
        tried = [(_left([*chosen, p], report), i) for i, p in enumerate(found) if p not in chosen]
        (result, place) = min(tried, default=(best, -1))
        if result >= best:
            return ()
        best, chosen = result, [*chosen, found[place]]
    return tuple(chosen)


def _left(parameters: Sequence[OrderParameter], report: CurieReport) -> tuple[float, float]:
    """The floor, and the order of the symmetry, that several order parameters leave together."""
    rep = Rep(report.H.group, tuple((1, p.irrep) for p in parameters))
    left = report.H.kept(np.concatenate([p.vector for p in parameters], -1), rep)
    return _floor(report, left), float(left.order)


def _floor(report: CurieReport, left: Stabiliser) -> float:
    """The mean squared error that a smaller symmetry of the input leaves."""
    return float(np.mean((report.y - attainable(report.y, left, report.rep_out)) ** 2))


def _field_text(left: Stabiliser, irrep: Irrep, field: np.ndarray, sites: np.ndarray) -> str:
    """The polynomials at one site of each orbit of the symmetries that are left; these make the others from them."""
    if left.permutations is None:
        return ""
    found = [orbit for orbit in orbits(left.permutations, sites) if np.abs(field[orbit[0]]).max() > 1e-9]
    said = [f"{_at_site(irrep, field[orbit[0]])} at {orbit[0]}" for orbit in found]
    return ", ".join(said) + " and images" * any(len(orbit) > 1 for orbit in found)


def _short(text: str, most: int = 72) -> str:
    """The terms of a long sum, or the sites of a field, that fit; all are in `OrderParameter.polynomial`."""
    if " at " in text:
        cut = text.find(", ", 2 * most)
    else:
        cut = max(text.rfind(sign, 0, most) for sign in (" + ", " − ")) if len(text) > most else -1
    return text if cut < 0 else f"{text[:cut]} …"


def _at_site(irrep: Irrep, vector: np.ndarray) -> str:
    """The polynomial at one site, with its size where it is smaller than at the others (which is at most 1)."""
    name, size = component_name(irrep, vector), float(np.linalg.norm(vector))
    if name not in ("1", "pseudoscalar"):
        return name if size > 0.999 else f"{name} (size {size:.2g})"
    number = words.number(round(float(vector[0]), 2))
    if name == "1":
        return number
    return number.replace("1", name) if number in ("1", "−1") else f"{number} {name}"
