"""A network of convolutions in the frames of edges, for features of high degree."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from intertwine.models.atoms.network import AtomBlock, AtomNetwork, feature_gate, invariants_of, reachable
from intertwine.nn import EdgeGeometry, LayerNorm, Linear, SO2Conv, edge_geometry
from intertwine.nn.radial import BesselBasis, PolynomialCutoff
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep


class ESCN(AtomNetwork):
    """Residual layers: a convolution in the frame of each edge, then a network at each atom.

    `x ← x + L gate(conv(norm x))`, then `x ← x + L gate(L norm x)`. A convolution in frames costs the cube of the
    degree of the features, where products with harmonics cost its sixth power: from degree 3 on it is the faster one.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        hidden: the rep of the features.
        layers: how often atoms ask their neighbours.
        order: the largest order about the axis that messages keep; None for all.
        rep_out: what each atom gives; default one invariant, its energy.
        neighbours: how many neighbours an atom has on average.
        bessel: the number of radial functions.
        radial: the hidden widths of the radial networks.

    Raises `ArgumentError` for features without invariants, and for features that neighbours cannot give.

    Source: Passaro & Zitnick 2023 (arXiv:2302.03655); the residual layers of Fu et al. 2025 (arXiv:2502.12147).

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> net = ESCN(2, cutoff=3.0, hidden=O3.rep("8x0e + 8x1o + 8x2e + 8x3o"), layers=1)
    >>> species, edges, vectors = net.example_inputs(5, torch.Generator().manual_seed(0))
    >>> net(species, edges, vectors.float()).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        species: int,
        cutoff: float,
        hidden: Rep | Irrep,
        *,
        layers: int = 4,
        order: int | None = 2,
        rep_out: Rep | Irrep | None = None,
        neighbours: float = 10.0,
        bessel: int = 8,
        radial: Sequence[int] = (64, 64),
    ) -> None:
        hidden = as_rep(hidden)
        invariants = invariants_of(hidden)
        super().__init__(species, cutoff, hidden.group, rep_out)
        basis, envelope = BesselBasis(cutoff, bessel), PolynomialCutoff(cutoff)
        self.embedding = nn.Embedding(species, invariants.dim)
        self.layers, self.convolutions = nn.ModuleList(), list[SO2Conv]()
        rep = invariants
        for _ in range(layers):
            out = reachable(hidden, rep, harmonics_rep(hidden.group.defining, rep.degree + hidden.degree))
            conv = SO2Conv(
                rep,
                feature_gate(out).rep_in,
                basis,
                order=order,
                hidden=radial,
                envelope=envelope,
                neighbours=neighbours,
            )
            self.layers.append(_Layer(conv, out))
            self.convolutions.append(conv)
            rep = out
        self.norm, self.read = LayerNorm(rep, together="separable"), Linear(rep, self.rep_out, bias=False)

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`; see `AtomNetwork`."""
        geometry = edge_geometry(self.convolutions, edges, vectors, species.shape[0])
        x = self.embedding(species).to(vectors.dtype)
        for layer in self.layers:
            x = layer(x, geometry)
        y: Tensor = self.read(self.norm(x))
        return y


class _Layer(nn.Module):
    """A convolution and a network at each atom, both added to what was there, if it has the same rep."""

    def __init__(self, conv: SO2Conv, out: Rep) -> None:
        super().__init__()
        self.is_residual = conv.rep_in == out
        self.before, self.conv, self.gate = LayerNorm(conv.rep_in, together="separable"), conv, feature_gate(out)
        self.after = Linear(out, out, bias=False)
        self.alone = AtomBlock(out)

    def forward(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        y: Tensor = self.after(self.gate(self.conv(self.before(x), geometry)))
        out: Tensor = self.alone(x + y if self.is_residual else y)
        return out
