"""Molecules, chains, rods and layers: which vectors of a cell are periods; and how far positions are rounded."""

import numpy as np
import pytest
from ase.build import bulk, fcc111, graphene, molecule, mx2, nanotube

from intertwine.catalog import O3, SO3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.rotations import random_rotations
from intertwine.symmetry import Points, curie_check, order_parameters, recognisable, stabiliser, symmetry_ladder

VECTOR = O3.rep("1x1o")
METHANE = molecule("CH4")
LAYER, ROD = (True, True, False), (False, False, True)

# no cell --------------------------------------------------------------------------------------------------------------


def test_a_cell_of_zeros_is_a_molecule() -> None:
    """What atoms of ase have without a cell; so is one without periods."""
    for cell, periodic in ((np.zeros((3, 3)), None), (np.eye(3), (False, False, False))):
        points = Points(METHANE.positions, METHANE.numbers, cell=cell, periodic=periodic)
        assert stabiliser(points).name == "Td"
        assert stabiliser(METHANE.positions, METHANE.numbers, cell=np.zeros((3, 3))).name == "Td"
        assert [rung.name for rung in symmetry_ladder(points).rungs] == ["Td"]
        assert not curie_check(points, np.array([0, 0, 1.0]), rep_out=VECTOR).possible


@pytest.mark.parametrize("ask", [stabiliser, symmetry_ladder, lambda x: curie_check(x, np.ones(3), rep_out=VECTOR)])
def test_other_flat_cells_are_errors_in_words(ask) -> None:  # type: ignore[no-untyped-def]
    for cell, words in (
        (np.diag([1.0, 1, 0]), "lie in a plane"),
        (np.diag([1.0, 0, 0]), "on a line"),
        (np.diag([1.0, 1, 1e-9]), "lie in a plane"),
        (np.full((3, 3), np.nan), "NaN"),
    ):
        with pytest.raises(ArgumentError, match=words):
            ask(Points(METHANE.positions, METHANE.numbers, cell=cell))
    with pytest.raises(ShapeError, match="three booleans"):
        ask(Points(METHANE.positions, cell=np.eye(3), periodic=(True, False)))


def test_atoms_that_coincide_modulo_the_cell() -> None:
    with pytest.raises(ArgumentError, match="up to periods of the cell"):
        stabiliser(Points(np.array([[0.0, 0, 0], [1, 0, 0], [0.3, 0.2, 0]]), cell=np.eye(3)))
    walk = np.cumsum(np.random.default_rng(0).normal(size=(1500, 3)), 0)  # a chain of atoms in a cell of volume 1
    with pytest.raises(ArgumentError, match="far outside of the cell"):
        stabiliser(Points(walk, cell=np.eye(3)))


# layers ---------------------------------------------------------------------------------------------------------------

