"""Simulations conserve what they should, and say how well; the command does the same from files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read, write

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.interop.simulation import relax, simulate
from intertwine.models import atom_graph, fitted_spread, save_potential
from tests.cli.commands import run
from tests.interop.test_ase import potential


def copper(repeat: int = 2) -> Atoms:
    atoms = bulk("Cu", cubic=True).repeat(repeat)
    atoms.rattle(0.05, seed=0)
    atoms.calc = EMT()
    return atoms


def test_without_a_thermostat_the_energy_is_conserved(tmp_path: Path) -> None:
    atoms, out = copper(), tmp_path / "run.traj"
    told = simulate(atoms, 200, temperature=300, timestep=2.0, out=out)
    assert told.picoseconds == pytest.approx(0.4)
    assert abs(told.drift) < 2.0
    assert told.fluctuation < 1.0
    assert np.isfinite(told.pressure)
    assert len(read(out, ":")) == 21
    assert "meV per atom and ps" in str(told)
    again = copper()
    assert simulate(again, 200, temperature=300, timestep=2.0).temperature == told.temperature
    assert np.array_equal(again.positions, atoms.positions)


def test_a_thermostat_and_a_pressure_reach_what_is_asked_for() -> None:
    warm = simulate(copper(), 400, temperature=300, thermostat=20.0, timestep=4.0)
    assert warm.temperature == pytest.approx(300, rel=0.15)
    assert np.isnan(warm.drift)
    squeezed, loose = copper(), copper()
    simulate(squeezed, 400, temperature=100, pressure=20.0, timestep=4.0)
    simulate(loose, 400, temperature=100, pressure=0.0, timestep=4.0)
    assert squeezed.get_volume() < 0.97 * loose.get_volume()
    with pytest.raises(tw.errors.ArgumentError, match="repeats in three directions"):
        simulate(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]], calculator=EMT()), 2, pressure=1.0)
    held = copper()
    held.set_constraint(FixAtoms([0]))
    with pytest.raises(tw.errors.ArgumentError, match="held by constraints"):
        simulate(held, 2, pressure=1.0)


def test_one_atom_flies_on() -> None:
    """The motion of the whole is all that it has: without it there would be no temperature."""
    atoms = Atoms("Cu", calculator=EMT())
    assert simulate(atoms, 20, temperature=300, seed=1).temperature > 0
    assert np.isfinite(atoms.positions).all()


def test_a_simulation_that_explodes_says_so() -> None:
    with pytest.raises(tw.errors.ArgumentError, match="explodes"):
        simulate(copper(), 200, temperature=300, timestep=200.0)


class Doubtful(EMT):
    """EMT, of energies that become uncertain after so many calls: once, and then for good."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls, self.left = 0, calls

    def calculate(self, *given: object, **named: object) -> None:
        super().calculate(*given, **named)
        self.calls += 1
        is_strange = self.calls == self.left // 2 or self.calls > self.left
        self.results["energy_uncertainty"] = 0.05 if is_strange else 0.01


def test_a_potential_that_left_what_it_learned_says_since_when() -> None:
    for calls, strange in ((60, True), (1000, False)):
        atoms = copper(1)
        atoms.calc = Doubtful(calls)
        report = simulate(atoms, 100, temperature=100.0, timestep=1.0, every=1)
        assert np.isfinite(report.strange_from) == strange
        assert ("times as uncertain as at first, up to 0.05 eV" in str(report)) == strange
        if strange:
            assert report.strange_from == pytest.approx(0.06, abs=0.003)
            assert report.uncertainty == 0.05
    atoms = copper(1)
    atoms.calc = EMT()
    assert np.isnan(simulate(atoms, 20, every=1).uncertainty)


def test_a_relaxation_reaches_its_force() -> None:
    atoms = copper()
    assert relax(atoms, 0.05, cell=True)
    assert np.abs(atoms.get_forces()).max() < 0.05
    assert not relax(copper(), 1e-8, steps=2)
    with pytest.raises(tw.errors.ArgumentError, match="A cell relaxes that repeats"):
        relax(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]], calculator=EMT()), 0.1, cell=True)


def test_the_command_runs_what_a_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atoms = molecule("CH3OH")
    write("start.xyz", atoms)
    save_potential(potential(1, 6, 8), "model.safetensors")
    atoms.calc = Calculator("model.safetensors")
    told = run("run", "model.safetensors", "start.xyz")
    assert f"energy {atoms.get_potential_energy():.6f} eV" in told.stdout
    sure, graph = potential(1, 6, 8), atom_graph(atoms, [1, 6, 8], 4.0)
    sure.spread = fitted_spread(sure, [graph], [(graph, torch.tensor([0.25], dtype=torch.float64))])
    save_potential(sure, "sure.safetensors")
    assert " eV ± 0.25, largest force" in run("run", "sure.safetensors", "start.xyz").stdout
    told = run("run", "model.safetensors", "start.xyz", "--steps", "5", "--timestep", "0.1", "--every", "1")
    assert told.exit_code == 0
    assert "drift of the total energy" in told.stdout
    assert len(read("run.traj", ":")) == 6
    told = run("run", "model.safetensors", "start.xyz", "--relax", "1e-9", "--steps", "2", "--out", "relaxed.xyz")
    assert "not relaxed" in told.stdout
    assert len(read("relaxed.xyz")) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.safetensors", "start.xyz"], "There is no file missing.safetensors"),
        (["model.safetensors", "missing.xyz"], "There is no file missing.xyz"),
        (["model.safetensors", "model.safetensors"], "ase finds no structure"),
        (["start.xyz", "start.xyz"], "no safetensors file"),
        (["model.safetensors", "start.xyz", "--dtype", "float16"], "float32 or float64"),
        (["model.safetensors", "silicon.xyz"], "atomic numbers"),
        (["model.safetensors", "start.xyz", "--device", "nowhere"], "cannot go to nowhere"),
        (["model.safetensors", "start.xyz", "--skin", "-1"], "A skin is a length"),
        (["model.safetensors", "start.xyz", "--steps", "-1"], "steps is a positive number, but got -1"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--timestep", "0"], "timestep is a positive number"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--every", "0"], "every is a positive number"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--thermostat", "0"], "thermostat is a positive number"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--temperature", "-1"], "temperature=-1.0"),
        (["model.safetensors", "start.xyz", "--relax", "nan"], "fmax is a positive number"),
        (["model.safetensors", "start.xyz", "--relax", "1", "--out", "a.unheard"], "knows no format for a.unheard"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--out", "nowhere/a.traj"], "no folder nowhere"),
        (["model.safetensors", "start.xyz", "--steps", "1", "--out", "a.xyz"], "Name it run.traj"),
        (["model.safetensors", "start.xyz", "--cell"], "--cell is for relaxations"),
        (["model.safetensors", "start.xyz", "--relax", "1", "--pressure", "1"], "are for simulations"),
    ],
)
def test_mistakes_are_sentences(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("start.xyz", molecule("CH3OH"))
    write("silicon.xyz", bulk("Si"))
    save_potential(potential(1, 6, 8), "model.safetensors")
    told = run("run", *arguments)
    assert told.exit_code == 2
    assert words in told.output
