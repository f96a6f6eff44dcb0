"""Reps that a user gives by matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups.group import orthogonality_residual
from intertwine.groups.rotations import exponential
from intertwine.reps.decomposition import decompose_function, decompose_samples, multiplicities
from intertwine.reps.irrep import matrix_trace
from intertwine.reps.rep import Rep

Matrices = Callable[[np.ndarray], np.ndarray] | Mapping[int, np.ndarray] | np.ndarray


def decompose(group: CatalogGroup, matrices: Matrices) -> tuple[Rep, np.ndarray]:
    """The irreps inside a rep that is given by its matrices, and the change of basis: `ρ(g) = Q rep.matrix(g) Qᵀ`.

    `rep.change_basis(Q, name)` is then the given rep itself, in its own coordinates.

    Args:
        group: the group.
        matrices: a function from elements `(..., n, n)` to orthogonal matrices `(..., d, d)`, or one that takes one
            element at a time; or for a finite group the matrices `(order, d, d)` in the order of `group.elements()`, or
            a dict from numbers of elements in that order to matrices, which may leave out elements that products of the
            others give.

    Returns:
        The rep of irreps, and the orthogonal Q `(d, d)`.

    Raises `ArgumentError` if the matrices are not orthogonal, are no rep of the group, or leave elements undetermined.

    >>> import numpy as np
    >>> from intertwine.catalog import cyclic
    >>> turn = np.roll(np.eye(3), 1, axis=0)  # three things in a circle
    >>> rep, Q = decompose(cyclic(3), {1: turn})
    >>> print(rep, bool(np.allclose(Q @ rep.matrix(cyclic(3).elements()[1]) @ Q.T, turn)))
    1x0 + 1x1 True
    >>> print(decompose(cyclic(3), lambda g: np.kron(g, g))[0])
    2x0 + 1x1
    """
    if not isinstance(group, CatalogGroup):
        raise ArgumentError(f"A rep of a group was expected, but got {group!r} for the group. Call group(name) first.")
    if callable(matrices):
        if not group.is_finite or not group.has_quadrature:
            return _function(group, matrices)
        matrices = _stack(_several(matrices, group.elements()))
    if not group.is_finite:
        raise ArgumentError(f"{group} is continuous: its matrices are given by a function of the element.")
    table = group.table
    stack = _completed(group, matrices) if isinstance(matrices, Mapping) else _stack(matrices)
    if len(stack) != len(table):
        raise ArgumentError(
            f"{group} has {len(table)} elements, but got {len(stack)} matrices. Pass one matrix for each of "
            "group.elements(), in that order, or a dict from numbers of elements to matrices."
        )
    _require_rep(group, stack)
    weights = np.full(len(table), 1 / len(table))
    content, basis = decompose_samples(group, table.elements, weights, stack, int(group.order))
    return Rep(group, content), basis


def _several(function: Callable[[np.ndarray], np.ndarray], g: np.ndarray) -> object:
    """The matrices of elements `(q, n, n)`, one after the other where a function takes only one at a time.

    Two elements tell which it is: `np.kron` of a whole batch with itself would be the batch squared.
    """
    few = g[[0, -1]]
    alone = _tried(lambda: np.stack([to_numpy(function(x)) for x in few]))
    together = _tried(lambda: to_numpy(function(few)))
    if alone is None or alone.ndim != 3 or alone.shape[1] != alone.shape[2]:
        return function(g)  # it takes none by itself, or makes no matrix of it
    same = together is not None and together.shape == alone.shape and np.allclose(together, alone)
    return function(g) if same else [function(x) for x in g]


def _tried(call: Callable[[], np.ndarray]) -> np.ndarray | None:
    """What a user's function gives; None where it does not take what it gets."""
    try:
        return call()
    except (TypeError, ValueError, IndexError, RuntimeError):
        return None


def _stack(matrices: object) -> np.ndarray:
    """Real square matrices of one size, `(q, d, d)`; raises `ArgumentError` for anything else."""
    try:
        stack = to_numpy(np.stack([to_numpy(matrix) for matrix in matrices]))  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        shown = repr(matrices) if isinstance(matrices, str) else _shapes(matrices)
        raise ArgumentError(f"Matrices (d, d) of one size were expected, but got {shown}.") from error
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or not stack.size:
        raise ArgumentError(f"Matrices (d, d) of one size were expected, but got an array of shape {stack.shape}.")
    if np.iscomplexobj(stack):
        raise ArgumentError("Reps are real, but got complex matrices. Pass [[a, −b], [b, a]] for each a + ib.")
    return stack


def _shapes(things: object) -> str:
    """What was given instead of matrices of one size, in few words."""
    try:
        return f"shapes {', '.join(dict.fromkeys(str(np.shape(thing)) for thing in things))}"  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return repr(things)


