"""Potentials of mace-torch, loaded from their state dicts: energies and forces of mace, as recorded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.interop.mace import load
from intertwine.interop.mace.couplings import couplings
from intertwine.models import AtomGraph, Potential, load_potential, save_potential
from tests.interop import mace_cases
from tests.interop.mace_cases import NEIGHBOURS, unpacked

RECORDED = unpacked(np.load(Path(__file__).parents[1] / "data_files" / "mace_0.3.16.npz"))
CASES = list(dict.fromkeys(name.split("/")[0] for name in RECORDED))

State = dict[str, torch.Tensor]


def part(case: str, kind: str) -> dict[str, np.ndarray]:
    return mace_cases.part(RECORDED, case, kind)


def state_of(case: str) -> State:
    return {name: torch.from_numpy(np.array(value)) for name, value in mace_cases.state_of(RECORDED, case).items()}


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


def test_tables_may_be_missing() -> None:
    """Couplings are made anew; those of another origin cannot be, and that is said."""
    graph, wanted = atoms_of("tables"), loaded("tables")(atoms_of("tables"))
    state = {name: value for name, value in state_of("tables").items() if "U_matrix" not in name}
    torch.testing.assert_close(load(state, neighbours=NEIGHBOURS)(graph), wanted, rtol=1e-12, atol=1e-12)
    state = {name: value for name, value in state_of("reduced tables").items() if "U_matrix" not in name}
    with pytest.raises(ArgumentError, match="with all U_matrix tables"):
        load(state, neighbours=NEIGHBOURS)


def test_a_table_that_is_no_coupling_is_noticed() -> None:
    state = state_of("tables")
    name = next(name for name in state if name.endswith("U_matrix_2"))
    state[name] = state[name] + 0.1
    with pytest.raises(ArgumentError, match="no polynomial"):
        load(state, neighbours=NEIGHBOURS)


def test_generations_of_e3nn_differ_in_signs() -> None:
    """Couplings of order 3 pass through irreps whose symbols changed their signs: a factor of 1 or −1 for each path."""
    old, new = (couplings([1, 3, 5, 7], 3, 3, convention) for convention in ("0.4.4", "0.5"))
    signs = (old * new).sum((0, 1, 2, 3)) / new.square().sum((0, 1, 2, 3))
    torch.testing.assert_close(signs.abs(), torch.ones_like(signs), rtol=1e-12, atol=0)
    assert set(signs.round().tolist()) == {1.0, -1.0}
    torch.testing.assert_close(old, new * signs, rtol=0, atol=1e-12)


def test_files(tmp_path: Path) -> None:
    """A state dict on disk loads, and so does what this library writes of it; a pickled model is refused in words."""
    graph, model = atoms_of("density"), loaded("density")
    wanted = model(graph)
    torch.save(state_of("density"), tmp_path / "weights.pt")
    torch.testing.assert_close(load(tmp_path / "weights.pt")(graph), wanted, rtol=1e-12, atol=1e-12)
    again = load_potential(save_potential(model, tmp_path / "model.safetensors"))
    torch.testing.assert_close(again(graph), wanted, rtol=0, atol=0)
    torch.save(torch.nn.Linear(1, 1), tmp_path / "pickled.model")
    with pytest.raises(ArgumentError, match=r"pickled model.*state_dict\(\)"):
        load(tmp_path / "pickled.model")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(ArgumentError, match="holds a list"):
        load(tmp_path / "list.pt")
    with pytest.raises(ArgumentError, match="There is no file"):
        load(tmp_path / "missing.pt")


def test_float32_stays() -> None:
    state = {name: v.float() if v.is_floating_point() else v for name, v in state_of("residual").items()}
    model = load(state, neighbours=NEIGHBOURS)
    assert model.dtype == torch.float32
    wanted = part("residual", "out")["energy"]
    assert float(model(atoms_of("residual"))["energy"]) == pytest.approx(float(wanted[0]), rel=1e-5)


def broken(case: str, **changes: torch.Tensor | None) -> State:
    """A state dict with parts replaced, or without those that are None."""
    state = state_of(case) | {name: value for name, value in changes.items() if value is not None}
    return {name: value for name, value in state.items() if changes.get(name, value) is not None}


@pytest.mark.parametrize(
    ("case", "changes", "options", "words"),
    [
        ("residual", {}, {"neighbours": None}, "avg_num_neighbors"),
        ("residual", {"r_max": None}, {}, "lacks r_max"),
        ("residual", {"products.0.linear.weight": None}, {}, "lacks products.0.linear.weight"),
        ("residual", {"interactions.0.source_embedding.weight": torch.ones(3)}, {}, "has parts.*source_embedding"),
        ("residual", {"radial_embedding.bessel_fn.bessel_weights": torch.ones(4)}, {}, "not Bessel's"),
        ("residual", {"radial_embedding.distance_transform.alpha": torch.ones(())}, {}, "not Agnesi's"),
        ("residual", {}, {"hidden": O3.rep("3x0e + 3x2e")}, "dimensions.*1, 3"),
        ("residual", {}, {"head": 1}, "has 1 heads"),
    ],
)
def test_what_cannot_be_loaded_is_said(case: str, changes: State, options: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        load(broken(case, **changes), **{"neighbours": NEIGHBOURS, **options})


class Stand(torch.nn.Module):
    """What is asked of a module of mace: a state dict, and what that does not hold."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.case, self.apply_cutoff = case, True
        self.interactions = torch.nn.ModuleList([torch.nn.Module()])
        self.interactions[0].avg_num_neighbors = NEIGHBOURS

    def state_dict(self) -> State:
        return state_of(self.case)


def test_a_module_tells_more_than_its_state_dict() -> None:
    module = Stand("residual")
    found = load(module)(atoms_of("residual"))["energy"]
    torch.testing.assert_close(found, torch.from_numpy(part("residual", "out")["energy"]), rtol=1e-10, atol=1e-10)
    module.apply_cutoff = False
    with pytest.raises(ArgumentError, match="apply_cutoff=False"):
        load(module)
