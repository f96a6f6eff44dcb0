"""Crystals: space groups as stabilisers, floors, and order parameters on sites (Smidt, Geiger, Miller 2021)."""

import json
import sys

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.neighborlist import neighbor_list

from intertwine import nn
from intertwine.catalog import O3, SO3
from intertwine.errors import ArgumentError, MissingExtraError, ShapeError
from intertwine.groups.rotations import random_rotations
from intertwine.symmetry import Points, curie_check, order_parameters, recognisable, stabiliser, symmetry_ladder
from intertwine.symmetry.limits.curie import BROKEN_TRANSLATIONS
from tests.registry import close
from tests.symmetry.crystals import CELL, perovskite, tilted

VECTOR = O3.rep("1x1o")
POSITIONS, KINDS = perovskite()
MOVES = tilted(POSITIONS, KINDS)
REPORT = curie_check(Points(POSITIONS, KINDS, cell=CELL), MOVES, rep_out=VECTOR)

# space groups ---------------------------------------------------------------------------------------------------------

STRUCTURES = {  # number and symbol from the International Tables; the order of the point group
    "fcc": (225, "Fm-3m", 48),
    "bcc": (229, "Im-3m", 48),
    "diamond": (227, "Fd-3m", 48),
    "hcp": (194, "P6_3/mmc", 24),
    "rocksalt": (225, "Fm-3m", 48),
    "zincblende": (216, "F-43m", 24),
    "cesiumchloride": (221, "Pm-3m", 48),
    "wurtzite": (186, "P6_3mc", 12),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_known_structures_in_random_poses(name: str) -> None:
    number, symbol, order = STRUCTURES[name]
    atoms = bulk("NaCl" if name in ("rocksalt", "zincblende", "cesiumchloride", "wurtzite") else "X", name, a=4.0)
    turn = random_rotations(1, np.random.default_rng(3))[0]
    found = stabiliser(atoms.get_positions() @ turn.T, atoms.numbers, cell=atoms.cell.array @ turn.T, tolerance=1e-5)
    assert found.space is not None
    assert (found.space.number, found.space.symbol, found.space.crystal) == (number, symbol, symbol)
    assert found.order == order == found.subgroup.group.order
    assert len(found.space.pure) == 1


def test_every_operation_moves_atoms_to_their_partners() -> None:
    """x → R x + t takes atom i to atom π(i), up to a vector of the cell; rotations are exact and form a group."""
    found = REPORT.H
    assert found.space is not None
    images = POSITIONS @ found.elements.swapaxes(-1, -2) + found.space.translations[:, None]
    rest = (images - POSITIONS[found.permutations]) @ np.linalg.inv(CELL)
    close(rest, np.round(rest), 1e-9)
    assert (KINDS[found.permutations] == KINDS).all()
    assert found.subgroup.contains(found.elements).all()


def test_a_supercell_has_pure_translations() -> None:
    """64 operations keep the cell of 20 atoms: 16 of D4h, times the 4 translations between primitive cells."""
    found = REPORT.H
    assert found.space is not None
    assert (found.order, found.subgroup.name, len(found.space.pure)) == (64, "D4h", 4)
    assert (found.space.crystal, found.name) == ("Pm-3m", "P4/mmm")
    assert "64 operations keep the cell, 4 of them pure translations; the crystal itself has Pm-3m" in str(found)
    assert found.axes[0][0] == 4
    json.dumps(found.to_dict(), allow_nan=False)


def test_rotations_alone() -> None:
    assert stabiliser(POSITIONS, KINDS, cell=CELL, group=SO3).order == 32


def test_moments_lower_the_symmetry() -> None:
    """Iron with its moments along z keeps C4h of Oh; alternating moments also lose the centring of the cell."""
    atoms = bulk("Fe", "bcc", a=2.87, cubic=True)
    axial = O3.rep("1x1e")
    up = np.tile([0.0, 0.0, 2.2], (2, 1))
    ferro = stabiliser(atoms.get_positions(), tensors=up, rep=axial, cell=atoms.cell.array)
    anti = stabiliser(atoms.get_positions(), tensors=up * [[1], [-1]], rep=axial, cell=atoms.cell.array)
    assert (ferro.subgroup.name, ferro.order, len(ferro.space.pure)) == ("C4h", 16, 2)
    assert len(anti.space.pure) == 1
    assert anti.order == 16  # turned spins may be turned back by the shift to the other sublattice: D4h
    assert anti.subgroup.name == "D4h"


def test_a_slightly_deformed_crystal_is_named_at_a_tolerance() -> None:
    atoms = bulk("NaCl", "rocksalt", a=4.0, cubic=True)
    noisy = atoms.get_positions() + np.random.default_rng(0).normal(size=(8, 3)) * 1e-3
    assert stabiliser(noisy, atoms.numbers, cell=atoms.cell.array, tolerance=1e-2).space.number == 225
    assert stabiliser(noisy, atoms.numbers, cell=atoms.cell.array, tolerance=1e-6).space.number == 1


# a perovskite ---------------------------------------------------------------------------------------------------------


def test_cubic_to_orthorhombic() -> None:
    """From 64 operations to the 8 of Pnma: all of the target is lost, and none of it is the same in all cells."""
    assert (REPORT.H.order, REPORT.K.order, REPORT.K.name, REPORT.answers) == (64, 8, "Pnma", 8)
    assert REPORT.floor == pytest.approx(REPORT.power)
    assert REPORT.irreps == {BROKEN_TRANSLATIONS: pytest.approx(1)}
    assert REPORT.gain == np.inf
    assert "sites=…" in str(REPORT)
    json.dumps(REPORT.to_dict(), allow_nan=False)
    assert curie_check(Points(POSITIONS + MOVES, KINDS, cell=CELL), -MOVES, rep_out=VECTOR).possible


@pytest.mark.parametrize(("kind", "wanted"), [(0, {"1o", "2o"}), (1, {"1e", "2e"}), (2, {"1e", "1o", "2e", "2o"})])
def test_which_fields_make_the_tilts_possible(kind: int, wanted: set[str]) -> None:
    """On B sites 1e and 2e, which Smidt, Geiger and Miller found by training; A and X sites by the same algebra."""
    table = order_parameters(REPORT, degree=2, sites=np.flatnonzero(kind == KINDS))
    assert {p.irrep.label for p in table if p.exact} == {p.irrep.label for p in table.working} == wanted
    for p in table.working:
        assert p.stabiliser == "Pnma"
        assert np.abs(p.vector[kind != KINDS]).max() == 0
        fed = Points(POSITIONS, KINDS, p.vector, CELL)
        assert curie_check(fed, MOVES, p.irrep.irreps, VECTOR).possible


def test_a_pseudoscalar_on_the_anions_is_not_enough() -> None:
    table = order_parameters(REPORT, degree=0, sites=np.flatnonzero(KINDS == 2))
    (scalar,) = table
    assert scalar.irrep.label == "0o"
    assert 0 < scalar.floor < REPORT.floor
    assert not table.working


def test_one_vector_for_the_whole_crystal_cannot_help() -> None:
    table = order_parameters(REPORT, degree=2)
    assert not table.working
    assert not table.together
    assert "not the same in every primitive cell" in str(table)


def test_sites_are_closed_under_the_symmetry() -> None:
    first = np.flatnonzero(KINDS == 1)
    one, all_of_them = (order_parameters(REPORT, degree=1, sites=sites) for sites in (first[:1], first))
    assert str(one) == str(all_of_them)
    with pytest.raises(ArgumentError, match="numbers of points, 0 … 19"):
        order_parameters(REPORT, sites=[20])


def test_a_network_on_a_periodic_graph_gives_what_the_space_group_fixes() -> None:
    """The theorem behind the floor: h f(x) = f(h x) = f(x) for all 64 operations, translations among them."""
    atoms = bulk("X", "sc", a=1.0)
    atoms = type(atoms)(numbers=KINDS + 1, positions=POSITIONS, cell=CELL, pbc=True)
    i, j, away = neighbor_list("ijD", atoms, 1.1)
    edges, vectors = torch.as_tensor(np.stack([i, j])), torch.as_tensor(away)
    torch.manual_seed(0)
    gate = nn.Gate(O3.rep("4x0e + 4x1o + 2x2e"))
    radial = nn.radial.SmoothFiniteBasis(cutoff=1.2, number=4)
    first, last = (
        nn.PointConv(O3.rep("3x0e"), gate.rep_in, radial).double(),
        nn.PointConv(gate.rep_out, O3.rep("1x0e + 1x1o + 1x2e"), radial).double(),
    )
    x = torch.nn.functional.one_hot(torch.as_tensor(KINDS)).double()
    out = last(gate(first(x, edges, vectors)), edges, vectors).detach().numpy()
    assert np.abs(out).max() > 0.1
    matrices = last.rep_out.evaluate(REPORT.H.elements)
    for matrix, permutation in zip(matrices, REPORT.H.permutations, strict=True):
        close(out @ matrix.T, out[permutation], 1e-9)


# what can go wrong ----------------------------------------------------------------------------------------------------


def test_what_is_no_crystal() -> None:
    with pytest.raises(ShapeError, match=r"three vectors as rows"):
        stabiliser(POSITIONS, KINDS, cell=np.ones(3))
    with pytest.raises(ArgumentError, match="lie in a plane"):
        stabiliser(POSITIONS, KINDS, cell=np.ones((3, 3)))
    with pytest.raises(ArgumentError, match="coincide"):
        stabiliser(np.zeros((2, 3)), cell=np.eye(3))


def test_without_spglib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spglib", None)
    with pytest.raises(MissingExtraError, match=r"intertwine\[crystals\]"):
        stabiliser(POSITIONS, KINDS, cell=CELL)


# nearly symmetric -----------------------------------------------------------------------------------------------------


def test_the_ladder_of_a_crystal_that_is_nearly_cubic() -> None:
    """Small tilts: Pnma exactly, and all 64 operations up to their size."""
    nearly = Points(POSITIONS + 0.05 * MOVES, KINDS, cell=CELL)
    ladder = symmetry_ladder(nearly)
    assert (ladder.rungs[0].name, ladder.rungs[0].order, ladder.rungs[0].residual) == ("Pnma", 8, 0)
    assert (ladder.rungs[-1].name, ladder.rungs[-1].order) == ("P4/mmm", 64)
    assert 1e-3 < ladder.rungs[-1].residual < 5e-2
    assert "Pnma" in str(ladder)
    report = curie_check(nearly, MOVES, rep_out=VECTOR, tolerance=3e-2)
    assert (report.H.order, report.K.order) == (64, 8)
    assert 1 < report.gain < 100  # possible on paper, for a network that reacts to 1/20 of what it should give


def test_one_operation_is_singular() -> None:
    found = stabiliser(np.array([[0.1, 0.2, 0.3], [0.5, 0.1, 0.9], [0.7, 0.6, 0.2]]), [0, 1, 2], cell=CELL)
    assert "1 operation keeps the cell" in str(found)


# scales and kinds of questions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1e-10, 1e-4, 1e3, 1e8])
@pytest.mark.parametrize("name", ["diamond", "hcp"])
def test_the_unit_of_length_does_not_matter(name: str, unit: float) -> None:
    """Metres, nanometres or bohr: spglib's own tolerances are lengths, ours are relative."""
    atoms = bulk("X", name, a=3.0, c=4.9 if name == "hcp" else None)
    found = stabiliser(unit * atoms.positions, cell=unit * atoms.cell[:])
    assert (found.space.number, found.name) == STRUCTURES[name][:2]


def test_translations_of_a_supercell_leave_its_pose_recognisable() -> None:
    """Three different atoms, twice along x: nothing turns the crystal onto itself."""
    atoms, kinds = np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.33], [0.4, 0.3, 0.15]]), ["a", "b", "c"]
    twice = Points(np.concatenate([atoms, atoms + np.eye(3)[0]]), 2 * kinds, cell=np.diag([2.0, 1.1, 1.3]))
    assert stabiliser(twice).order == 2
    assert recognisable(twice).everything
    cube = recognisable(Points(np.array([[0.0, 0, 0], [1, 0, 0]]), cell=np.diag([2.0, 1, 1])))
    assert "up to D4h only (16 elements look alike)" in str(cube)  # not 32: a translation turns nothing


