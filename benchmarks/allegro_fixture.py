"""Record small models of nequip-allegro, weights and numbers: `python benchmarks/allegro_fixture.py`, with 0.8 of it.

Writes `tests/data_files/allegro_0.8.npz`, against which `intertwine.interop.allegro` is tested where it is not
installed. Weights are drawn by their names, so that their shapes are enough.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nequip.utils.global_state import set_global_state

set_global_state()

from allegro.model import AllegroModel  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from mace_cases import NEIGHBOURS, cluster, drawn, packed  # noqa: E402

CASES: dict[str, dict[str, Any]] = {
    "two layers": {},
    "three layers": {"num_layers": 3, "allegro_mlp_hidden_layers_depth": 2, "l_max": 2},
    "no parity": {"num_layers": 3, "parity": False, "radial_chemical_embed_dim": 6, "type_names": ["O"]},
    "one layer": {"num_layers": 1, "l_max": 3},
}


def recorded(options: dict[str, Any]) -> dict[str, np.ndarray]:
    """The weights and the numbers of a model."""
    given: dict[str, Any] = {
        "seed": 0,
        "model_dtype": "float64",
        "r_max": 4.0,
        "type_names": ["H", "C", "O"],
        "l_max": 1,
        "num_layers": 2,
        "num_scalar_features": 8,
        "num_tensor_features": 3,
        "scalar_embed_mlp_hidden_layers_width": 5,
        "allegro_mlp_hidden_layers_width": 6,
        "readout_mlp_hidden_layers_width": 4,
        "radial_chemical_embed": {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 4},
        "avg_num_neighbors": NEIGHBOURS,
        **options,
    }
    kinds = given["type_names"]
    given["per_type_energy_shifts"] = dict(zip(kinds, (-1.0, -2.0, -3.0), strict=False))
    given["per_type_energy_scales"] = dict(zip(kinds, (0.5, 0.6, 0.7), strict=False))
    model = AllegroModel(**given)
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(torch.from_numpy(drawn(name, tuple(parameter.shape))))
    atoms = cluster(len(kinds))
    edges, count = torch.tensor(atoms["edges"]), len(atoms["species"])
    found = model(
        {
            "pos": torch.tensor(atoms["positions"]),
            "edge_index": edges,
            "edge_cell_shift": torch.zeros(edges.shape[1], 3, dtype=torch.float64),
            "cell": 20 * torch.eye(3, dtype=torch.float64)[None],
            "atom_types": torch.tensor(atoms["species"]),
            "batch": torch.zeros(count, dtype=torch.int64),
            "num_atoms": torch.tensor([count]),
        }
    )
    parts = {
        "shape": {name: np.array(value.shape) for name, value in weights.items()},
        "table": {
            name: value.numpy()
            for name, value in model.state_dict().items()
            if name not in weights and value.numel() and "w3j" not in name
        },
        "out": {
            **atoms,
            "energy": found["total_energy"].detach().numpy()[:, 0],
            "energies": found["atomic_energy"].detach().numpy()[:, 0],
            "forces": found["forces"].detach().numpy(),
        },
    }
    return {f"{part}/{key}": value for part, values in parts.items() for key, value in values.items()}


if __name__ == "__main__":
    found = {f"{name}/{key}": value for name, options in CASES.items() for key, value in recorded(options).items()}
    target = ROOT / "tests" / "data_files" / "allegro_0.8.npz"
    np.savez_compressed(target, **packed(found))
    print(len(CASES), "models,", target.stat().st_size, "bytes")
