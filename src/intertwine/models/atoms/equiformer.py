"""A transformer on atoms: each asks its neighbours by attention whose weights are invariant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from intertwine.models.atoms.network import AtomBlock, AtomNetwork, invariants_of, reachable
from intertwine.nn import DepthwiseConv, EdgeGeometry, FullyConnected, LayerNorm, Linear, edge_geometry
from intertwine.nn.parts import part_of
from intertwine.nn.radial import BesselBasis, PolynomialCutoff
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep


class Equiformer(AtomNetwork):
    """Residual layers: attention over neighbours, then a network at each atom.

    `x_t ← x_t + L Σ_s a_ts conv(L norm x)_ts`, in heads; then `x ← x + L gate(L norm x)`. The values are those of a
    convolution channel by channel; the weights `a_ts = c(r) e^(l_ts) / (1 + Σ_s c(r) e^(l_ts))` come of a network l of
    the invariants of both atoms and their distance, with a cut-off c, so that a neighbour that leaves is forgotten
    smoothly.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        hidden: the rep of the features, its multiplicities multiples of `heads`.
        layers: how often atoms ask their neighbours.
        heads: the number of heads.
        degree: the largest degree of the harmonics; default that of the features.
        rep_out: what each atom gives; default one invariant, its energy.
        bessel: the number of radial functions.
        radial: the hidden widths of the radial networks and of those of the weights.

    Raises `ArgumentError` for heads that do not divide all multiplicities, for features without invariants, and for
    features that neighbours cannot give.

    Source: Liao & Smidt 2023 (arXiv:2206.11990).

    >>> from intertwine.catalog import O3
    >>> net = Equiformer(2, cutoff=3.0, hidden=O3.rep("16x0e + 16x1o"), layers=1, heads=2)
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
        heads: int = 4,
        degree: int | None = None,
        rep_out: Rep | Irrep | None = None,
        bessel: int = 8,
        radial: Sequence[int] = (64, 64),
    ) -> None:
        hidden = as_rep(hidden)
        invariants = invariants_of(hidden)
        super().__init__(species, cutoff, hidden.group, rep_out)
        degree = hidden.degree if degree is None else degree
        self.basis, self.envelope = BesselBasis(cutoff, bessel), PolynomialCutoff(cutoff)
        self.embedding, rep = nn.Embedding(species, invariants.dim), invariants
        self.layers, self.convolutions = nn.ModuleList(), list[DepthwiseConv]()
        for _ in range(layers):
            out = reachable(hidden, rep, harmonics_rep(hidden.group.defining, degree))
            parts = [part_of(rep, heads), part_of(out, heads)]
            values = [DepthwiseConv(parts[0], parts[1], self.basis, degree=degree, hidden=radial) for _ in range(heads)]
            self.layers.append(_Attention(rep, out, values, [2 * invariants.dim + bessel, *radial, heads]))
            self.convolutions += values
            rep = out
        self.norm, self.read = LayerNorm(rep, together="separable"), Linear(rep, self.rep_out, bias=False)

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`; see `AtomNetwork`."""
        geometry = edge_geometry(self.convolutions, edges, vectors, species.shape[0])
        near = self.envelope(geometry.lengths)
        functions = self.basis(geometry.lengths) / self.basis.mean_square**0.5
        x = self.embedding(species).to(vectors.dtype)
        for layer in self.layers:
            x = layer(x, geometry, functions, near)
        y: Tensor = self.read(self.norm(x))
        return y


class _Attention(nn.Module):
    """Attention over neighbours and a network at each atom."""

    def __init__(self, rep: Rep, out: Rep, values: list[DepthwiseConv], sizes: list[int]) -> None:
        super().__init__()
        self.is_residual = rep == out
        heads, invariants = len(values), invariants_of(rep)
        self.norm, self.values = LayerNorm(rep, together="separable"), nn.ModuleList(values)
        self.heads = values
        self.seen = Linear(rep, invariants, bias=False)
        self.logits = FullyConnected(sizes)
        per_head = Rep(rep.group, heads * values[0].rep_in.terms)
        self.before = Linear(rep, per_head, bias=False)
        self.after = Linear(Rep(rep.group, heads * values[0].rep_out.terms), out, bias=False)
        self.places = [0, *accumulate(heads * [values[0].rep_in.dim])]
        self.alone = AtomBlock(out)

    def forward(self, x: Tensor, geometry: EdgeGeometry, functions: Tensor, near: Tensor) -> Tensor:
        z = self.norm(x)
        weights, parts = self._weights(self.seen(z), geometry, functions, near), self.before(z)
        found = []
        for n, value in enumerate(self.heads):
            own = parts[:, self.places[n] : self.places[n + 1]]
            made, y = value.weights_and_harmonics(own, geometry)
            made = made._replace(factors=made.factors * weights[:, n : n + 1])
            found.append(value.convolution(made, value.before.to_irreps(own), y, geometry.graph))
        y = self.after(torch.cat(found, 1))
        out: Tensor = self.alone(x + y if self.is_residual else y)
        return out

    def _weights(self, seen: Tensor, geometry: EdgeGeometry, functions: Tensor, near: Tensor) -> Tensor:
        """How much each neighbour counts, `(E, heads)`."""
        source, target = geometry.graph.source, geometry.graph.target
        given = torch.cat([seen.index_select(0, source), seen.index_select(0, target), functions.to(seen.dtype)], 1)
        raised = torch.exp(6 * torch.tanh(self.logits(given) / 6)) * near.to(seen.dtype)[:, None]
        sums = raised.new_ones(seen.shape[0], raised.shape[1]).index_add(0, target, raised)
        weights: Tensor = raised / sums.index_select(0, target)
        return weights
