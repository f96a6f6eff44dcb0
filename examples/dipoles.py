"""Tensors of ethanol along a trajectory, learned beside each other: targets that turn with the molecule.

Frames of a molecular dynamics at 500 K and their labels are made on the spot with GFN2-xTB (tblite). Dipoles are
vectors, `1x1o`; polarisabilities symmetric tensors, `ij=ji`: an invariant and an irrep of degree 2. Polar tensors, the
derivatives of the dipole by the position of each atom, are tensors without any symmetry, `ij`, as shieldings of NMR
are: their antisymmetric part is a pseudovector, `1x1e`. The test is later frames, each in a pose of its own, rotated or
mirrored.

    pip install 'intertwine[potentials]' tblite
    python examples/dipoles.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import write
from make_frames import labelled, polar_tensors, polarisability, structure, trajectory

from intertwine.catalog import O3
from intertwine.errors import IntertwineError
from intertwine.models import Potential, atom_graph
from intertwine.training import configuration_of, train

TARGETS: dict[str, dict[str, Any]] = {
    "dipole": {"rep": "1x1o"},
    "polarisability": {"tensor": "ij=ji"},
    "polar_tensors": {"tensor": "ij", "total": False},
}
MODEL: dict[str, Any] = {
    "network": "NequIP",
    "cutoff": 4.5,  # Å: all pairs of ethanol
    "options": {"hidden": "24x0e + 8x1o + 8x1e + 8x2e", "layers": 2},
    "targets": TARGETS,
}


def frames_of_ethanol(count: int) -> list[Atoms]:
    frames = [labelled(atoms) for atoms in trajectory(structure("ethanol"), count, every=20)]
    for frame in frames:
        frame.info["polarisability"] = polarisability(frame)
        frame.arrays["polar_tensors"] = polar_tensors(frame).reshape(-1, 9)
    return frames


def turned(frame: Atoms, g: np.ndarray) -> Atoms:
    """A frame and its labels in another pose."""
    found = Atoms(frame.numbers, frame.positions @ g.T)
    tensors = frame.arrays["polar_tensors"].reshape(-1, 3, 3)
    found.info |= {
        "energy": frame.info["energy"],
        "dipole": g @ frame.info["dipole"],
        "polarisability": g @ frame.info["polarisability"] @ g.T,
    }
    found.arrays |= {"forces": frame.arrays["forces"] @ g.T, "polar_tensors": (g @ tensors @ g.T).reshape(-1, 9)}
    return found


def refusal(folder: Path) -> str:
    """What is said to the common mistake: an antisymmetric part that turns as a vector."""
    wrong = {"polar_tensors": {"rep": "1x0e + 1x1o + 1x2e", "tensor": "ij", "total": False}}
    told = {"data": {"train": str(folder / "train.xyz")}, "model": {**MODEL, "targets": wrong}}
    try:
        train(configuration_of({**told, "folder": str(folder / "refused")}))
    except IntertwineError as error:
        return str(error)
    raise SystemExit("A rep that is not that of its tensor was accepted.")


def parts_of(tensors: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of tensors that turn by themselves."""
    trace = np.trace(tensors, axis1=1, axis2=2)[:, None, None] / 3
    even, odd = ((tensors + sign * tensors.swapaxes(1, 2)) / 2 for sign in (1, -1))
    return {"trace": trace, "antisymmetric": odd, "anisotropic": even - trace * np.eye(3)}


def table(model: Potential, frames: list[Atoms]) -> str:
    """Mean errors beside the size of what varies, as lengths of vectors and tensors."""
    with torch.no_grad():
        found = model(atom_graph(frames, model.elements, model.cutoff), forces=False)
    labels = {
        "dipole": np.stack([frame.info["dipole"] for frame in frames]),
        "polarisability": np.stack([frame.info["polarisability"] for frame in frames]),
        "polar_tensors": np.concatenate([frame.arrays["polar_tensors"] for frame in frames]).reshape(-1, 3, 3),
    }
    lines = ["| target | mean error | mean size of what varies |", "| --- | ---: | ---: |"]
    for name, right in labels.items():
        ours = found[name].numpy()
        both = [{"whole": y} if y.ndim == 2 else parts_of(y) for y in (ours, right)]
        for part, y in both[1].items():
            spread = y - y.mean(0) if part == "trace" else y
            sizes = [np.linalg.norm(x.reshape(len(x), -1), axis=1).mean() for x in (both[0][part] - y, spread)]
            if sizes[1] > 1e-9:
                lines.append(f"| {name}, {part} | {sizes[0]:.4f} | {sizes[1]:.4f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="few frames and epochs")
    options = parser.parse_args()
    count, epochs = (12, 2) if options.quick else (options.frames, options.epochs)
    torch.set_num_threads(1)
    start = time.process_time()
    frames = frames_of_ethanol(count)
    print(f"{count} frames and their labels: {time.process_time() - start:.0f} s of CPU")
    learned, test = frames[: 2 * count // 3], frames[2 * count // 3 :]
    test = [turned(frame, g) for frame, g in zip(test, O3.sample(len(test), 1), strict=True)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "train.xyz", learned, format="extxyz")
        print(refusal(folder))
        fit = {"epochs": epochs, "batch_size": 16, "energy": 0.0, "forces": 0.0, "seed": options.seed}
        told = {"data": {"train": str(folder / "train.xyz")}, "model": MODEL, "fit": fit, "folder": str(folder / "run")}
        start = time.process_time()
        model = train(configuration_of(told), say=print).model
    print(f"{epochs} epochs: {time.process_time() - start:.0f} s of CPU")
    print(table(model, test))


if __name__ == "__main__":
    main()
