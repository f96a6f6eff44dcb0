"""Where a potential has seen nothing like it, it says so; second derivatives are those of the forces."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import (
    Committee,
    NequIP,
    Potential,
    atom_graph,
    fitted_spread,
    load_potential,
    save_potential,
)


def potential(seed: int = 0) -> Potential:
    torch.manual_seed(seed)
    return Potential(NequIP(1, 4.0, tw.O3.rep("8x0e + 8x1o"), layers=1, radial=(8,)), [14]).double().eval()


def silicon(seed: int, size: float = 0.05) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(size, seed=seed)
    return atoms


def test_what_is_unlike_all_that_was_seen_is_uncertain(tmp_path: Path) -> None:
    model = potential()
    graphs = [atom_graph(silicon(seed), [14], 4.0) for seed in range(30)]
    errors = 0.1 * torch.randn(10, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model.spread = fitted_spread(model, graphs[:20], list(zip(graphs[20:], errors, strict=True)))
    near, far = (atom_graph(silicon(100, size), [14], 4.0) for size in (0.05, 0.5))
    told = [float(model(graph)["energy_uncertainty"][0]) for graph in (near, far)]
    assert 3 * told[0] < told[1]
    spreads = torch.stack([model(graph)["energy_uncertainty"] for graph in graphs[20:]])
    assert float((errors / spreads).square().mean()) == pytest.approx(1)
    again = load_potential(save_potential(model.float(), tmp_path / "silicon.safetensors"))
    assert again.spread is not None
    assert again.spread.inverse.dtype == torch.float64
    atoms = silicon(100, 0.5)
    atoms.calc = Calculator(again, dtype=torch.float64)
    atoms.get_forces()
    assert atoms.calc.results["energy_uncertainty"] == pytest.approx(told[1], rel=1e-3)
    with pytest.raises(tw.errors.ArgumentError, match="not learned from"):
        fitted_spread(model, graphs[:2], [])


def test_threads_do_not_hear_each_other() -> None:
    """The last features are those of one's own atoms, whoever else asks the same model at the same time."""
    model, graphs = potential(), [atom_graph(silicon(seed).repeat((seed + 1, 1, 1)), [14], 4.0) for seed in range(4)]
    model.spread = fitted_spread(model, graphs, [(graphs[0], torch.tensor([0.1], dtype=torch.float64))])
    wanted = [model(graph) for graph in graphs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model, 8 * graphs))
    for told, own in zip(found, 8 * wanted, strict=True):
        for name, values in own.items():
            assert torch.allclose(told[name], values, rtol=1e-10, atol=1e-12), name


def test_of_a_committee_some_may_know_how_sure_they_are() -> None:
    members, graph = [potential(seed) for seed in range(2)], atom_graph(silicon(0), [14], 4.0)
    plain = Committee(members)(graph)
    members[0].spread = fitted_spread(members[0], [graph], [(graph, torch.tensor([0.1], dtype=torch.float64))])
    assert torch.equal(Committee(members)(graph)["energy_uncertainty"], plain["energy_uncertainty"])
    atoms = silicon(0)
    calculator = Calculator(Committee(members))
    assert calculator.get_property("forces_uncertainty", atoms).shape == (8,)
    assert calculator.get_property("energy_uncertainty", atoms) == pytest.approx(float(plain["energy_uncertainty"][0]))
    with pytest.raises(PropertyNotImplementedError):
        Calculator(members[1]).get_property("energy_uncertainty", atoms)


def test_a_committee_is_its_mean_and_its_disagreement() -> None:
    members, graph = [potential(seed) for seed in range(3)], atom_graph([silicon(0), silicon(1)], [14], 4.0)
    found, each = Committee(members)(graph, stress=True), [member(graph, stress=True) for member in members]
    for name in ("energy", "forces", "stress"):
        assert torch.allclose(found[name], torch.stack([one[name] for one in each]).mean(0), rtol=1e-12)
    assert torch.allclose(found["energy_uncertainty"], torch.stack([one["energy"] for one in each]).std(0), rtol=1e-12)
    assert found["forces_uncertainty"].shape == (16,)
    atoms = silicon(0)
    atoms.calc = Calculator(Committee(members))
    assert np.abs(atoms.get_forces() - found["forces"][:8].numpy()).max() < 1e-10
    assert atoms.calc.results["forces_uncertainty"].shape == (8,)
    assert Committee(members).state_dict().keys() == {
        f"members.{n}.{k}" for n in range(3) for k in members[n].state_dict()
    }
    with pytest.raises(tw.errors.ArgumentError, match="two potentials or more"):
        Committee(members[:1])


def test_the_hessian_is_the_slope_of_the_forces() -> None:
    model = Potential(NequIP(3, 4.0, tw.O3.rep("8x0e + 8x1o"), layers=2), [1, 6, 8]).double()
    atoms, step = molecule("CH3OH"), 1e-4
    hessian = model.hessian(atom_graph(atoms, [1, 6, 8], 4.0))
    assert torch.allclose(hessian, hessian.T, atol=1e-9)
    for place in (0, 7, 17):
        slopes = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions.flat[place] += sign * step
            slopes.append(model.eval()(atom_graph(moved, [1, 6, 8], 4.0))["forces"].flatten())
        expected = -(slopes[0] - slopes[1]) / (2 * step)
        assert float((hessian[place] - expected).abs().max()) < 1e-4 * float(hessian.abs().max())
    with pytest.raises(tw.errors.ArgumentError, match="of one structure, but got 2"):
        model.hessian(atom_graph([atoms, atoms], [1, 6, 8], 4.0))
