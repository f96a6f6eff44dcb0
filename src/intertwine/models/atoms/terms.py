"""Energies that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import EnergyTerm
from intertwine.nn.radial import PolynomialCutoff

COULOMB = 14.399645478425668
"""e²/(4πε₀) in eV Å (CODATA 2014, as ase has it)."""

BOHR = 0.5291772105638411
"""a₀ in Å (CODATA 2014)."""

_SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))

# Covalent radii in Å: Cordero et al. 2008, doi:10.1039/b801115j, H to Cm; carbon sp³, low-spin Mn, Fe, Co.
_RADII = (
    "0.31 0.28 1.28 0.96 0.84 0.76 0.71 0.66 0.57 0.58 1.66 1.41 1.21 1.11 1.07 1.05 1.02 1.06 2.03 1.76 1.70 1.60 "
    "1.53 1.39 1.39 1.32 1.26 1.24 1.32 1.22 1.22 1.20 1.19 1.20 1.20 1.16 2.20 1.95 1.90 1.75 1.64 1.54 1.47 1.46 "
    "1.42 1.39 1.45 1.44 1.42 1.39 1.39 1.38 1.39 1.40 2.44 2.15 2.07 2.04 2.03 2.01 1.99 1.98 1.98 1.96 1.94 1.92 "
    "1.92 1.89 1.90 1.87 1.87 1.75 1.70 1.62 1.51 1.44 1.41 1.36 1.36 1.32 1.45 1.46 1.48 1.40 1.50 1.50 2.60 2.21 "
    "2.15 2.06 2.00 1.96 1.90 1.87 1.80 1.69"
)


class Repulsion(EnergyTerm):
    """The screened repulsion of nuclei of Ziegler, Biersack and Littmark: what keeps atoms apart that no data shows.

    `E_i = ½ Σ_j k Z_i Z_j / r · φ(r/a) · c(r)`, a = 0.88534 a₀ / (Z_i^0.23 + Z_j^0.23), φ four exponentials, and c a
    polynomial cut-off at the sum of the covalent radii: bonds are left to the network.

    Args:
        elements: the atomic numbers of the species.
        power: of the cut-off.
        radii: the covalent radius of each species, Å; default those of Cordero et al. 2008.
        coulomb: k, eV Å.
        length: what the screening length a is made of, Å: 0.88534 a₀.
        exponent: of the charges in it.
        screening: the share and the rate of each exponential of φ.

    Raises `ArgumentError` for elements beyond curium, whose radii are not known, unless they are given.

    Source: Ziegler, Biersack, Littmark 1985, The Stopping and Range of Ions in Solids.

    >>> from ase import Atoms
    >>> from intertwine.models import atom_graph
    >>> graph = atom_graph(Atoms("Si2", [[0, 0, 0], [0, 0, 0.5]]), [14], 4.0)
    >>> Repulsion([14])(graph, graph.vectors(), {}).sum().round()
    tensor(469., dtype=torch.float64)
    """

    numbers: Tensor
    radii: Tensor

    def __init__(
        self,
        elements: Sequence[int],
        power: int = 6,
        *,
        radii: Sequence[float] | None = None,
        coulomb: float = COULOMB,
        length: float = 0.88534 * BOHR,
        exponent: float = 0.23,
        screening: Sequence[Sequence[float]] = _SCREENING,
    ) -> None:
        super().__init__()
        self.power, self.coulomb, self.length, self.exponent = power, coulomb, length, exponent
        self.screening = [(float(share), float(rate)) for share, rate in screening]
        found = _covalent(elements) if radii is None else list(radii)
        if len(found) != len(elements):
            raise ArgumentError(f"Each of the elements {list(elements)} has a radius, but got {found}.")
        self.register_buffer("numbers", torch.tensor(elements, dtype=torch.float64), persistent=False)
        self.register_buffer("radii", torch.tensor(found, dtype=torch.float64), persistent=False)

    def forward(self, graph: AtomGraph, vectors: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The energy of each atom, half of that of its pairs, `(N,)`, eV."""
        source, target = graph.species[graph.edges]
        charges, radii = self.numbers.to(vectors), self.radii.to(vectors)
        r = torch.linalg.vector_norm(vectors, dim=1)
        length = self.length / (charges[source] ** self.exponent + charges[target] ** self.exponent)
        screening = sum(share * torch.exp(-rate * r / length) for share, rate in self.screening)
        cut = PolynomialCutoff(1.0, self.power)(r / (radii[source] + radii[target]))
        pairs = self.coulomb / 2 * charges[source] * charges[target] / r * screening * cut
        energies: Tensor = pairs.new_zeros(len(graph.species)).index_add(0, graph.edges[1], pairs)
        return energies


def _covalent(elements: Sequence[int]) -> list[float]:
    """The radii of elements; raises `ArgumentError` for those that are not known."""
    radii = [float(word) for word in _RADII.split()]
    if any(not 0 < number <= len(radii) for number in elements):
        raise ArgumentError(
            f"Covalent radii are known for the elements 1 to {len(radii)}, but got {list(elements)}. Pass radii=…, or "
            "leave the repulsion out."
        )
    return [radii[number - 1] for number in elements]
