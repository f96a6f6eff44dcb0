"""Checkpoints of SevenNets, published ones and others with random weights, and what sevenn makes of them on e3nn.

    python tests/interop/sevenn_variants.py FOLDER

runs in an environment that has sevenn, and not this library. For each model it writes a checkpoint, unless the wheel
holds one, and into `found.npz` energies, forces and stresses of the structures of `package_runs`.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from package_runs import structures

VARIANTS: dict[str, dict[str, Any]] = {
    "parity": {"is_parity": True, "lmax": 2},
    "parity, element by element": {"is_parity": True, "self_connection_type": "nequip", "lmax": 1, "lmax_edge": 2},
    "rotations, edges apart": {"is_parity": False, "lmax": 2, "lmax_edge": 1, "lmax_node": 2},
    "bias": {"is_parity": False, "use_bias_in_linear": True},
    "readout": {"is_parity": True, "readout_as_fcn": True, "readout_fcn_activation": "silu"},
    "old harmonics": {"is_parity": True, "_normalize_sph": False, "cutoff_on": 3.0},
    "manual": {
        "is_parity": True,
        "lmax": 2,
        "irreps_manual": ["4x0e", "6x0e+3x1o+2x2e", "5x0e"],
        "num_convolution_layer": 2,
    },
    "unreachable": {"is_parity": True, "irreps_manual": ["4x0e", "6x0e+3x1o+2x2e", "5x0e"], "num_convolution_layer": 2},
    "cuequivariance": {"cuequivariance_config": {"use": True}},
    "another activation": {"act_radial": "tanh"},
    "all modals": {
        "is_parity": False,
        "use_modality": True,
        "use_modal_node_embedding": True,
        "use_modal_self_inter_intro": True,
        "use_modal_self_inter_outro": True,
        "use_modal_output_block": True,
        "use_bias_in_linear": True,
    },
}
"""Options of the models with random weights; all others are sevenn's own."""


def config_of(options: dict[str, Any]) -> dict[str, Any]:
    """All that sevenn needs to know to build a model."""
    import sevenn
    from sevenn import _const

    places = {6: 2, 8: 0, 1: 1, 14: 3, 11: 4, 17: 5}
    config = dict(_const.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG) | {
        "readout_as_fcn": False,
        "readout_fcn_hidden_neurons": [7, 5],
        "readout_fcn_activation": "silu",
        "channel": 4,
        "cutoff": 4.0,
        "radial_basis": {"radial_basis_name": "bessel", "bessel_basis_num": 5},
        "cutoff_function": {"cutoff_function_name": "poly_cut", "poly_cut_p_value": 5},
        "weight_nn_hidden_neurons": [9],
        "conv_denominator": [3.0, 4.0, 5.0],
        "shift": [0.1, -0.2, 0.3, 0.4, -0.5, 0.6],
        "scale": 1.5,
        "_type_map": places,
        "_number_of_species": len(places),
        "version": sevenn.__version__,
    }
    config |= options
    if "cutoff_on" in config:
        config["cutoff_function"] = {"cutoff_function_name": "XPLOR", "cutoff_on": config.pop("cutoff_on")}
    config["conv_denominator"] = config["conv_denominator"][: config["num_convolution_layer"]]
    if config.get("use_modality"):
        shifts = [[0.1 * n + m for n in range(len(places))] for m in range(3)]
        config |= {
            "_modal_map": {"a": 0, "b": 1, "c": 2},
            "_number_of_modalities": 3,
            "use_modal_wise_shift": True,
            "use_modal_wise_scale": False,
            "shift": shifts,
        }
    return config


def made(options: dict[str, Any], path: Path) -> None:
    """Write a checkpoint with random weights."""
    import torch
    from sevenn.model_build import build_E3_equivariant_model

    torch.manual_seed(0)
    config = config_of(options)
    model = build_E3_equivariant_model(dict(config))
    with torch.no_grad():
        for name, values in model.named_parameters():
            if "rescale" not in name and "denominator" not in name and "coeffs" not in name:
                values.normal_()
    torch.save({"config": config, "model_state_dict": model.state_dict()}, path)


def main(folder: str) -> None:
    warnings.filterwarnings("ignore")
    from sevenn import _const
    from sevenn.calculator import SevenNetCalculator

    files = {
        "SevenNet-0": (_const.SEVENNET_0_11Jul2024, None),
        "SevenNet-0, May": (_const.SEVENNET_0_22May2024, None),
        "l3i5": (_const.SEVENNET_l3i5, None),
        "MF-0, PBE": (_const.SEVENNET_MF_0, "PBE"),
        "MF-0, R2SCAN": (_const.SEVENNET_MF_0, "R2SCAN"),
    }
    for number, (name, options) in enumerate(VARIANTS.items()):
        path = Path(folder) / f"variant_{number}.pth"
        made(options, path)
        files[name] = (str(path), "b" if "modals" in name else None)
    found: dict[str, np.ndarray] = {}
    for name, (path, modal) in files.items():
        calculator = SevenNetCalculator(path, file_type="checkpoint", device="cpu", modal=modal)
        found[f"{name}/file"], found[f"{name}/modal"] = np.array(path), np.array(modal or "")
        for which, atoms in structures().items():
            atoms.calc = calculator
            found[f"{name}/{which}/energy"] = np.array(atoms.get_potential_energy() / len(atoms))
            found[f"{name}/{which}/forces"] = atoms.get_forces()
            found[f"{name}/{which}/stress"] = atoms.get_stress()
    np.savez_compressed(Path(folder) / "found.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
