"""Story 7: a potential for ethanol, trained while you wait, and a picosecond of its life."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import units
from ase.build import molecule
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from lightning.pytorch import Callback, Trainer

from intertwine.interop.ase import Calculator
from intertwine.interop.simulation import SimulationReport, simulate
from intertwine.tour.rectangle import Progress, no_progress
from intertwine.training import PredictedFrames, Trained, configuration_of, predict_frames, read_frames, train

MODEL = {"network": "NequIP", "cutoff": 4.0, "options": {"hidden": "16x0e + 16x1o", "layers": 2}}


@dataclass(frozen=True, eq=False)
class EthanolResult:
    """What was trained, and what it did.

    Args:
        frames: how many frames there were to learn from and to validate on.
        trained: the potential and its history.
        predictions: of frames that were held back.
        report: of the simulation.
        times, energies: of the simulation, ps and eV, from where it starts.
        rechecked: predictions and labels of structures that the simulation came by.
    """

    frames: int
    trained: Trained
    predictions: PredictedFrames
    report: SimulationReport
    times: np.ndarray
    energies: np.ndarray
    rechecked: PredictedFrames


class _Shares(Callback):
    """Tells which share of a training is done."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_epoch_end(self, trainer: Trainer, *_: Any) -> None:
        """Tell it."""
        share = (trainer.current_epoch + 1) / (trainer.max_epochs or 1)
        self.progress("training on energies and forces", 0.2 + 0.6 * share)


def ethanol(
    frames: int = 100, epochs: int = 40, steps: int = 2000, seed: int = 0, progress: Progress = no_progress
) -> EthanolResult:
    """Frames of ethanol at 500 K by GFN2-xTB, a potential that learns them, and its own dynamics at 300 K."""
    with tempfile.TemporaryDirectory() as folder:
        path, later = Path(folder) / "ethanol.xyz", Path(folder) / "later.xyz"
        made = labelled_trajectory(frames + frames // 4, seed, progress)
        write(path, made[:frames])
        write(later, made[frames:])
        told = {
            "model": MODEL,
            "data": {"train": str(path), "validation": 0.15, "test": [str(later)], "seed": seed},
            "fit": {"epochs": epochs, "batch_size": 4, "seed": seed, "accelerator": "cpu"},
            "folder": str(Path(folder) / "run"),
        }
        found = train(configuration_of(told), callbacks=[_Shares(progress)])
        held = read_frames(later)
        predictions = predict_frames(found.model, held)
        progress("simulating", 0.85)
        atoms, seen, rows = held[-1].atoms.copy(), [], []
        atoms.calc = Calculator(found.model)

        def watch(done: int, _: int, __: str) -> None:
            rows.append((done * 5e-4, atoms.get_total_energy()))
            if done % max(10, steps // 20) == 0:
                seen.append(labelled(atoms))

        report = simulate(atoms, steps, temperature=300.0, timestep=0.5, seed=seed, watch=watch)
        write(path, seen)
        rechecked = predict_frames(found.model, read_frames(path))
    times, energies = np.array(rows).T
    return EthanolResult(frames, found, predictions, report, times, energies - energies[0], rechecked)


def labelled_trajectory(count: int, seed: int = 0, progress: Progress = no_progress) -> list[Any]:
    """Frames of ethanol at 500 K, ten steps of half a femtosecond apart, with energies and forces."""
    from tblite.ase import TBLite

    atoms, random = molecule("CH3CH2OH"), np.random.default_rng(seed)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    thermalize_momenta(atoms, 500, rng=random)
    # All motions are at 500 K: ase's default takes that of the whole away, and the rest is a third too hot.
    friction = 0.02 / units.fs
    dynamics = Langevin(atoms, 0.5 * units.fs, temperature_K=500, friction=friction, fixcm=False, rng=random)
    found = []
    for n in range(count):
        progress("ethanol at 500 K by GFN2-xTB", 0.2 * n / count)
        dynamics.run(10)
        found.append(labelled(atoms, known=True))
    return found


def labelled(atoms: Any, known: bool = False) -> Any:
    """A copy of atoms with the labels of GFN2-xTB, which their calculator knows already or not."""
    from tblite.ase import TBLite

    frame, computed = atoms.copy(), atoms
    if not known:
        computed = atoms.copy()
        computed.calc = TBLite(method="GFN2-xTB", verbosity=0)
    frame.info["REF_energy"] = computed.get_potential_energy()
    frame.arrays["REF_forces"] = computed.get_forces()
    frame.positions -= frame.get_center_of_mass()
    frame.set_momenta(None)
    return frame
