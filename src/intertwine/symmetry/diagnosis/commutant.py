"""What a function of feature vectors commutes with, as far as its values and derivatives at random inputs tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.motions import antisymmetric_commutant
from intertwine.symmetry.words.identify import member_name
from intertwine.testing import law_elements

UNKNOWNS = 2000
"""With more entries in the matrices X and Y together, only rotations of copies of irreps are searched."""

ZERO = 1e-9
"""Singular values below this, relative to the largest, are rounding."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A function at random inputs.

    Args:
        function: the function of one feature vector.
        rep, out: the reps of input and output.
        x, y: inputs `(q, n)` and outputs `(q, m)`.
        jacobian: the derivatives `(q, m, n)`.
    """

    function: Callable[[Tensor], Tensor]
    rep: Rep
    out: Rep
    x: Tensor
    y: Tensor
    jacobian: Tensor


@dataclass(frozen=True)
class Algebra:
    """The pairs (X, Y) of matrices with `J_f(x) X x = Y f(x)`: see these fields of `EffectiveSymmetry`."""

    algebra: int
    idle: int
    declared_dimension: int
    gap: tuple[float, float]
    searched_all: bool


def sampled(function: Callable[[Tensor], Tensor], rep: Rep, out: Rep, samples: int, seed: int) -> Sampled:
    """Values and derivatives at random inputs: at least `samples`, and enough to determine all unknowns."""
    unknowns = rep.dim**2 + out.dim**2 if _complete(rep, out) else _turns(rep) + _turns(out)
    count = max(samples, 4 * out.dim, int(1.3 * unknowns / max(out.dim, 1)) + 1)
    x = torch.randn(count, rep.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Sampled(function, rep, out, x, function(x).detach(), _jacobians(function, x))


def _complete(rep: Rep, out: Rep) -> bool:
    return rep.dim**2 + out.dim**2 <= UNKNOWNS


def _turns(rep: Rep) -> int:
    return sum(m * len(antisymmetric_commutant(irrep)) for m, irrep in rep.isotypic)


def _jacobians(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The derivatives `(samples, outputs, inputs)`; samples do not see one another."""
    x = x.clone().requires_grad_()
    y = function(x)
    if not y.requires_grad:
        return torch.zeros(*y.shape, x.shape[1], dtype=x.dtype)
    rows = [torch.autograd.grad(y[:, i].sum(), x, retain_graph=True, allow_unused=True)[0] for i in range(y.shape[1])]
    return torch.stack([torch.zeros_like(x) if row is None else row for row in rows], 1).detach()


def rank(jacobian: Tensor) -> int:
    """The number of directions of the last axis that matter."""
    values = torch.linalg.svdvals(jacobian.reshape(-1, jacobian.shape[-1]))
    return int((values > ZERO * values.max()).sum()) if values.numel() and float(values.max()) > ZERO else 0


def lie_defects(s: Sampled) -> tuple[float, ...]:
    """For each generator of the Lie algebra the defect of `J_f(x) dρ(X) x = dρ(X) f(x)`, relative to `|J_f(x) x|`."""
    found = []
    for generator in s.out.group.lie_generators:
        into, onto = (torch.as_tensor(r.lie_matrix(generator)) for r in (s.rep, s.out))
        defect = torch.einsum("qoi,qi->qo", s.jacobian, s.x @ into.T) - s.y @ onto.T
        size = float(torch.einsum("qoi,qi->qo", s.jacobian, s.x).norm())
        found.append(float(defect.norm() / max(size, 1e-300)))
    return tuple(found)


def element_defects(s: Sampled) -> tuple[tuple[str, float], ...]:
    """The defect of `f(ρ(g) x) = ρ(g) f(x)`, relative to |f(x)|, for elements of the group, in words.

    For all elements of a finite group that has no more than 200; else for generators, of each component, and random
    ones.
    """
    group, found = s.out.group, []
    every = group.is_finite and group.order <= 200
    for g in group.elements() if every else law_elements(group):
        into, onto = (torch.as_tensor(np.array(r.matrix(g))) for r in (s.rep, s.out))
        defect = float((s.function(s.x @ into.T).detach() - s.y @ onto.T).norm())
        found.append((member_name(group, g), defect / max(float(s.y.norm()), 1e-300)))
    return tuple(found)


def homogeneous(s: Sampled) -> bool:
    """Whether J_f(x) x is a fixed multiple of f(x): Euler's theorem."""
    radial = torch.einsum("qoi,qi->qo", s.jacobian, s.x)
    power = float((radial * s.y).sum() / max(float((s.y * s.y).sum()), 1e-300))
    return float((radial - power * s.y).norm()) < ZERO * max(float(radial.norm()), 1e-300)


