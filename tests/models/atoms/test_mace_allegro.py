"""MACE and Allegro obey the laws of energies, with every option; and what each of them promises beside."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from intertwine.catalog import O3, SO3
from intertwine.errors import ArgumentError
from intertwine.models import (
    MACE,
    Allegro,
    AtomGraph,
    AtomNetwork,
    Potential,
    Target,
    atom_graph,
    load_potential,
    save_potential,
)
from intertwine.models.atoms.pair_basis import PairBasis
from intertwine.testing import check_module

TENSORS = O3.rep("1x0e + 1x1o + 1x0e + 1x2e")
ALL = "4x0e + 4x0o + 4x1e + 4x1o + 4x2e + 4x2o"

NETWORKS: dict[str, Callable[[], AtomNetwork]] = {
    "MACE": lambda: MACE(2, 3.0, O3.rep("4x0e + 4x1o"), degree=2, radial=(8,)),
    "MACE of rotations": lambda: MACE(2, 3.0, SO3.rep("4x0 + 4x1"), degree=1, radial=(8,), order=2),
    "MACE with densities and distances by radii": lambda: MACE(
        2,
        3.0,
        O3.rep("3x0e + 3x1o + 3x2e"),
        degree=2,
        radial=(8,),
        residual=(False, True),
        density=True,
        radii=(0.3, 0.8),
    ),
    "MACE of three layers": lambda: MACE(
        1, 3.0, O3.rep("4x0e"), layers=3, degree=1, order=(3, 2, 1), radial=(8,), readout=0
    ),
    "MACE of tensors": lambda: MACE(2, 3.0, O3.rep("4x0e + 4x1o + 4x2e"), degree=2, radial=(8,), rep_out=TENSORS),
    "Allegro": lambda: Allegro(2, 3.0, O3.rep("4x0e + 4x1o + 4x2e"), scalars=8, latent=(8,), readout=(8,)),
    "Allegro of rotations": lambda: Allegro(2, 3.0, SO3.rep("4x0 + 4x1"), layers=3, scalars=8, latent=(8, 8)),
    "Allegro of tensors": lambda: Allegro(2, 3.0, O3.rep(ALL), layers=3, scalars=8, latent=(8,), rep_out=TENSORS),
}

each_network = pytest.mark.parametrize("name", NETWORKS)


def made(name: str) -> AtomNetwork:
    torch.manual_seed(0)
    return NETWORKS[name]().double().eval()


def potential(name: str) -> Potential:
    network = made(name)
    targets = {"dipole": Target(O3.rep("1x1o")), "shielding": Target(O3.rep("1x0e + 1x2e"), total=False)}
    given = targets if network.rep_out == TENSORS else None
    return Potential(network, [8, 1][: network.species], targets=given).eval()


def water(model: Potential) -> Atoms:
    atoms = molecule("H2O")
    atoms.numbers[:] = [model.elements[0], *2 * [model.elements[-1]]]
    return atoms


def graph_of(model: Potential, atoms: Atoms | list[Atoms]) -> AtomGraph:
    return atom_graph(atoms, model.elements, model.cutoff)


@each_network
def test_laws(name: str) -> None:
    """Exactly equivariant, differentiable twice, alike in both dtypes, of no atoms, remade from its state."""
    assert check_module(made(name), gradients=False).equivariance < 1e-10


@each_network
def test_forces_and_stress_are_slopes(name: str) -> None:
    model = potential(name)
    atoms = bulk("Si", cubic=True)
    atoms.numbers[:] = [model.elements[n % len(model.elements)] for n in range(8)]
    atoms.rattle(0.1, seed=0)
    found = model(graph_of(model, atoms), stress=True)
    step = 1e-4

    def energy(moved: Atoms) -> float:
        return float(model(graph_of(model, moved))["energy"])

    plus, minus = atoms.copy(), atoms.copy()
    plus.positions[3, 1] += step
    minus.positions[3, 1] -= step
    slope = (energy(plus) - energy(minus)) / (2 * step)
    assert float(found["forces"][3, 1]) == pytest.approx(-slope, rel=1e-5, abs=1e-7)
    for sign, strained in ((1, plus := atoms.copy()), (-1, minus := atoms.copy())):
        cell = atoms.cell.array.copy()
        cell += cell @ (sign * step * torch.tensor([[0.0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]]).numpy())
        strained.set_cell(cell, scale_atoms=True)
    slope = (energy(plus) - energy(minus)) / (2 * step) / atoms.get_volume()
    assert float(found["stress"][0, 0, 1]) == pytest.approx(slope, rel=1e-5, abs=1e-8)
    assert float(found["forces"].sum(0).abs().max()) < 1e-10


@each_network
def test_what_passes_the_cutoff_leaves_smoothly(name: str) -> None:
    model = potential(name)
    atoms = water(model) + Atoms([model.elements[0]], [[0, 0, 0]])
    near = {}
    for sign in (-1, 1):
        atoms.positions[3] = atoms.positions[1] + [0.0, 0.0, -(model.cutoff + sign * 1e-6)]
        near[sign] = model(graph_of(model, atoms))
    assert graph_of(model, atoms).edges.shape[1] > 0
    assert abs(float(near[1]["energy"] - near[-1]["energy"])) < 1e-8
    assert float((near[1]["forces"] - near[-1]["forces"]).abs().max()) < 1e-5


@each_network
def test_sizes_and_orders(name: str) -> None:
    """Atoms in another order give the same; far molecules add up; atoms alone have no forces."""
    model = potential(name)
    atoms = water(model)
    one = model(graph_of(model, atoms))
    turned = atoms[[2, 0, 1]]
    torch.testing.assert_close(model(graph_of(model, turned))["forces"], one["forces"][[2, 0, 1]], rtol=0, atol=1e-10)
    far = atoms.copy()
    far.translate([50.0, 0, 0])
    both = model(graph_of(model, atoms + far))
    torch.testing.assert_close(both["energy"], 2 * one["energy"], rtol=1e-12, atol=1e-12)
    batch = model(graph_of(model, [atoms, far, atoms[:1]]))
    torch.testing.assert_close(batch["energy"][:2], one["energy"].expand(2), rtol=1e-12, atol=1e-12)
    assert bool(batch["energy"].isfinite().all())
    assert not batch["forces"][-1].any()


@each_network
def test_a_file_makes_it_again(name: str, tmp_path: Path) -> None:
    model = potential(name)
    again = load_potential(save_potential(model, tmp_path / "model.safetensors"))
    graph = graph_of(model, water(model))
    for key, wanted in model(graph).items():
        torch.testing.assert_close(again(graph)[key], wanted, rtol=0, atol=0)


@pytest.mark.slow
@each_network
def test_compiled_and_exported(name: str) -> None:
    network = made(name)
    inputs = network.example_inputs(6, torch.Generator().manual_seed(1))
    wanted = network(*inputs)
    torch.testing.assert_close(network.export(*inputs)(*inputs), wanted, rtol=1e-10, atol=1e-10)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*inputs), wanted, rtol=1e-10, atol=1e-10)


def energies_with_one_moved(model: Potential) -> torch.Tensor:
    """How energies of a chain of atoms, one beside the next, change when its end moves."""
    chain = Atoms(5 * [model.elements[0]], [[1.0 * n, 0.3 * (n % 2), 0] for n in range(5)])
    moved = chain.copy()
    moved.positions[4, 1] += 0.05
    assert model.cutoff == 3.0
    with torch.no_grad():
        before, after = (model.atomic(graph_of(model, atoms))["energies"] for atoms in (chain, moved))
    return (after - before).abs()


def test_allegro_is_strictly_local() -> None:
    """Three layers see no further than one cut-off; two of MACE see twice as far."""
    changed = energies_with_one_moved(potential("Allegro of rotations"))
    assert changed[2:].min() > 1e-9  # 2 Å away and less
    assert not changed[:2].any()  # just over 3 Å, and 4 Å
    assert energies_with_one_moved(potential("MACE"))[0] > 1e-11  # through three atoms, each near the cut-off


def test_mace_leaves_out_what_nothing_reaches() -> None:
    """Products of up to three harmonics hold no pseudoscalar: features of later layers have none."""
    network = MACE(1, 3.0, O3.rep("2x0e + 2x0o + 2x1o"), degree=1)
    assert str(network.layers[0].mix.rep_out) == "2x0e + 2x1o"


def test_a_pair_basis_counts_distances_by_radii() -> None:
    """Longer for small atoms; the same for pairs that a factor makes alike, but for the cut-off; smooth at 0."""
    plain, scaled = PairBasis(6.0, 4).double(), PairBasis(6.0, 4, radii=(0.5, 1.0)).double()
    r = torch.tensor([0.9, 1.8], dtype=torch.float64)
    species, edges = torch.tensor([0, 0, 1, 1]), torch.tensor([[0, 2], [1, 3]])
    found = scaled.of_pairs(r, species, edges) / scaled.envelope(r)[:, None]
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=0)
    torch.testing.assert_close(plain.of_pairs(r, species, edges), plain(r), rtol=0, atol=0)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(scaled(zero).sum(), zero)
    assert bool(slope.isfinite())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MACE(1, 3.0, O3.rep("4x1o + 4x0e")), "invariants and then other irreps"),
        (lambda: MACE(1, 3.0, O3.rep("4x0e + 2x1o")), "as many of each"),
        (lambda: MACE(1, 3.0, O3.rep("4x0e"), order=(3, 2, 1)), "2 layers and order"),
        (lambda: MACE(2, 3.0, O3.rep("4x0e"), radii=(1.0,)), "2 species has a radius"),
        (lambda: MACE(1, 3.0, O3.rep("4x0e"), rep_out=O3.rep("1x1o")), "no path leads"),
        (lambda: PairBasis(3.0, 4, radii=(1.0, -1.0)), "positive length"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 2x1o")), "as many of each irrep"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x2e")), "all harmonics"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x1o"), embedding=7), "even number"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x1o"), layers=1, rep_out=O3.rep("1x3o")), "does not reach 3o"),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()


@pytest.mark.parametrize("network", [MACE, Allegro])
def test_first_forces_are_of_the_size_of_those_of_molecules(network: type) -> None:
    """Radial functions are largest where bonds are, and networks that expect less of them explode."""
    hidden = O3.rep("16x0e + 16x1o + 16x2e" if network is Allegro else "16x0e + 16x1o")
    atoms, sizes = molecule("CH3CH2OH"), []
    for seed in range(3):
        torch.manual_seed(seed)
        model = Potential(network(3, 4.5, hidden, neighbours=8.0), elements=[1, 6, 8])
        atoms.rattle(0.05, seed=seed)
        sizes.append(
            float(model(atom_graph(atoms, model.elements, model.cutoff))["forces"].detach().square().mean().sqrt())
        )
    assert max(sizes) < 5
