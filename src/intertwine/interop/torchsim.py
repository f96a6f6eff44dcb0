"""A potential as a model of torch-sim, which moves many systems at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import MissingExtraError
from intertwine.interop.running import ready_potential
from intertwine.models import Potential, VerletList, batch_graphs
from intertwine.models.atoms.graph import BareAtoms

try:
    import torch_sim as ts
    from torch_sim.models.interface import ModelInterface
except ImportError as error:
    raise MissingExtraError.of("torch-sim-atomistic", "torchsim") from error


class TorchSimModel(ModelInterface):  # type: ignore[misc]
    """Energies, forces and stresses of all systems of a state, for `torch_sim.integrate`, `optimize` and `static`.

    The model that it is given stays as it is. Each system has its own list of pairs, which is kept while its atoms move
    little.

    Args:
        model: a potential, or a file that `save_potential` wrote.
        device: where to compute; default where the model is.
        dtype: of states and results, and of the network; default that of the model.
        stress: whether stresses are computed, of states that repeat: others have none.
        skin: how far beyond the cut-off pairs are kept, Å; 0 to search at each step.

    Results are `energy` `(systems,)`, eV; `forces` `(atoms, 3)`, eV/Å; and `stress` `(systems, 3, 3)`, eV/Å³, positive
    under tension.
    """

    def __init__(
        self,
        model: Potential | str | Path,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        stress: bool = True,
        skin: float = 0.5,
    ) -> None:
        super().__init__()
        self.model, self.skin = ready_potential(model, device, dtype), skin
        self._device, self._dtype = self.model.references.device, self.model.dtype
        self._compute_forces, self._compute_stress = True, stress
        self._lists: list[VerletList] = []

    def forward(self, state: Any, **_: Any) -> dict[str, Tensor]:
        """What torch-sim asks for at each step.

        Args:
            state: a `SimState` of torch-sim, or its parts in a dictionary.
        """
        if isinstance(state, dict):
            state = ts.SimState(**state, masses=torch.ones_like(state["positions"][:, 0]))
        systems = self._systems(state)
        while len(self._lists) < len(systems):
            self._lists.append(VerletList(self.model.elements, self.model.cutoff, self.skin))
        graphs = [kept.graph(system) for kept, system in zip(self._lists, systems, strict=False)]
        has_stress = self._compute_stress and bool(state.pbc)
        found = self.model(batch_graphs(graphs).to(self._device), forces=self._compute_forces, stress=has_stress)
        wanted = {"energy", "forces", "stress", *self.model.targets} & found.keys()
        return {name: found[name].to(self._dtype) for name in sorted(wanted)}

    def _systems(self, state: Any) -> list[BareAtoms]:
        """The systems of a state, whose atoms lie one system after the other."""
        positions = state.positions.detach().double().cpu().numpy()
        cells = state.row_vector_cell.detach().double().cpu().numpy()
        numbers = state.atomic_numbers.cpu().numpy()
        ends = np.cumsum(np.bincount(state.system_idx.cpu().numpy(), minlength=len(cells)))[:-1]
        repeats = np.full(3, bool(state.pbc))
        parts = zip(np.split(positions, ends), np.split(numbers, ends), cells, strict=True)
        return [BareAtoms(own, kinds, repeats, cell) for own, kinds, cell in parts]
