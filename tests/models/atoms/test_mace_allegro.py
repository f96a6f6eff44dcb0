"""What MACE and Allegro promise beside the laws of all networks."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ase import Atoms
from ase.build import molecule

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models import MACE, Allegro, AtomNetwork, Potential, Target, load_potential, save_potential
from intertwine.models.atoms.pair_basis import PairBasis
from intertwine.testing import check_module
from tests.models.atoms.networks import graph_of

TENSORS = O3.rep("1x0e + 1x1o + 1x0e + 1x2e")
ALL = "4x0e + 4x0o + 4x1e + 4x1o + 4x2e + 4x2o"

OF_TENSORS: dict[str, Callable[[], AtomNetwork]] = {
    "MACE": lambda: MACE(2, 3.0, O3.rep("4x0e + 4x1o + 4x2e"), degree=2, radial=(8,), rep_out=TENSORS),
    "Allegro": lambda: Allegro(2, 3.0, O3.rep(ALL), layers=3, scalars=8, latent=(8,), rep_out=TENSORS),
}


@pytest.mark.parametrize("name", OF_TENSORS)
def test_tensors_beside_the_energy(name: str, tmp_path: Path) -> None:
    """Equivariant like all else, and other than 0; a file keeps their names."""
    torch.manual_seed(0)
    network = OF_TENSORS[name]()
    assert check_module(network, gradients=False).equivariance < 1e-10
    targets = {"dipole": Target(O3.rep("1x1o")), "shielding": Target(O3.rep("1x0e + 1x2e"), total=False)}
    model = Potential(network, [8, 1], targets=targets).double().eval()
    graph = graph_of(model, molecule("H2O"))
    found = model(graph)
    assert found["dipole"].shape == (1, 3)
    assert found["shielding"].shape == (3, 6)
    assert min(float(found[target].abs().max()) for target in targets) > 1e-6
    again = load_potential(save_potential(model, tmp_path / "model.safetensors"))
    torch.testing.assert_close(again(graph), found, rtol=0, atol=0)


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
    torch.manual_seed(0)
    allegro = Allegro(1, 3.0, O3.rep("4x0e + 4x1o"), layers=3, scalars=8, latent=(8,))
    changed = energies_with_one_moved(Potential(allegro, [8]).double())
    assert changed[2:].min() > 1e-9  # 2 Å away and less
    assert not changed[:2].any()  # just over 3 Å, and 4 Å
    mace = MACE(1, 3.0, O3.rep("4x0e + 4x1o"), degree=1, radial=(8,))
    assert energies_with_one_moved(Potential(mace, [8]).double())[0] > 1e-12


def test_mace_leaves_out_what_nothing_reaches() -> None:
    """Products of up to three harmonics hold no pseudoscalar: features of later layers have none."""
    network = MACE(1, 3.0, O3.rep("2x0e + 2x0o + 2x1o"), degree=1)
    assert str(network.layers[0].mix.rep_out) == "2x0e + 2x1o"


def test_a_pair_basis_counts_distances_by_radii() -> None:
    """Longer for small atoms; the same for pairs that a factor makes alike, but for the cut-off; smooth at 0."""
    scaled = PairBasis(6.0, 4, power=5, radii=(0.5, 1.0)).double()
    r = torch.tensor([0.9, 1.8], dtype=torch.float64)
    species, edges = torch.tensor([0, 0, 1, 1]), torch.tensor([[0, 2], [1, 3]])
    found = scaled.of_pairs(r, species, edges) / scaled.envelope(r)[:, None]
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=0)
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
        (lambda: PairBasis(3.0, 4, 5, radii=(1.0, -1.0)), "positive length"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 2x1o")), "as many of each irrep"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x2e")), "all harmonics"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x1o"), embedding=7), "even number"),
        (lambda: Allegro(1, 3.0, O3.rep("4x0e + 4x1o"), layers=1, rep_out=O3.rep("1x3o")), "does not reach 3o"),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: MACE(3, 5.0, O3.rep("16x0e + 16x1o"), degree=2, neighbours=8.0),
        lambda: Allegro(3, 5.0, O3.rep("8x0e + 8x1o + 8x2e"), neighbours=8.0, scalars=32),
    ],
)
def test_forces_start_small_and_not_too_small(make: Callable[[], AtomNetwork]) -> None:
    """Of bonded atoms, in units of the scale: products of features that begin too large would make them thousands."""
    for seed in range(4):
        torch.manual_seed(seed)
        model = Potential(make(), [1, 6, 8]).eval()
        forces = model(graph_of(model, molecule("CH3CH2OH")))["forces"]
        assert 0.01 < float(forces.square().mean().sqrt()) < 5


def test_a_scale_does_not_hang_on_the_default_dtype() -> None:
    """Weights made in one dtype mean the same in another."""
    found = []
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            found.append(MACE(1, 3.0, O3.rep("2x0e"), degree=1, radii=(0.5,)).basis.mean_square)
        finally:
            torch.set_default_dtype(torch.float32)
    assert found[0] == found[1]
