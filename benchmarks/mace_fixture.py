"""Record small models of mace-torch, weights and numbers: `python benchmarks/mace_fixture.py`, with mace-torch 0.3.16.

Writes `tests/data_files/mace_0.3.16.npz`, against which `intertwine.interop.mace` is tested where mace is not
installed. Weights are drawn by their names, so that their shapes are enough. Of the tables of couplings those of two
models are kept, of which one was made by cuequivariance, which must be installed too.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # the tables of e3nn 0.4.4 are pickled

import numpy as np
import torch
from e3nn import o3
from mace import modules
from mace.tools import cg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "interop"))  # some package there has a `tests` of its own

from mace_cases import NEIGHBOURS, cluster, drawn, packed  # noqa: E402

RESIDUAL, PLAIN = "RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock"
DENSE, DENSE_RESIDUAL = "RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"

CASES: dict[str, dict[str, Any]] = {
    "residual": {},
    "tables": {"hidden_irreps": "2x0e + 2x1o", "correlation": 2, "atomic_numbers": [8], "max_ell": 1},
    "reduced tables": {"use_reduced_cg": True, "max_ell": 1},
    "plain first": {"interaction_cls_first": PLAIN, "hidden_irreps": "3x0e", "max_ell": 3},
    "plain": {"interaction_cls_first": PLAIN, "interaction_cls": PLAIN, "max_ell": 2, "hidden_irreps": "2x0e + 2x1o"},
    "density": {
        "interaction_cls_first": DENSE,
        "interaction_cls": DENSE_RESIDUAL,
        "hidden_irreps": "2x0e + 2x1o + 2x2e",
        "distance_transform": "Agnesi",
        "pair_repulsion": True,
        "max_ell": 3,
    },
    "order 1": {"correlation": 1, "atomic_numbers": [1, 6, 7, 8, 9]},
    "orders": {"correlation": [3, 2, 1], "num_interactions": 3, "max_ell": 1},
    "one layer": {"num_interactions": 1, "hidden_irreps": "2x0e"},
    "order 4": {"correlation": 4, "max_ell": 1, "hidden_irreps": "2x0e + 2x1o"},
    "agnostic": {"use_agnostic_product": True, "use_last_readout_only": True, "radial_MLP": [5]},
    "heads": {"heads": ["one", "two"], "atomic_energies": [[-1.0, -3.0, -5.0], [-2.0, -4.0, -6.0]]},
    "no scale": {"atomic_inter_scale": None},
}


def model_of(options: dict[str, Any]) -> Any:
    """A model with random weights."""
    given: dict[str, Any] = {
        "r_max": 4.0,
        "num_bessel": 4,
        "num_polynomial_cutoff": 5,
        "max_ell": 2,
        "interaction_cls": RESIDUAL,
        "interaction_cls_first": RESIDUAL,
        "num_interactions": 2,
        "hidden_irreps": "3x0e + 3x1o",
        "MLP_irreps": o3.Irreps("4x0e"),
        "gate": torch.nn.functional.silu,
        "avg_num_neighbors": NEIGHBOURS,
        "atomic_numbers": [1, 6, 8],
        "correlation": 3,
        "radial_MLP": [6, 5],
        "use_reduced_cg": False,
        "atomic_inter_scale": 0.8,
        "atomic_inter_shift": 0.1,
        **options,
    }
    count = given["num_elements"] = len(given["atomic_numbers"])
    given["hidden_irreps"] = o3.Irreps(given["hidden_irreps"])
    given["atomic_energies"] = np.array(given.get("atomic_energies", -1.0 - 2 * np.arange(count)))
    for name in ("interaction_cls", "interaction_cls_first"):
        given[name] = modules.interaction_classes[given[name]]
    kind = modules.ScaleShiftMACE
    if len(given.get("heads", "")) > 1:
        given |= {"atomic_inter_scale": [0.8, 0.7], "atomic_inter_shift": [0.1, 0.2]}
    if given["atomic_inter_scale"] is None:
        kind = modules.MACE
        del given["atomic_inter_scale"], given["atomic_inter_shift"]
    model = kind(**given)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(drawn(name, tuple(parameter.shape))))
    return model


def run(model: Any, atoms: dict[str, Any], head: int) -> dict[str, np.ndarray]:
    """Energies and forces."""
    edges, count = torch.tensor(atoms["edges"]), len(atoms["species"])
    given = {
        "positions": torch.tensor(atoms["positions"], requires_grad=True),
        "edge_index": edges,
        "shifts": torch.zeros(edges.shape[1], 3),
        "unit_shifts": torch.zeros(edges.shape[1], 3),
        "cell": torch.zeros(3, 3),
        "node_attrs": torch.nn.functional.one_hot(torch.tensor(atoms["species"]), len(model.atomic_numbers)).to(
            torch.float64
        ),
        "batch": torch.zeros(count, dtype=torch.int64),
        "ptr": torch.tensor([0, count]),
        "head": torch.tensor([head]),
    }
    found = model(given, compute_force=True)
    return {
        name: found[key].detach().numpy()
        for name, key in (("energy", "energy"), ("energies", "node_energy"), ("forces", "forces"))
    }


def recorded(name: str) -> dict[str, np.ndarray]:
    """The weights and the numbers of a model."""
    model = model_of(CASES[name])
    atoms = cluster(len(model.atomic_numbers))
    head = len(model.heads) - 1
    drawn_here = dict(model.named_parameters())
    tables = {
        key: value.numpy()
        for key, value in model.state_dict().items()
        if value.numel() and key not in drawn_here and ("tables" in name or not re.search("U_matrix|mask|_w3j", key))
    }
    shapes = {key: np.array(value.shape) for key, value in drawn_here.items() if value.numel()}
    numbers = {**atoms, **run(model, atoms, head), "head": np.array(head)}
    parts = {"table": tables, "shape": shapes, "out": numbers}
    return {f"{part}/{key}": value for part, values in parts.items() for key, value in values.items()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    assert cg.CUET_AVAILABLE
    found = {f"{name}/{key}": value for name in CASES for key, value in recorded(name).items()}
    target = ROOT / "tests" / "data_files" / "mace_0.3.16.npz"
    np.savez_compressed(target, **packed(found))
    print(len(CASES), "models,", target.stat().st_size, "bytes")
