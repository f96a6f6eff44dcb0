"""What a potential is made of, and what is kept of it on disk; what does not fit together is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ase import Atoms
from ase.data import covalent_radii
from safetensors import safe_open
from safetensors.torch import save_file

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models import ESCN, EnergyTerm, NequIP, Potential, Repulsion, Target, load_potential, save_potential
from tests.models.atoms.networks import graph_of

HIDDEN = O3.rep("4x0e + 4x1o")


def made(elements: tuple[int, ...] = (1, 8), rep_out: str = "1x0e", **options: Any) -> Potential:
    torch.manual_seed(0)
    network = NequIP(len(elements), 3.0, HIDDEN, layers=1, radial=(8,), rep_out=O3.rep(rep_out))
    return Potential(network, elements, **options).double().eval()


def test_the_energy_is_scaled_and_counted_from_the_references() -> None:
    """Those of each element; and they stay float64, where -1e5 eV and a meV have room together."""
    atoms = Atoms("OH", [[0, 0, 0], [0, 0, 0.98]])
    plain, told = made(), made(references=[-13.6, -1e5], scale=[0.5, 2.0])
    before, after = (model(graph_of(model, atoms))["energies"] for model in (plain, told))
    expected = before * torch.tensor([2.0, 0.5]) + torch.tensor([-1e5, -13.6], dtype=torch.float64)
    torch.testing.assert_close(after, expected, rtol=1e-15, atol=1e-12)
    assert told.float().references.dtype == torch.float64
    assert told.references[0] == -13.6


@pytest.mark.parametrize("numbers", [(14, 14), (6, 92), (1, 8)])
def test_close_atoms_repel_as_nuclei_do(numbers: tuple[int, int]) -> None:
    """By the formula of Ziegler, Biersack and Littmark at short distances, and not at all beyond a bond."""
    term, model = Repulsion(sorted({*numbers})), made(tuple(sorted({*numbers})))

    def energy(distance: float) -> float:
        graph = graph_of(model, Atoms(numbers, [[0, 0, 0], [0, 0, distance]]))
        return float(term(graph, graph.vectors(), {}).sum())

    a, b = numbers
    x = 0.01 * (a**0.23 + b**0.23) / (0.88534 * 0.52917721)
    shares, rates = torch.tensor([[0.18175, 0.50986, 0.28022, 0.02817], [3.1998, 0.94229, 0.4029, 0.20162]])
    assert energy(0.01) == pytest.approx(float((shares * torch.exp(-rates * x)).sum()) * 14.399645 * a * b / 0.01, 1e-3)
    bond = sum(covalent_radii[number] for number in numbers)
    assert energy(0.9 * bond) > 0
    assert energy(bond) == 0


def test_a_file_without_its_description_is_refused(tmp_path: Path) -> None:
    path = save_potential(made(), tmp_path / "model.safetensors", {"trained on": "water"})
    with safe_open(path, "pt") as file:
        notes, weights = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert notes["trained on"] == "water"
    told = json.loads(notes["potential"])
    assert told["units"]["energy"] == "eV"
    told["network"]["kind"] = "Perceptron"
    save_file(weights, path, {**notes, "potential": json.dumps(told)})
    with pytest.raises(ArgumentError, match="holds a Perceptron, which this version of intertwine does not know"):
        load_potential(path)
    save_file(weights, path, {name: note for name, note in notes.items() if name != "potential"})
    with pytest.raises(ArgumentError, match="does not say of which potential"):
        load_potential(path)


class Spring(EnergyTerm):
    """A term that the library does not know."""

    def __init__(self, stiffness: float = 1.0) -> None:
        super().__init__()
        self.stiffness = stiffness

    def forward(self, graph: Any, vectors: torch.Tensor, outputs: Any) -> torch.Tensor:
        found: torch.Tensor = self.stiffness * graph.positions.square().sum(1)
        return found


def test_terms_of_ones_own_count_and_are_not_kept(tmp_path: Path) -> None:
    atoms = Atoms("OH", [[0, 0, 1.0], [0, 0, 2.0]])
    plain, held = made(), made(terms=[Spring(3.0)])
    before, after = (model(graph_of(model, atoms))["energies"] for model in (plain, held))
    torch.testing.assert_close(after - before, torch.tensor([3.0, 12.0], dtype=torch.float64))
    with pytest.raises(ArgumentError, match="but this one holds a Spring"):
        save_potential(held, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Potential(NequIP(2, 3.0, HIDDEN), [8]), r"2 are expected, but got the atomic numbers \[8\]"),
        (lambda: Potential(NequIP(2, 3.0, HIDDEN), [8, 8]), "an element of its own"),
        (lambda: made(targets={"dipole": Target(O3.rep("1x1o"))}), "gives one invariant, the energy, and its targets"),
        (lambda: made(references=[1.0, 2.0, 3.0]), "as references one finite number per element"),
        (lambda: made(scale=float("nan")), "as scale one finite number per element"),
        (lambda: NequIP(0, 3.0, HIDDEN), "species=0 and cutoff=3.0"),
        (lambda: NequIP(1, -1.0, HIDDEN), "species=1 and cutoff=-1.0"),
        (lambda: ESCN(1, 3.0, O3.rep("4x1o")), "begin as invariants, but 4x1o has none"),
        (lambda: Repulsion([1, 120]), r"known for the elements 1 to 96, but got \[1, 120\]"),
        (lambda: Repulsion([1, 8], radii=[0.3]), "has a radius, but got"),
    ],
)
def test_what_does_not_fit_together_is_said(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()


def test_a_stress_needs_a_volume() -> None:
    model = made()
    with pytest.raises(ArgumentError, match="have a cell without volume"):
        model(graph_of(model, Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])), stress=True)
