"""NequIP: convolutions over the neighbours of atoms, with gates between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.models.atoms.network import AtomNetwork, feature_gate, invariant_irrep, reachable
from intertwine.nn import DepthwiseConv, EdgeGeometry, EquivariantModule, Gate, Linear, SpeciesLinear, edge_geometry
from intertwine.nn.radial import BesselBasis, EnvelopedBasis, PolynomialCutoff, RadialBasis, XplorCutoff
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_rep

Own = Literal["element", "linear", "none"]
"""How features of an atom itself enter its next ones: by a map for each element, by one for all, or not at all."""


class NequIP(AtomNetwork):
    """Convolutions over neighbours with learned radial functions; the last features give what is wanted.

    `x_t ← gate(L Σ_s conv(L x_s, r_st) + L_z x_t)`: a layer is a linear map, a convolution channel by channel, a linear
    map, plus a linear map of the features of the atom itself, one for each element z; then a gate: silu of invariants
    and of gates, tanh of pseudoscalars. Radial functions are networks of
    Bessel functions times a cut-off, so that energies and forces are continuous where a neighbour passes it. Numbers
    start with unit variance at most: gates multiply features, so that those which start larger grow from layer to
    layer, and learn worse. What no neighbour can give yet, and what the output does not need, is left out: vectors
    before the first layer, for instance, and behind the last.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        hidden: the rep of the features behind each layer, all with gates of their own; or one rep for each layer.
        layers: how often atoms ask their neighbours; default 4, or as often as there are reps.
        degree: the largest degree of the harmonics; default that of the features.
        rep_out: what each atom gives; default one invariant, its energy.
        neighbours: how many neighbours an atom has on average.
        channels: the numbers that an element begins with; default as many as `hidden` has invariants.
        bessel: the number of radial functions.
        learn_bessel: whether their wavelengths are learned.
        radial: the hidden widths of the radial networks.
        power: of the polynomial cut-off.
        onset: where XPLOR's cut-off begins to fall, Å, which takes its place; None for the polynomial one.
        solid: whether harmonics grow with the distance, `r^l Y_l`.
        own: how features of the atom itself enter.
        readout: the widths of hidden layers between the last features and the output: invariants, beside gated copies
            of what else the output has.
        bias: whether linear maps add constants to invariants. Without, an atom sees nothing beyond the cut-off.

    Raises `ArgumentError` for other options, and for features that give none of the output.

    Source: Batzner et al. 2022 (arXiv:2101.03164).

    >>> from intertwine.catalog import O3
    >>> net = NequIP(2, cutoff=3.0, hidden=O3.rep("8x0e + 8x1o"), layers=2)
    >>> species, edges, vectors = net.example_inputs(5, torch.Generator().manual_seed(0))
    >>> net(species, edges, vectors.float()).shape
    torch.Size([5, 1])
    """

    powers: Tensor

    def __init__(
        self,
        species: int,
        cutoff: float,
        hidden: Rep | Irrep | Sequence[Rep | Irrep],
        *,
        layers: int | None = None,
        degree: int | None = None,
        rep_out: Rep | Irrep | None = None,
        neighbours: float = 10.0,
        channels: int | None = None,
        bessel: int = 8,
        learn_bessel: bool = False,
        radial: Sequence[int] = (64, 64),
        power: int = 6,
        onset: float | None = None,
        solid: bool = False,
        own: Own = "element",
        readout: Sequence[int] = (),
        bias: bool = False,
    ) -> None:
        reps = _per_layer(hidden, layers)
        invariant = invariant_irrep(reps[0].group)
        super().__init__(species, cutoff, reps[0].group, rep_out)
        if own not in ("element", "linear", "none"):
            raise ArgumentError(f'Features of atoms themselves enter by "element", "linear" or "none", not {own!r}.')
        if channels is not None and channels < 1:
            raise ArgumentError(f"An element begins with one number or more, but got channels={channels!r}.")
        degree = max(rep.degree for rep in reps) if degree is None else degree
        if channels is None:
            channels = sum(m for m, block in reps[0].terms if block == invariant) or 1
        envelope = PolynomialCutoff(cutoff, power) if onset is None else XplorCutoff(cutoff, onset)
        basis = EnvelopedBasis(BesselBasis(cutoff, bessel, learned=learn_bessel), envelope)
        basis.key = "radial functions of all layers of this network"
        basis.mean_square = _largest(basis)
        self.embedding = nn.Embedding(species, channels)
        self.is_solid = solid
        harmonics = harmonics_rep(reps[0].group.defining, degree)
        powers = [l for l in range(degree + 1) for _ in range(2 * l + 1)] if solid else []
        self.register_table("powers", np.array(powers, dtype=np.int64))
        self.layers, self.convolutions = nn.ModuleList(), list[DepthwiseConv]()
        rep = channels * invariant
        for n, wanted in enumerate(reps):
            needed = self.rep_out if n == len(reps) - 1 else None
            gate = feature_gate(reachable(wanted, rep, harmonics, needed))
            conv = DepthwiseConv(rep, gate.rep_in, basis, degree=degree, hidden=radial, neighbours=neighbours)
            itself = None if own == "none" else _Itself(rep, gate.rep_in, species if own == "element" else 1)
            self.layers.append(_Layer(conv, gate, itself, bias))
            self.convolutions.append(conv)
            rep = gate.rep_out
        self.read = _readout(rep, self.rep_out, readout, bias)

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`; see `AtomNetwork`."""
        geometry = edge_geometry(self.convolutions, edges, vectors, species.shape[0])
        if self.is_solid:
            geometry = geometry._replace(harmonics=geometry.harmonics * geometry.lengths[:, None] ** self.powers)
        x = self.embedding(species).to(vectors.dtype)
        for layer in self.layers:
            x = layer(x, species, geometry)
        y: Tensor = self.read(x)
        return y


