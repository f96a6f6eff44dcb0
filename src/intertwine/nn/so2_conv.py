"""Convolution in the frame of each edge: all harmonics of the direction for the price of maps between its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.kernels import in_irreps, irrep_terms, linear_plan
from intertwine.kernels.products import require_one_group
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.edge_frame import EdgeFrames, FramedFeatures
from intertwine.nn.edge_module import EdgeGeometry, EdgeModule
from intertwine.nn.module import Function, normal_parameter, warn_unreachable
from intertwine.nn.radial import Cutoff, GaussianBasis, RadialBasis
from intertwine.nn.radial_mlp import RadialMLP
from intertwine.ops import Contraction
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep


class SO2Conv(EdgeModule):
    """Steerable convolution over edges, in their frames: `y_t = Σ_{s → t} D(R) W (w(|r|) ⊙ D(R)ᵀ x_s) / √neighbours`.

    R takes the y axis to the direction r/|r|. In that frame a kernel needs to commute only with the turns about the
    axis, and under O(3) with the mirrors that contain it: W is the `Linear` layer of that group, O(2) or SO(2), blocks
    by m = 0 … l, which all edges share, and w a learned function of the distance for each channel and part. With all
    parts the kernel is the complete one, that of harmonics of all degrees: at any distance `W w(|r|) = K(|r| y)` for a
    kernel `K(r) = Σ_p R_p(|r|) C_p · Y(r/|r|)`, and W has as many weights as that has paths. (What is tied is how they
    depend on the distance.) But products of features up to degree L cost L³ instead of L⁶.

    It is exactly equivariant in every direction, at the poles too: turns that differ by a turn about the axis give the
    same. Under O(3) parity halves the maps for each m: W then commutes with mirrors, which the layers of the source,
    for SO(3), do not. An edge of length 0 has no direction and sends nothing. Put an `nn.Linear` beside it for the
    point itself, and give several layers one `geometry`, whose frames are made once for all.

    Args:
        rep_in: the rep of the features at the sources, of SO(3) or O(3).
        rep_out: the rep of the features at the targets.
        radial: the radial basis; default 8 Gaussians on distances from 0 to 4, in the unit of the vectors.
        order: the largest m that passes, as in the source; None for all. The kernel is still equivariant, but no longer
            the complete one, and edges cost less.
        hidden: the hidden widths of the radial network.
        activation: the activation of the radial network.
        envelope: a cut-off that multiplies the kernel, or None.
        neighbours: the expected number of messages per target, so that sums have unit variance.

    Raises and warns like `Linear`, raises `ArgumentError` for another group and a negative order, and on calls raises
    `ShapeError` or `ArgumentError` for edges or vectors that do not fit.

    Source: Passaro & Zitnick 2023 (arXiv:2302.03655).

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> conv = SO2Conv(O3.rep("4x0e + 4x1o + 4x2e"), O3.rep("8x0e + 8x1o"))
    >>> positions, edges = torch.randn(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> conv(torch.randn(3, 36), edges, positions[edges[1]] - positions[edges[0]]).shape
    torch.Size([3, 32])
    """

    scale: Tensor
    component: Tensor

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        radial: RadialBasis | None = None,
        *,
        order: int | None = None,
        hidden: Sequence[int] = (64, 64),
        activation: Function = F.silu,
        envelope: Cutoff | None = None,
        neighbours: float = 1.0,
    ) -> None:
        rep_in, rep_out = as_rep(rep_in), as_rep(rep_out)
        require_one_group(rep_in, rep_out)
        if order is not None and (not isinstance(order, int) or isinstance(order, bool) or order < 0):
            raise ArgumentError(f"The largest order of SO2Conv is an integer from 0 on, or None, but got {order!r}.")
        if not 0 < neighbours < math.inf:
            raise ArgumentError(f"The expected number of neighbours is positive and finite, but got {neighbours}.")
        framed_in, framed_out = (FramedFeatures(in_irreps(rep), order) for rep in (rep_in, rep_out))
        super().__init__(rep_in, rep_out, rep_in.group.defining, harmonics_rep(rep_in.group.defining, 0), 0)
        self.order, self.neighbours = order, float(neighbours)
        self.framed_in, self.framed_out = framed_in, framed_out
        plan = linear_plan(framed_in.framed, framed_out.framed)
        self._scale_outputs({irrep_terms(framed_out.framed)[k][1] for k in plan.unreached})
        irreps = (irrep for rep in (self.rep_in, self.rep_out) for _, irrep in irrep_terms(rep))
        self.edge_frames = EdgeFrames(dict.fromkeys(irreps))
        self.contraction, self.after = Contraction(plan), IrrepCoordinates(self.rep_out)
        self.weight = normal_parameter(plan.operands[0].size)
        basis = GaussianBasis(4.0, 8) if radial is None else radial
        sizes = [m for m, _ in framed_in.framed.terms]
        self.radial = RadialMLP(basis, sum(sizes), hidden, activation, envelope)
        starts = np.cumsum(sizes) - sizes
        parts = zip(starts, framed_in.framed.terms, strict=True)
        each = [start + np.tile(np.arange(m), irrep.dim) for start, (m, irrep) in parts]
        self.register_table("component", np.concatenate(each))

    def _scale_outputs(self, unreached: set[Irrep]) -> None:
        """The scales `(rep_out.dim,)` of outputs for which some parts in the frame are missing: unit variance again."""
        terms, scales, missing = irrep_terms(self.rep_out), [], []
        for (m, irrep), kept in zip(terms, self.framed_out.kept, strict=True):
            reached = sum(part.dim for part in kept if part not in unreached)
            if not reached:
                missing.append((m, irrep))
            scales.append(np.full(m * irrep.dim, math.sqrt(irrep.dim / reached) if reached else 1.0))
        warn_unreachable(self, missing, "Give the input other irreps: no kernel of any degree leads there.", 4)
        self.register_table("scale", np.concatenate([*scales, np.zeros(0)]))

    def frames(self, vectors: Tensor, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How the irreps of both reps turn with the direction of vectors, by label."""
        found: dict[str, Tensor] = self.edge_frames(vectors, made)
        return found

    def convolve(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        """The features `(N, rep_out.dim)` at the targets, for inputs that have been checked."""
        graph = geometry.graph
        frames = {label: d.to(x.dtype) for label, d in self.frames(geometry.vectors, geometry.frames).items()}
        seen = self.framed_in.into(self.before.to_irreps(x).index_select(0, graph.source), frames)
        mixed = self.contraction(self.weight.to(x.dtype), self._radial_weights(x, geometry) * seen)
        sent = self.framed_out.out_of(mixed, frames)
        z = sent.new_zeros((x.shape[0], sent.shape[-1])).index_add(0, graph.target, sent)
        return self.after.from_irreps(z * self.scale.to(x.dtype))

    def _radial_weights(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        """The weight of each component of the input in the frame, `(E, components)`; 0 for edges of length 0."""
        functions, envelope = self.radial.inputs(geometry.lengths, geometry.radial)
        directed = (geometry.lengths > 0).to(x.dtype)
        envelope = directed if envelope is None else envelope.to(x.dtype) * directed
        factors, matrix = self.radial.of_basis(functions.to(x.dtype), envelope, 1 / math.sqrt(self.neighbours))
        return factors @ matrix.index_select(-1, self.component)

    def extra_repr(self) -> str:
        """The reps, the largest order, the radial basis."""
        order = "" if self.order is None else f", order={self.order}"
        reps = f"{self.rep_in} → {self.rep_out}, {self.rep_in.group}"
        return f"{reps}{order}, {self.radial.basis}"
