"""What comparisons of potentials share: structures, and models of other packages, where these are installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def silicon(repeats: int) -> Any:
    """Cubic cells, so many along each axis, rattled."""
    from ase.build import bulk

    atoms = bulk("Si", cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.05, seed=1)
    return atoms


def ethanols(rattled: float) -> list[Any]:
    """Ten molecules, rattled by so many Å."""
    from ase.build import molecule

    frames = [molecule("CH3CH2OH") for _ in range(10)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(rattled, seed=seed)
    return frames


# mace-torch -----------------------------------------------------------------------------------------------------------


def mace_model(numbers: Sequence[int], hidden: str, cutoff: float, neighbours: float, **changes: Any) -> Any:
    """A MACE of two layers with residual blocks and products of up to three messages, whose weights torch's seed draws.

    Args:
        numbers: the atomic numbers.
        hidden: the irreps of the features.
        cutoff: Å.
        neighbours: on average.
        changes: other options of `ScaleShiftMACE`.
    """
    import torch
    from e3nn import o3
    from mace import modules

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    options: dict[str, Any] = {
        "r_max": cutoff,
        "num_bessel": 8,
        "num_polynomial_cutoff": 5,
        "max_ell": 3,
        "interaction_cls": block,
        "interaction_cls_first": block,
        "num_interactions": 2,
        "num_elements": len(numbers),
        "hidden_irreps": o3.Irreps(hidden),
        "MLP_irreps": o3.Irreps("16x0e"),
        "gate": torch.nn.functional.silu,
        "atomic_energies": np.zeros(len(numbers)),
        "avg_num_neighbors": neighbours,
        "atomic_numbers": list(numbers),
        "correlation": 3,
        "atomic_inter_scale": 1.0,
        "atomic_inter_shift": 0.0,
    }
    return modules.ScaleShiftMACE(**{**options, **changes})


def mace_graph(atoms: Any, numbers: Sequence[int], cutoff: float) -> Any:
    """Atoms as mace-torch is given them."""
    from mace import data
    from mace.tools import AtomicNumberTable

    return data.AtomicData.from_config(
        data.config_from_atoms(atoms), z_table=AtomicNumberTable(list(numbers)), cutoff=cutoff
    )


def mace_batch(graphs: Sequence[Any]) -> dict[str, Any]:
    """Several of these as one."""
    from mace.tools.torch_geometric.batch import Batch

    return Batch.from_data_list(list(graphs)).to_dict()


# nequip and nequip-allegro --------------------------------------------------------------------------------------------


def nequip_model(numbers: Sequence[int], cutoff: float, neighbours: float, **changes: Any) -> Any:
    """A NequIP of degree 2 and both parities; `changes` are options of `NequIPGNNModel`, and of `_nequip_options`."""
    options = _nequip_options(numbers, cutoff, neighbours, **changes)
    from nequip.model import NequIPGNNModel

    # With as many numbers as elements, the map of an atom's own features is one for each element, as here.
    shape = {"type_embed_num_features": len(numbers), "radial_mlp_depth": 2, "radial_mlp_width": 64}
    return NequIPGNNModel(**{**shape, **options})


def allegro_model(numbers: Sequence[int], cutoff: float, neighbours: float, **changes: Any) -> Any:
    """An Allegro of two layers, degree 2 and both parities, likewise, by options of `AllegroModel`."""
    options = _nequip_options(numbers, cutoff, neighbours, **changes)
    from allegro.model import AllegroModel

    basis = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8}
    return AllegroModel(**{"num_layers": 2, "radial_chemical_embed": basis, **options})


def _nequip_options(
    numbers: Sequence[int], cutoff: float, neighbours: float, scale: float = 1.0, **changes: Any
) -> dict[str, Any]:
    """Options of all models of nequip: each element by its number, energies without references, times a scale."""
    from nequip.utils.global_state import set_global_state

    set_global_state()  # before anything of nequip.model is imported
    kinds = [str(number) for number in numbers]
    return {
        "seed": 0,
        "model_dtype": "float32",
        "r_max": cutoff,
        "type_names": kinds,
        "l_max": 2,
        "parity": True,
        "avg_num_neighbors": neighbours,
        "per_type_energy_shifts": dict.fromkeys(kinds, 0.0),
        "per_type_energy_scales": dict.fromkeys(kinds, scale),
        **changes,
    }


def nequip_graph(atoms: Any, numbers: Sequence[int], cutoff: float) -> Any:
    """Atoms as nequip is given them."""
    import torch
    from nequip.data import compute_neighborlist_, from_ase

    graph = compute_neighborlist_(from_ase(atoms), r_max=cutoff)
    graph["atom_types"] = torch.tensor([numbers.index(number) for number in atoms.numbers])
    return graph


def nequip_batch(graphs: Sequence[Any]) -> Any:
    """Several of these as one."""
    from nequip.data import AtomicDataDict

    return AtomicDataDict.batched_from_list(list(graphs))
