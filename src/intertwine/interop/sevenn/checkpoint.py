"""What a checkpoint of SevenNet says: its options, its weights by name, its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog import O3, SO3
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3 import Irreps
from intertwine.reps import Rep


@dataclass(frozen=True)
class Checkpoint:
    """The options and the weights of a SevenNet.

    Args:
        config: its options, by sevenn's names.
        state: its weights, by the names that sevenn gives them since version 0.10.
        modal: of several sets of data that it learned from, the number of the one whose energies are wanted.
    """

    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    modal: int | None

    def tensor(self, name: str) -> Tensor:
        """Some weights, float64; raises `ArgumentError` where there are none of that name."""
        if name not in self.state:
            raise ArgumentError(f"This checkpoint of SevenNet lacks {name}, which its options ask for.")
        return self.state[name].double()

    @property
    def elements(self) -> list[int]:
        """The atomic number of each species."""
        places = self.config["_type_map"]
        return sorted(places, key=places.__getitem__)

    @property
    def version(self) -> tuple[int, ...]:
        """That of the sevenn that wrote it; what is on the way to a version comes before it."""
        first, second, *rest = self.config["version"].split(".")
        return int(first), int(second), *([-1] if rest[1:] == ["dev0"] else [])

    @property
    def has_parity(self) -> bool:
        """Whether irreps are those of O(3), else those of SO(3), all of which sevenn calls even."""
        return bool(self.config.get("is_parity", True))

    @property
    def own(self) -> str:
        """How features of an atom itself enter: "nequip" or "linear"."""
        given = self.config.get("self_connection_type", "nequip")
        return given if isinstance(given, str) else given[0]

    @property
    def readout(self) -> tuple[list[int], str]:
        """The widths of the network behind the last features, none where it is linear, and its activation."""
        if not self.config.get("readout_as_fcn"):
            return [], "silu"
        return self.config.get("readout_fcn_hidden_neurons", [30, 30]), self.config["readout_fcn_activation"]

    @cached_property
    def edges(self) -> Irreps:
        """The harmonics of vectors."""
        top = self.config.get("lmax_edge", -1)
        return Irreps.spherical_harmonics(top if top > 0 else self.config["lmax"], -1 if self.has_parity else 1)

    @cached_property
    def features(self) -> list[Irreps]:
        """The features before the first layer, and behind each."""
        if self.config.get("irreps_manual"):
            return [Irreps(irreps) for irreps in self.config["irreps_manual"]]
        channels, layers = self.config["channel"], self.config["num_convolution_layer"]
        top = self.config.get("lmax_node", -1)
        top = top if top > 0 else self.config["lmax"]
        found = [Irreps([(channels, "0e")])]
        for n in range(layers):
            reached = {out for _, a in found[-1] for _, b in self.edges for out in a * b}
            kept = [ir for ir in reached if ir.l <= top] if n < layers - 1 else ["0e"]
            found.append(Irreps([(channels, ir) for ir in kept]).sort().irreps)
        return found

    def per_element(self, name: str) -> Tensor:
        """The "shift" or the "scale" of energies, for each element or for all."""
        found = self.tensor(f"rescale_atomic_energy.{name}")
        if self.modal is not None and self.config.get(f"use_modal_wise_{name}"):
            found = found[self.modal]
        return found.reshape(()) if found.numel() == 1 else found

    def options(self) -> dict[str, Any]:
        """The arguments of the network here; raises `ArgumentError` for what it lacks."""
        self._require_known()
        function = self.config["cutoff_function"]
        first, *others = self.features
        return {
            "species": len(self.elements),
            "cutoff": self.config["cutoff"],
            "hidden": [self._rep(irreps) for irreps in others],
            "degree": self.edges.lmax,
            "rep_out": self._rep(Irreps("1x0e")),
            "neighbours": float(self.tensor("0_convolution.denominator")) ** 2,
            "channels": first.dim,
            "bessel": self.config["radial_basis"].get("bessel_basis_num", 8),
            "learn_bessel": "edge_embedding.basis_function.coeffs" in self.state,
            "radial": self.config["weight_nn_hidden_neurons"],
            "power": function.get("poly_cut_p_value", 6),
            "onset": function["cutoff_on"] if function["cutoff_function_name"] == "XPLOR" else None,
            "solid": not self.config.get("_normalize_sph", self.version >= (0, 10)),
            "own": {"nequip": "element"}.get(self.own, self.own),
            "readout": self.readout[0],
            "bias": bool(self.config.get("use_bias_in_linear")) or self.modal is not None,
        }

    def _rep(self, irreps: Irreps) -> Rep:
        group = O3 if self.has_parity else SO3
        return group.rep(" + ".join(f"{m}x{ir if self.has_parity else ir.l}" for m, ir in irreps))

    def _require_known(self) -> None:
        config, plain = self.config, {"e": "silu", "o": "tanh"}
        styles = config.get("self_connection_type", "nequip")
        ends = [str(ir) for irreps in (self.features[0], self.features[-1]) for _, ir in irreps]
        known: dict[str, tuple[Any, list[Any]]] = {
            "interaction_type": (config.get("interaction_type", "nequip"), ["nequip"]),
            "radial_basis_name": (config["radial_basis"]["radial_basis_name"], ["bessel"]),
            "cutoff_function_name": (config["cutoff_function"]["cutoff_function_name"], ["XPLOR", "poly_cut"]),
            "act_radial": (config.get("act_radial", "silu"), ["silu"]),
            "act_scalar": (config.get("act_scalar", plain), [plain]),
            "act_gate": (config.get("act_gate", plain), [plain]),
            "self_connection_type": (styles if {*styles} != {self.own} else self.own, ["linear", "nequip"]),
            "readout_fcn_activation": (self.readout[1], ["silu"]),
            "irreps of the first and the last features": ({*ends}, [{"0e"}]),
            "cuequivariance_config": (bool((config.get("cuequivariance_config") or {}).get("use")), [False]),
        }
        for name, (given, served) in known.items():
            if given not in served:
                raise ArgumentError(
                    f"This SevenNet was made with {name} {given!r}, but the network here has "
                    f"{' or '.join(map(repr, served))}. Run sevenn's own code, on intertwine.interop.e3nn."
                )


_RENAMED = {
    "EdgeEmbedding": "edge_embedding",
    "reducing nn input to hidden": "reduce_input_to_hidden",
    "reducing nn hidden to energy": "reduce_hidden_to_energy",
    "rescale atomic energy": "rescale_atomic_energy",
}


def _newer(name: str) -> str:
    """The name of a tensor since version 0.10."""
    part, _, rest = name.partition(".")
    return f"{_RENAMED.get(part, part.replace(' ', '_'))}.{rest.replace('denumerator', 'denominator')}"


def read_checkpoint(path: Path, modal: str | None) -> Checkpoint:
    """The checkpoint of a file; raises `ArgumentError` for another file, and for a modal that it does not have.

    Args:
        path: the file.
        modal: the name of the set of data whose energies are wanted, of several.
    """
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    makers: list[Any] = [np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0]]
    names: list[Any] = [(f, f"numpy.{core}.multiarray.{f.__name__}") for f in makers for core in ("core", "_core")]
    kinds = {type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "?")}
    try:
        with torch.serialization.safe_globals([*names, np.ndarray, np.dtype, *kinds]):
            found = torch.load(path, map_location="cpu", weights_only=True)
        config, state = found["config"], {_newer(name): values for name, values in found["model_state_dict"].items()}
    except Exception as error:  # torch, zipfile and pickle raise whatever they like
        raise ArgumentError(
            f"{path.name} is no checkpoint of SevenNet, which holds tensors and plain values under 'config' and "
            f"'model_state_dict': {(str(error).splitlines() or [repr(error)])[0]}"
        ) from error
    modals = dict(config["_modal_map"]) if config.get("use_modality") else {}
    if modal not in (modals or [None]):
        wanted = " or ".join(f"modal={name!r}" for name in modals) or "no modal"
        raise ArgumentError(f"This SevenNet gives energies for {wanted}, but got modal={modal!r}.")
    return Checkpoint(config, state, modals.get(modal) if modal is not None else None)