def algebra(s: Sampled) -> Algebra:
    """All continuous symmetries of input and output together: the null space of a linear system."""
    _, values, rows = torch.linalg.svd(s.jacobian.reshape(-1, s.rep.dim), full_matrices=False)
    seen = rows[values > ZERO * float(values.max())]  # what is read: X is only asked for there
    outputs = torch.linalg.svd(s.y, full_matrices=False)
    alive = outputs.Vh[ZERO * float(outputs.S.max()) < outputs.S]
    complete = _complete(s.rep, s.out)
    left, right, idle = _all_matrices(s, seen, alive) if complete else _turns_of_copies(s, seen, alive)
    system = torch.cat([left, -right], 1)
    singular = torch.linalg.svdvals(system) / max(float(torch.linalg.matrix_norm(system, 2)), 1e-300)
    singular = torch.cat([singular, torch.zeros(max(0, system.shape[1] - len(singular)), dtype=system.dtype)])
    zero = int((singular < ZERO).sum())
    nonzero = singular[: len(singular) - zero]
    gap = (float(nonzero.min()) if len(nonzero) else 0.0, float(singular[-zero]) if zero else 0.0)
    dimension = zero if complete else zero - idle
    return Algebra(dimension, idle, _declared(s, seen, alive), gap, complete)


def _all_matrices(s: Sampled, seen: Tensor, alive: Tensor) -> tuple[Tensor, Tensor, int]:
    """The columns of the rows of X that matter and of Y, and how many entries of X do not."""
    n, m = s.rep.dim, s.out.dim
    left = torch.einsum("qos,qi->qosi", s.jacobian @ seen.T, s.x).reshape(len(s.x) * m, -1)
    right = torch.einsum("op,qk->qopk", torch.eye(m, dtype=s.x.dtype), s.y @ alive.T).reshape(len(s.x) * m, -1)
    return left, right, (n - len(seen)) * n


def _turns_of_copies(s: Sampled, seen: Tensor, alive: Tensor) -> tuple[Tensor, Tensor, int]:
    """The columns for rotations of single copies of irreps, and how many of these only move what is ignored."""
    left, right, idle = [s.y.new_zeros(s.y.numel(), 0)], [s.y.new_zeros(s.y.numel(), 0)], 0
    for place, turns in _generators(s.rep):
        moved = torch.einsum("tde,qe->tqd", turns, s.x @ place)
        left.append(torch.einsum("qod,tqd->qot", s.jacobian @ place, moved).reshape(s.y.numel(), -1))
        idle += len(turns) - rank((seen @ place @ turns).reshape(len(turns), -1).T)
    for place, turns in _generators(s.out):
        right.append(torch.einsum("od,tde,qe->qot", place, turns, s.y @ place).reshape(s.y.numel(), -1))
        idle += len(turns) - rank((alive @ place @ turns).reshape(len(turns), -1).T)
    return torch.cat(left, 1), torch.cat(right, 1), idle


def _generators(rep: Rep) -> list[tuple[Tensor, Tensor]]:
    """The isometry `(dim, d)` onto each copy of an irrep, and what may turn it: `antisymmetric_commutant`."""
    return [
        (torch.as_tensor(np.array(copies[:, :, c])), torch.as_tensor(antisymmetric_commutant(irrep)))
        for irrep, copies in rep.copies.items()
        for c in range(copies.shape[2] if len(antisymmetric_commutant(irrep)) else 0)
    ]


def _declared(s: Sampled, seen: Tensor, alive: Tensor) -> int:
    matrices = [[torch.as_tensor(r.lie_matrix(g)) for r in (s.rep, s.out)] for g in s.out.group.lie_generators]
    pairs = [torch.cat([(seen @ x).reshape(-1), (y @ alive.T).reshape(-1)]) for x, y in matrices]
    return int(torch.linalg.matrix_rank(torch.stack(pairs), atol=ZERO)) if pairs else 0


def best_map(moved: Tensor, y: Tensor) -> tuple[float, bool, bool]:
    """Whether moved outputs are a fixed matrix times the outputs: residual, orthogonality, identity.

    The matrix is fitted to one half of the samples and judged on the other.
    """
    half = len(y) // 2
    b = torch.linalg.lstsq(y[:half], moved[:half], driver="gelsd").solution
    size = max(float(moved[half:].norm()), 1e-300)
    residual = float((moved[half:] - y[half:] @ b).norm()) / size
    identity = torch.eye(y.shape[1], dtype=y.dtype)
    orthogonal = float((b.T @ b - identity).abs().max()) < 1e-6 or rank(y[None]) < y.shape[1]
    return residual, orthogonal, float((moved - y).norm()) / size < 1e-6
