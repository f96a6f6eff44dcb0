"""What a state dict of mace-torch tells of its model: names and shapes are nearly all of the architecture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.models.atoms.pair_basis import AGNESI
from intertwine.models.atoms.terms import Repulsion
from intertwine.reps import Rep
from intertwine.reps.harmonics import harmonics_rep

State = Mapping[str, Tensor]

_KNOWN = re.compile(
    r"atomic_numbers|r_max|num_interactions|heads|node_embedding\.linear\.weight|atomic_energies_fn\.atomic_energies"
    r"|radial_embedding\.(bessel_fn|cutoff_fn|distance_transform)\.\w+|pair_repulsion_fn\.\w+|scale_shift\.\w+"
    r"|interactions\.\d+\.(linear_up|linear|skip_tp)\.weight"
    r"|interactions\.\d+\.(conv_tp_weights|density_fn)\.layer\d\.weight"
    r"|products\.\d+\.linear\.weight|products\.\d+\.symmetric_contractions\.contractions\.\d+\.weights(_max|\.\d+)"
    r"|readouts\.\d+\.(linear|linear_1|linear_2)\.weight"
    r"|.*\.output_mask|.*\._w3j_\w+|.*\.U_matrix_\d+|.*\.weights_(\d+|max)_zeroed"
)
"""The names of what is read, and of tables that follow from the architecture."""


@dataclass(frozen=True)
class Architecture:
    """What a state dict tells of its model.

    Args:
        state: the state dict.
        wanted: the rep of the features, or None.
        head: the number of the head that is kept.

    Raises `ArgumentError` for state dicts of others, and, when it is asked, for parts that this library has not.
    """

    state: State
    wanted: Rep | None
    head: int

    def __post_init__(self) -> None:
        names = [name for name, value in self.state.items() if value.numel()]
        if missing := [n for n in ("atomic_numbers", "r_max", "node_embedding.linear.weight") if n not in names]:
            raise ArgumentError(f"A state dict of mace-torch is expected, but this one lacks {', '.join(missing)}.")
        if unknown := [name for name in names if not _KNOWN.fullmatch(name)]:
            raise ArgumentError(
                f"This MACE has parts that this library's has not: {', '.join(unknown[:4])}"
                f"{', …' if len(unknown) > 4 else ''}. Run it with its own code; "
                "intertwine.interop.e3nn.install() makes that faster."
            )
        if not 0 <= self.head < self.heads:
            raise ArgumentError(f"This MACE has {self.heads} heads, numbered from 0, but got head={self.head}.")

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.state:
            raise ArgumentError(f"A state dict of mace-torch is expected, but this one lacks {name}.")
        return self.state[name]

    @cached_property
    def elements(self) -> list[int]:
        """The atomic numbers."""
        return [int(number) for number in self["atomic_numbers"]]

    @cached_property
    def channels(self) -> int:
        """The number of channels of each irrep."""
        return self["node_embedding.linear.weight"].numel() // len(self.elements)

    @cached_property
    def layers(self) -> int:
        """The number of layers."""
        return len({name.split(".")[1] for name in self.state if name.startswith("interactions.")})

    @cached_property
    def degree(self) -> int:
        """The largest degree of harmonics: the first layer leads from invariants to each degree once."""
        return self["interactions.0.linear.weight"].numel() // self.channels**2 - 1

    @cached_property
    def hidden(self) -> Rep:
        """The rep of the features; raises `ArgumentError` for one that does not fit."""
        dims = self._dims(0)
        found = self.wanted or self.channels * harmonics_rep(O3.defining, len(dims) - 1)
        if [(m, block.dim) for m, block in found.terms] != [(self.channels, dim) for dim in dims]:
            raise ArgumentError(
                f"The features of this MACE have {self.channels} channels of irreps of the dimensions {dims}, but "
                f"{found} was expected. Pass them as hidden=O3.rep(…)."
            )
        return found

    def contractions(self, layer: int) -> list[str]:
        """How the names of a layer's contractions begin, one for each irrep that it gives."""
        begin = f"products.{layer}.symmetric_contractions.contractions"
        names = (f"{begin}.{n}." for n in range(99))
        return [*takewhile(lambda name: f"{name}weights_max" in self.state, names)]

    def _dims(self, layer: int) -> list[int]:
        """The dimensions of the irreps that a layer gives, as its tables have them; 1, 3, 5, … without tables."""
        tables = [self.state.get(f"{name}U_matrix_1") for name in self.contractions(layer)]
        return [2 * n + 1 if u is None else (1 if u.ndim == 2 else len(u)) for n, u in enumerate(tables)]

    def order(self, layer: int) -> int:
        """The correlation of a layer."""
        begin = f"{self.contractions(layer)[0]}weights."
        return 1 + sum(name.startswith(begin) for name in self.state)

    def is_residual(self, layer: int) -> bool:
        """By the size of its map by element: from features to features, or from messages to messages."""
        given = 1 if layer == 0 else len(self.contractions(layer - 1))
        paths = min(given, len(self.contractions(layer)))
        size = self[f"interactions.{layer}.skip_tp.weight"].numel()
        return size == paths * self.channels**2 * len(self.elements)

    @cached_property
    def density(self) -> bool:
        """Whether messages are divided by a density."""
        return "interactions.0.density_fn.layer0.weight" in self.state

    @cached_property
    def heads(self) -> int:
        """The number of heads."""
        energies = self["atomic_energies_fn.atomic_energies"]
        return energies.shape[0] if energies.ndim == 2 else 1

    def of_head(self, name: str, default: float) -> Tensor:
        """The number of the head that is kept, of one for each head or for all."""
        values = torch.atleast_1d(self.state.get(name, torch.tensor(default))).double()
        found: Tensor = values[self.head if len(values) > 1 else 0]
        return found

    @cached_property
    def scale(self) -> float:
        """What the interaction is multiplied by."""
        return float(self.of_head("scale_shift.scale", 1.0))

    @cached_property
    def references(self) -> Tensor:
        """The energies of the elements."""
        energies = self["atomic_energies_fn.atomic_energies"].reshape(self.heads, -1)[self.head].double()
        return energies + self.of_head("scale_shift.shift", 0.0)

    @cached_property
    def terms(self) -> list[Repulsion]:
        """The repulsion, if there is one, with the constants that mace has; the interaction is scaled as a whole."""
        part = "pair_repulsion_fn"
        if f"{part}.p" not in self.state:
            return []
        options: dict[str, Any] = {
            "radii": self._radii(part),
            "coulomb": 14.3996 * self.scale,
            "length": 0.529 * float(self[f"{part}.a_prefactor"]),
            "exponent": float(self[f"{part}.a_exp"]),
            "screening": [*zip(self[f"{part}.c"].tolist(), (3.2, 0.9423, 0.4028, 0.2016), strict=True)],
        }
        return [Repulsion(self.elements, int(self[f"{part}.p"]), **options)]

    def _radii(self, part: str) -> list[float]:
        return [float(self[f"{part}.covalent_radii"][number]) for number in self.elements]

    def _transform(self) -> list[float] | None:
        """The radii by which distances are transformed; raises `ArgumentError` for other transforms than Agnesi's."""
        part = "radial_embedding.distance_transform"
        if not any(name.startswith(part) for name in self.state):
            return None
        given = [self.state.get(f"{part}.{name}") for name in "qpa"]
        if any(v is None or abs(float(v) - usual) > 1e-6 for v, usual in zip(given, AGNESI, strict=True)):
            raise ArgumentError("The transform of distances of this MACE is not Agnesi's with its usual numbers.")
        return self._radii(part)

    def _bessel(self) -> int:
        """The number of radial functions; raises `ArgumentError` for others than Bessel's."""
        waves = self.state.get("radial_embedding.bessel_fn.bessel_weights", torch.zeros(1))
        usual = torch.arange(1, len(waves) + 1, dtype=torch.float64) * torch.pi / float(self["r_max"])
        if float((waves - usual).abs().max()) > 1e-4:
            raise ArgumentError("The radial functions of this MACE are not Bessel's, or they were trained.")
        return len(waves)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the network; raises `ArgumentError` for what it lacks."""
        if self.layers > 1 and len(self.contractions(self.layers - 1)) > 1:
            raise ArgumentError(
                "The last layer of this MACE gives more than invariants (keep_last_layer_irreps), which its energy "
                "does not need and ours has not."
            )
        radial = [name for name in self.state if name.startswith("interactions.0.conv_tp_weights.layer")]
        gated = f"readouts.{self.readouts - 1}.linear_1.weight"
        width = self[gated].numel() // (self.channels * self.heads) if gated in self.state else 0
        return {
            "species": len(self.elements),
            "cutoff": float(self["r_max"]),
            "hidden": self.hidden,
            "layers": self.layers,
            "degree": self.degree,
            "order": [self.order(n) for n in range(self.layers)],
            "bessel": self._bessel(),
            "power": int(self["radial_embedding.cutoff_fn.p"]),
            "radial": [self[name].shape[1] for name in sorted(radial)[:-1]],
            "readout": width,
            "residual": [self.is_residual(n) for n in range(self.layers)],
            "density": self.density,
            "radii": self._transform(),
        }

    @cached_property
    def readouts(self) -> int:
        """How many layers are read out: all, or the last one."""
        return len({name.split(".")[1] for name in self.state if name.startswith("readouts.")})
