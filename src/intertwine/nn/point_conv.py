"""Convolution on point clouds and graphs with positions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.kernels import irrep_terms, kernel_table, linear_plan
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.edge_module import EdgeGeometry, EdgeModule
from intertwine.nn.module import normal_parameter, warn_unreachable
from intertwine.nn.radial import Cutoff, GaussianBasis, RadialBasis
from intertwine.nn.radial_mlp import RadialMLP
from intertwine.ops import Contraction, Convolution, Graph
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.rules import ConvolutionRule


class PointConv(EdgeModule):
    """Steerable convolution over edges: `y_t = (Σ_{s → t} K(r_st) x_s / √neighbours + W x_t) / √2`.

    The kernel is the complete one of the group, `K(r) = Σ_p R_p(|r|) C_p · Y(r/|r|)`: harmonics of the direction,
    Clebsch–Gordan coefficients, and a learned function of the distance for every path and pair of channels. That is the
    most that a kernel can be, and many weights: with many channels, `DepthwiseConv` between two `Linear` is what most
    potentials take, and ten to fifty times faster.

    Args:
        rep_in: the rep of the features at the sources.
        rep_out: the rep of the features at the targets.
        radial: the radial basis; default 8 Gaussians on distances from 0 to 4, in the unit of the vectors. Messages
            from beyond about 5 vanish then: give a basis that fits your distances.
        hidden: the hidden widths of the radial network; none, `()`, for fixed radial functions: the basis times
            harmonics, with one weight for each of them and each path.
        activation: the activation of the radial network.
        envelope: a cut-off that multiplies the kernel, or None.
        degree: the largest harmonic degree. Default: all that couple, where the action takes every direction to every
            other (SO(2), O(2), SO(3), O(3)). Other actions have kernels of every degree: see `kernel_table`.
        self_interaction: whether to add W, a linear map of the features at the target itself. The √2 is for the irreps
            that both terms reach.
        aggregate: "sum" of the messages over √neighbours, or their "mean".
        neighbours: the expected number of messages per target, so that sums have unit variance.
        action: how the group moves the vectors: a rep of dimension 2 or 3; default the group's defining rep.

    Raises and warns like `Linear`, and on calls raises `ShapeError` or `ArgumentError` for edges or vectors that do not
    fit, are not finite or point to no feature (values are looked at in eager mode only, not in compiled, exported or
    traced code). Graphs without edges work; several graphs are one graph without edges between them.

    Source: Thomas et al. 2018 (arXiv:1802.08219), Weiler et al. 2018 (arXiv:1807.02547).

    >>> from intertwine.catalog import O3
    >>> conv = PointConv(O3.rep("4x0e"), O3.rep("4x0e + 2x1o"))
    >>> positions, edges = torch.randn(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> conv(torch.randn(3, 4), edges, positions[edges[1]] - positions[edges[0]]).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        radial: RadialBasis | None = None,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: Callable[[Tensor], Tensor] = F.silu,
        envelope: Cutoff | None = None,
        degree: int | None = None,
        self_interaction: bool = True,
        aggregate: Literal["sum", "mean"] = "sum",
        neighbours: float = 1.0,
        action: Rep | Irrep | None = None,
    ) -> None:
        rep_in, rep_out = as_rep(rep_in), as_rep(rep_out)
        acting = rep_in.group.defining if action is None else as_rep(action)
        if aggregate not in ("sum", "mean") or not neighbours > 0:
            raise ArgumentError(
                f"PointConv aggregates by 'sum' or 'mean' with a positive number of neighbours, but got {aggregate!r} "
                f"and {neighbours!r}."
            )
        table = kernel_table(acting, rep_in, rep_out, degree)
        super().__init__(rep_in, rep_out, acting, table.harmonics, table.degree)
        self.aggregate, self.neighbours = aggregate, float(neighbours)
        self.complete, self.rep_directions = table.complete, table.harmonics
        self.convolution, self.after = Convolution(table.plan), IrrepCoordinates(self.rep_out)
        basis = GaussianBasis(4.0, 8) if radial is None else radial
        self.radial = RadialMLP(basis, table.plan.operands[0].size, hidden, activation, envelope)
        self._add_self_interaction(self_interaction, table.plan.unreached)

    def _add_self_interaction(self, wanted: bool, unreached: tuple[int, ...]) -> None:
        """The linear map at the target, and the scales `(rep_out.dim,)` that keep unit variance where both add."""
        plan, terms = linear_plan(self.rep_in, self.rep_out), irrep_terms(self.rep_out)
        alone = set(plan.unreached) if wanted else set(range(len(terms)))
        missing = [term for i, term in enumerate(terms) if i in alone and i in unreached]
        warn_unreachable(self, missing, self._hint(), stacklevel=4)
        self.own = Contraction(plan) if wanted and plan.paths else None
        self.weight = normal_parameter(plan.operands[0].size) if self.own else None
        both = [i not in alone and i not in unreached for i in range(len(terms))]
        sizes = [m * irrep.dim for m, irrep in terms]
        self.register_table("scale", np.repeat(np.where(both, math.sqrt(0.5), 1.0), sizes))

    def _hint(self) -> str:
        """What could reach more outputs: a larger degree only where kernels of larger degree exist."""
        if self.complete:
            return "No kernel of any degree does: give the input other irreps."
        return "Give a larger degree, or other irreps in the input."

    def forward(  # type: ignore[override]
        self, x: Tensor, edges: Tensor | Graph | EdgeGeometry, vectors: Tensor | None = None
    ) -> Tensor:
        """As `EdgeModule` says; stated here, where the rule is, so that a subclass that computes otherwise has none."""
        return super().forward(x, edges, vectors)

    def symmetry_rule(self) -> ConvolutionRule | None:
        """What it is, for proofs; nothing for a subclass that convolves otherwise."""
        if type(self).convolve is not PointConv.convolve:
            return None
        own = self.own is not None
        return ConvolutionRule(self.rep_in, self.rep_out, self.action, self.rep_directions, self.degree, own)

    def convolve(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        """The features `(N, rep_out.dim)` at the targets, for inputs that have been checked."""
        scale = 1 / math.sqrt(self.neighbours) if self.aggregate == "sum" else 1.0
        weights, y = self.weights_and_harmonics(x, geometry, scale)
        inside = self.before.to_irreps(x)
        z = self.convolution(weights, inside, y, geometry.graph)
        if self.aggregate == "mean":
            counts = geometry.graph.row.diff().clamp(min=1).to(torch.promote_types(x.dtype, torch.float32))
            z = z * (1 / counts[:, None]).to(x.dtype)
        if self.own is not None and self.weight is not None:
            z = (z + self.own(self.weight.to(x.dtype), inside)) * self.scale.to(x.dtype)
        return self.after.from_irreps(z)
