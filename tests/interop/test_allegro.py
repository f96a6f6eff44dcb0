"""Potentials of nequip-allegro, loaded from their state dicts: energies and forces of theirs, as recorded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine.errors import ArgumentError
from intertwine.interop.allegro import load
from intertwine.models import AtomGraph, Potential
from tests.interop.mace_cases import NEIGHBOURS, part, state_of, unpacked

RECORDED = unpacked(np.load(Path(__file__).parents[1] / "data_files" / "allegro_0.8.npz"))
CASES = list(dict.fromkeys(name.split("/")[0] for name in RECORDED))


def tensors_of(case: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in state_of(RECORDED, case).items()}


def loaded(case: str, state: dict[str, torch.Tensor]) -> Potential:
    elements = [8] if case == "no parity" else [1, 6, 8]
    return load(state, elements, neighbours=NEIGHBOURS, parity=case != "no parity")


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_allegro(case: str) -> None:
    """One to three layers, degrees 1 to 3, with and without tensors of the other parity."""
    out = part(RECORDED, case, "out")
    given = {name: torch.from_numpy(value) for name, value in out.items()}
    edges = given["edges"].flip(0)  # theirs begin at the centre, ours end there
    zeros = torch.zeros(edges.shape[1], 3, dtype=torch.float64)
    graph = AtomGraph(
        given["positions"], given["species"], edges, zeros, zeros[:3][None], torch.zeros(6, dtype=torch.int64)
    )
    found = loaded(case, tensors_of(case))(graph)
    for name in ("energy", "energies", "forces"):
        scale = max(1.0, float(np.abs(out[name]).max()))
        assert np.abs(found[name].numpy() - out[name]).max() <= 1e-10 * scale, name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.func.pair_potential.a": torch.ones(1)}, "parts that this library's Allegro has not: pair_potential.a"),
        ({"model.func.edge_norm._rmax_recip": None}, "lacks edge_norm._rmax_recip"),
        ({"model.func.radial_chemical_embed.bessel_encode.bessel_weights": torch.ones(1, 4)}, "were trained"),
    ],
)
def test_what_cannot_be_loaded_is_said(change: dict[str, torch.Tensor | None], words: str) -> None:
    given = {**tensors_of("two layers"), **change}
    with pytest.raises(ArgumentError, match=words):
        loaded("two layers", {name: value for name, value in given.items() if value is not None})
