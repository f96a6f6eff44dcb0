"""Published packages on e3nn or on the facade, in environments of their own: energies, forces and features.

    python tests/interop/package_runs.py sevenn out.npz            # on intertwine.interop.e3nn
    python tests/interop/package_runs.py sevenn out.npz --e3nn     # on e3nn, as recorded

Nothing of the packages is changed, but one line of sevenn that fixes float32.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

Numbers = dict[str, np.ndarray]


def structures() -> dict[str, Any]:
    """Silicon, rock salt, a molecule in a box, and a strained cell with two atoms."""
    from ase.build import bulk, molecule

    ethanol = molecule("CH3CH2OH", cell=[8.0, 8.5, 9.0], pbc=True)
    ethanol.center()
    strained = bulk("Si")
    strained.set_cell(strained.cell.array @ (np.eye(3) + 0.03 * np.arange(9).reshape(3, 3) / 9), scale_atoms=True)
    found = {
        "silicon": bulk("Si", cubic=True),
        "salt": bulk("NaCl", "rocksalt", a=5.64, cubic=True),
        "ethanol": ethanol,
        "strained": strained,
    }
    for atoms in found.values():
        atoms.rattle(0.05, seed=1)
    return found


def molecule_graph() -> dict[str, np.ndarray]:
    """Ethanol, and its pairs of atoms within 5 Å."""
    atoms = structures()["ethanol"]
    atoms.pbc = False
    apart = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=-1)
    ends = np.argwhere((apart < 5.0) & (apart > 0)).T
    kinds = np.array([[1, 6, 8].index(number) for number in atoms.numbers])
    return {"positions": atoms.positions, "ends": ends, "kinds": kinds}


def fill(model: Any) -> Any:
    """The same weights on every side."""
    import torch

    with torch.no_grad():
        for number, (_, parameter) in enumerate(sorted(model.named_parameters())):
            values = torch.cos(torch.arange(parameter.numel(), dtype=torch.float64) + number)
            parameter.copy_(values.reshape(parameter.shape))
    return model


def sevenn() -> Numbers:
    """SevenNet-0 and 7net-l3i5 as published; the first in float64 too, with the features of each layer."""
    import torch
    from sevenn.calculator import SevenNetCalculator
    from sevenn.nn import node_embedding

    found: Numbers = {}
    for model in ("7net-0", "7net-l3i5"):
        calculator = SevenNetCalculator(model, device="cpu")
        for name, atoms in structures().items():
            atoms.calc = calculator
            found[f"{model}/{name}/energy"] = np.array(atoms.get_potential_energy() / len(atoms))
            found[f"{model}/{name}/forces"] = atoms.get_forces()
            found[f"{model}/{name}/stress"] = atoms.get_stress()

    def one_hot(self: Any, data: Any) -> Any:  # the module itself makes float32, whatever the model is
        kinds = data[self.key_x]
        found = torch.nn.functional.one_hot(kinds, self.num_classes).double()
        data[self.key_output] = found
        if self.key_additional_output is not None:
            data[self.key_additional_output] = found
        if self.key_save is not None:
            data[self.key_save] = kinds
        return data

    node_embedding.OnehotEmbedding.forward = one_hot
    model = SevenNetCalculator("7net-0", device="cpu").model.double()
    torch.set_default_dtype(torch.float64)
    from e3nn import o3
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph

    for name, table in model.named_buffers():  # e3nn keeps tables that were rounded to float32
        if "_w3j_" in name:
            table.copy_(o3.wigner_3j(*map(int, name.split("_")[-3:])))
    model.set_is_batch_data(False)
    features: Numbers = {}
    for name, part in model.named_children():
        part.register_forward_hook(
            lambda _, __, data, name=name: (
                features.__setitem__(name, data["x"].detach().numpy()) if "x" in data else None
            )
        )
    graph = AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(structures()["strained"], 5.0, with_shift=False))
    data = graph.to_dict()
    data = {
        key: value.double() if torch.is_tensor(value) and value.is_floating_point() else value
        for key, value in data.items()
    }
    data["edge_vec"].requires_grad_(True)
    out = model(data)
    found["float64/energy"] = out["inferred_total_energy"].detach().numpy()
    found["float64/forces"] = out["inferred_force"].detach().numpy()
    return found | {f"float64/{name}": values for name, values in features.items()}


def mace() -> Numbers:
    """MACE of two layers, with weights of our own."""
    import torch

    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from peers import mace_model

    torch.set_default_dtype(torch.float64)
    model = mace_model([1, 6, 8], "16x0e + 16x1o", 5.0, 8.0, use_reduced_cg=False)
    fill(model)
    graph = molecule_graph()
    count, edges = len(graph["kinds"]), graph["ends"].shape[1]
    given = {
        "positions": torch.tensor(graph["positions"], requires_grad=True),
        "node_attrs": torch.nn.functional.one_hot(torch.tensor(graph["kinds"]), 3).double(),
        "edge_index": torch.tensor(graph["ends"]),
        "shifts": torch.zeros(edges, 3),
        "unit_shifts": torch.zeros(edges, 3),
        "cell": torch.zeros(3, 3),
        "batch": torch.zeros(count, dtype=torch.int64),
        "ptr": torch.tensor([0, count]),
        "head": torch.zeros(1, dtype=torch.int64),
    }
    out = model(given, compute_force=True)
    return {name: out[name].detach().numpy() for name in ("energy", "forces", "node_energy", "node_feats")}


def nequip() -> Numbers:
    """NequIP of three layers."""
    from nequip.utils.global_state import set_global_state

    set_global_state()
    from nequip.model import NequIPGNNModel

    return _of_nequip(NequIPGNNModel(num_layers=3, l_max=2, parity=True, num_features=16, num_bessels=8, **_shared()))


def allegro() -> Numbers:
    """Allegro of two layers."""
    from nequip.utils.global_state import set_global_state

    set_global_state()
    from allegro.model import AllegroModel

    radial = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8}
    model = AllegroModel(
        l_max=2,
        num_layers=2,
        num_scalar_features=32,
        num_tensor_features=8,
        radial_chemical_embed=radial,
        radial_chemical_embed_dim=32,
        **_shared(),
    )
    return _of_nequip(model)


def _shared() -> dict[str, Any]:
    kinds = ("H", "C", "O")
    return {
        "seed": 0,
        "model_dtype": "float64",
        "r_max": 5.0,
        "type_names": [*kinds],
        "avg_num_neighbors": 8.0,
        "per_type_energy_shifts": dict.fromkeys(kinds, 0.0),
        "per_type_energy_scales": dict.fromkeys(kinds, 1.0),
    }


def _of_nequip(model: Any) -> Numbers:
    import torch

    graph = molecule_graph()
    count, edges = len(graph["kinds"]), graph["ends"].shape[1]
    data = {
        "pos": torch.tensor(graph["positions"]),
        "edge_index": torch.tensor(graph["ends"]),
        "edge_cell_shift": torch.zeros(edges, 3, dtype=torch.float64),
        "cell": 20 * torch.eye(3, dtype=torch.float64)[None],
        "atom_types": torch.tensor(graph["kinds"]),
        "batch": torch.zeros(count, dtype=torch.int64),
        "num_atoms": torch.tensor([count]),
    }
    out = fill(model)(data)
    names = ("total_energy", "forces", "stress", "node_features", "edge_features")
    return {name: out[name].detach().numpy() for name in names if name in out}


RUNS = {"sevenn": sevenn, "mace": mace, "nequip": nequip, "allegro": allegro}


def main(package: str, target: str, *options: str) -> None:
    """Run a package, and write what it gives."""
    warnings.filterwarnings("ignore")
    if package == "mace":
        os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # the tables of e3nn 0.4.4 are pickled
    if "--e3nn" not in options:
        from intertwine.interop.e3nn import install

        install("0.4.4" if package == "mace" else "0.5")
    np.savez_compressed(target, **RUNS[package]())


if __name__ == "__main__":
    main(*sys.argv[1:])
