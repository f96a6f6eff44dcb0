"""The convolution over edges and its layer, as other libraries compute them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import cuequivariance as cue
import cuequivariance_torch as cuet
import torch
from e3nn import o3
from e3nn.nn import FullyConnectedNet
from torch import Tensor

import intertwine as tw
from intertwine.kernels import channelwise

warnings.filterwarnings("ignore", module="e3nn|cuequivariance")

HIDDEN = (64, 64)
"""The widths of all radial networks."""


@dataclass(frozen=True)
class Case:
    """A convolution.

    Args:
        name: whose it is.
        features: the rep of the features.
        degree: the largest degree of the harmonics.
        keep: the irreps that are kept.
        edges: how many edges a graph has for us, and for peers, who need more memory.
    """

    name: str
    features: str
    degree: int
    keep: str
    edges: tuple[int, int]

    @property
    def rep(self) -> tw.Rep:
        """The features, sorted, as the layer computes with them."""
        return tw.O3.rep(self.features).irreps

    @property
    def harmonics(self) -> tw.Rep:
        """The harmonics."""
        return tw.O3.harmonics(self.degree)

    @property
    def paths(self) -> tuple[tw.Rep, list[tuple[int, int, int]]]:
        """The output, and the terms that meet on each path."""
        out, instructions = channelwise(self.rep, self.harmonics, self.keep.split())
        return out, [(i.first, i.second, i.output) for i in instructions]


def all_irreps(channels: int, degree: int) -> str:
    """Both parities of all degrees."""
    return " + ".join(f"{channels}x{l}{parity}" for l in range(degree + 1) for parity in "eo")


CASES = (
    Case("NequIP, 32 channels, l ≤ 1", all_irreps(32, 1), 1, "0e 0o 1e 1o", (20_000, 6000)),
    Case("NequIP, 64 channels, l ≤ 2", all_irreps(64, 2), 2, "0e 0o 1e 1o 2e 2o", (6000, 1500)),
    Case("MACE-MP, 128 channels, l ≤ 3", "128x0e + 128x1o + 128x2e", 3, "0e 1o 2e 3o", (6000, 1500)),
    Case("SevenNet, 128 to 32 channels, l ≤ 2", "128x0e + 64x1o + 32x2e", 2, "0e 1o 2e", (20_000, 3000)),
    Case("NequIP, 64 channels, l ≤ 3", all_irreps(64, 3), 3, "0e 0o 1e 1o 2e 2o 3e 3o", (2000, 500)),
)


def as_irreps(rep: tw.Rep) -> o3.Irreps:
    """The same in e3nn's words."""
    return o3.Irreps(str(rep).replace(" ", ""))


def to_e3nn(x: Tensor, irreps: o3.Irreps) -> Tensor:
    """Our (component, multiplicity) order turned into e3nn's."""
    shapes = [(*x.shape[:-1], ir.dim, m) for m, ir in irreps]
    return torch.cat(
        [x[..., s].reshape(shape).mT.flatten(-2) for s, shape in zip(irreps.slices(), shapes, strict=True)], -1
    )


class E3nn(torch.nn.Module):
    """e3nn's product of every edge, summed at the targets."""

    name = "e3nn"

    def __init__(self, case: Case) -> None:
        super().__init__()
        out, paths = case.paths
        self.degree, self.irreps, self.out = case.degree, as_irreps(case.rep), as_irreps(out)
        instructions = [(*path, "uvu", True) for path in paths]
        self.product = o3.TensorProduct(
            self.irreps, as_irreps(case.harmonics), self.out, instructions, shared_weights=False, internal_weights=False
        )
        self.weights = self.product.weight_numel

    def forward(self, x: Tensor, y: Tensor, w: Tensor, edges: Tensor) -> Tensor:
        messages = self.product(x[edges[0]], y, w)
        return messages.new_zeros(len(x), messages.shape[1]).index_add(0, edges[1], messages)

    def harmonics(self, vectors: Tensor) -> Tensor:
        return o3.spherical_harmonics([*range(self.degree + 1)], vectors, normalize=True, normalization="component")

    def from_ours(self, x: Tensor) -> Tensor:
        return to_e3nn(x, self.irreps)

    def check(self, ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
        """Two outputs of the same inputs in one order."""
        return to_e3nn(ours, self.out), theirs


class Cuequivariance(torch.nn.Module):
    """cuEquivariance's channel-wise product on a CPU; it writes all weights and outputs in an order of its own."""

    name = "cuEquivariance"

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.degree = case.degree
        given = [cue.Irreps("O3", str(as_irreps(rep))) for rep in (case.rep, case.harmonics)]
        kept = cue.Irreps("O3", "+".join(case.keep.split()))
        self.product = cuet.ChannelWiseTensorProduct(
            *given, kept, layout=cue.ir_mul, shared_weights=False, internal_weights=False, method="naive"
        )
        self.weights = self.product.weight_numel

    def forward(self, x: Tensor, y: Tensor, w: Tensor, edges: Tensor) -> Tensor:
        messages = self.product(x[edges[0]], y, w)
        return messages.new_zeros(len(x), messages.shape[1]).index_add(0, edges[1], messages)

    def harmonics(self, vectors: Tensor) -> Tensor:
        return o3.spherical_harmonics([*range(self.degree + 1)], vectors, normalize=True, normalization="component")

    def from_ours(self, x: Tensor) -> Tensor:
        return x

    def check(self, ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
        """Two outputs of the same inputs, and of weights that are all one: the same numbers in some order."""
        return tuple(x.abs().flatten().sort().values / x.norm() for x in (ours, theirs))  # type: ignore[return-value]


class PeerLayer(torch.nn.Module):
    """The whole layer of a peer: harmonics, radial network, convolution.

    Args:
        convolution: the peer's.
        basis: from distances to what the radial network is given.
    """

    def __init__(self, convolution: E3nn | Cuequivariance, basis: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.convolution, self.basis = convolution, basis
        self.network = FullyConnectedNet([8, *HIDDEN, convolution.weights], torch.nn.functional.silu)

    def forward(self, x: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:
        weights = self.network(self.basis(vectors.norm(dim=1)))
        return self.convolution(x, self.convolution.harmonics(vectors), weights, edges)
