"""Groups given by matrices: finite or continuous, whatever orthogonal or unitary matrices generate."""

from __future__ import annotations

import numpy as np

from intertwine.catalog.base import MatrixGroup
from intertwine.errors import ArgumentError
from intertwine.groups.group import orthogonality_residual


def matrix_group(lie: object = (), discrete: object = (), name: str | None = None) -> MatrixGroup:
    """The group that a Lie algebra and some single matrices generate: finite, or compact and continuous.

    Everything that a named group can do it can do too: irreps (grown from tensor powers of the matrices), reps,
    Clebsch–Gordan coefficients, restriction, layers. Complex (unitary) matrices a + ib are taken as the real
    [[a, −b], [b, a]] of twice the size.

    Args:
        lie: antisymmetric (or anti-Hermitian) n × n matrices whose one-parameter groups exp(tX) the group holds; their
            commutators are added. None for a finite group.
        discrete: orthogonal (or unitary) n × n matrices that it holds too.
        name: what it is called in messages. Default: what it is made of.

    Raises `ArgumentError` for matrices that are not square, not of one size, not antisymmetric or not orthogonal
    (then the group would not be compact), and for single matrices that generate more than 50 000 elements.

    The labels of irreps are degrees: 0 is trivial, 1 is the defining rep if that is irreducible.

    >>> import numpy as np
    >>> quaternions = matrix_group(discrete=[np.diag([1j, -1j]), np.array([[0, 1], [-1, 0]])], name="Q8")
    >>> quaternions.order, [irrep.type for irrep in quaternions.irreps(2)]
    (8, ['R', 'H', 'R', 'R', 'R'])
    >>> pauli = [np.diag([1j, -1j]), np.array([[0, 1], [-1, 0]]), np.array([[0, 1j], [1j, 0]])]
    >>> su2 = matrix_group(lie=pauli, name="SU(2)")
    >>> [irrep.dim for irrep in su2.irreps(4)]  # spins 0, 1/2, 1, 3/2, 2; half-integer ones are of type H
    [1, 4, 3, 8, 5]
    """
    algebra, single = _stack("lie", lie), _stack("discrete", discrete)
    real = not (np.iscomplexobj(algebra) or np.iscomplexobj(single))
    if not real:
        algebra, single = _as_real(algebra), _as_real(single)
    size = _one_size(algebra, single)
    algebra, single = algebra.reshape(-1, size, size), single.reshape(-1, size, size)
    _require_compact(algebra, single)
    basis = _lie_closure(algebra, single) + 0.0
    title = name if name is not None else f"group of {size} × {size} matrices"
    group = MatrixGroup.of(title, basis, single, named=name is not None)
    if not len(basis):
        group.elements()  # too many are noticed here
    return group


def _stack(what: str, matrices: object) -> np.ndarray:
    try:
        stack = np.array([np.asarray(m) for m in matrices])  # type: ignore[attr-defined]
        stack = stack.astype(np.complex128 if np.iscomplexobj(stack) else np.float64) + 0.0  # no −0.0
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{what} is a list of square matrices of one size, but got {matrices!r}.") from error
    if len(stack) and (stack.ndim != 3 or stack.shape[1] != stack.shape[2] or not np.isfinite(stack).all()):
        raise ArgumentError(f"{what} is a list of finite square matrices, but got an array of shape {stack.shape}.")
    return stack


def _as_real(matrices: np.ndarray) -> np.ndarray:
    """[[a, −b], [b, a]] for each a + ib."""
    if not len(matrices):
        return matrices.real
    a, b = matrices.real, matrices.imag
    return np.block([[a, -b], [b, a]]) + 0.0


def _one_size(algebra: np.ndarray, single: np.ndarray) -> int:
    sizes = {stack.shape[-1] for stack in (algebra, single) if len(stack)}
    if len(sizes) != 1:
        raise ArgumentError(
            f"A matrix group needs matrices of one size, but got sizes {sorted(sizes)}. "
            "Pass lie=[…], discrete=[…] or both; discrete=[numpy.eye(n)] is the trivial group."
        )
    return int(sizes.pop())


def _require_compact(algebra: np.ndarray, single: np.ndarray) -> None:
    antisymmetry = np.abs(algebra + algebra.swapaxes(-1, -2)).max(initial=0.0)
    orthogonality = orthogonality_residual(single).max(initial=0.0) if len(single) else 0.0
    if antisymmetry > 1e-9 * (1 + np.abs(algebra).max(initial=0.0)) or orthogonality > 1e-9:
        which = f"a matrix of lie is not antisymmetric (defect {antisymmetry:.1e})"
        if antisymmetry <= 1e-9:
            which = f"a matrix of discrete is not orthogonal (defect {orthogonality:.1e})"
        raise ArgumentError(
            f"A compact group has antisymmetric Lie generators and orthogonal elements, but {which}. "
            "Change the basis of the space so that the group keeps lengths; where that is impossible it is not compact."
        )


def _lie_closure(algebra: np.ndarray, single: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the Lie algebra that matrices generate, with commutators and single elements."""
    size, found = algebra.shape[-1], np.zeros((0, algebra.shape[-1] ** 2))
    waiting = [x / np.linalg.norm(x) for x in algebra if x.any()]
    while waiting:
        rest = waiting.pop(0).reshape(-1)
        rest = rest - found.T @ (found @ rest)
        rest = rest - found.T @ (found @ rest)
        if (length := np.linalg.norm(rest)) < 1e-7:  # commutators that vanish leave rounding
            continue
        new = (rest / length).reshape(size, size)
        waiting += [new @ y.reshape(size, size) - y.reshape(size, size) @ new for y in found]
        waiting += [g @ new @ g.T for g in single]
        found = np.concatenate([found, new.reshape(1, -1)])
    return found.reshape(-1, size, size)