LAYERS = {  # numbers and symbols of International Tables E; the order of the point group
    "graphene": (graphene(), 80, "p6/mmm", 24),
    "2H-MoS2": (mx2("MoS2", "2H"), 78, "p-6m2", 12),
    "1T-MoS2": (mx2("MoS2", "1T"), 72, "p-3m1", 12),
    "Cu(100), two planes": (bulk("Cu", cubic=True), 64, "p4/nmm", 16),
    "Cu(111), four planes": (fcc111("Cu", (1, 1, 4)), 72, "p-3m1", 12),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_box_of_a_layer_does_not_matter(name: str) -> None:
    """Whatever the third vector: none, short, long or slanted."""
    atoms, number, symbol, order = LAYERS[name]
    turn, plane = random_rotations(1, np.random.default_rng(0))[0], atoms.cell[:][:2]
    for third in ([0, 0, 0], [0, 0, 1], [0, 0, 30], [0, 0, 3.61], [5, -2, 7]):
        cell = np.array([*plane, third])
        found = stabiliser(Points(atoms.positions @ turn.T, atoms.numbers, cell=cell @ turn.T, periodic=LAYER))
        assert found.space is not None
        assert (found.space.number, found.name, found.subgroup.group.order) == (number, symbol, order)
        assert "layer group" in str(found)
        rows = np.array([cell[2], cell[0], cell[1]]) @ turn.T  # the same periods by other names
        again = stabiliser(Points(atoms.positions @ turn.T, atoms.numbers, cell=rows, periodic=(False, True, True)))
        assert again.name == symbol


def test_supercells_of_a_layer() -> None:
    """5 × 5 cells keep all of it, 3 × 2 only what keeps the cell."""
    for size, symbol, count in ((5, 5, 1), "p6/mmm", 600), ((3, 2, 1), "p112/m", 24):
        atoms = graphene(size=size)
        found = stabiliser(Points(atoms.positions, atoms.numbers, cell=atoms.cell[:], periodic=LAYER))
        assert found.space is not None
        assert (found.name, found.order, found.space.crystal) == (symbol, count, "p6/mmm")
        assert len(found.space.pure) == size[0] * size[1]


def test_a_flat_layer_cannot_become_polar() -> None:
    """Graphene has no polarisation across itself; molybdenum disulphide without one of its sulphur planes may."""
    flat = Points(graphene().positions, cell=graphene().cell[:], periodic=LAYER)
    report = curie_check(flat, np.array([0, 0, 1.0]), rep_out=VECTOR)
    assert (report.possible, report.H.name, report.K.name, report.answers) == (False, "p6/mmm", "p6mm", 2)
    assert [(p.irrep.label, p.polynomial) for p in order_parameters(report, degree=2).working] == [("1o", "z")]
    assert "up to D6h only" in str(recognisable(flat))
    lower = mx2("MoS2", "2H")[:2]  # without one of the sulphurs
    polar = Points(lower.positions, lower.numbers, cell=lower.cell[:], periodic=LAYER)
    assert curie_check(polar, np.array([0, 0, 1.0]), rep_out=VECTOR).possible


def test_moments_and_noise_in_a_layer() -> None:
    """Moments up and down on two sublattices of a square net; and a ladder up to the difference of their sizes."""
    net = np.array([[0, 0, 0], [0.5, 0.5, 0]])
    up = np.array([[0, 0, 1.0], [0, 0, 1.01]])
    layer = Points(net, features=up, cell=np.diag([1.0, 1, 0]), periodic=LAYER)
    assert [(rung.name, rung.order) for rung in symmetry_ladder(layer, rep=O3.rep("1x1e")).rungs] == [
        ("p4/m", 8),
        ("p4/m", 16),
    ]
    anti = Points(net, features=up * [[1], [-1]], cell=np.diag([1.0, 1, 0]), periodic=LAYER)
    assert stabiliser(anti, rep=O3.rep("1x1e"), tolerance=0.1).name == "p4/mbm"


# rods -----------------------------------------------------------------------------------------------------------------

TUBES = {(6, 0): ("D12h", 48), (5, 5): ("D10h", 40), (4, 2): ("D28", 56)}
"""Nanotubes (n, 0) and (n, n) have D_2nh; the chiral (4, 2) has 28 hexagons in its cell, and D28 (White 1993)."""


@pytest.mark.parametrize("tube", TUBES)
def test_nanotubes(tube: tuple[int, int]) -> None:
    atoms, (name, order) = nanotube(*tube, length=1), TUBES[tube]
    length = atoms.cell[2, 2]
    for a, b in (([0, 0, 0], [0, 0, 0]), ([20, 0, 0], [0, 20, 0]), ([20, 0, 0], [3, 31, 2])):
        rod = Points(atoms.positions, atoms.numbers, cell=np.array([a, b, [0, 0, length]]), periodic=ROD)
        found = stabiliser(rod, tolerance=1e-5)
        assert (found.subgroup.name, found.order, found.axes[0][0]) == (name, order, int(name[1:].rstrip("h")))
        assert str(found).startswith(f"rod group with point group {name}: {order} operations keep the cell; largest")
    assert stabiliser(rod, group=SO3, tolerance=1e-5).subgroup.name == name.rstrip("h")
    twice = atoms.repeat((1, 1, 2))
    found = stabiliser(Points(twice.positions, cell=twice.cell[:], periodic=ROD), tolerance=1e-5)
    assert (found.order, len(found.space.pure)) == (2 * order, 2)  # type: ignore[union-attr]


def test_a_helix_has_the_axis_of_its_screw() -> None:
    """Polyethylene oxide's seven units in two turns; with noise in every atom, and whatever the pose."""
    rng, turn = np.random.default_rng(0), random_rotations(1, np.random.default_rng(1))[0]
    unit = np.array([[1.0, 0.2, 0.0], [1.5, -0.3, 0.9], [0.8, 0.9, 1.4]])
    flat = np.exp(4j * np.pi * np.arange(7) / 7)[:, None] * (unit[:, 0] + 1j * unit[:, 1])
    helix = np.stack([flat.real, flat.imag, 19.3 * np.arange(7)[:, None] / 7 + unit[:, 2]], -1)
    noisy = helix.reshape(-1, 3) + 1e-4 * rng.normal(size=(21, 3))
    cell = np.array([[9.0, 0, 0], [0, 14, 0], [0, 0, 19.3]]) @ turn.T
    found = stabiliser(Points(noisy @ turn.T, np.tile([0, 1, 2], 7), cell=cell, periodic=ROD), tolerance=1e-3)
    assert (found.subgroup.name, found.order) == ("C7", 7)
    assert abs(abs(found.axes[0][1] @ turn[:, 2]) - 1) < 1e-9


def test_a_zigzag_rod_may_bend_but_has_no_dipole() -> None:
    """C2 units in a plane, D2h: no dipole across it, and a vector across as the order parameter."""
    rod = Points(np.array([[0, 0, 0], [0.5, 0, 1.3]]), cell=np.diag([6, 9, 2.6]), periodic=ROD)
    report = curie_check(rod, np.array([1.0, 0, 0]), rep_out=VECTOR)
    assert (report.possible, report.H.subgroup.name, report.K.subgroup.name) == (False, "D2h", "C2v")
    assert order_parameters(report, degree=1).most_symmetric[0].polynomial == "x"
    assert order_parameters(report, degree=1, sites=[0]).most_symmetric
    nearly = symmetry_ladder(Points(rod.positions * [0.02, 1, 1], cell=rod.cell, periodic=ROD))
    assert [rung.order for rung in nearly.rungs] == [8, np.inf]


def test_a_straight_chain_is_named_or_refused_in_words() -> None:
    """Polyyne, and a chain of three kinds that has a direction: continuous, whatever the box."""
    for box in ([0, 0], [6, 6], [6, 8]):
        straight = Points(np.array([[0, 0, 0], [0, 0, 1.2]]), cell=np.diag([*box, 2.6]), periodic=ROD)
        assert (stabiliser(straight).name, stabiliser(straight, group=SO3).name) == ("Dinfh", "Dinf")
        heights = np.array([[0, 0, 0], [0, 0, 1.2], [0, 0, 2.0]])
        assert stabiliser(Points(heights, [0, 1, 2], cell=straight.cell, periodic=ROD)).name == "Cinfv"
    with pytest.raises(ArgumentError, match="continuous"):
        symmetry_ladder(straight)
    with pytest.raises(ArgumentError, match="continuous"):
        curie_check(straight, np.array([0, 0, 1.0]), rep_out=VECTOR)
    with pytest.raises(ArgumentError, match="continuous"):
        stabiliser(Points(straight.positions, None, np.ones((2, 1)), straight.cell, ROD), rep=O3.rep("1x0e"))


# rounded positions ----------------------------------------------------------------------------------------------------


def magnesium(digits: int) -> Points:
    """Hexagonal close packing with rounded fractions, as CIF files have them."""
    atoms = bulk("Mg")
    parts = np.round([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]], digits)
    precision = 0.5 * 10.0**-digits * float(np.linalg.norm(atoms.cell[:], axis=1).max())
    return Points(parts @ atoms.cell[:], atoms.numbers, cell=atoms.cell[:], precision=precision)


