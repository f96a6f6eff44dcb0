"""Energies of charges that the network gives: what reaches further than any cut-off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import EnergyTerm
from intertwine.models.atoms.terms import COULOMB

LATENT = "charges"
"""The target that the charges are, one number for each atom, which needs no label."""


class Electrostatics(EnergyTerm):
    """The energy of smeared charges that the network gives for each atom, at any distance.

    `E = ½ Σ_{i≠j} k q_i q_j erf(r_ij / √2σ) / r_ij` over all pairs of a structure that does not repeat. Of one that
    does, by Ewald's sum, `E = 2πk/V Σ_{0<|g|<g_c} exp(−σ²g²/2) / g² |Σ_i q_i exp(i g·r_i)|² − k Σ_i q_i² / √(2π)σ`:
    what is smeared varies slowly, so that few waves g are enough, and an overall charge has a uniform background. At
    short distances the network makes up for the smearing. A slab repeats along its third lattice vector as well: with
    enough vacuum there that its copies do not matter. The charges may be labels too, or follow from energies and
    forces alone.

    Args:
        charges: the name of the network's target that they are, one number per atom.
        width: σ, Å.
        resolution: g_c = 2π / resolution, Å.

    Raises `ArgumentError` for sizes that are not positive, and on calls where there is no such target, and for cells
    that repeat and have no volume.

    Source: Ewald 1921, doi:10.1002/andp.19213690304; as a part of a potential, Cheng 2025, arXiv:2408.15165.

    >>> from ase import Atoms
    >>> from intertwine.models import atom_graph
    >>> graph = atom_graph(Atoms("NaCl", [[0, 0, 0], [0, 0, 20.0]]), [11, 17], 4.0)
    >>> q = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    >>> Electrostatics()(graph, graph.vectors(), {"charges": q}).sum()  # −k / 20 Å
    tensor(-0.7200, dtype=torch.float64)
    """

    is_local: ClassVar[bool] = False

    def __init__(self, charges: str = LATENT, width: float = 1.0, resolution: float = 2.0) -> None:
        super().__init__()
        if not (0 < width < math.inf and 0 < resolution < math.inf):
            raise ArgumentError(f"Widths and resolutions are positive lengths, but got {width!r} and {resolution!r}.")
        self.charges, self.width, self.resolution = charges, float(width), float(resolution)

    def forward(self, graph: AtomGraph, vectors: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The energy of each atom, half of that of its pairs, `(N,)`, eV."""
        if self.charges not in outputs or outputs[self.charges].shape[1] != 1:
            raise ArgumentError(
                f"These charges are the target {self.charges!r} of the network, one invariant number per atom, but it "
                f"gives {', '.join(outputs) or 'none'}. Make the potential with such a target."
            )
        q = outputs[self.charges][:, 0].to(graph.positions)
        counts = graph.structure.bincount(minlength=len(graph.cells)).tolist()
        parts = zip(q.split(counts), graph.positions.split(counts), graph.cells, strict=True)
        return torch.cat([self._of_one(*part) for part in parts])

    def _of_one(self, q: Tensor, positions: Tensor, cell: Tensor) -> Tensor:
        """The energies of the atoms of one structure."""
        if bool((cell == 0).all()):
            return self._open(q, positions)
        volume = torch.linalg.det(cell).abs()
        if not bool(volume > 0):
            raise ArgumentError(
                f"Ewald's sum needs three lattice vectors that span a volume, but got {cell.tolist()}. Give a slab one "
                "across it, with vacuum."
            )
        waves = self._waves(cell)
        sizes = waves.square().sum(1)
        weights = torch.exp(-(self.width**2) * sizes / 2) / sizes * (2 * math.pi * COULOMB / volume)
        phases = positions @ waves.T
        cosines, sines = phases.cos(), phases.sin()
        at_atoms = (cosines * (q @ cosines) + sines * (q @ sines)) @ weights
        energies: Tensor = q * (at_atoms - COULOMB * q / (math.sqrt(2 * math.pi) * self.width))
        return energies

    def _open(self, q: Tensor, positions: Tensor) -> Tensor:
        """All pairs of one structure."""
        alone = torch.eye(len(q), dtype=torch.bool, device=q.device)
        squares = (positions[:, None] - positions).square().sum(2)
        r = torch.where(alone, torch.ones_like(squares), squares).sqrt()
        pairs = torch.where(alone, torch.zeros_like(r), torch.erf(r / (math.sqrt(2) * self.width)) / r)
        energies: Tensor = COULOMB / 2 * q * (pairs @ q)
        return energies

    def _waves(self, cell: Tensor) -> Tensor:
        """The wave vectors below the largest, `(W, 3)`, 1/Å: one of each pair ±g would do, but both are simpler."""
        reciprocal = 2 * math.pi * torch.linalg.inv(cell).mT
        largest = 2 * math.pi / self.resolution
        most = [int(n) for n in torch.floor(torch.linalg.vector_norm(cell.detach(), dim=1) / self.resolution).tolist()]
        steps = torch.cartesian_prod(*[torch.arange(-n, n + 1, device=cell.device) for n in most]).to(cell)
        kept = (steps @ reciprocal.detach()).square().sum(1)
        waves: Tensor = steps[(kept > 0) & (kept < largest**2)] @ reciprocal
        return waves
