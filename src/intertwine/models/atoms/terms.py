"""Energies that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
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

    Raises `ArgumentError` for elements beyond curium, whose radii are not known.

    Source: Ziegler, Biersack, Littmark 1985, The Stopping and Range of Ions in Solids.

    >>> from ase import Atoms
    >>> from intertwine.models import atom_graph
    >>> graph = atom_graph(Atoms("Si2", [[0, 0, 0], [0, 0, 0.5]]), [14], 4.0)
    >>> Repulsion([14])(graph, graph.vectors(), {}).sum().round()
    tensor(469., dtype=torch.float64)
    """

    numbers: Tensor
    radii: Tensor

    def __init__(self, elements: Sequence[int], power: int = 6) -> None:
        super().__init__()
        radii = np.array(_RADII.split(), float)
        if any(not 0 < number <= len(radii) for number in elements):
            raise ArgumentError(
                f"Covalent radii are known for the elements 1 to {len(radii)}, but got {list(elements)}. Leave the "
                "repulsion out."
            )
        self.options = {"elements": [int(number) for number in elements], "power": power}
        self.power = power
        self.register_buffer("numbers", torch.tensor(self.options["elements"], dtype=torch.float64), persistent=False)
        self.register_buffer("radii", torch.from_numpy(radii[np.array(elements) - 1]), persistent=False)

    def forward(self, graph: AtomGraph, vectors: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The energy of each atom, half of that of its pairs, `(N,)`, eV."""
        source, target = graph.species[graph.edges]
        charges, radii = self.numbers.to(vectors), self.radii.to(vectors)
        r = torch.linalg.vector_norm(vectors, dim=1)
        length = 0.88534 * BOHR / (charges[source] ** 0.23 + charges[target] ** 0.23)
        screening = sum(share * torch.exp(-rate * r / length) for share, rate in _SCREENING)
        cut = PolynomialCutoff(1.0, self.power)(r / (radii[source] + radii[target]))
        pairs = COULOMB / 2 * charges[source] * charges[target] / r * screening * cut
        energies: Tensor = pairs.new_zeros(len(graph.species)).index_add(0, graph.edges[1], pairs)
        return energies
