"""What every potential obeys, whichever network it is made of."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from torch import Tensor

from intertwine.catalog import O3
from intertwine.models import Potential, load_potential, save_potential
from intertwine.rotations import from_axis_angle
from intertwine.testing import check_module
from tests.models.atoms.networks import CUTOFF, NETWORKS, each_network, graph_of, potential


def crystal() -> Atoms:
    """A crystal without any symmetry, whose atoms see each other in several cells."""
    cell = np.array([[3.2, 0.1, 0.3], [0.4, 3.6, -0.2], [-0.3, 0.2, 3.4]])
    return Atoms(numbers=[6, 8, 6], positions=[[0, 0.1, 0], [1.6, 1.9, 0.2], [0.3, 1.5, 1.8]], cell=cell, pbc=True)


def molecule() -> Atoms:
    """Carbon dioxide, out of shape."""
    return Atoms(numbers=[6, 8, 8], positions=[[0.05, 0, 0.1], [1.2, 0.2, 0], [-1.1, 0.3, 0.2]])


def results(model: Potential, *frames: Atoms, stress: bool = True) -> dict[str, Tensor]:
    return model(graph_of(model, *frames), stress=stress)


def same(found: Any, wanted: Any, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


@each_network
def test_the_network_is_equivariant(name: str) -> None:
    """Also its dtypes, empty inputs and state; with a vector beside the energy."""
    torch.manual_seed(0)
    group = NETWORKS[name](1, None).rep_out.group
    check_module(NETWORKS[name](2, group.rep("1x0e + 1x1o" if group == O3 else "1x0 + 1x1")), gradients=False)


@each_network
def test_forces_and_stress_turn_with_the_atoms(name: str) -> None:
    """With reflections too, unless the network knows rotations alone: then it tells left from right."""
    model, atoms = potential(name), crystal()
    before = results(model, atoms)
    for axis, angle in ([0.6, 0.8, 0.0], 1.1), ([0.0, -0.6, 0.8], 2.3):
        turn = from_axis_angle(np.array(axis), angle)
        g = turn if model.network.rep_out.group != O3 else -turn
        turned = Atoms(atoms.numbers, atoms.positions @ g.T, cell=atoms.cell.array @ g.T, pbc=True)
        after, g = results(model, turned), torch.from_numpy(g)
        same(after["energies"], before["energies"])
        same(after["forces"], before["forces"] @ g.T)
        same(after["stress"], g @ before["stress"] @ g.T)


@each_network
def test_atoms_have_no_order_and_space_no_origin(name: str) -> None:
    model, atoms = potential(name), crystal()
    before, order = results(model, atoms), [2, 0, 1]
    moved = atoms[order]
    moved.positions += [0.3, -0.2, 5.1]
    moved.positions[0] += atoms.cell.array[0] - 2 * atoms.cell.array[2]  # another image of the same atom
    after = results(model, moved)
    for what in ("energies", "forces"):
        same(after[what], before[what][order])
    same(after["stress"], before["stress"])


@each_network
def test_what_is_twice_as_large_has_twice_the_energy(name: str) -> None:
    """Copies of a crystal, molecules far apart, and structures of one batch do not know of each other."""
    model, atoms = potential(name), crystal()
    one, two = results(model, atoms), results(model, atoms * (2, 1, 1))
    same(two["energy"], 2 * one["energy"])
    same(two["stress"], one["stress"])
    single = results(model, molecule(), stress=False)
    far = molecule()
    far.positions += [3 * CUTOFF, 0, 0]
    both = results(model, molecule() + far, stress=False)
    same(both["energy"], 2 * single["energy"])
    same(both["forces"], torch.cat([single["forces"]] * 2))
    batch = results(model, atoms, atoms * (2, 1, 1))
    same(batch["energy"], torch.cat([one["energy"], two["energy"]]))
    same(batch["forces"], torch.cat([one["forces"], two["forces"]]))
    same(batch["stress"], torch.cat([one["stress"], two["stress"]]))


@each_network
def test_an_atom_alone_has_an_energy_and_no_force(name: str) -> None:
    model = potential(name)
    found = results(model, Atoms("C"), Atoms("O"), stress=False)
    assert found["energy"].isfinite().all()
    assert not found["forces"].any()
    crowd = results(model, Atoms("CO", positions=[[0, 0, 0], [0, 0, CUTOFF + 1e-9]]), stress=False)
    same(crowd["energies"], found["energy"])


@each_network
def test_a_neighbour_passes_the_cutoff_unseen(name: str) -> None:
    """Energy and forces are continuous there, and would not be if it were cut: closer by, they are those of a bond."""
    model = potential(name)

    def at(distance: float) -> dict[str, Tensor]:
        atoms = molecule()
        atoms.positions[2] = atoms.positions[1] + np.array([0.6, 0.0, 0.8]) * distance
        atoms.positions[0] = atoms.positions[1] + [0.0, 1.3, 0.0]
        return results(model, atoms, stress=False)

    inside, outside = at(CUTOFF - 1e-11), at(CUTOFF + 1e-11)
    for what in ("energy", "forces"):
        torch.testing.assert_close(inside[what], outside[what], rtol=0, atol=1e-10)
    assert (at(0.7 * CUTOFF)["energy"] - outside["energy"]).abs() > 1e-3
    assert at(0.7 * CUTOFF)["forces"][2].norm() > 1e-3


@each_network
def test_forces_and_stress_are_slopes_of_the_energy(name: str) -> None:
    """By finite differences; and forces have slopes of their own, which training and Hessians need."""
    model = potential(name)
    graph = graph_of(model, crystal())

    def energy(positions: Tensor, strain: Tensor) -> Tensor:
        bent = torch.eye(3, dtype=torch.float64) + (strain + strain.T) / 2
        return model.energy(graph._replace(positions=positions @ bent, cells=graph.cells @ bent))

    given = (graph.positions.clone().requires_grad_(), torch.zeros(3, 3, dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(energy, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, given, fast_mode=True)
    found = model(graph, stress=True)
    slopes = torch.autograd.grad(energy(*given).sum(), given)
    same(found["forces"], -slopes[0])
    same(found["stress"][0], slopes[1] / torch.linalg.det(graph.cells[0]).abs())


@each_network
def test_slopes_and_hessians_come_from_functional_transforms_too(name: str) -> None:
    model = potential(name)
    graph = graph_of(model, molecule())

    def energy(positions: Tensor) -> Tensor:
        return model.energy(graph._replace(positions=positions)).sum()

    slope = torch.func.grad(energy)(graph.positions)
    hessian = torch.func.hessian(energy)(graph.positions)
    same(slope, -model(graph)["forces"])
    same(hessian.reshape(9, 9), model.hessian(graph), 1e-9)
    assert hessian.abs().max() > 1e-3


@each_network
def test_the_energy_is_linear_in_the_last_features(name: str) -> None:
    """Which tell how sure a potential is: their sums over atoms are slopes of the energy by the weights behind them."""
    model = potential(name)
    graph = graph_of(model, crystal())
    _, features = model.with_features(graph)
    (slope,) = torch.autograd.grad(model.energy(graph).sum(), model.network.last_map.weight)
    same(slope / slope.norm(), features[0] / features.norm())


@each_network
def test_single_precision_is_close_to_double(name: str) -> None:
    model = potential(name)
    double = results(model, crystal())
    single = results(model.float(), crystal())
    assert single["energy"].dtype == torch.float64
    for what in ("energy", "forces", "stress"):
        size = double[what].abs().max()
        torch.testing.assert_close(single[what].double() / size, double[what] / size, rtol=0, atol=5e-5)


@each_network
def test_a_file_makes_the_same_potential_again(name: str, tmp_path: Path) -> None:
    model = potential(name)
    again = load_potential(save_potential(model, tmp_path / "model.safetensors"))
    assert again.network.options == model.network.options
    assert again.network.options["species"] == 2
    for what, values in results(model, crystal()).items():
        torch.testing.assert_close(results(again, crystal())[what], values, rtol=0, atol=0)


@pytest.mark.slow
@each_network
def test_the_network_compiles_and_exports(name: str) -> None:
    """For any number of atoms and pairs."""
    network = potential(name).network
    few, many = (network.example_inputs(size, torch.Generator().manual_seed(size)) for size in (5, 9))
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager", dynamic=True)
    atoms, pairs = torch.export.Dim("atoms", min=2), torch.export.Dim("pairs", min=2)
    exported = torch.export.export(network, few, dynamic_shapes=({0: atoms}, {1: pairs}, {0: pairs})).module()
    for inputs in (few, many):
        same(compiled(*inputs), network(*inputs))
        same(exported(*inputs), network(*inputs))
