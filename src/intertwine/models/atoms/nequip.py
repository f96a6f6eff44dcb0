"""NequIP: convolutions over the neighbours of atoms, with gates between."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.models.atoms.network import AtomNetwork
from intertwine.nn import DepthwiseConv, EdgeGeometry, Gate, Linear, edge_geometry
from intertwine.nn.radial import BesselBasis, PolynomialCutoff
from intertwine.reps import Irrep, Rep, as_rep


class NequIP(AtomNetwork):
    """Convolutions over neighbours with learned radial functions; the last features give what is wanted.

    A layer is a linear map, a convolution channel by channel, a linear map, plus a linear map of the features of the
    atom itself that depends on its element; then a gate.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        hidden: the rep of the features, all with gates of their own.
        layers: how often atoms ask their neighbours.
        degree: the largest degree of the harmonics; default that of the features.
        rep_out: what each atom gives; default one invariant, its energy.
        neighbours: how many neighbours an atom has on average.
        bessel: the number of radial functions.
        radial: the hidden widths of the radial networks.

    Source: Batzner et al. 2022 (arXiv:2101.03164).

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> net = NequIP(2, cutoff=3.0, hidden=O3.rep("8x0e + 8x1o"), layers=2)
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
        degree: int | None = None,
        rep_out: Rep | Irrep | None = None,
        neighbours: float = 10.0,
        bessel: int = 8,
        radial: tuple[int, ...] = (64, 64),
    ) -> None:
        hidden = as_rep(hidden)
        group = hidden.group
        invariant = Irrep(group, group.trivial)
        super().__init__(species, cutoff, invariant if rep_out is None else rep_out)
        degree = hidden.degree if degree is None else degree
        self.options = {
            "species": species,
            "cutoff": self.cutoff,
            "hidden": hidden,
            "layers": layers,
            "degree": degree,
            "rep_out": self.rep_out,
            "neighbours": float(neighbours),
            "bessel": bessel,
            "radial": tuple(radial),
        }
        channels = max((m for m, irrep in hidden.terms if irrep == invariant), default=1)
        basis, envelope = BesselBasis(cutoff, bessel), PolynomialCutoff(cutoff)
        rep = channels * invariant
        self.embedding = nn.Embedding(species, channels)
        self.layers, self.convolutions = nn.ModuleList(), list[DepthwiseConv]()
        for _ in range(layers):
            gate = Gate(hidden, F.silu, F.silu)
            conv = DepthwiseConv(
                rep, gate.rep_in, basis, degree=degree, hidden=radial, envelope=envelope, neighbours=neighbours
            )
            self.layers.append(_Layer(conv, gate))
            self.convolutions.append(conv)
            rep = hidden
        self.read = Linear(rep, self.rep_out)

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`; see `AtomNetwork`."""
        geometry = edge_geometry(self.convolutions, edges, vectors, species.shape[0])
        x = self.embedding(species).to(vectors.dtype)
        for layer in self.layers:
            x = layer(x, geometry)
        y: Tensor = self.read(x)
        return y


class _Layer(nn.Module):
    """One turn of questions to the neighbours: gated features `(N, hidden.dim)`."""

    def __init__(self, conv: DepthwiseConv, gate: Gate) -> None:
        super().__init__()
        self.before, self.conv = Linear(conv.rep_in, conv.rep_in, bias=False), conv
        self.after, self.gate = Linear(conv.rep_out, gate.rep_in, bias=False), gate

    def forward(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        y: Tensor = self.gate(self.after(self.conv(self.before(x), geometry)))
        return y
