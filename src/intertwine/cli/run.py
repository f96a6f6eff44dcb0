"""`intertwine run`: relax a structure with a potential, or simulate it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from intertwine.cli.console import complain, progress, say
from intertwine.errors import ArgumentError, IntertwineError
from intertwine.models import atom_graph, expected_memory

TRAJECTORY = Path("run.traj")

LARGE = 2000
"""From so many atoms on it is said how much memory they take."""


def run(
    model: Annotated[Path, typer.Argument(help="A potential, model.safetensors of a training.")],
    structure: Annotated[Path, typer.Argument(help="A structure, in any format of ase; of several the last.")],
    relax: Annotated[float | None, typer.Option(help="Relax until no force is larger, eV/Å.")] = None,
    cell: Annotated[bool, typer.Option("--cell", help="Relax the cell too.")] = False,
    steps: Annotated[int, typer.Option(help="How many steps; of a relaxation the most.")] = 0,
    temperature: Annotated[float, typer.Option(help="K.")] = 300.0,
    thermostat: Annotated[float | None, typer.Option(help="The time of Langevin's thermostat, fs.")] = None,
    pressure: Annotated[float | None, typer.Option(help="GPa, for a cell that changes its volume.")] = None,
    timestep: Annotated[float, typer.Option(help="fs.")] = 1.0,
    every: Annotated[int, typer.Option(help="After how many steps a frame is written.")] = 10,
    seed: Annotated[int, typer.Option(help="The seed of velocities and noise.")] = 0,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64; default that of the model.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda …; default the CPU.")] = None,
    skin: Annotated[float, typer.Option(help="How far beyond the cut-off neighbours are kept, Å.")] = 0.5,
    out: Annotated[Path, typer.Option(help="The trajectory of a simulation, or the relaxed structure.")] = TRAJECTORY,
) -> None:
    """Energy and forces of a structure; with --relax or --steps what happens to it.

    A simulation without a thermostat conserves the energy: how far it drifts is printed.
    """
    try:  # ase and the potential are only needed here, and may be missing.
        from intertwine.interop.ase import Calculator
        from intertwine.interop.simulation import relax as relax_atoms
        from intertwine.interop.simulation import simulate

        _check_options(relax, cell, steps, thermostat, pressure)
        atoms, relaxed = _structure(structure), out if out != TRAJECTORY else Path("relaxed.xyz")
        _check_place(out if relax is None else relaxed, any_format=relax is not None)
        atoms.calc = Calculator(model, device=device, dtype=_dtype(dtype), skin=skin)
        if len(atoms) > LARGE:
            graph = atom_graph(atoms, atoms.calc.model.elements, atoms.calc.model.cutoff)
            say(f"{len(atoms)} atoms take about {expected_memory(atoms.calc.model, graph) / 2**30:.1f} GB of memory")
        if relax is not None:
            with _shown("relaxation", steps or 1000) as watch:
                done = relax_atoms(atoms, relax, steps=steps or 1000, cell=cell, watch=watch)
            say("relaxed" if done else "not relaxed: take more --steps, or a larger force")
            atoms.write(relaxed)
        elif steps != 0:
            with _shown("simulation", steps) as watch:
                report = simulate(
                    atoms,
                    steps,
                    temperature=temperature,
                    thermostat=thermostat,
                    pressure=pressure,
                    timestep=timestep,
                    seed=seed,
                    every=every,
                    out=out,
                    watch=watch,
                )
            say(report)
        energy, force = atoms.get_potential_energy(), abs(atoms.get_forces()).max()
        sure = atoms.calc.results.get("energy_uncertainty")
        say(f"energy {energy:.6f} eV{'' if sure is None else f' ± {sure:.2g}'}, largest force {force:.4g} eV/Å")
        if atoms.pbc.all():
            say("stress " + " ".join(f"{1e3 * value:.4g}" for value in atoms.get_stress()) + " meV/Å³")
    except (IntertwineError, OSError) as error:  # files that nobody may read, a disk that is full
        complain(error)
        raise typer.Exit(2) from error


def _check_options(
    relax: float | None, cell: bool, steps: int, thermostat: float | None, pressure: float | None
) -> None:
    """Raises `ArgumentError` for options of what was not asked for."""
    if cell and relax is None:
        raise ArgumentError("--cell is for relaxations: give --relax too, or --pressure for a simulation.")
    if (thermostat, pressure) != (None, None) and (relax is not None or steps == 0):
        raise ArgumentError("--thermostat and --pressure are for simulations: give --steps, without --relax.")


def _structure(path: Path) -> Any:
    """The last structure of a file; raises `ArgumentError` where there is none."""
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        return read(path)
    except (UnknownFileTypeError, ValueError, KeyError, IndexError, StopIteration) as error:
        raise ArgumentError(f"ase finds no structure in {path}: {error or type(error).__name__}.") from error


def _check_place(path: Path, any_format: bool) -> None:
    """Raises `ArgumentError` where a file cannot be written, before there is something to lose."""
    from ase.io.formats import UnknownFileTypeError, filetype, get_ioformat

    if not path.parent.is_dir() or path.is_dir():
        raise ArgumentError(f"{path} cannot be written: there is no folder {path.parent}, or it is a folder itself.")
    if not any_format and path.suffix != ".traj":
        raise ArgumentError(f"A simulation is written as a trajectory of ase, but got {path.name}. Name it run.traj.")
    try:
        is_known = not any_format or get_ioformat(filetype(str(path), read=False)).can_write
    except UnknownFileTypeError:
        is_known = False
    if not is_known:
        raise ArgumentError(f"ase knows no format for {path.name}. Name a file such as relaxed.xyz.")


def _dtype(name: str | None) -> Any:
    """The dtype of a name; raises `ArgumentError` for another one."""
    known = {"float32": torch.float32, "float64": torch.float64}
    if name is not None and name not in known:
        raise ArgumentError(f"A potential computes in {' or '.join(known)}, but got {name!r}.")
    return None if name is None else known[name]


@contextmanager
def _shown(what: str, steps: int) -> Iterator[Callable[[int, int, str], None]]:
    """A bar for what takes long."""
    with progress(steps) as show:
        yield lambda done, _, state: show(f"{what}: {state}", done)