def _completed(group: CatalogGroup, matrices: Mapping[int, np.ndarray]) -> np.ndarray:
    """The matrices of all elements from those of some, by products."""
    table = group.table
    wrong = [number for number in matrices if number not in range(len(table))]
    if wrong or not matrices:
        raise ArgumentError(
            f"The matrices of {group} are numbered like group.elements(), from 0 to {len(table) - 1}, but got "
            f"{wrong or 'no numbers'}."
        )
    given = dict(zip(matrices, _stack(matrices.values()), strict=True))
    found = {0: given.get(0, np.eye(len(next(iter(given.values())))))}
    waiting = [0]
    while waiting:
        start = waiting.pop()
        for number, matrix in given.items():
            target = int(table.products[number, start])
            if target not in found:
                found[target] = matrix @ found[start]
                waiting.append(target)
    if len(found) < len(table):
        raise ArgumentError(
            f"The {len(given)} matrices determine {len(found)} of the {len(table)} elements of {group}. Give those of "
            "more elements, until they generate the group."
        )
    return np.stack([found[number] for number in range(len(table))])


def _require_rep(group: CatalogGroup, stack: np.ndarray) -> None:
    """Raises `ArgumentError` unless the matrices of all elements are an orthogonal rep."""
    if not orthogonality_residual(stack).max(initial=0.0) < 1e-8:
        raise ArgumentError(
            "The matrices are not orthogonal. With M the average of ρ(g)ᵀ ρ(g) over the group, M^½ ρ(g) M^−½ are."
        )
    table = group.table
    first = table.few_generators(np.arange(len(table)))
    defect = max((np.abs(stack[a] @ stack - stack[table.products[a]]).max() for a in first), default=0.0)
    if not defect < 1e-8:
        raise ArgumentError(
            f"The matrices are no rep of {group}: ρ(g) ρ(h) and ρ(g h) differ by up to {defect:.1e}. Elements are in "
            "the order of group.elements()."
        )


def _function(group: CatalogGroup, matrix: Callable[[np.ndarray], np.ndarray]) -> tuple[Rep, np.ndarray]:
    """`decompose` for a function; degrees are tried until the irreps fill the space and make the same matrices."""

    def numbers(g: np.ndarray) -> np.ndarray:
        return _stack(_several(matrix, g))

    g = np.concatenate([group.generators, group.sample(4, 1)])
    h = group.sample(len(g), 2)
    images = numbers(g)
    if len(images) != len(g) or not orthogonality_residual(images).max() < 1e-8:
        raise ArgumentError(
            f"The function takes elements of shape {g.shape} to matrices of shape {images.shape} that are not all "
            "orthogonal. It takes elements (..., n, n) to orthogonal matrices (..., d, d)."
        )
    if not np.allclose(images @ numbers(h), numbers(g @ h), rtol=0, atol=1e-8):
        raise ArgumentError(f"The function is no rep of {group}: it takes products of elements to other matrices.")
    size, degrees = images.shape[-1], _degrees(group, numbers)
    for degree in degrees:
        if _fills(group, numbers, size, degree):
            content, basis = decompose_function(group, numbers, size, degree, 2 * degree)
            rep = Rep(group, content)
            if np.allclose(basis @ rep.evaluate(g) @ basis.T, images, rtol=0, atol=1e-8):
                return rep, basis
    raise ArgumentError(
        f"No irreps of {group} up to degree {degrees[-1]} fill the rep of dimension {size}: it is not continuous, or "
        "no rep."
    )


def _degrees(group: CatalogGroup, matrix: Callable[[np.ndarray], np.ndarray]) -> range:
    """The degrees to try: from the largest frequency along one-parameter groups to those of all generators together.

    A frequency is how many times as fast ρ(g) turns as g.
    """
    step = 1e-3  # turns of small elements, which cannot go round
    small = [exponential(step * x / np.linalg.norm(x, 2)) for x in group.lie_generators]
    frequencies = [np.ceil(_angles(matrix(g[None])) / step - 1e-6).item() for g in small]
    others = _angles(matrix(group.generators)) / np.maximum(_angles(group.generators), step)
    return range(int(max(frequencies, default=0)), int(sum(frequencies) + np.ceil(others.sum())) + 2)


def _angles(matrices: np.ndarray) -> np.ndarray:
    """The largest angle `(...)` by which orthogonal matrices `(..., d, d)` turn a plane."""
    return np.asarray(np.abs(np.angle(np.linalg.eigvals(matrices))).max(-1))


def _fills(group: CatalogGroup, matrix: Callable[[np.ndarray], np.ndarray], size: int, degree: int) -> bool:
    """Whether irreps up to a degree fill the space, by characters at a quadrature."""
    if not group.has_quadrature:
        try:
            decompose_function(group, matrix, size, degree, 2 * degree)
        except ArgumentError:
            return False
        return True
    elements, weights = group.quadrature(2 * degree)
    character = matrix_trace(matrix(elements))
    content = multiplicities(group, elements, weights, character, degree)
    norm = sum(count**2 * len(irrep.endomorphisms) for count, irrep in content)
    return sum(count * irrep.dim for count, irrep in content) == size and abs(weights @ character**2 - norm) < 1e-6
