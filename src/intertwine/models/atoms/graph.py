"""Atoms as tensors: what models of molecules and materials are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, MissingExtraError


class AtomsLike(Protocol):
    """What is asked of atoms: `ase.Atoms` has it."""

    positions: np.ndarray
    numbers: np.ndarray
    pbc: np.ndarray
    cell: Any


@dataclass
class BareAtoms:
    """Atoms that come from another program than ase.

    Args:
        positions: `(N, 3)`, Å.
        numbers: atomic numbers, `(N,)`.
        pbc: which directions repeat.
        cell: lattice vectors as rows, Å.
    """

    positions: np.ndarray
    numbers: np.ndarray
    pbc: np.ndarray
    cell: np.ndarray


class AtomGraph(NamedTuple):
    """Atoms of one structure or of several, and the pairs of them that see each other.

    A tuple of tensors: it differentiates, moves to devices and goes through compiled code as such.

    Args:
        positions: `(N, 3)`, Å.
        species: the element of each atom, its place in the model's list of elements, `(N,)` integers.
        edges: source and target of each pair, `(2, E)` integers; each pair stands in both directions.
        shifts: the cell that the target of each pair lies in, counted from that of the source, `(E, 3)`.
        cells: the lattice vectors of each structure, as rows, `(B, 3, 3)`, Å; zeros for one that does not repeat.
        structure: the structure that each atom belongs to, `(N,)` integers in ascending order.
    """

    positions: Tensor
    species: Tensor
    edges: Tensor
    shifts: Tensor
    cells: Tensor
    structure: Tensor

    def vectors(self) -> Tensor:
        """From the source to the target of each pair, `(E, 3)`, Å: `r_t − r_s + n · cell`."""
        source, target = self.edges.unbind(0)
        between = self.positions.index_select(0, target) - self.positions.index_select(0, source)
        cells = self.cells.index_select(0, self.structure.index_select(0, source))
        return between + (self.shifts[:, None].to(cells) @ cells)[:, 0]

    def to(self, like: torch.device | str | torch.dtype) -> AtomGraph:
        """The graph on another device, or its positions and cells in another dtype."""
        if isinstance(like, torch.dtype):
            real = {name: getattr(self, name).to(like) for name in ("positions", "shifts", "cells")}
            return self._replace(**real)
        return AtomGraph(*(part.to(like) for part in self))


def neighbours(atoms: AtomsLike, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of atoms within a distance, periodic images included, as `(2, E)` numbers and `(E, 3)` cell shifts.

    Args:
        atoms: positions, cell and which of its directions repeat.
        cutoff: the largest distance, Å.

    Raises `ArgumentError` for a cut-off that is not positive, for positions or cells that are not finite, and for a
    direction that repeats without a lattice vector of its own; `MissingExtraError` where vesin is not installed.

    >>> from ase.build import molecule
    >>> edges, shifts = neighbours(molecule("H2O"), 1.2)
    >>> edges
    array([[1, 2, 0, 0],
           [0, 0, 1, 2]])
    """
    try:
        import vesin
    except ImportError as error:
        raise MissingExtraError.of("vesin", "potentials") from error
    cell, periodic = _box(atoms)
    if len(atoms.positions) == 0:
        return np.zeros((2, 0), np.int64), np.zeros((0, 3), np.int64)
    search = vesin.NeighborList(cutoff=cutoff, full_list=True, n_threads=1)
    try:
        first, second, shifts = search.compute(np.array(atoms.positions, float), cell, list(periodic), "ijS")
    except RuntimeError as error:
        raise ArgumentError(
            f"Neighbours within {cutoff!r} Å cannot be found in the cell {cell.tolist()}, which repeats along "
            f"{periodic.tolist()}: {error}. Give a positive cut-off, and lattice vectors that are independent."
        ) from error
    # In a fixed order, so that sums over neighbours do not hang on how they were found: by targets, since they are
    # summed there, and need not be gathered.
    order = np.lexsort((*shifts.T[::-1], first, second))
    return np.stack([first[order], second[order]]).astype(np.int64), shifts[order].astype(np.int64)


