"""A potential as a calculator of ase: relaxations, molecular dynamics, phonons, whatever ase drives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from intertwine.errors import MissingExtraError
from intertwine.interop.running import ready_potential
from intertwine.models import Committee, Potential, VerletList

try:
    from ase import Atoms
    from ase.calculators.calculator import Calculator as BaseCalculator
    from ase.calculators.calculator import all_changes
    from ase.stress import full_3x3_to_voigt_6_stress
except ImportError as error:
    raise MissingExtraError.of("ase", "potentials") from error


class Calculator(BaseCalculator):
    """Energy, forces, stress, energies of atoms, and the tensors that the model gives, for `atoms.calc`.

    It changes neither the default dtype nor the default device, and the model that it is given stays as it is. Pairs of
    atoms are searched for with a skin, and reused while atoms move little.

    Args:
        model: a potential, a committee of some, or a file that `save_potential` wrote; several files are a committee.
        device: where to compute; default where the model is.
        dtype: in which dtype the network computes; default that of the model. Float64 for phonons and tight
            relaxations.
        skin: how far beyond the cut-off pairs are kept, Å; 0 to search at each step.

    Results are those of ase: `energy` and `free_energy` in eV, `energies`, `forces` in eV/Å, `stress` in eV/Å³ as xx,
    yy, zz, yz, xz, xy, for structures that repeat in three directions; and the model's targets by their names, those of
    one number without an axis for it. A model that knows how sure it is gives `energy_uncertainty` too, eV, and a
    committee `forces_uncertainty`, eV/Å.

    Raises `ArgumentError` for files that hold no potential, and for devices and dtypes that there are not.

    >>> from ase.build import bulk
    >>> from intertwine.catalog import O3
    >>> from intertwine.models import NequIP
    >>> atoms = bulk("Si", cubic=True)
    >>> atoms.calc = Calculator(Potential(NequIP(1, cutoff=4.0, hidden=O3.rep("4x0e + 4x1o"), layers=1), elements=[14]))
    >>> atoms.get_forces().shape, atoms.get_stress().shape
    ((8, 3), (6,))
    """

    implemented_properties: list[str] = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012 (as ase has it)

    def __init__(
        self,
        model: Potential | Committee | str | Path | Sequence[str | Path],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        skin: float = 0.5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model: Potential | Committee
        if isinstance(model, Potential | str | Path):
            self.model = ready_potential(model, device, dtype)
        else:
            members = cast("Iterable[Potential]", model.members) if isinstance(model, Committee) else model
            self.model = Committee([ready_potential(member, device, dtype) for member in members]).eval()
        self.neighbours = VerletList(self.model.elements, self.model.cutoff, skin)
        more = [name for name, known in self._uncertainties().items() if known]
        self.implemented_properties = [*type(self).implemented_properties, *self.model.targets, *more]

    def _uncertainties(self) -> dict[str, bool]:
        """Of what it can say how sure it is."""
        is_committee = isinstance(self.model, Committee)
        knows_energy = is_committee or self.model.spread is not None
        return {"energy_uncertainty": knows_energy, "forces_uncertainty": is_committee}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute what is asked for, and what comes with it, into `results`, which ase calls."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        given = cast(Atoms, self.atoms)
        wants_stress = "stress" in properties or bool(given.pbc.all() and "forces" in properties)
        graph = self.neighbours.graph(given).to(self.model.references.device)
        wants_forces = wants_stress or not {"forces", "forces_uncertainty"}.isdisjoint(properties)
        told = self.model(graph, forces=wants_forces, stress=wants_stress)
        found = {name: values.detach().cpu().numpy() for name, values in told.items()}
        results: dict[str, Any] = {"energy": float(found["energy"][0]), "energies": found["energies"]}
        results["free_energy"] = results["energy"]
        if wants_forces:
            results["forces"] = found["forces"]
        if wants_stress:
            results["stress"] = full_3x3_to_voigt_6_stress(found["stress"][0])
        if "energy_uncertainty" in found:
            results["energy_uncertainty"] = float(found["energy_uncertainty"][0])
        if "forces_uncertainty" in found:
            results["forces_uncertainty"] = found["forces_uncertainty"]
        for name, target in self.model.targets.items():
            values = found[name] if target.shape != (1,) else found[name][:, 0]  # as ase has charges, one per atom
            results[name] = values[0] if target.total else values
        self.results = results
