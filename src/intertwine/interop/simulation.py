"""Relaxations and molecular dynamics with ase, and what they say about the potential that drives them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.filters import FrechetCellFilter
from ase.io import Trajectory
from ase.md.langevin import Langevin
from ase.md.nose_hoover_chain import IsotropicMTKNPT
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import FIRE

from intertwine.errors import ArgumentError

Watch = Callable[[int, int, str], None]
"""Told how many steps are done, of how many, and how things stand."""


STRANGE = 3.0
"""How many times as uncertain as at first an energy is of structures unlike those that were learned from."""


@dataclass(frozen=True)
class SimulationReport:
    """What a simulation showed.

    Args:
        steps: how many steps there were.
        picoseconds: how long it simulated.
        temperature: the mean, K, over its second half, of the degrees of freedom that move.
        drift: how fast the total energy drifts, meV per atom and ps, by a straight line; of a simulation without a
            thermostat alone, else NaN.
        fluctuation: how far it is from that line, root mean square, meV per atom; NaN likewise.
        pressure: the mean, GPa, over the second half; NaN where nothing repeats.
        seconds_per_step: how long a step took.
        searches: how often neighbours were searched for.
        uncertainty: the largest of the energy, eV, by a potential that knows how sure it is; else NaN.
        strange_from: when structures began to be unlike those that the potential learned from, ps: when the uncertainty
            rose to more than three times that of the beginning, and stayed there; NaN where it did not.
    """

    steps: int
    picoseconds: float
    temperature: float
    drift: float
    fluctuation: float
    pressure: float
    seconds_per_step: float
    searches: int
    uncertainty: float = math.nan
    strange_from: float = math.nan

    def __str__(self) -> str:
        lines = [
            f"{self.steps} steps, {self.picoseconds:.3g} ps, {1e3 * self.seconds_per_step:.3g} ms a step; "
            f"neighbours searched for {self.searches} times",
            f"temperature {self.temperature:.4g} K",
        ]
        if np.isfinite(self.pressure):
            lines.append(f"pressure {self.pressure:.4g} GPa")
        if np.isfinite(self.drift):
            lines.append(
                f"drift of the total energy {self.drift:+.3g} meV per atom and ps, about which it moves by "
                f"{self.fluctuation:.3g} meV per atom"
            )
        if np.isfinite(self.strange_from):
            lines.append(
                f"! from {self.strange_from:.3g} ps on the energy is more than {STRANGE:g} times as uncertain as at "
                f"first, up to {self.uncertainty:.2g} eV: the potential has left what it learned from, and what it "
                "says of this is worth little. Train on frames like these too."
            )
        return "\n".join(lines)


def relax(
    atoms: Atoms, fmax: float = 0.01, *, steps: int = 1000, cell: bool = False, watch: Watch | None = None
) -> bool:
    """Move atoms, which have a calculator, to where no force is larger than `fmax`, eV/Å; whether that was reached.

    Args:
        atoms: the structure, which is changed.
        fmax: the largest force that may be left, eV/Å.
        steps: the most steps.
        cell: whether the cell relaxes too.
        watch: told how things stand.

    Raises `ArgumentError` for a force or a number of steps that is not positive, and for a cell that is none.
    """
    _require_positive(fmax=fmax, steps=steps)
    if cell and not (atoms.pbc.any() and atoms.cell.volume > 0):
        raise ArgumentError("A cell relaxes that repeats and has a volume, but this structure has none. Leave it out.")
    optimiser = FIRE(FrechetCellFilter(atoms) if cell else atoms, logfile=None)
    if watch is not None:
        optimiser.attach(lambda: watch(optimiser.nsteps, steps, f"{atoms.get_potential_energy():.6f} eV"))
    return bool(optimiser.run(fmax=fmax, steps=steps))


def simulate(
    atoms: Atoms,
    steps: int,
    *,
    temperature: float = 300.0,
    thermostat: float | None = None,
    pressure: float | None = None,
    timestep: float = 1.0,
    seed: int = 0,
    every: int = 10,
    out: str | Path | None = None,
    watch: Watch | None = None,
) -> SimulationReport:
    """Molecular dynamics of atoms that have a calculator: without a thermostat, with one, or at a pressure.

    Args:
        atoms: the structure, which is changed; velocities it has are kept, others are drawn at the temperature, without
            a motion of the whole.
        steps: how many steps.
        temperature: K.
        thermostat: the time of Langevin's thermostat, fs; None for the dynamics of the energy alone. All degrees of
            freedom are at the temperature: ase's default for molecules is hotter, since it takes the motion of the
            whole away and does not count it.
        pressure: GPa, for a cell that changes its volume (Martyna, Tobias, Klein 1994); takes the place of Langevin's.
        timestep: fs.
        seed: of velocities and noise.
        every: after how many steps numbers are taken, and frames written.
        out: a trajectory of ase, which holds energies and forces.
        watch: told how things stand.

    Raises `ArgumentError` where the simulation explodes: numbers that are not finite, or a temperature a hundred times
    the one asked for; and for times, numbers of steps and temperatures that make no sense.
    """
    _require_positive(steps=steps, timestep=timestep, every=every, thermostat=thermostat)
    if not (0 <= temperature < math.inf and seed >= 0 and math.isfinite(pressure or 0.0)):
        raise ArgumentError(
            "A simulation has a temperature and a seed that are 0 or more, and a pressure that is finite, but got "
            f"temperature={temperature!r}, seed={seed!r} and pressure={pressure!r}."
        )
    random = np.random.default_rng(seed)
    if not np.abs(atoms.get_momenta()).any() and temperature > 0:
        thermalize_momenta(atoms, temperature, rng=random)
        if len(atoms) > 1:  # the motion of the whole is all that one has
            Stationary(atoms)
    dynamics = _dynamics(atoms, temperature, thermostat, pressure, timestep, random)
    # Where the motion of the whole is taken away, and stays away, it holds no energy: ase counts it all the same.
    still = thermostat is None and len(atoms) > 1 and bool(np.abs(atoms.get_momenta().sum(0)).max() < 1e-6)
    counted = len(atoms) / (len(atoms) - 1) if still else 1.0
    rows: list[tuple[float, ...]] = []

    def take() -> None:
        energy, found = atoms.get_total_energy(), counted * atoms.get_temperature()
        if not np.isfinite(energy) or found > 100 * max(temperature, 10.0):
            raise ArgumentError(
                f"The simulation explodes: after {dynamics.nsteps} steps its temperature is {found:.3g} K. Take a "
                "shorter timestep, relax the structure before, or train on frames like these."
            )
        squeezed = -atoms.get_stress(voigt=False, include_ideal_gas=True).trace() / 3 if atoms.pbc.all() else np.nan
        unsure = getattr(atoms.calc, "results", {}).get("energy_uncertainty", np.nan)
        rows.append((dynamics.nsteps * timestep / 1000, energy, found, squeezed / units.GPa, unsure))
        if watch is not None:
            watch(dynamics.nsteps, steps, f"{found:.0f} K")

    dynamics.attach(take, interval=every)
    with nullcontext() if out is None else Trajectory(str(out), "w", atoms) as frames:
        if frames is not None:
            dynamics.attach(frames, interval=every)
        start = time.perf_counter()
        dynamics.run(steps)
        seconds = (time.perf_counter() - start) / max(1, steps)
    conserved = thermostat is None and pressure is None
    return _report(np.array(rows), steps, timestep, seconds, atoms, conserved)


def _require_positive(**numbers: float | None) -> None:
    """Raises `ArgumentError` for a number that is given and is not positive and finite."""
    for name, value in numbers.items():
        if value is not None and not 0 < value < math.inf:
            raise ArgumentError(f"{name} is a positive number, but got {value!r}.")


def _dynamics(
    atoms: Atoms, temperature: float, thermostat: float | None, pressure: float | None, timestep: float, random: Any
) -> Any:
    """The integrator of ase that does what was asked for."""
    step = timestep * units.fs
    if pressure is not None:
        if not atoms.pbc.all():
            raise ArgumentError("A pressure acts on a cell that repeats in three directions, but this one does not.")
        if atoms.constraints:
            raise ArgumentError(
                "A cell that changes its volume moves all atoms, but some of these are held by constraints. Remove "
                "them, atoms.set_constraint(), or keep the cell."
            )
        return IsotropicMTKNPT(
            atoms,
            step,
            temperature_K=temperature,
            pressure_au=pressure * units.GPa,
            tdamp=100 * step,
            pdamp=1000 * step,
        )
    if thermostat is not None:
        friction = 1 / (thermostat * units.fs)
        return Langevin(atoms, step, temperature_K=temperature, friction=friction, fixcm=False, rng=random)
    return VelocityVerlet(atoms, step)


def _report(
    rows: np.ndarray, steps: int, timestep: float, seconds: float, atoms: Atoms, conserved: bool
) -> SimulationReport:
    """What the numbers say."""
    times, energies = rows[:, 0], 1e3 * rows[:, 1] / max(1, len(atoms))
    drift = fluctuation = float("nan")
    if conserved and len(rows) > 2:
        drift, start = np.polyfit(times, energies, 1)
        fluctuation = float(np.sqrt(np.mean((energies - drift * times - start) ** 2)))
    late = rows[len(rows) // 2 :]
    searches = getattr(getattr(atoms.calc, "neighbours", None), "searches", 0)
    return SimulationReport(
        steps,
        steps * timestep / 1000,
        float(late[:, 2].mean()),
        float(drift),
        fluctuation,
        float(late[:, 3].mean()),
        seconds,
        searches,
        float(rows[:, 4].max()),
        _strange_from(times, rows[:, 4]),
    )


def _strange_from(times: np.ndarray, unsure: np.ndarray, lasting: int = 5) -> float:
    """When an uncertainty rises above `STRANGE` times its median over the first tenth, so many times in a row."""
    first = np.median(unsure[: max(lasting, len(unsure) // 10)])
    above = unsure > STRANGE * first  # NaN is above nothing
    for n in range(len(above) - lasting + 1):
        if above[n : n + lasting].all():
            return float(times[n])
    return math.nan
