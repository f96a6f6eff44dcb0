"""MACE: sums over neighbours, and then all their equivariant products up to an order, atom by atom."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.models.atoms.network import AtomNetwork, feature_gate, invariant_irrep
from intertwine.models.atoms.pair_basis import PairBasis
from intertwine.nn import (
    DepthwiseConv,
    EdgeGeometry,
    FullyConnected,
    Linear,
    SpeciesLinear,
    SymmetricContraction,
    edge_geometry,
)
from intertwine.nn.radial import BesselBasis, EnvelopedBasis, PolynomialCutoff
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep


class MACE(AtomNetwork):
    """Convolutions over neighbours, then polynomials of their sums: many bodies at once, with few layers.

    `m_t = L Σ_s conv(L x_s, r_st) / n`, `x ← L Σ_ν W_νz m^⊗ν + L_z x`, `y = Σ_layers R x`, z the element of an atom.
    A layer is a linear map, a convolution channel by channel, a linear map to messages; then the symmetric contraction
    of the messages of each atom, with weights of its element, and a linear map. What each layer gives is read out, and
    the sum of that is the output. A residual layer adds a map of what it was given, with weights for each element;
    another one maps the messages so instead.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        hidden: the rep of the features: as many channels of each irrep, invariants first.
        layers: how often atoms ask their neighbours.
        degree: the largest degree of the harmonics, and so of the messages.
        order: the largest number of messages in a product, the "correlation": one, or one for each layer.
        rep_out: what each atom gives, irreps that the features have; default one invariant, its energy.
        neighbours: how many neighbours an atom has on average.
        bessel: the number of radial functions.
        power: of the polynomial cut-off.
        radial: the hidden widths of the radial networks.
        readout: the channels of the last readout's hidden features, which pass a gate; 0 for a linear one.
        residual: whether layers are residual; one, or one for each layer.
        density: whether messages are divided by a learned density of neighbours, in place of their average number.
        radii: the radius of each species, by which distances are transformed: see `PairBasis`; None for no transform.

    Raises `ArgumentError` for reps that do not fit.

    Source: Batatia et al. 2022 (arXiv:2206.07697).

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> net = MACE(2, cutoff=3.0, hidden=O3.rep("8x0e + 8x1o"))
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
        layers: int = 2,
        degree: int = 3,
        order: int | Sequence[int] = 3,
        rep_out: Rep | Irrep | None = None,
        neighbours: float = 20.0,
        bessel: int = 8,
        power: int = 5,
        radial: Sequence[int] = (64, 64, 64),
        readout: int = 16,
        residual: bool | Sequence[bool] = True,
        density: bool = False,
        radii: Sequence[float] | None = None,
    ) -> None:
        hidden = as_rep(hidden)
        super().__init__(species, cutoff, hidden.group, rep_out)
        orders, residuals = _each(order, layers, "order"), _each(residual, layers, "residual")
        if radii is not None and len(radii) != species:
            raise ArgumentError(f"Each of {species} species has a radius, but got {len(radii)} of them.")
        channels = _channels(hidden)
        plain = EnvelopedBasis(BesselBasis(cutoff, bessel), PolynomialCutoff(cutoff, power))
        self.basis = plain if radii is None else PairBasis(cutoff, bessel, power, radii)
        self.embedding = nn.Embedding(species, channels)
        self.layers, self.convolutions, self.reads = nn.ModuleList(), list[DepthwiseConv](), nn.ModuleList()
        invariant, single = invariant_irrep(hidden.group), harmonics_rep(hidden.group.defining, degree)
        rep, messages = channels * invariant, channels * single
        for n in range(layers):
            last = n == layers - 1
            wanted = hidden.filter(keep=[invariant, *(irrep for _, irrep in self.rep_out.isotypic)]) if last else hidden
            out = _contracted(wanted, single, orders[n])
            # A mean over neighbours has its number in the denominator, where a sum of unit variance has its root.
            count = 1.0 if density else float(neighbours) ** 2
            conv = DepthwiseConv(rep, messages, self.basis, degree=degree, hidden=radial, neighbours=count)
            layer = _Layer(conv, messages, out, species, int(orders[n]), bool(residuals[n]))
            if density:
                layer.density = FullyConnected([bessel, 1], variance_in=self.basis.mean_square / bessel)
            self.layers.append(layer)
            self.convolutions.append(conv)
            self.reads.append(_readout(out, self.rep_out, readout if last else 0))
            rep = out

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`; see `AtomNetwork`."""
        geometry = edge_geometry(self.convolutions, edges, vectors, species.shape[0])
        if isinstance(self.basis, PairBasis):
            functions = self.basis.of_pairs(geometry.lengths, species, edges)
            geometry = geometry._replace(radial={self.basis.key: functions})
        x = self.embedding(species).to(vectors.dtype)
        y = vectors.new_zeros(species.shape[0], self.rep_out.dim)
        for layer, read in zip(self.layers, self.reads, strict=True):
            x = layer(x, species, geometry)
            y = y + read(x)
        return y


class _Layer(nn.Module):
    """Messages and their products: features `(N, out.dim)`."""

    def __init__(self, conv: DepthwiseConv, messages: Rep, out: Rep, species: int, order: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.before, self.conv = Linear(conv.rep_in, conv.rep_in, bias=False), conv
        self.after = Linear(conv.rep_out, messages, bias=False)
        self.density: FullyConnected | None = None
        self.product = SymmetricContraction(messages, out, order, species=species)
        self.mix = Linear(out, out, bias=False)
        given, wanted = (conv.rep_in, out) if self.residual else (messages, messages)
        kept = wanted.filter(keep=lambda irrep: given.count(irrep) > 0)
        self.padding = wanted.dim - kept.dim  # of a first layer: it is given invariants, which come first
        self.skip = SpeciesLinear(given, kept, species)

    def forward(self, x: Tensor, species: Tensor, geometry: EdgeGeometry) -> Tensor:
        messages: Tensor = self.after(self.conv(self.before(x), geometry))
        if self.density is not None:
            functions, _ = self.conv.radial.inputs(geometry.lengths, geometry.radial)
            near = torch.tanh(self.density(functions).square())
            messages = messages / near.new_ones(x.shape[0], 1).index_add(0, geometry.graph.target, near)
        if not self.residual:
            messages = self.skip(messages, species)
        y: Tensor = self.mix(self.product(messages, species))
        return y + F.pad(self.skip(x, species), (0, self.padding)) if self.residual else y


def _each(value: int | bool | Sequence[int | bool], layers: int, name: str) -> list[int | bool]:
    """One value for each layer."""
    values = [*value] if isinstance(value, Sequence) else layers * [value]
    if layers < 1 or len(values) != layers:
        raise ArgumentError(
            f"A MACE has one layer or more, and one {name} for all or one for each, but got {layers!r} layers and "
            f"{name}={value!r}."
        )
    return values


def _channels(hidden: Rep) -> int:
    """The number of channels; raises `ArgumentError` for features that are not so many invariants and other irreps."""
    counts = {m for m, _ in hidden.terms}
    if len(counts) != 1 or hidden.terms[0][1] != invariant_irrep(hidden.group):
        raise ArgumentError(
            "The features of a MACE are invariants and then other irreps, as many of each, such as 64x0e + 64x1o, but "
            f"got {hidden}."
        )
    return counts.pop()


def _contracted(rep: Rep, messages: Rep, order: int) -> Rep:
    """The terms of a rep that products of one message or more, up to an order, contain."""
    return rep.filter(keep=lambda irrep: any(messages.molien(order, irrep)[1:]))


def _readout(rep: Rep, rep_out: Rep, width: int) -> nn.Module:
    """From features to what is wanted: linear, or with a gate between."""
    if not width:
        return Linear(rep, rep_out, bias=False)
    irreps = [irrep for _, irrep in rep_out.isotypic]
    gate = feature_gate(Rep(rep.group, tuple((width, irrep) for irrep in irreps)))
    return nn.Sequential(Linear(rep, gate.rep_in, bias=False), gate, Linear(gate.rep_out, rep_out, bias=False))
