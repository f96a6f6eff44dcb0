"""The equivariant linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.kernels import in_irreps, irrep_terms, linear_plan
from intertwine.kernels.plans import unreached_irreps
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule, normal_parameter, warn_unreachable
from intertwine.ops import Contraction
from intertwine.ops.linear.constants import add_constants
from intertwine.reps import Irrep, Rep
from intertwine.rules import LinearRule


class Linear(EquivariantModule):
    """All linear maps that commute with the group, with learned weights: Schur's lemma as a layer.

    `y_k,w = Σ_u W_u,w x_k,u / √n` for the copies u, w of each irrep (with the irrep's endomorphisms, for complex and
    quaternionic types), plus a bias on invariants. Weights start standard normal and the 1/√n is in the forward pass,
    so components of unit variance stay so. They lie one matrix (u, w) after the other: for each term of the output, one
    for each term of the input with the same irrep, in the order of both reps.

    Args:
        rep_in: the rep of the input, features `(..., rep_in.dim)`.
        rep_out: the rep of the output, features `(..., rep_out.dim)`.
        bias: whether trivial irreps of the output get a bias, which starts at 0.

    Raises `ArgumentError` if no output can be reached, `RepMismatchError` for reps of different groups, and on calls
    `ShapeError` for a wrong channel count. Warns (`UnreachableWarning`) about irreps of the output that the input
    lacks; invariants that the input lacks are constants, the bias.

    >>> from intertwine.catalog import O3
    >>> layer = Linear(O3.rep("16x0e + 8x1o"), O3.rep("4x0e + 4x1o"))
    >>> layer(torch.randn(5, 40)).shape
    torch.Size([5, 16])
    """

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, bias: bool = True) -> None:
        super().__init__(rep_in, rep_out)
        plan = linear_plan(self.rep_in, self.rep_out)
        unreached = unreached_irreps(plan, self.rep_out)
        if bias and plan.paths:  # then these are constants; a layer of constants alone is a mistake
            unreached = tuple((m, irrep) for m, irrep in unreached if not irrep.is_trivial)
        warn_unreachable(self, unreached, "Add these irreps to the input, or use a layer that mixes irreps before.")
        self.contraction = Contraction(plan)
        self.before, self.after = IrrepCoordinates(self.rep_in), IrrepCoordinates(self.rep_out)
        self.weight = normal_parameter(plan.operands[0].size)
        places = in_irreps(self.rep_out).slices
        self.constants = tuple(
            (where.start, m)
            for (m, irrep), where in zip(irrep_terms(self.rep_out), places, strict=True)
            if bias and irrep.is_trivial
        )
        self.bias = nn.Parameter(torch.zeros(sum(m for _, m in self.constants))) if self.constants else None

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`, in the dtype of x."""
        self.check(x, self.rep_in)
        weight = self.weight
        y = self.contraction(weight if weight.dtype == x.dtype else weight.to(x.dtype), self.before.to_irreps(x))
        if self.bias is not None:
            y = add_constants(y, self.bias.to(x.dtype), self.constants)
        return self.after.from_irreps(y)

    def symmetry_rule(self) -> LinearRule:
        """What it is, for proofs."""
        return LinearRule(self.rep_in, self.rep_out, self.bias is not None)