def atom_graph(
    frames: AtomsLike | Sequence[AtomsLike],
    elements: Sequence[int],
    cutoff: float,
    dtype: torch.dtype = torch.float64,
) -> AtomGraph:
    """Atoms and their neighbours as tensors, of one structure or of several at once.

    Args:
        frames: one structure, such as `ase.Atoms`, or several.
        elements: the atomic numbers that the model knows, in its order.
        cutoff: how far atoms see, Å.
        dtype: of positions and cells.

    Raises `ArgumentError` for elements that the model does not know, and as `neighbours` does.

    >>> from ase.build import bulk
    >>> graph = atom_graph(bulk("Si"), elements=[14], cutoff=2.5)
    >>> graph.edges.shape, graph.vectors().norm(dim=1).round(decimals=2)[:2]
    (torch.Size([2, 8]), tensor([2.3500, 2.3500], dtype=torch.float64))
    """
    structures = list(frames) if isinstance(frames, Sequence) else [frames]
    return batch_graphs([_of_one(atoms, elements, cutoff, dtype) for atoms in structures])


def batch_graphs(graphs: Sequence[AtomGraph]) -> AtomGraph:
    """Several graphs as one, whose parts do not see each other.

    Raises `ArgumentError` for no graph at all.
    """
    if not graphs:
        raise ArgumentError("A batch holds one structure or more, but got none.")
    atoms = np.cumsum([0, *(len(graph.positions) for graph in graphs)])
    counts = np.cumsum([0, *(len(graph.cells) for graph in graphs)])
    return AtomGraph(
        torch.cat([graph.positions for graph in graphs]),
        torch.cat([graph.species for graph in graphs]),
        torch.cat([graph.edges + int(start) for graph, start in zip(graphs, atoms, strict=False)], 1),
        torch.cat([graph.shifts for graph in graphs]),
        torch.cat([graph.cells for graph in graphs]),
        torch.cat([graph.structure + int(start) for graph, start in zip(graphs, counts, strict=False)]),
    )


def _of_one(atoms: AtomsLike, elements: Sequence[int], cutoff: float, dtype: torch.dtype) -> AtomGraph:
    places = {int(number): place for place, number in enumerate(elements)}
    unknown = sorted({int(number) for number in atoms.numbers} - places.keys())
    if unknown:
        raise ArgumentError(
            f"This model knows the elements with the atomic numbers {sorted(places)}, but the structure holds "
            f"{unknown}. Train, or load, a model that knows them."
        )
    edges, shifts = neighbours(atoms, cutoff)
    cell, _ = _box(atoms)
    return AtomGraph(
        torch.as_tensor(np.array(atoms.positions), dtype=dtype).reshape(-1, 3),
        torch.tensor([places[int(number)] for number in atoms.numbers], dtype=torch.int64),
        torch.from_numpy(edges),
        torch.as_tensor(shifts, dtype=dtype),
        torch.as_tensor(cell, dtype=dtype)[None],
        torch.zeros(len(atoms.numbers), dtype=torch.int64),
    )


def _box(atoms: AtomsLike) -> tuple[np.ndarray, np.ndarray]:
    """The cell `(3, 3)`, zero where nothing repeats, and which directions do; raises `ArgumentError` for nonsense."""
    cell, periodic = np.array(atoms.cell, float), np.broadcast_to(np.asarray(atoms.pbc, bool), 3)
    if not (np.isfinite(cell).all() and np.isfinite(atoms.positions).all()):
        raise ArgumentError("Positions and cells are finite numbers, but some of this structure are not.")
    empty = ~np.linalg.norm(cell, axis=1).astype(bool)
    if (periodic & empty).any():
        raise ArgumentError(
            f"The structure repeats along {periodic.tolist()}, but its lattice vectors are {cell.tolist()}. Give a "
            "lattice vector for each direction that repeats, or set pbc=False."
        )
    return (cell if periodic.any() else np.zeros((3, 3))), periodic