def test_crystals_of_the_plane_are_none() -> None:
    with pytest.raises(ArgumentError, match="Crystals fill space"):
        stabiliser(np.zeros((1, 2)), cell=np.eye(3))


def test_the_ladder_of_a_crystal_sees_its_moments() -> None:
    """Two moments along z, one way up: the antiferromagnet's exchange of sites holds up to their difference."""
    iron = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    for moments, names in (([1, -1], ["P4/mnc"]), ([1, -1.01], ["P4/m", "P4/mnc"])):
        crystal = Points(iron, features=np.outer(moments, [0, 0, 1]), cell=np.eye(3))
        assert [rung.name for rung in symmetry_ladder(crystal, rep=O3.rep("1x1e")).rungs] == names


@pytest.mark.parametrize("seed", range(5))
def test_a_strained_cell_is_symmetric_up_to_a_tolerance(seed: int) -> None:
    """Noise in the vectors of the cell: the rotations are still exact ones, and the strain counts as a residual."""
    rng = np.random.default_rng(seed)
    cell = CELL + 1e-4 * rng.normal(size=(3, 3))
    found = stabiliser(POSITIONS @ np.linalg.inv(CELL) @ cell, KINDS, cell=cell, tolerance=1e-2)
    exact = stabiliser(POSITIONS, KINDS, cell=CELL)
    assert (found.name, found.order) == (exact.name, exact.order)
    assert np.abs(found.elements @ found.elements.swapaxes(-1, -2) - np.eye(3)).max() < 1e-12
    assert 1e-6 < found.residuals.max() < 1e-2


def test_the_ladder_of_a_stretched_cube_knows_by_how_much() -> None:
    """One atom in a cell that is 1 % longer in z: no atom moves, but the cell does."""
    rungs = symmetry_ladder(np.zeros((1, 3)), cell=np.diag([1.0, 1.0, 1.01])).rungs
    assert [rung.name for rung in rungs] == ["P4/mmm", "Pm-3m"]
    assert [rung.residual for rung in rungs] == [0, pytest.approx(0.01, rel=0.05)]


def test_large_supercells_keep_all_translations() -> None:
    """Rock salt, 3 × 3 × 3 cubes of 8 atoms: 48 operations with each of 108 translations; a field along z leaves 8."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(3)
    salt = Points(atoms.positions, atoms.numbers, cell=atoms.cell[:])
    report = curie_check(salt, np.array([0.0, 0, 1]), rep_out=VECTOR)
    assert (report.H.order, report.H.space.crystal, len(report.H.space.pure)) == (48 * 108, "Fm-3m", 108)
    assert (report.K.order, report.answers) == (8 * 108, 6)
