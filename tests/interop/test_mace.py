"""Potentials of mace-torch, loaded from their state dicts: energies and forces of mace, as recorded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine.interop.mace import load
from intertwine.models import AtomGraph, Potential
from tests.interop.mace_cases import NEIGHBOURS, drawn, unpacked

RECORDED = unpacked(np.load(Path(__file__).parents[1] / "data_files" / "mace_0.3.16.npz"))
CASES = list(dict.fromkeys(name.split("/")[0] for name in RECORDED))

State = dict[str, torch.Tensor]


def part(case: str, kind: str) -> dict[str, np.ndarray]:
    begin = f"{case}/{kind}/"
    return {name.removeprefix(begin): value for name, value in RECORDED.items() if name.startswith(begin)}


def state_of(case: str) -> State:
    shapes = {name: drawn(name, tuple(shape)) for name, shape in part(case, "shape").items()}
    return {name: torch.from_numpy(np.array(value)) for name, value in (part(case, "table") | shapes).items()}


def atoms_of(case: str) -> AtomGraph:
    out = {name: torch.from_numpy(value) for name, value in part(case, "out").items()}
    zeros = torch.zeros(1, 3, 3, dtype=torch.float64)
    shifts = torch.zeros(out["edges"].shape[1], 3, dtype=torch.float64)
    return AtomGraph(out["positions"], out["species"], out["edges"], shifts, zeros, torch.zeros(6, dtype=torch.int64))


def loaded(case: str) -> Potential:
    return load(state_of(case), neighbours=NEIGHBOURS, head=int(part(case, "out")["head"]))


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_mace(case: str) -> None:
    """Residual blocks and others, densities, orders 1 to 4, one to five elements, irreps up to 2e, several heads."""
    found, wanted = loaded(case)(atoms_of(case)), part(case, "out")
    for name in ("energy", "energies", "forces"):
        scale = max(1.0, float(np.abs(wanted[name]).max()))
        assert np.abs(found[name].numpy() - wanted[name]).max() <= 1e-10 * scale, name
