"""Learning curves of potentials: NequIP, MACE and Allegro of this library, and of the packages that they come from.

    python examples/make_frames.py ethanol 1200 ethanol.xyz
    python examples/learning_curves.py ethanol.xyz
    python examples/learning_curves.py ethanol.xyz --nequip NEQUIP/bin/python --mace MACE/bin/python

All train by one and the same loop, with about as many parameters, on the same frames in the same order: AdamW, a cosine
schedule, errors of energies per atom and of forces, moving averages of the weights. The last frames of the file are
held out; those to learn from are drawn from the others. The packages live in environments of their own:

    python -m venv NEQUIP && NEQUIP/bin/pip install torch nequip nequip-allegro
    python -m venv MACE && MACE/bin/pip install torch mace-torch

Each row: errors on held-out frames, the CPU time of a step, and that of the training, of one thread. With `--seconds`
each side trains for so much CPU time instead of so many steps, and the schedule follows the time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import read
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from peers import (  # noqa: E402
    allegro_model,
    mace_batch,
    mace_graph,
    mace_model,
    nequip_batch,
    nequip_graph,
    nequip_model,
)

CUTOFF, HELD_OUT, BATCH = 4.5, 200, 5
WARMUP, LAST, CLIP, DECAY = 0.02, 0.01, 10.0, 0.99
ENERGY, FORCES = 1.0, 10.0  # weights of the squares of errors, in eV per atom and eV/Å
MODELS = {"NequIP": ("nequip", "nequip"), "MACE": ("mace", "mace-torch"), "Allegro": ("nequip", "nequip-allegro")}
"""For each model the environment that holds the other implementation of it, and the package that it is in."""


@dataclass(frozen=True)
class Statistics:
    """What a model is told: elements, neighbours on average, the root mean square of forces, and its own channels."""

    elements: list[int]
    neighbours: float
    scale: float
    channels: int


@dataclass(frozen=True)
class Run:
    """One training.

    Args:
        file: of the frames.
        model: one of `MODELS`.
        side: "here", or "there" for the package that the model comes from.
        frames: how many frames to learn from.
        steps: how many steps, where no time is given.
        seed: of the weights, and of the frames that are drawn.
        rate: the largest learning rate.
        channels: how many features of each irrep.
        seconds: of CPU time to train for; None for a number of steps.
    """

    file: str
    model: str
    side: str
    frames: int
    steps: int
    seed: int
    rate: float = 0.01
    channels: int = 16
    seconds: float | None = None

    def progress(self, times: Sequence[float]) -> float:
        """What share of the training is done after steps that took such times."""
        return len(times) / self.steps if self.seconds is None else sum(times) / self.seconds


Predict = Callable[[Sequence[Any]], tuple[Tensor, Tensor]]
"""Energies and forces of some frames, each prepared."""


# the models -----------------------------------------------------------------------------------------------------------


def here(model: str, told: Statistics, seed: int) -> tuple[torch.nn.Module, Callable[[Any], Any], Predict]:
    """A potential of this library, how a frame is prepared, and how it predicts."""
    from intertwine.catalog import O3
    from intertwine.models import MACE, Allegro, NequIP, Potential, atom_graph, batch_graphs

    torch.manual_seed(seed)
    known = {"neighbours": told.neighbours}
    if model == "NequIP":
        hidden = told.channels * O3.rep("0e + 0o + 1o + 1e + 2e + 2o")
        network: Any = NequIP(len(told.elements), CUTOFF, hidden, layers=3, channels=len(told.elements), **known)
    elif model == "MACE":
        network = MACE(len(told.elements), CUTOFF, told.channels * O3.rep("0e + 1o"), degree=2, **known)
    else:
        hidden = told.channels * O3.rep("0e + 0o + 1o + 1e + 2e + 2o")
        network = Allegro(len(told.elements), CUTOFF, hidden, scalars=2 * told.channels, **known)
    potential = Potential(network, told.elements, scale=told.scale).train()

    def prepare(atoms: Any) -> Any:
        return atom_graph(atoms, told.elements, CUTOFF, dtype=torch.float32)

    def predict(frames: Sequence[Any]) -> tuple[Tensor, Tensor]:
        found = potential(batch_graphs(frames))
        return found["energy"], found["forces"]

    return potential, prepare, predict


def nequip(model: str, told: Statistics, seed: int) -> tuple[torch.nn.Module, Callable[[Any], Any], Predict]:
    """A potential of nequip or of nequip-allegro, likewise."""
    given = (told.elements, CUTOFF, told.neighbours)
    if model == "NequIP":
        potential = nequip_model(*given, scale=told.scale, seed=seed, num_layers=3, num_features=told.channels)
    else:
        sizes = {"num_scalar_features": 2 * told.channels, "num_tensor_features": told.channels}
        potential = allegro_model(*given, scale=told.scale, seed=seed, **sizes)
    potential.train()

    def prepare(atoms: Any) -> Any:
        return nequip_graph(Atoms(atoms.numbers, atoms.positions), told.elements, CUTOFF)

    def predict(frames: Sequence[Any]) -> tuple[Tensor, Tensor]:
        found = potential(nequip_batch(frames))
        return found["total_energy"][:, 0], found["forces"]

    return potential, prepare, predict


def mace(_: str, told: Statistics, seed: int) -> tuple[torch.nn.Module, Callable[[Any], Any], Predict]:
    """A potential of mace-torch, likewise."""
    torch.manual_seed(seed)
    hidden = f"{told.channels}x0e + {told.channels}x1o"
    changes = {"max_ell": 2, "atomic_inter_scale": told.scale}
    potential = mace_model(told.elements, hidden, CUTOFF, told.neighbours, **changes).train()

    def prepare(atoms: Any) -> Any:
        return mace_graph(Atoms(atoms.numbers, atoms.positions), told.elements, CUTOFF)

    def predict(frames: Sequence[Any]) -> tuple[Tensor, Tensor]:
        found = potential(mace_batch(frames), training=True, compute_force=True)
        return found["energy"], found["forces"]

    return potential, prepare, predict


# one training ---------------------------------------------------------------------------------------------------------


def statistics_of(frames: Sequence[Any], channels: int) -> Statistics:
    elements = sorted({int(number) for atoms in frames for number in atoms.numbers})
    pairs = [(atoms.get_all_distances() < CUTOFF).sum() - len(atoms) for atoms in frames]
    forces = np.concatenate([atoms.get_forces() for atoms in frames])
    atoms_in_all = sum(map(len, frames))
    return Statistics(elements, float(sum(pairs)) / atoms_in_all, float(np.sqrt((forces**2).mean())), channels)


def share_of_rate(progress: float) -> float:
    """What is left of the learning rate when a share of the steps is done: it rises, and falls as a cosine."""
    if progress < WARMUP:
        return max(progress / WARMUP, 1e-3)
    falling = (progress - WARMUP) / (1 - WARMUP)
    return LAST + (1 - LAST) * (1 + math.cos(math.pi * falling)) / 2


def train(run: Run) -> dict[str, Any]:
    """Train, and measure errors on held-out frames in meV per atom and meV/Å, and CPU time."""
    everything: list[Any] = read(run.file, ":")
    held_out, rest = everything[-HELD_OUT:], everything[:-HELD_OUT]
    random = np.random.default_rng(run.seed)
    frames = [rest[n] for n in random.choice(len(rest), run.frames, replace=False)]
    make = here if run.side == "here" else {"nequip": nequip, "mace": mace}[MODELS[run.model][0]]
    model, prepare, predict = make(run.model, statistics_of(frames, run.channels), run.seed)
    ready, size = [prepare(atoms) for atoms in frames], len(frames[0])
    shift = float(np.mean([atoms.get_potential_energy() for atoms in frames]))
    energies = torch.tensor([atoms.get_potential_energy() - shift for atoms in frames])
    forces = torch.tensor(np.stack([atoms.get_forces() for atoms in frames]), dtype=torch.float32)
    weights = [p for p in model.parameters() if p.requires_grad]
    averages = [p.detach().clone() for p in weights]
    optimiser = torch.optim.AdamW(weights, run.rate, weight_decay=0.0)
    order: list[int] = []
    times: list[float] = []
    while (progress := run.progress(times)) < 1:
        if len(order) < BATCH:
            order += random.permutation(len(frames)).tolist()
        batch, order = order[:BATCH], order[BATCH:]
        start = time.process_time()
        optimiser.param_groups[0]["lr"] = run.rate * share_of_rate(progress)
        energy, force = predict([ready[n] for n in batch])
        loss = ENERGY * ((energy - energies[batch]) / size).square().mean()
        loss = loss + FORCES * (force - forces[batch].flatten(0, 1)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimiser.step()
        decay = min(DECAY, (1 + len(times)) / (10 + len(times)))
        torch._foreach_lerp_(averages, [p.detach() for p in weights], 1 - decay)
        times.append(time.process_time() - start)
    with torch.no_grad():
        for p, average in zip(weights, averages, strict=True):
            p.copy_(average)
    return {
        **errors([prepare(atoms) for atoms in held_out], held_out, predict, shift),
        "steps": len(times),
        "step": 1e3 * float(np.median(times)),
        "cpu": float(sum(times)),
        "parameters": sum(p.numel() for p in weights),
    }


def errors(ready: Sequence[Any], frames: Sequence[Any], predict: Predict, shift: float) -> dict[str, float]:
    """Mean absolute errors of energies, meV per atom, and of forces, meV/Å."""
    of_energies, of_forces = [], []
    for start in range(0, len(ready), 10):
        energy, force = predict(ready[start : start + 10])
        part = frames[start : start + 10]
        labels = np.array([atoms.get_potential_energy() for atoms in part]) - shift
        of_energies.append(np.abs(energy.detach().numpy() - labels) / len(part[0]))
        of_forces.append(np.abs(force.detach().numpy() - np.concatenate([atoms.get_forces() for atoms in part])))
    return {"energy": 1e3 * float(np.concatenate(of_energies).mean()), "forces": 1e3 * float(np.mean(of_forces))}


# all of them ----------------------------------------------------------------------------------------------------------


def asked(run: Run, python: str) -> dict[str, Any]:
    """Train in a process of its own with one thread, with the Python that has the package."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    # The tables of e3nn 0.4.4, which mace-torch needs, are pickled.
    environment = os.environ | threads | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    environment["PYTHONPATH"] = str(ROOT / "src") if run.side == "here" else ""
    command = [python, __file__, run.file, "--one", json.dumps(asdict(run))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{run} failed:\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def row(run: Run, told: dict[str, Any], package: str) -> str:
    where = "here" if run.side == "here" else package
    numbers = f"{told['energy']:.2f} | {told['forces']:.1f} | {told['step']:.0f} | {told['cpu']:.0f}"
    return f"| {run.model} | {where} | {told['parameters']} | {run.frames} | {told['steps']} | {run.seed} | {numbers} |"


Results = dict[tuple[str, str], dict[int, list[dict[str, Any]]]]
"""By model and whose it is, and by the number of frames: what was found for each seed."""


def means(results: Results, frames: Sequence[int]) -> str:
    """A table of the means over seeds, and of half of the range between the best and the worst of them."""
    columns = [f"{words}, {count} frames" for words in ("energy, meV/atom", "forces, meV/Å") for count in frames]
    lines = [
        f"| {' | '.join(['model', 'whose', 'weights', 'steps', 'ms a step', *columns])} |",
        f"|---|---|{'---:|' * (3 + len(columns))}",
    ]
    for (model, whose), by_frames in results.items():
        every = [told for seeds in by_frames.values() for told in seeds]
        steps, time = (f"{np.median([told[name] for told in every]):.0f}" for name in ("steps", "step"))
        cells = [
            f"{np.mean(values):.{digits}f} ± {np.ptp(values) / 2:.{digits}f}"
            for name, digits in (("energy", 2), ("forces", 1))
            for values in ([told[name] for told in by_frames[count]] for count in frames)
        ]
        lines.append(f"| {' | '.join([model, whose, str(every[0]['parameters']), steps, time, *cells])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="frames with energies and forces, of one molecule")
    parser.add_argument("--nequip", help="a Python that has nequip and nequip-allegro")
    parser.add_argument("--mace", help="a Python that has mace-torch")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--frames", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seconds", type=float, help="of CPU time for each training, instead of steps")
    parser.add_argument("--channels", type=int, default=16, help="of each irrep")
    parser.add_argument("--rate", type=float, default=0.01, help="the largest learning rate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--side", choices=["here", "there"], help="only this one")
    parser.add_argument("--quick", action="store_true", help="few frames and steps")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.one:
        print(json.dumps(train(Run(**json.loads(options.one)))))
        return
    frames, steps = ([10], 5) if options.quick else (options.frames, options.steps)
    known = {"rate": options.rate, "channels": options.channels, "seconds": options.seconds}
    pythons = {"nequip": options.nequip, "mace": options.mace}
    print("| model | whose | weights | frames | steps | seed | energy, meV/atom | forces, meV/Å | ms a step | CPU, s |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results: Results = {}
    for model in options.model or MODELS:
        environment, package = MODELS[model]
        sides = {"here": sys.executable, "there": pythons[environment]}
        for count in frames:
            for seed in options.seeds:
                for side, python in sides.items():
                    if python and options.side in (None, side):
                        run = Run(options.file, model, side, count, steps, seed, **known)
                        told = asked(run, python)
                        print(row(run, told, package), flush=True)
                        whose = "here" if side == "here" else package
                        results.setdefault((model, whose), {}).setdefault(count, []).append(told)
    print(f"\n{means(results, frames)}")


if __name__ == "__main__":
    main()
