"""The repulsion of nuclei, which no training data show and no network should have to learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import EnergyTerm
from intertwine.nn.edge_module import safe_length

COULOMB = 14.3996
"""e²/4πε₀, eV Å."""

BOHR = 0.529
"""Å; with the digits that the published potentials were fitted with."""

SCREENING = ((0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4028), (0.02817, 0.2016))
"""Shares and rates of the exponentials by which electrons screen two nuclei."""


class ZBL(EnergyTerm):
    """Screened Coulomb repulsion of nuclei: `½ Σ_j k Z_i Z_j φ(r/a) c(r) / r`, half of each pair for each atom.

    The cut-off c ends where the radii of both atoms add up, so that bonds are left to the network.

    Args:
        numbers: the atomic number of each species.
        radii: the radius of each species, Å: covalent ones.
        power: of the polynomial cut-off.
        scale: what the energy is multiplied by.
        screening: the prefactor and the exponent of the screening length `a = prefactor · bohr / (Z_i^e + Z_j^e)`.

    Raises `ArgumentError` unless each species has a number and a radius.

    Source: Ziegler, Biersack and Littmark 1985, "The Stopping and Range of Ions in Solids".
    """

    numbers: Tensor
    radii: Tensor

    def __init__(
        self,
        numbers: Sequence[int],
        radii: Sequence[float],
        power: int = 6,
        scale: float = 1.0,
        screening: Sequence[float] = (0.4543, 0.3),
    ) -> None:
        super().__init__()
        if len(numbers) != len(radii) or not len(radii) or min(*numbers, *radii) <= 0:
            raise ArgumentError(
                f"Each species has an atomic number and a radius, but got {[*numbers]} and {[*radii]}."
            )
        self.power, self.scale, self.screening = int(power), float(scale), tuple(map(float, screening))
        self.options = {
            "numbers": [*map(int, numbers)],
            "radii": [*map(float, radii)],
            "power": self.power,
            "scale": self.scale,
            "screening": [*self.screening],
        }
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.float64), persistent=False)
        self.register_buffer("radii", torch.tensor(radii, dtype=torch.float64), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What is known exactly stays float64: see `Potential`."""
        exact = {"numbers": self.numbers, "radii": self.radii}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, values in exact.items():
            setattr(self, name, values.to(getattr(self, name).device))
        return self

    def forward(self, graph: AtomGraph, vectors: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The energy of each atom, `(N,)`, eV."""
        r = safe_length(vectors)
        species = graph.species.index_select(0, graph.edges.flatten()).reshape(2, -1)
        z = self.numbers.to(r)[species]
        prefactor, exponent = self.screening
        x = r * (z[0] ** exponent + z[1] ** exponent) / (prefactor * BOHR)
        screened = sum(share * torch.exp(-rate * x) for share, rate in SCREENING)
        u = (r / self.radii.to(r)[species].sum(0)).clamp(max=1)
        p = self.power
        ends = 1 - (p + 1) * (p + 2) / 2 * u**p + p * (p + 2) * u ** (p + 1) - p * (p + 1) / 2 * u ** (p + 2)
        pairs = COULOMB / 2 * z[0] * z[1] / r * screened * ends
        return r.new_zeros(graph.species.shape[0]).index_add(0, graph.edges[1], pairs)
