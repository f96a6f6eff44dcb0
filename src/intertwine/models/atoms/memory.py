"""How much memory a structure will take, before it takes it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import Potential

PIECE = 64
"""Of so many atoms what a gradient keeps is counted."""


def expected_memory(model: Potential, graph: AtomGraph) -> int:
    """About how many bytes energy and forces of atoms take, beside weights and the graph itself.

    What a gradient keeps is counted on a few of the atoms, separately what has a row for each atom and what has one for
    each pair, and scaled to all of them; what passes while it is computed takes about half as much again.

    >>> from ase.build import bulk
    >>> from intertwine.catalog import O3
    >>> from intertwine.models import NequIP, atom_graph
    >>> model = Potential(NequIP(1, cutoff=4.0, hidden=O3.rep("8x0e + 8x1o"), layers=2), elements=[14])
    >>> small, large = (atom_graph(bulk("Si", cubic=True).repeat(n), [14], 4.0) for n in (3, 6))
    >>> round(expected_memory(model, large) / expected_memory(model, small))  # for 8 times as many atoms
    8
    """
    atoms, pairs = len(graph.positions), graph.edges.shape[1]
    piece = _piece(graph)
    few, some = len(piece.positions), piece.edges.shape[1]
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        rows = x.shape[0] if x.ndim else 1
        share = atoms / few if rows == few else pairs / max(some, 1) if rows == some else 1.0
        storage = x.untyped_storage()
        kept[storage.data_ptr()] = int(share * storage.nbytes())
        return x

    with saved_tensors_hooks(keep, lambda x: x), torch.enable_grad():
        positions = piece.positions.detach().requires_grad_()
        energy = model.energy(piece._replace(positions=positions))
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    del energy
    return int(1.5 * sum(size for place, size in kept.items() if place not in parameters))


def _piece(graph: AtomGraph) -> AtomGraph:
    """The first atoms, and the pairs among them."""
    count = min(PIECE, len(graph.positions))
    inside = (graph.edges < count).all(0)
    return AtomGraph(
        graph.positions[:count],
        graph.species[:count],
        graph.edges[:, inside],
        graph.shifts[inside],
        graph.cells,
        graph.structure[:count],
    )
