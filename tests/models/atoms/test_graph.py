"""Atoms as tensors: all pairs and no others, in one order, whatever repeats; batches and pieces of them."""

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms

from intertwine.errors import ArgumentError
from intertwine.models import atom_graph, batch_graphs, neighbours


def skewed(pbc: tuple[bool, bool, bool]) -> Atoms:
    cell = [[2.1, 0.3, -0.2], [0.5, 2.6, 0.1], [-0.4, 0.2, 3.3]]
    random = np.random.default_rng(0)
    return Atoms("CO3", random.uniform(-2, 4, (4, 3)), cell=cell, pbc=pbc)  # some outside the cell


def pairs_by_hand(atoms: Atoms, cutoff: float) -> set[tuple[int, ...]]:
    """Source, target and shift of each pair, from the definition."""
    ranges = [range(-5, 6) if repeats else range(1) for repeats in atoms.pbc]
    found = set()
    for shift in itertools.product(*ranges):
        away = np.array(shift) @ atoms.cell.array
        for i, j in itertools.product(range(len(atoms)), repeat=2):
            r = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + away)
            if r < cutoff and (i != j or any(shift)):
                found.add((i, j, *shift))
    return found


@pytest.mark.parametrize("pbc", [(False, False, False), (True, False, True), (True, True, True)])
def test_all_pairs_within_the_cutoff_and_no_others(pbc: tuple[bool, bool, bool]) -> None:
    atoms = skewed(pbc)
    edges, shifts = neighbours(atoms, 4.0)
    found = [(*pair, *shift) for pair, shift in zip(edges.T.tolist(), shifts.tolist(), strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == pairs_by_hand(atoms, 4.0)
    assert (np.diff(edges[1]) >= 0).all()  # by targets, where sums are made
    graph = atom_graph(atoms, [6, 8], 4.0)
    expected = atoms.positions[edges[1]] - atoms.positions[edges[0]] + shifts @ atoms.cell.array
    assert np.abs(graph.vectors().numpy() - expected).max() < 1e-12


def test_a_batch_is_its_structures_side_by_side() -> None:
    graphs = [atom_graph(skewed(pbc), [8, 6], 3.0) for pbc in ((True, True, True), (False, False, False))]
    both = batch_graphs(graphs)
    assert torch.equal(both.vectors(), torch.cat([graph.vectors() for graph in graphs]))
    assert both.structure.tolist() == [0] * 4 + [1] * 4
    assert both.species.tolist() == [1, 0, 0, 0] * 2
    single = both.to(torch.float32)
    assert (single.positions.dtype, single.species.dtype) == (torch.float32, torch.int64)


def test_no_atoms_have_no_pairs() -> None:
    graph = atom_graph(Atoms(), [6], 3.0)
    assert graph.positions.shape == (0, 3)
    assert graph.edges.shape == (2, 0)


def broken(**changes: object) -> Atoms:
    atoms = skewed((True, True, True))
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (broken(positions=np.full((4, 3), np.nan)), "finite numbers, but some"),
        (broken(cell=np.diag([1.0, np.inf, 1.0])), "finite numbers, but some"),
        (broken(cell=np.diag([2.0, 2.0, 0.0])), "a lattice vector for each direction that repeats"),
        (broken(numbers=[6, 8, 8, 26]), r"atomic numbers \[6, 8\], but the structure holds \[26\]"),
    ],
)
def test_structures_that_make_no_sense_are_refused(atoms: Atoms, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        atom_graph(atoms, [6, 8], 3.0)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="one structure or more"):
        batch_graphs([])
