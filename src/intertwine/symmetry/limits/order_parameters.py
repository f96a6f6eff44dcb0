"""Order parameters: the inputs that lower the symmetry just enough to make a target possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from intertwine.catalog import words
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.isotropy_group import Averaging, Stabiliser
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

    @property
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
        keys = ("polynomial", "stabiliser", "floor", "exact", "gradient")
        rows = [
            {
                "irrep": p.irrep.label,
                "vector": p.vector.tolist(),
                "order": None if np.isinf(p.order) else int(p.order),
                **{key: getattr(p, key) for key in keys},
            }
            for p in self.found
        ]
        return {"order_parameters": rows, "together": [self.found.index(p) for p in self.together]}

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("rank", "irrep", "component", "leaves", "floor", "gradient", "")]
        for i, p in enumerate(self.found, start=1):
            works = p in self.working
            floor = "0" if p.floor <= 1e-9 * self.report.power else f"{p.floor:.3g}"
            share = "" if p.gradient is None else f"{100 * p.gradient:.1f} %"
            rank = str(i) if works else "–"
            rows.append((rank, p.irrep.label, _short(p.polynomial), p.stabiliser, floor, share, self._note(p, works)))
        if all(p.gradient is None for p in self.found):
            rows = [(*row[:5], row[6]) for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
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
    places = None if sites is None else closed_sites(report, sites)
    irreps, gradient = report.H.group.irreps(degree), None
    if model is not None:
        if rep is None:
            raise ArgumentError("A model of an extra input is asked about with the rep of that input: pass rep=….")
        gradient = gradient_at_zero(report, model, as_rep(rep), fields=places is not None)
    if rep is not None:
        irreps = tuple(sorted({irrep for _, irrep in as_rep(rep).isotypic}, key=lambda irrep: irrep.key))
    found: dict[tuple[str, str, str], OrderParameter] = {}
    for irrep in irreps:
        for parameter in _of_irrep(report, irrep, places):
            if gradient is not None:
                parameter = replace(parameter, gradient=gradient.along(irrep, parameter.vector))
            found.setdefault((irrep.label, parameter.stabiliser, parameter.polynomial), parameter)
    ranked = tuple(sorted(found.values(), key=lambda p: _rank(report, p)))
    works = any(report.reaches(p.floor) for p in ranked)
    return OrderParameters(report, ranked, () if works else _together(report, ranked))


def _of_irrep(report: CurieReport, irrep: Irrep, sites: np.ndarray | None) -> list[OrderParameter]:
    """What an irrep offers: a generic vector that K fixes, tempting ones, and else one that breaks more than needed."""
    kept = report.K.averaging(irrep.degree)
    vectors = _candidates(report, irrep) if sites is None else site_candidates(report, irrep, sites, kept)
    tried = [_tried(report, irrep, vector, sites) for vector in vectors]
    if irrep.degree > 2 or any(report.reaches(p.floor) for p in tried):
        return tried
    for part in report.K.smaller():
        more = _fixed_by(report, irrep, part) if sites is None else site_candidates(report, irrep, sites, part)
        for p in (_tried(report, irrep, vector, sites) for vector in more):
            if report.reaches(p.floor):
                return [*tried, p]
    return tried


def _beyond(report: CurieReport, irrep: Irrep, fixed: np.ndarray) -> list[np.ndarray]:
    """A generic vector among those that a smaller symmetry fixes, with nothing that H fixes, if there is one."""
    all_fixed = report.H.fixed(irrep)
    u, sizes, _ = np.linalg.svd(fixed - all_fixed @ (all_fixed.T @ fixed), full_matrices=False)
    return generic(u[:, sizes > 1e-6])


def _fixed_by(report: CurieReport, irrep: Irrep, part: Averaging) -> list[np.ndarray]:
    """A generic vector that a subgroup fixes but the input's symmetry does not."""
    found = _beyond(report, irrep, part.fixed(irrep))
    return [upright(irrep, v / np.linalg.norm(v)) for v in found]


def _rank(report: CurieReport, p: OrderParameter) -> tuple[object, ...]:
    works = report.reaches(p.floor)
    learned = 0.0 if p.gradient is None or not works else -round(p.gradient, 9)
    return (not works, not p.exact, -p.order if works else p.floor, learned, p.irrep.key)


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


def _candidates(report: CurieReport, irrep: Irrep) -> list[np.ndarray]:
    """A generic vector that K fixes but H does not, and the vectors of the one-dimensional irreps of H in the irrep."""
    found = _beyond(report, irrep, report.K.fixed(irrep))
    if irrep.degree <= 2:
        restricted = irrep.irreps.restrict(report.H.subgroup)
        for small, columns in restricted.copies.items():
            if small.dim == 1 and not small.is_trivial and columns.shape[-1] == 1:
                found.append(columns[:, 0, 0])
    return [upright(irrep, v / np.linalg.norm(v)) for v in found]


def _tried(report: CurieReport, irrep: Irrep, vector: np.ndarray, sites: np.ndarray | None) -> OrderParameter:
    """What is left of the symmetry, and of the floor, when the vector or field is one more input."""
    left = report.H.kept(vector, irrep.irreps)
    floor = _floor(report, left)
    named = component_name(irrep, vector) if sites is None else _field_text(left, irrep, vector, sites)
    return OrderParameter(
        irrep=irrep,
        vector=vector,
        polynomial=named,
        stabiliser=left.name,
        order=left.order,
        floor=floor,
        exact=report.reaches(floor) and report.K.index(left) == 1,
    )


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