@pytest.mark.parametrize("digits", [2, 3, 4, 5])
def test_fractions_that_are_rounded(digits: int) -> None:
    """P6_3/mmc, however few the digits; and what it forbids stays forbidden."""
    crystal = magnesium(digits)
    found = stabiliser(crystal)
    assert (found.name, found.order) == ("P6_3/mmc", 24)
    assert found.tolerance > found.residuals.max() > found.asked == 1e-6
    assert "so much the rounding of positions can cause" in str(found)
    ladder = symmetry_ladder(crystal)
    assert [rung.name for rung in ladder.rungs] == ["P6_3/mmc"]
    assert "rounding" in str(ladder)
    moves = np.array([[0.1, 0, 0], [-0.1, 0, 0]])
    assert not curie_check(crystal, moves, rep_out=VECTOR).possible
    exact = Points(crystal.positions, crystal.labels, cell=crystal.cell)
    assert stabiliser(exact).name == "Cmcm"  # what the digits say, if they are all there is


def test_molecules_that_are_rounded() -> None:
    """Methane with three decimals in any pose is Td, and has no dipole."""
    for turn in random_rotations(5, np.random.default_rng(0)):
        points = Points(np.round(METHANE.positions @ turn.T, 3), METHANE.numbers, precision=5e-4)
        assert stabiliser(points).name == "Td"
        assert not curie_check(points, np.array([0, 0, 1.0]), rep_out=VECTOR).possible
        assert symmetry_ladder(points).rungs[0].name == "Td"
    with pytest.raises(ArgumentError, match="precision"):
        stabiliser(Points(METHANE.positions, precision=-1.0))


def test_digits_that_are_all_there_is_still_count() -> None:
    """Two decimals do not make a rectangle a square: its sides differ by more than rounding can cause."""
    corners = np.array([[1.00, 1.05, 0], [-1.00, 1.05, 0], [-1.00, -1.05, 0], [1.00, -1.05, 0]])
    assert stabiliser(Points(corners, precision=0.005)).name == "D2h"
