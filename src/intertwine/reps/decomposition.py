"""Splitting a representation, given by its matrices, into irreps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps.irrep import Irrep, irreps_up_to, matrix_trace
from intertwine.reps.splitting import Projector, SpanProjector, clean, equivalent, kronecker, matching, pivot, split

RANDOM_ELEMENTS = 64
"""How many random elements stand for a group that has no quadrature."""

BATCH = 1000
"""How many elements the characters of all irreps are made for at once."""

Content = tuple[tuple[int, Irrep], ...]


def decompose_function(
    group: Group, matrix: Callable[[np.ndarray], np.ndarray], size: int, degree: int, quadrature_degree: int
) -> tuple[Content, np.ndarray]:
    """`decompose_samples` for a function of elements `(..., n, n)` that gives the matrices `(..., size, size)`.

    It is immediate where they are those of an irrep already. The degree is the largest of an irrep that can occur; a
    quadrature of the other degree averages products of ρ with these irreps exactly.
    """
    if size == 0:
        return (), np.zeros((0, 0))
    generators = group.generators
    images = matrix(generators)
    for irrep in reversed(irreps_up_to(group, degree)):
        if irrep.dim == size and np.allclose(irrep.evaluate(generators), images, rtol=0, atol=1e-12):
            return ((1, irrep),), np.eye(size)
    if not group.has_quadrature:
        elements = group.sample(RANDOM_ELEMENTS)
        matrices, largest = matrix(elements), degree + group.dim
        while degree < largest and not _fills(group, elements, matrices, degree):
            degree += 1  # another group's degrees may have led here: its sign has degree 0, say
        return _decompose_by_sampling(group, elements, matrices, degree)
    elements, weights = group.quadrature(quadrature_degree)
    return decompose_samples(group, elements, weights, matrix(elements), degree)


def decompose_samples(
    group: Group, elements: np.ndarray, weights: np.ndarray, matrices: np.ndarray, degree: int
) -> tuple[Content, np.ndarray]:
    """The irreps inside an orthogonal rep and the change of basis Q to them: `ρ(g) = Q (⊕ irreps)(g) Qᵀ`.

    Multiplicities are character averages; for each irrep σ the maps `{X: ρ(g) X = X σ(g)}` are the image of the Haar
    average of ρ(g) ⊗ σ(g). The gauge is fixed: X is taken from the projections of the matrix units in order, so the
    same input gives the same basis everywhere.

    Args:
        group: the group.
        elements, weights: a quadrature `(q, n, n)`, `(q,)` exact for products of ρ with irreps up to `degree`.
        matrices: ρ at the elements, `(q, d, d)`, orthogonal.
        degree: the largest degree of an irrep that can occur; of a finite group all are tried if these do not fill it.

    The columns of Q `(d, d)` are (component, copy) per irrep. Raises `ArgumentError` if the irreps found do not fill
    the space: the matrices are then no rep of the group.
    """
    size, columns = matrices.shape[-1], [np.zeros((matrices.shape[-1], 0))]
    content = multiplicities(group, elements, weights, matrix_trace(matrices), degree)
    if group.is_finite and _filled(content) != size:  # degrees of another group may have led here
        content = multiplicities(group, elements, weights, matrix_trace(matrices), int(group.order))
    _require_filled(group, content, size)
    for count, irrep in content:
        sigma = irrep.evaluate(elements)
        maps = _independent_maps(HaarProjector((matrices, sigma), weights), irrep, count)
        columns.append(np.stack(maps, -1).reshape(size, -1))
    return content, clean(np.concatenate(columns, 1))


def _decompose_by_sampling(
    group: Group, elements: np.ndarray, matrices: np.ndarray, degree: int
) -> tuple[Content, np.ndarray]:
    """`decompose_samples` for random elements: the rep is split, and each part matched to the irrep that it is."""
    size = matrices.shape[-1]
    irreps = irreps_up_to(group, degree)
    found = _parts(irreps, elements, matrices)
    content = tuple((len(found[irrep]), irrep) for irrep in irreps if irrep in found)
    _require_filled(group, content, size)
    columns = [np.stack(found[irrep], -1).reshape(size, -1) for _, irrep in content]
    return content, clean(np.concatenate([np.zeros((size, 0)), *columns], 1))


def _parts(irreps: Sequence[Irrep], elements: np.ndarray, matrices: np.ndarray) -> dict[Irrep, list[np.ndarray]]:
    """The isometries onto the irreducible parts of a rep that are among some irreps."""
    known = [irrep.evaluate(elements) for irrep in irreps]
    found: dict[Irrep, list[np.ndarray]] = {}
    for part in split(matrices):
        image = part.T @ matrices @ part
        for irrep, sigma in zip(irreps, known, strict=True):
            if equivalent(image, sigma):
                found.setdefault(irrep, []).append(part @ matching(image, sigma))
    return found


def _fills(group: Group, elements: np.ndarray, matrices: np.ndarray, degree: int) -> bool:
    """Whether irreps up to a degree make up a rep that is given at random elements."""
    irreps = irreps_up_to(group, degree)
    found = _parts(irreps, elements, matrices)
    return bool(sum(len(parts) * irrep.dim for irrep, parts in found.items()) == matrices.shape[-1])


def _filled(content: Content) -> int:
    """The dimension of irreps together."""
    return sum(count * irrep.dim for count, irrep in content)


def _require_filled(group: Group, content: Content, size: int) -> None:
    if _filled(content) != size:
        raise ArgumentError(
            f"The matrices of dimension {size} contain irreps of {group} of total dimension {_filled(content)}. "
            "Pass orthogonal matrices of a representation, and the largest degree that occurs in it."
        )


def multiplicities(
    group: Group, elements: np.ndarray, weights: np.ndarray, character: np.ndarray, degree: int
) -> Content:
    """How often each irrep up to a degree occurs in a rep with the character `(q,)` on a quadrature, by averages."""
    irreps = irreps_up_to(group, degree)
    labels = [irrep.label for irrep in irreps]
    averages = np.zeros(len(labels))
    for start in range(0, len(elements), BATCH):  # all irreps at once share work, few elements at once save memory
        part = slice(start, start + BATCH)
        matrices = group.irrep_matrices(labels, elements[part])
        averages += [np.sum(weights[part] * character[part] * matrix_trace(matrices[label])) for label in labels]
    counts = [round(float(a) / len(irrep.endomorphisms)) for a, irrep in zip(averages, irreps, strict=True)]
    return tuple((count, irrep) for count, irrep in zip(counts, irreps, strict=True) if count > 0)


class HaarProjector:
    """The projector onto the invariants of a tensor product: `∫ a(g) ⊗ b(g) ⊗ … dg`, given at a quadrature.

    Of each factor it takes the matrices `(q, dᵢ, dᵢ)` at the elements. A column costs one small sum; the whole matrix
    is never made.
    """

    def __init__(self, factors: tuple[np.ndarray, ...], weights: np.ndarray) -> None:
        self.factors, self.weights = factors, weights
        self.shape = tuple(factor.shape[-1] for factor in factors)
        self.lengths = self._sum([np.einsum("qii->qi", factor) for factor in factors])

    def column(self, number: int) -> np.ndarray:
        """A column of the projector, flat."""
        place = np.unravel_index(number, self.shape)
        return self._sum([factor[:, :, i] for factor, i in zip(self.factors, place, strict=True)])

    def _sum(self, rows: list[np.ndarray]) -> np.ndarray:
        """Σ_q w_q a_q ⊗ b_q ⊗ … for rows `(q, dᵢ)`."""
        product = self.weights[:, None]
        for row in rows[:-1]:
            product = (product[:, :, None] * row[:, None, :]).reshape(len(product), -1)
        return np.asarray((product.T @ rows[-1]).reshape(-1))


def invariant_tensors(group: Group, a: Irrep, b: Irrep, c: Irrep) -> np.ndarray:
    """An orthonormal basis `(m, d_a, d_b, d_c)` of the equivariant bilinear maps a × b → c, in a fixed gauge."""
    if not group.has_quadrature:
        return _sampled_couplings(a, b, c)
    elements, weights = group.quadrature(a.degree + b.degree + c.degree)
    found = invariants(tuple(irrep.evaluate(elements) for irrep in (a, b, c)), weights)
    return found.reshape(-1, a.dim, b.dim, c.dim)


def invariants(factors: tuple[np.ndarray, ...], weights: np.ndarray) -> np.ndarray:
    """An orthonormal basis `(m, d₁ d₂ …)` of what a product of reps leaves as it is, in a fixed gauge.

    Args:
        factors, weights: the reps at a quadrature, as for `HaarProjector`.
    """
    projector = HaarProjector(factors, weights)
    lengths = projector.lengths.copy()
    found = np.zeros((0, len(lengths)))
    for _ in range(round(float(lengths.sum()))):
        vector = projector.column(pivot(lengths))
        vector = vector - found.T @ (found @ vector)
        found = np.concatenate([found, vector[None] / np.linalg.norm(vector)])
        lengths -= found[-1] ** 2
    return clean(found)


def _sampled_couplings(a: Irrep, b: Irrep, c: Irrep) -> np.ndarray:
    """`invariant_tensors` from the copies of c inside a ⊗ b, each followed by what commutes with c."""
    content, basis = _sampled_product(a, b)
    start, maps = 0, [np.zeros((0, a.dim, b.dim, c.dim))]
    for count, irrep in content:
        columns = basis[:, start : start + count * irrep.dim].reshape(-1, irrep.dim, count)
        start += count * irrep.dim
        if irrep == c:
            turned = np.einsum("zcu,ecd->uezd", columns, c.endomorphisms) / np.sqrt(c.dim)
            maps.append(turned.reshape(-1, a.dim, b.dim, c.dim))
    return np.concatenate(maps)


@cache
def _sampled_product(a: Irrep, b: Irrep) -> tuple[Content, np.ndarray]:
    elements = a.group.sample(RANDOM_ELEMENTS)
    product = kronecker(a.evaluate(elements), b.evaluate(elements))
    return _decompose_by_sampling(a.group, elements, product, a.degree + b.degree)


def _independent_maps(projector: Projector, irrep: Irrep, count: int) -> list[np.ndarray]:
    """Isometries X `(D, d)` that commute with the group, mutually independent over the endomorphisms of the irrep.

    The candidates are the columns of the projector onto Hom, `D d` each. After each pick, scaled to an isometry, all
    X E with E commuting with the irrep are projected out of the rest.
    """
    lengths, maps = projector.lengths.copy(), []
    known = np.zeros((0, len(lengths)))
    for _ in range(count):
        best = projector.column(pivot(lengths))
        best = best - known.T @ (known @ best)
        best = (best * (np.sqrt(irrep.dim) / np.linalg.norm(best))).reshape(-1, irrep.dim)
        maps.append(best)
        span = np.stack([(best @ e).reshape(-1) / np.linalg.norm(best @ e) for e in irrep.endomorphisms])
        known = np.concatenate([known, span])
        lengths -= np.sum(span * span, 0)
    return maps


def isometries(span: np.ndarray, irrep: Irrep, count: int) -> list[np.ndarray]:
    """Isometries `(D, d)` inside the span of orthonormal columns `(D d, n)`, which is closed under endomorphisms."""
    return _independent_maps(SpanProjector(span), irrep, count)


def is_identity(basis: np.ndarray) -> bool:
    """Whether a (cleaned) basis is exactly the identity."""
    return bool(np.array_equal(basis, np.eye(len(basis))))
