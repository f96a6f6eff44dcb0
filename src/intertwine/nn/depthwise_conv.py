"""Convolution on point clouds channel by channel: what NequIP, MACE and their kin are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.kernels.products import channelwise, in_irreps, kept_irreps, product
from intertwine.nn.edge_module import EdgeGeometry, EdgeModule
from intertwine.nn.module import Function
from intertwine.nn.radial import Cutoff, GaussianBasis, RadialBasis
from intertwine.nn.radial_mlp import RadialMLP
from intertwine.ops import Convolution
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep


class DepthwiseConv(EdgeModule):
    """Steerable convolution over edges, each channel by itself: `y_t,u = Σ_{s → t} R_u(|r|) C · Y(r/|r|) x_s,u / √n`.

    Every coupling of a term of the input with a degree of the harmonics gives each irrep that is kept a term of the
    output, with as many channels as the input's term: R, a learned function of the distance, gives a weight for each
    path and channel. Put an `nn.Linear` before and behind it to mix channels, and give several layers one `geometry` in
    place of edges and vectors. On a CPU it runs in a kernel that is compiled for it (see `intertwine.ops.Convolution`).

    Args:
        rep_in: the rep of the features at the sources.
        keep: which irreps the output keeps: those of a rep, such as `rep_in` of the next layer, or labels.
        radial: the radial basis; default 8 Gaussians on distances from 0 to 4, in the unit of the vectors.
        degree: the largest harmonic degree; default the largest that couples to what is kept.
        hidden: the hidden widths of the radial network.
        activation: the activation of the radial network.
        envelope: a cut-off that multiplies the kernel, or None.
        neighbours: n, the expected number of messages per target, so that sums have unit variance.
        action: how the group moves the vectors: a rep of dimension 2 or 3; default the group's defining rep.

    Raises `ArgumentError` where nothing that is kept can be reached, and on calls `ShapeError` or `ArgumentError` for
    edges or vectors that do not fit.

    Source: Batzner et al. 2022 (arXiv:2101.03164).

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> conv = DepthwiseConv(O3.rep("8x0e + 8x1o"), ["0e", "1o"], degree=1)
    >>> conv.rep_out
    tw.O3.rep('8x0e + 8x0e + 8x1o + 8x1o')
    >>> positions, edges = torch.randn(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> conv(torch.randn(3, 32), edges, positions[edges[1]] - positions[edges[0]]).shape
    torch.Size([3, 64])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        keep: Rep | Irrep | Sequence[Irrep | str],
        radial: RadialBasis | None = None,
        *,
        degree: int | None = None,
        hidden: Sequence[int] = (64, 64),
        activation: Function = F.silu,
        envelope: Cutoff | None = None,
        neighbours: float = 1.0,
        action: Rep | Irrep | None = None,
    ) -> None:
        rep_in = as_rep(rep_in)
        kept = kept_irreps(rep_in, keep)
        if not 0 < neighbours < math.inf:
            raise ArgumentError(f"The expected number of neighbours is positive and finite, but got {neighbours}.")
        acting = rep_in.group.defining if action is None else as_rep(action)
        top = rep_in.degree + max((irrep.degree for irrep in kept), default=0) if degree is None else degree
        harmonics = harmonics_rep(acting, top)
        rep_out, instructions = channelwise(in_irreps(rep_in), in_irreps(harmonics), kept)
        if not instructions:
            raise ArgumentError(
                f"No product of {rep_in} with harmonics up to degree {top} holds {', '.join(i.label for i in kept)}. "
                "Keep other irreps, or give a larger degree."
            )
        super().__init__(rep_in, rep_out, acting, harmonics, top)
        self.neighbours = float(neighbours)
        (term,) = product((in_irreps(rep_in), in_irreps(harmonics), rep_out), instructions).polynomial.terms
        self.convolution = Convolution(term.plan)
        basis = GaussianBasis(4.0, 8) if radial is None else radial
        self.radial = RadialMLP(basis, term.plan.operands[0].size, hidden, activation, envelope)

    def convolve(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        """The features `(N, rep_out.dim)` at the targets, for inputs that have been checked."""
        weights, y = self.weights_and_harmonics(x, geometry, 1 / math.sqrt(self.neighbours))
        out: Tensor = self.convolution(weights, self.before.to_irreps(x), y, geometry.graph)
        return out
