"""The operations of crystals: every space group of the tables, in any cell, complete at every tolerance."""

import time

import numpy as np
import pytest
import spglib
from ase.build import bulk

from intertwine.catalog import O3
from intertwine.groups.rotations import random_rotations
from intertwine.symmetry import Points, stabiliser, symmetry_ladder
from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.inputs.crystals import nearly_kept
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.operations import nearly_operations
from tests.symmetry.crystals import CELL, perovskite, tilted

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

SHAPES = {  # the smallest number of a crystal system, with lengths and angles that its cells have
    195: ([5, 5, 5], [90, 90, 90]),
    143: ([5, 5, 7], [90, 90, 120]),
    75: ([5, 5, 7], [90, 90, 90]),
    16: ([5, 6, 7], [90, 90, 90]),
    3: ([5, 6, 7], [90, 100, 90]),
    1: ([5, 6, 7], [80, 100, 95]),
}


def cell_of(lengths: list[float], angles: list[float]) -> np.ndarray:
    """The cell with given lengths and angles (degrees)."""
    cosines = np.cos(np.radians(angles))
    metric = np.array([[1, cosines[2], cosines[1]], [cosines[2], 1, cosines[0]], [cosines[1], cosines[0], 1]])
    return np.linalg.cholesky(metric * np.outer(lengths, lengths))


def of_the_tables(hall: int) -> tuple[Points, int] | None:
    """A crystal with atoms at general places of a setting of a space group, and its number; None for other axes."""
    kind, found = spglib.get_spacegroup_type(hall), spglib.get_symmetry_from_database(hall)
    shape = next(shape for least, shape in SHAPES.items() if kind.number >= least)
    if kind.choice == "R" or (3 <= kind.number < 16 and "b" not in (kind.choice or "b")):
        return None
    places = np.array([[0.1132, 0.2713, 0.3891], [0.3171, 0.0574, 0.1593]])
    images = (places @ found["rotations"].swapaxes(-1, -2) + found["translations"][:, None]) % 1
    kinds = np.tile([0, 1], len(images))
    cell = cell_of(*shape)
    return Points(images.reshape(-1, 3) @ cell, kinds, cell=cell), kind.number


def in_disguise(points: Points, seed: int) -> Points:
    """The same crystal in another pose and a slanted, perhaps left-handed cell, its atoms in other cells."""
    rng = np.random.default_rng(seed)
    turn, change = random_rotations(1, rng)[0], np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]])[rng.permutation(3)]
    cell = change @ np.asarray(points.cell) @ turn.T
    positions = points.positions @ turn.T + rng.integers(-1, 2, points.positions.shape) @ cell + rng.normal(size=3)
    return Points(positions, points.labels, cell=cell)


def check_of_the_tables(halls: range) -> None:
    for hall in halls:
        if (found := of_the_tables(hall)) is not None:
            points, number = found
            for crystal in (points, in_disguise(points, hall)):
                space = stabiliser(crystal, tolerance=1e-5).space
                assert space is not None
                assert (space.number, space.crystal) == (number, space.symbol)


def test_space_groups_of_the_tables() -> None:
    """Mirror images among them: P4_1 and P4_3, P3_121 and P3_221, P4_132 and P4_332."""
    check_of_the_tables(range(1, 531, 17))
    check_of_the_tables(range(350, 353, 2))
    check_of_the_tables(range(508, 510))


@pytest.mark.slow
def test_all_space_groups_of_the_tables() -> None:
    check_of_the_tables(range(1, 531))


def test_automorphisms_of_the_bravais_lattices() -> None:
    """48 for the three cubic ones, 24 for hexagonal, 16, 8, 4, 2; whatever basis the lattice is given in."""
    cubic = np.eye(3)
    lattices = [(cubic, 48), (cubic[[1, 0, 0]] + cubic[[2, 2, 1]], 48), (1 - 2 * cubic, 48)]  # P, F, I
    sizes = {143: 24, 75: 16, 16: 8, 3: 4, 1: 2}
    lattices += [(cell_of(*SHAPES[least]), count) for least, count in sizes.items()]
    slanted = np.array([[1, 0, 0], [5, 1, 0], [-7, 4, 1]])
    for cell, count in lattices:
        short, change = Lattice(slanted @ cell, np.ones(3, dtype=bool)).reduced()
        assert len(short.automorphisms(1e-9)) == count
        assert abs(round(np.linalg.det(change))) == 1
        assert np.allclose(change @ slanted @ cell, short.cell)


