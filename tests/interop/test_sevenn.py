"""Checkpoints of SevenNet give here what they give in sevenn's own code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase.stress import full_3x3_to_voigt_6_stress

from intertwine.errors import ArgumentError
from intertwine.interop.sevenn import load
from intertwine.models import Potential, atom_graph
from tests.interop.package_runs import structures
from tests.interop.packages import RECORDED, on_e3nn
from tests.interop.sevenn_variants import VARIANTS

ACCEPTED = {"energy": 1e-5, "forces": 1e-4, "stress": 1e-5}
"""In float32: eV for an atom, eV/Å and eV/Å³."""

REFUSED = {
    "unreachable": "the features 6x0e.3x1o.2x2e behind layer 0",
    "cuequivariance": "made with cuequivariance_config True",
    "another activation": "made with act_radial 'tanh'",
}


def results(model: Potential, atoms: Any) -> dict[str, np.ndarray]:
    found = model(atom_graph(atoms, model.elements, model.cutoff), stress=True)
    return {
        "energy": found["energy"].numpy()[0] / len(atoms),
        "forces": found["forces"].numpy(),
        "stress": full_3x3_to_voigt_6_stress(found["stress"][0].numpy()),
    }


@pytest.mark.slow
def test_checkpoints_give_their_energies_forces_and_stresses(tmp_path: Path) -> None:
    """The four of the wheel, and random ones of other options; what the network lacks is said."""
    wanted = on_e3nn("sevenn_variants.py", "sevenn", tmp_path)
    names = [name.removesuffix("/file") for name in wanted if name.endswith("/file")]
    assert len(names) == 5 + len(VARIANTS)
    for name in names:
        path, modal = str(wanted[f"{name}/file"]), str(wanted[f"{name}/modal"]) or None
        if name in REFUSED:
            with pytest.raises(ArgumentError, match=REFUSED[name]):
                load(path, modal)
            continue
        model = load(path, modal)
        for which, atoms in structures().items():
            for what, values in results(model, atoms).items():
                assert np.abs(values - wanted[f"{name}/{which}/{what}"]).max() <= ACCEPTED[what], (name, which, what)
        if modal:
            with pytest.raises(ArgumentError, match="modal="):
                load(path, "another")
    exactly_as_recorded(str(wanted["SevenNet-0/file"]))


def exactly_as_recorded(path: str) -> None:
    """In float64 energies and forces of e3nn with unrounded tables, of vectors that sevenn rounds to float32."""
    model, recorded = load(path, dtype=torch.float64), dict(np.load(RECORDED / "sevenn.npz"))
    graph = atom_graph(structures()["strained"], model.elements, model.cutoff)
    vectors = graph.vectors().float().double().requires_grad_()
    energies = model.network(graph.species, graph.edges, vectors)[:, 0] * model.scale[graph.species]
    energy = (energies + model.references[graph.species]).sum()
    (slopes,) = torch.autograd.grad(energy, vectors)
    source, target = graph.edges
    forces = torch.zeros_like(graph.positions).index_add(0, source, slopes).index_add(0, target, -slopes)
    assert abs(energy.item() - recorded["float64/energy"]) < 1e-12
    assert np.abs(forces.numpy() - recorded["float64/forces"]).max() < 1e-12


class Payload:
    """What a checkpoint must not run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def test_files_that_are_no_checkpoints_are_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError, match="There is no file"):
        load(tmp_path / "nothing.pth")
    files = {"text.pth": b"no zip", "empty.pth": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    torch.save({"weights": torch.ones(3)}, tmp_path / "other.pth")
    torch.save({"config": Payload(), "model_state_dict": {}}, tmp_path / "code.pth")
    for name in (*files, "other.pth", "code.pth"):
        with pytest.raises(ArgumentError, match=f"{name} is no checkpoint of SevenNet"):
            load(tmp_path / name)
    assert capsys.readouterr().out == ""
