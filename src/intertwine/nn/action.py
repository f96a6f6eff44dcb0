"""ρ(g) x for elements g that are tensors: differentiable by g and x, and plain enough to compile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import plain_shape, read_only
from intertwine.errors import ShapeError
from intertwine.groups import Group
from intertwine.kernels import irrep_terms
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.precision import own_precision
from intertwine.ops import TableModule
from intertwine.reps import Rep

Step = tuple[str, str, str, np.ndarray]
"""An irrep, the two that it is in the product of, and the isometry `(d_left, d_right, d)` onto it there.

Both are "" for an irrep of the defining rep: then the isometry is `(n, d)`.
"""


class ElementAction(TableModule):
    """Features moved by elements of the group, `ρ(g) x` or `ρ(g)⁻¹ x`.

    `rep.matrix(g)` in other words, but without the large block-diagonal matrices: irreps are grown from g itself,
    `ρ_c(g) = Tᵀ (ρ_a(g) ⊗ ρ_b(g)) T`, by tables that are made once. Polynomials in g, so that gradients by g are there.

    Args:
        rep: how the features move.

    Raises `ShapeError`, when called, for elements and features whose leading axes do not fit.
    """

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.dim = rep.dim
        self.coordinates = IrrepCoordinates(rep)
        self.blocks = [(m, irrep.dim, irrep.label) for m, irrep in irrep_terms(rep)]
        self.trivial = rep.group.trivial
        self.steps: list[tuple[str, str, str, str]] = []
        for number, (label, left, right, table) in enumerate(_steps(rep.group, tuple(x for _, _, x in self.blocks))):
            self.register_table(f"step_{number}", table)
            self.steps.append((label, left, right, f"step_{number}"))

    def forward(self, g: Tensor, x: Tensor, inverse: bool = False) -> Tensor:
        """The moved features `(*batch, ..., dim)` for elements `(*batch, n, n)` and features `(*batch, ..., dim)`."""
        inner = x.ndim - 1 - (g.ndim - 2)
        if inner < 0:
            raise ShapeError(
                f"Elements of shape {plain_shape(g)} cannot move features of shape {plain_shape(x)}: the leading axes "
                "of the elements are those of the features, or the first of them."
            )
        dtype = torch.promote_types(x.dtype, torch.float32)
        with own_precision(x):
            g = g.to(dtype).reshape((*g.shape[:-2], *(1,) * inner, *g.shape[-2:]))
            moved = self._moved(g, self.coordinates.to_irreps(x.to(dtype)), inverse)
            return self.coordinates.from_irreps(moved).to(x.dtype)

    def _moved(self, g: Tensor, x: Tensor, inverse: bool) -> Tensor:
        matrices, start, parts = self._matrices(g), 0, []
        for m, d, label in self.blocks:
            part = x[..., start : start + d * m]
            start += d * m
            matrix = matrices[label].transpose(-1, -2) if inverse else matrices[label]
            parts.append((matrix @ part.reshape((*x.shape[:-1], d, m))).flatten(-2))
        return torch.cat(parts, -1) if parts else x

    def _matrices(self, g: Tensor) -> dict[str, Tensor]:
        """The matrices `(..., d, d)` of all irreps that the rep holds."""
        known = {self.trivial: torch.ones_like(g[..., :1, :1])}
        for label, left, right, name in self.steps:
            table = getattr(self, name).to(g.dtype)
            if not left:
                known[label] = table.T @ g @ table
                continue
            half = torch.einsum("...be,def->...dbf", known[right], table)
            known[label] = torch.einsum("abc,...ad,...dbf->...cf", table, known[left], half)
        return known


@cache
def _steps(group: Group, wanted: tuple[str, ...]) -> tuple[Step, ...]:
    """How to grow the irreps in the list from the defining rep, in an order in which each has what it needs.

    Products with irreps of the defining rep are searched for new irreps, breadth first. They reach every irrep, since
    the defining rep is faithful (Burnside).
    """
    defining = group.defining
    found: dict[str, Step] = {
        irrep.label: (irrep.label, "", "", read_only(np.ascontiguousarray(copies[..., 0])))
        for irrep, copies in defining.copies.items()
    }
    trivial, base, newest = group.trivial, tuple(found), list(found)
    found.setdefault(trivial, (trivial, "", "", np.ones((group.dim, 1))))
    degree = max(map(group.irrep_degree, (*wanted, *base)), default=0)
    while not set(wanted) <= found.keys():
        new = [label for label in group.labels(degree) if label not in found]
        steps = {step[0]: step for step in _products(group, newest, base, new)}
        newest = list(steps) or list(found)
        degree += not steps
        found |= steps
    return tuple(step for step in found.values() if step[0] != trivial and step[0] in _needed(found, wanted))


def _products(group: Group, left: list[str], right: tuple[str, ...], wanted: list[str]) -> Iterator[Step]:
    """Those of the wanted irreps that are in products."""
    for a, b, c in itertools.product(left, right, wanted):
        if len(coupling := group.coupling(a, b, c)):
            yield c, a, b, read_only(coupling[0] * np.sqrt(coupling.shape[-1]))


def _needed(found: dict[str, Step], wanted: tuple[str, ...]) -> set[str]:
    """The wanted irreps, and all that they are grown from."""
    out: set[str] = set()
    open_ = list(wanted)
    while open_:
        label = open_.pop()
        if label and label not in out:
            out.add(label)
            open_ += found[label][1:3]
    return out
