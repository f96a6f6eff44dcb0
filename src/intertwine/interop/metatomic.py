"""A potential as a model of metatomic, which LAMMPS, i-PI, GROMACS, ASE and others run."""

# TorchScript reads the annotations of this file, so they are no texts.
from typing import Dict, List, Optional  # noqa: UP035 (TorchScript knows these)

import torch

from intertwine.errors import MissingExtraError
from intertwine.models import Potential
from intertwine.models.atoms.exporting import PlainPotential, hops, plain_potential

try:
    from metatensor.torch import Labels, TensorBlock, TensorMap
    from metatomic.torch import (
        AtomisticModel,
        ModelCapabilities,
        ModelMetadata,
        ModelOutput,
        NeighborListOptions,
        System,
    )
except ImportError as error:
    raise MissingExtraError.of("metatomic-torch", "metatomic") from error


def metatomic_model(model: Potential, name: str = "", description: str = "") -> AtomisticModel:
    """The energy of a potential as a model of metatomic, from which programs take forces and stresses by derivatives.

    `metatomic_model(model).save("potential.pt")` writes a file that needs this library no more: it holds torch's own
    operations, as TorchScript, since that is what metatomic takes.

    Args:
        model: the potential, in the dtype in which systems are to come and on the device where it is to run.
        name, description: what the file says of itself.
    """
    dtype = str(model.dtype).removeprefix("torch.")
    energy = ModelOutput(unit="eV", sample_kind="atom", description="potential energy")
    capabilities = ModelCapabilities(
        outputs={"energy": energy},
        atomic_types=list(model.elements),
        interaction_range=hops(model) * model.cutoff,
        length_unit="angstrom",
        supported_devices=[model.references.device.type],
        dtype=dtype,
    )
    module = MetatomicEnergy(plain_potential(model, forces=False, stress=False).scriptable(), model)
    return AtomisticModel(module.eval(), ModelMetadata(name=name, description=description), capabilities)


class MetatomicEnergy(torch.nn.Module):
    """What metatomic calls: systems and their pairs become the tensors of a potential.

    Args:
        plain: the potential's operations.
        model: the potential, for its elements and its cut-off.
    """

    places: torch.Tensor

    def __init__(self, plain: PlainPotential, model: Potential) -> None:
        super().__init__()
        self.operations = plain.operations
        self.pairs = NeighborListOptions(cutoff=model.cutoff, full_list=True, strict=True)
        places = torch.full((max(model.elements) + 1,), -1)
        places[list(model.elements)] = torch.arange(len(model.elements))
        self.register_buffer("places", places.to(model.references.device))

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:  # noqa: UP006
        """The pairs that programs are to find."""
        return [self.pairs]

    def forward(
        self,
        systems: List[System],  # noqa: UP006
        outputs: Dict[str, ModelOutput],  # noqa: UP006
        selected_atoms: Optional[Labels] = None,  # noqa: UP045
    ) -> Dict[str, TensorMap]:  # noqa: UP006
        """Energies of systems, or of atoms, where they are asked for; of selected atoms only, if some are."""
        results: Dict[str, TensorMap] = {}  # noqa: UP006
        if "energy" not in outputs:
            return results
        positions, kinds, cells, edges, shifts, structure, atoms = [], [], [], [], [], [], []
        start = 0
        for n, system in enumerate(systems):
            count = len(system)
            listed = system.get_neighbor_list(self.pairs).samples.values.to(torch.int64)
            positions.append(system.positions.to(torch.float64))
            kinds.append(self.places[system.types.to(torch.int64)])
            cells.append(system.cell.to(torch.float64))
            edges.append(listed[:, :2] + start)
            shifts.append(listed[:, 2:].to(torch.float64))
            structure.append(torch.full((count,), n, device=listed.device))
            atoms.append(torch.arange(count, device=listed.device))
            start += count
        places = torch.cat(structure)
        found = self.operations(
            torch.cat(positions), torch.cat(kinds), torch.cat(edges).T, torch.cat(shifts), torch.stack(cells), places
        )
        energies = found["energies"].to(systems[0].positions.dtype)
        samples = torch.stack([places, torch.cat(atoms)], 1).to(torch.int32)
        if selected_atoms is not None:
            kept = (samples[:, None] == selected_atoms.values[None]).all(2).any(1)
            energies, samples, places = energies[kept], samples[kept], places[kept]
        names = ["system", "atom"]
        if outputs["energy"].sample_kind == "system":
            sums = torch.zeros(len(systems), dtype=energies.dtype, device=energies.device)
            energies = sums.index_add(0, places, energies)
            names = ["system"]
            samples = torch.arange(len(systems), device=samples.device, dtype=torch.int32)[:, None]
        one = torch.zeros((1, 1), dtype=torch.int32, device=samples.device)
        components: List[Labels] = []  # noqa: UP006
        block = TensorBlock(energies[:, None], Labels(names, samples), components, Labels(["energy"], one))
        results["energy"] = TensorMap(Labels(["_"], one), [block])
        return results