class _Layer(nn.Module):
    """One turn of questions to the neighbours: gated features `(N, hidden.dim)`."""

    def __init__(self, conv: DepthwiseConv, gate: Gate, itself: _Itself | None, bias: bool) -> None:
        super().__init__()
        self.before, self.conv = Linear(conv.rep_in, conv.rep_in, bias=bias), conv
        self.after, self.gate = Linear(conv.rep_out, gate.rep_in, bias=bias), gate
        self.itself = itself

    def forward(self, x: Tensor, species: Tensor, geometry: EdgeGeometry) -> Tensor:
        y: Tensor = self.after(self.conv(self.before(x), geometry))
        z: Tensor = self.gate(y if self.itself is None else self.itself(y, x, species))
        return z


class _Itself(nn.Module):
    """Adds a linear map of the features of each atom, one for each of several elements, to what its neighbours give.

    Where both give something, the sum is scaled to unit variance.
    """

    share: Tensor
    places: Tensor

    def __init__(self, rep: Rep, wanted: Rep, species: int) -> None:
        super().__init__()
        known = {block for _, block in rep.terms}
        found = [n for n, (_, block) in enumerate(wanted.terms) if block in known]
        reached = Rep(rep.group, tuple(wanted.terms[n] for n in found))
        self.by_element, self.is_complete = species > 1, reached == wanted
        self.map: EquivariantModule = Linear(rep, reached, bias=False)
        if self.by_element:
            self.map = SpeciesLinear(rep, reached, species)
        places, share = np.full(wanted.dim, reached.dim), np.ones(wanted.dim)  # a column of zeros stands behind all
        for n, where in zip(found, reached.slices, strict=True):
            places[wanted.slices[n]], share[wanted.slices[n]] = np.arange(where.start, where.stop), 0.5
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("share", torch.from_numpy(share), persistent=False)

    def forward(self, y: Tensor, x: Tensor, species: Tensor) -> Tensor:
        z: Tensor = self.map(x, species) if self.by_element else self.map(x)
        if self.is_complete:
            return (y + z) * math.sqrt(0.5)
        return (y + F.pad(z, (0, 1)).index_select(1, self.places)) * self.share.to(y.dtype).sqrt()


def _largest(basis: RadialBasis) -> float:
    """The largest sum of squares from 1 Å on, where atoms begin to see each other.

    Networks of functions that are larger there than they are on average give weights that are much larger; and each
    gate multiplies two of such features.
    """
    distances = torch.linspace(min(1.0, basis.cutoff / 2), basis.cutoff, 256)
    with torch.no_grad():
        return float(basis(distances).square().sum(1).max())


def _per_layer(hidden: Rep | Irrep | Sequence[Rep | Irrep], layers: int | None) -> list[Rep]:
    """The rep of the features behind each layer."""
    if isinstance(hidden, Rep | Irrep):
        count = 4 if layers is None else layers
        if count < 1:
            raise ArgumentError(f"A network has one layer or more, but got layers={layers!r}.")
        return [as_rep(hidden)] * count
    if not hidden or layers not in (None, len(hidden)):
        raise ArgumentError(
            f"Features have one rep, or one for each layer, but got {len(hidden)} reps for {layers} layers."
        )
    return [as_rep(rep) for rep in hidden]


def _readout(rep: Rep, rep_out: Rep, widths: Sequence[int], bias: bool) -> nn.Sequential:
    """From the last features to the output."""
    invariant = invariant_irrep(rep.group)
    others = tuple((m, block) for m, block in rep_out.terms if block != invariant)
    parts: list[EquivariantModule] = []
    for width in widths:
        gate = feature_gate(width * invariant + Rep(rep.group, others))
        parts += [Linear(rep, gate.rep_in, bias=bias), gate]
        rep = gate.rep_out
    return nn.Sequential(*parts, Linear(rep, rep_out, bias=bias))
