"""Dipoles and polarisabilities of ethanol along a trajectory: targets that turn with the molecule.

Frames of a molecular dynamics at 500 K and their labels are made on the spot with GFN2-xTB (tblite): dipoles, vectors,
and polarisabilities, symmetric tensors that split into an invariant and an irrep of degree 2, by differences of dipoles
in small fields. One network learns both at once; the test is later frames, each in a pose of its own.

    pip install 'intertwine[all]' tblite ase
    python examples/dipoles.py
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import intertwine as tw
from intertwine import nn
from intertwine.interop.e3nn import io

SPECIES = (1, 6, 8)
FIELD = 2e-3  # atomic units
CARTESIAN = io.CartesianTensor("ij=ji")  # 1x0e + 1x2e
CUTOFF = 4.5  # Å: all pairs of ethanol


@dataclass(frozen=True)
class Frames:
    """Frames of one molecule.

    Args:
        numbers: the elements `(atoms,)`.
        positions: `(frames, atoms, 3)` in Å.
        dipoles: `(frames, 3)` in e Å.
        polarisabilities: `(frames, 3, 3)` in atomic units.
    """

    numbers: np.ndarray
    positions: np.ndarray
    dipoles: np.ndarray
    polarisabilities: np.ndarray

    def __getitem__(self, which: slice) -> Frames:
        return Frames(self.numbers, self.positions[which], self.dipoles[which], self.polarisabilities[which])

    def turned(self, seed: int) -> Frames:
        """Each frame in a pose of its own, rotated or mirrored."""
        g = tw.O3.sample(len(self.positions), seed)
        return Frames(
            self.numbers,
            np.einsum("nij,naj->nai", g, self.positions),
            np.einsum("nij,nj->ni", g, self.dipoles),
            np.einsum("nij,njk,nlk->nil", g, self.polarisabilities, g),
        )


def trajectory(count: int, seed: int = 0) -> Frames:
    """Frames of ethanol, twenty steps of 0.5 fs apart."""
    from ase import units
    from ase.build import molecule
    from ase.md.langevin import Langevin
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
    from tblite.ase import TBLite

    atoms, random = molecule("CH3CH2OH"), np.random.RandomState(seed)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=500, rng=random)
    dynamics = Langevin(atoms, 0.5 * units.fs, temperature_K=500, friction=0.02 / units.fs, rng=random)
    dynamics.run(200)
    positions, dipoles, polarisabilities = [], [], []
    for _ in range(count):
        dynamics.run(20)
        positions.append(atoms.get_positions() - atoms.get_center_of_mass())
        dipoles.append(atoms.get_dipole_moment())
        polarisabilities.append(polarisability(atoms.numbers, positions[-1]))
    return Frames(atoms.numbers, *map(np.array, (positions, dipoles, polarisabilities)))


def polarisability(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """`α_ij = ∂μ_i / ∂E_j` in atomic units, by central differences."""
    from ase.units import Bohr
    from tblite.interface import Calculator
    from tblite.library import ffi

    def dipole(field: np.ndarray) -> np.ndarray:
        calculator = Calculator("GFN2-xTB", numbers, positions / Bohr)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", 0.01)
        calculator.add("electric-field", ffi.cast("double*", ffi.from_buffer(field)))
        return calculator.singlepoint().get("dipole")

    columns = [(dipole(FIELD * e) - dipole(-FIELD * e)) / (2 * FIELD) for e in np.eye(3)]
    alpha = np.stack(columns, 1)
    return (alpha + alpha.T) / 2


class Network(torch.nn.Module):
    """Convolutions over pairs of atoms, and the sums of what each atom gives."""

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        group, radial = tw.O3, nn.radial.BesselBasis(cutoff=CUTOFF, number=8)
        self.target = group.rep("1x1o + 1x0e + 1x2e")
        rep, layers = group.rep(f"{len(SPECIES)}x0e"), []
        for _ in range(2):
            gate = nn.Gate(group.rep("24x0e + 8x1o + 8x2e"))
            layers += [nn.PointConv(rep, gate.rep_in, radial, hidden=(16,), neighbours=8), gate]
            rep = gate.rep_out
        self.layers, self.read = nn.Sequential(*layers), nn.Linear(rep, self.target)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor, frame: Tensor) -> Tensor:
        y = self.read(self.layers(species, edges, vectors))
        whole = y.new_zeros(int(frame[-1]) + 1, y.shape[1]).index_add(0, frame, y)
        return whole * self.scale + self.mean


def inputs(frames: Frames) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Species, edges between all atoms of a frame, their vectors, and the frame of each atom."""
    count, size = frames.positions.shape[:2]
    points = torch.tensor(frames.positions, dtype=torch.float32).reshape(-1, 3)
    pairs = torch.tensor([(a, b) for a in range(size) for b in range(size) if a != b]).T
    edges = (pairs[:, None] + size * torch.arange(count)[:, None]).reshape(2, -1)
    kinds = torch.tensor([SPECIES.index(number) for number in frames.numbers]).repeat(count)
    species = torch.nn.functional.one_hot(kinds, len(SPECIES)).float()
    return species, edges, points[edges[1]] - points[edges[0]], torch.arange(count).repeat_interleave(size)


def targets(frames: Frames) -> Tensor:
    """Dipoles and polarisabilities as features `1x1o + 1x0e + 1x2e`."""
    alpha = CARTESIAN.from_cartesian(torch.tensor(frames.polarisabilities, dtype=torch.float32))
    return torch.cat([torch.tensor(frames.dipoles, dtype=torch.float32), alpha], 1)


def parts(y: Tensor) -> dict[str, Tensor]:
    return {"dipole": y[:, :3], "isotropic polarisability": y[:, 3:4], "anisotropic polarisability": y[:, 4:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="few frames and epochs")
    options = parser.parse_args()
    count, epochs = (12, 2) if options.quick else (options.frames, options.epochs)
    start = time.perf_counter()
    frames = trajectory(count)
    print(f"{count} frames and their labels: {time.perf_counter() - start:.0f} s")
    train, test = frames[: 2 * count // 3], frames[2 * count // 3 :].turned(seed=1)
    wanted = targets(train)
    # Only invariants have a mean that a network may add; scales are one for each irrep.
    mean = torch.zeros(9).index_fill(0, torch.tensor(3), wanted[:, 3].mean().item())
    sizes = [
        (part - (part.mean() if n == 1 else 0)).square().mean().sqrt() for n, part in enumerate(parts(wanted).values())
    ]
    scale = torch.repeat_interleave(torch.stack(sizes), torch.tensor([3, 1, 5]))
    torch.manual_seed(0)
    net = Network(mean, scale)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    steps = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    start = time.perf_counter()
    for _ in range(epochs):
        for batch in torch.randperm(len(wanted)).split(16):
            given = Frames(train.numbers, train.positions[batch], train.dipoles[batch], train.polarisabilities[batch])
            loss = ((net(*inputs(given)) - wanted[batch]) / scale).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        steps.step()
    print(f"{sum(p.numel() for p in net.parameters())} weights, {epochs} epochs: {time.perf_counter() - start:.0f} s")
    with torch.no_grad():
        found, right = parts(net(*inputs(test))), parts(targets(test))
    print("| target | mean error | mean size of what varies |")
    print("| --- | ---: | ---: |")
    for name, y in right.items():
        spread = y - y.mean(0) if name.startswith("iso") else y
        print(f"| {name} | {(found[name] - y).norm(dim=1).mean():.4f} | {spread.norm(dim=1).mean():.4f} |")


if __name__ == "__main__":
    main()