# complete, and monotone in the tolerance ------------------------------------------------------------------------------


def test_every_operation_is_found_at_its_residual() -> None:
    """A perovskite with small tilts, and noise that is smaller still: 8 and then 64 operations, and no gap between."""
    positions, kinds = perovskite()
    noise = np.random.default_rng(0).normal(size=positions.shape)
    crystal = Points(positions + 0.02 * tilted(positions, kinds) + 1e-5 * noise, kinds, cell=CELL)
    every, _ = nearly_kept(Cloud.of(crystal, O3, None), 0.02)
    assert (every.residuals < 0.02).sum() == 64
    orders = []
    for tolerance in [*np.sort(every.residuals)[::4] * (1 + 1e-9), *np.geomspace(1e-6, 2e-2, 9)]:
        found = stabiliser(crystal, tolerance=tolerance)
        assert found.order >= (every.residuals <= found.tolerance).sum()
        assert found.residuals.max() <= 2 * found.tolerance
        orders.append((tolerance, found.order))
    assert np.all(np.diff([order for _, order in sorted(orders)]) >= 0)
    assert {order for _, order in orders} >= {1, 8, 64}
    assert {rung.order for rung in symmetry_ladder(crystal).rungs} >= {1, 8, 64}


def test_tellurium_with_rounded_thirds() -> None:
    """P3_121 from the residual of its rounded fractions on: above it and below, no gap."""
    cell = cell_of([4.4572, 4.4572, 5.929], [90, 90, 120])
    u = 0.2633
    parts = np.array([[u, 0, 0.33333], [0, u, 0.66667], [-u, -u, 0.0]])
    residual = stabiliser(parts @ cell, cell=cell, tolerance=1e-3).residuals.max()
    assert 1e-6 < residual < 3e-5
    for tolerance in residual * np.array([1.000001, 1.1, 1.3, 1.7, 2.5, 5, 20]):
        found = stabiliser(parts @ cell, cell=cell, tolerance=tolerance)
        assert (found.space.number, found.order) == (152, 6)  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_told_from_symmetry_at_any_tolerance(seed: int) -> None:
    """Groups of quartz, perovskites and garnets, noise of a thousandth: all of them at the residual, less below it."""
    hall = (454, 292, 530)[seed]  # P3_221, Pnma, Ia-3d
    points, number = of_the_tables(hall)  # type: ignore[misc]
    noisy = points.positions + 1e-3 * np.random.default_rng(seed).normal(size=points.positions.shape)
    crystal = in_disguise(Points(noisy, points.labels, cell=points.cell), seed)
    whole = stabiliser(crystal, tolerance=2e-2)
    assert whole.space.number == number  # type: ignore[union-attr]
    assert stabiliser(crystal, tolerance=whole.residuals.max() * 1.0001).order == whole.order
    assert stabiliser(crystal, tolerance=1e-5).order == 1


def test_large_cells_take_no_time() -> None:
    """216 atoms and 5184 operations, sharp and noisy, at any tolerance; 0.2 to 0.7 s on one core each."""
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(3)
    noise = 0.03 * np.random.default_rng(0).normal(size=salt.positions.shape)
    start = time.perf_counter()
    for positions, tolerance, order in (
        (salt.positions, 1e-6, 5184),
        (salt.positions + noise, 0.2, 5184),
        (salt.positions + noise, 1e-2, 1),
    ):
        assert stabiliser(positions, salt.numbers, cell=salt.cell[:], tolerance=tolerance).order == order
    assert time.perf_counter() - start < 20


def test_operations_move_atoms_by_their_residual() -> None:
    """Matrices, shifts and permutations of a noisy crystal in a slanted cell fit each other: Pnma."""
    points, _ = of_the_tables(292)  # type: ignore[misc]
    noisy = Points(points.positions + 1e-3, points.labels, cell=points.cell)
    crystal = in_disguise(noisy, 5)
    lattice = crystal.lattice
    assert lattice is not None
    found = nearly_operations(lattice, crystal.positions, crystal.kinds, 1e-2)
    parts = lattice.parts(crystal.positions)
    off = parts @ found.matrices.swapaxes(-1, -2) + found.shifts[:, None] - parts[found.permutations]
    away = np.linalg.norm((off - np.round(off)) @ lattice.cell, axis=-1).max(1)
    assert np.abs(away - found.residuals).max() < 1e-9
