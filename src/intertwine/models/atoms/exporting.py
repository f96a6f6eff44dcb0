"""Potentials without the library: programs of torch's own operations, with forces and stresses, for other machines."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload

from intertwine.errors import ArgumentError
from intertwine.models.atoms.files import UNITS
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import Potential
from intertwine.nn.exporting import frozen, recorded

NOTES = "potential.json"
"""The file within a program, and the key within a compiled package, that says what the potential is."""


class PlainPotential(nn.Module):
    """A potential as operations of torch: a module whose inputs and outputs are tensors.

    Args:
        operations: what is done.
    """

    def __init__(self, operations: fx.GraphModule) -> None:
        super().__init__()
        self.operations = operations

    def forward(
        self, positions: Tensor, species: Tensor, edges: Tensor, shifts: Tensor, cells: Tensor, structure: Tensor
    ) -> dict[str, Tensor]:
        """What `Potential` gives, by name; the inputs are those of `AtomGraph`."""
        found: dict[str, Tensor] = self.operations(positions, species, edges, shifts, cells, structure)
        return found

    def scriptable(self) -> PlainPotential:
        """The same for TorchScript, which some programs still ask for: it takes operations by their names alone."""
        twin = copy.deepcopy(self)
        for node in twin.operations.graph.nodes:
            if isinstance(node.target, OpOverload):
                node.target = node.target.overloadpacket
        twin.operations.recompile()
        return twin


def plain_potential(
    model: Potential, *, forces: bool = True, stress: bool = True, kernels: bool = False
) -> PlainPotential:
    """A potential as operations of torch, those of its derivatives included; numbers of atoms and pairs are free.

    It computes in the model's dtype and on its device, from positions, shifts and cells in float64.

    Args:
        model: the potential.
        forces, stress: what it is to give. Stresses of structures without a volume are not finite.
        kernels: whether compiled kernels are among the operations: these are this library's, which must be there then.

    Raises `ArgumentError` for a potential with parts at any distance, such as charges.
    """
    require_local(model)
    twin = (copy.deepcopy(model) if kernels else frozen(model)).eval().requires_grad_(False)

    def evaluated(*parts: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = twin(AtomGraph(*parts), forces=forces, stress=stress)
        return found

    return PlainPotential(recorded(evaluated, example_graph(model)))


def export_potential(
    model: Potential,
    path: str | Path,
    *,
    forces: bool = True,
    stress: bool = True,
    kernels: bool = False,
    compiled: bool = False,
) -> Path:
    """Write a potential as a program that torch alone loads and runs, for any number of atoms, pairs and structures.

    `torch.export.load(path).module()` runs it in Python; `torch._inductor.aoti_load_package(path)`, or C++ without
    Python, runs one that was compiled. Both are called with positions, species, edges, shifts, cells and structure, as
    `AtomGraph` has them, and give a dictionary as `Potential` does. Elements, cut-off and units are in the extra file
    "potential.json", or in the metadata of a compiled package under that name.

    Args:
        model: the potential, in the dtype and on the device where it is to run.
        path: the file, whose name ends in ".pt2".
        forces, stress: what it is to give.
        kernels: whether to keep this library's compiled kernels, several times faster than torch's own operations: then
            the program runs where `import intertwine` comes before loading.
        compiled: whether to compile it for this kind of machine, which takes a C++ compiler, and a minute.

    Raises `ArgumentError` for files with another ending, and as `plain_potential` does.
    """
    path = Path(path)
    if path.suffix != ".pt2":
        raise ArgumentError(f'Programs of torch are files that end in ".pt2", but got {path.name!r}.')
    atoms, pairs = torch.export.Dim("atoms", min=1), torch.export.Dim("pairs", min=0)
    structures = torch.export.Dim("structures", min=1)
    free = ({0: atoms}, {0: atoms}, {1: pairs}, {0: pairs}, {0: structures}, {0: atoms})
    plain = plain_potential(model, forces=forces, stress=stress, kernels=kernels)
    notes = json.dumps(
        {
            "elements": model.elements,
            "cutoff": model.cutoff,
            "dtype": str(model.dtype).removeprefix("torch."),
            "units": UNITS,
            "inputs": AtomGraph._fields,
            "needs": "intertwine" if kernels else "torch",
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those are between parts of torch
        program = torch.export.export(plain, tuple(example_graph(model)), dynamic_shapes=free)
        if compiled:
            torch._inductor.aoti_compile_and_package(
                program, package_path=str(path), inductor_configs={"aot_inductor.metadata": {NOTES: notes}}
            )
        else:
            torch.export.save(program, path, extra_files={NOTES: notes})
    return path


def example_graph(model: Potential) -> AtomGraph:
    """Two small structures whose atoms all see each other, where the model is: what programs are recorded with."""
    generator, device = torch.Generator().manual_seed(0), model.references.device
    counts = torch.tensor([4, 5])
    structure = torch.repeat_interleave(torch.arange(2), counts)
    corners = torch.cartesian_prod(*3 * [torch.arange(2.0, dtype=torch.float64)])[:7].repeat(2, 1)[: len(structure)]
    noise = 0.1 * torch.rand(len(structure), 3, generator=generator, dtype=torch.float64)
    together = (structure[:, None] == structure).fill_diagonal_(False)
    edges = together.nonzero().T.contiguous()
    return AtomGraph(
        (corners + noise) * model.cutoff / 4,
        torch.arange(len(structure)) % len(model.elements),
        edges,
        torch.zeros(edges.shape[1], 3, dtype=torch.float64),
        3 * model.cutoff * torch.eye(3, dtype=torch.float64).repeat(2, 1, 1),
        structure,
    ).to(device)


def require_local(model: Potential) -> None:
    """Raise `ArgumentError` unless energies depend on pairs within the cut-off alone: other programs know no others."""
    far = [type(term).__name__ for term in model.terms if not term.is_local]
    if far:
        raise ArgumentError(
            f"Other programs find the pairs within the cut-off, but {', '.join(far)} needs all atoms. Run this "
            "potential by interop.ase.Calculator."
        )


def hops(model: Potential) -> int:
    """How many neighbours of neighbours the energy of an atom depends on: seen on a chain of atoms.

    Raises `ArgumentError` for a potential with parts at any distance.
    """
    require_local(model)
    twin, length = copy.deepcopy(model).double(), 16
    device, kinds = twin.references.device, torch.arange(length) % len(model.elements)
    steps = torch.arange(length, dtype=torch.float64)[:, None] * torch.tensor([[0.6, 0.2, 0.1]], dtype=torch.float64)
    positions = (steps * model.cutoff + 0.05 * (steps * 9).sin()).requires_grad_()
    ends = torch.stack([torch.arange(length - 1), torch.arange(1, length)])
    edges = torch.cat([ends, ends.flip(0)], 1)
    none = torch.zeros(edges.shape[1], 3, dtype=torch.float64)
    cells = torch.zeros(1, 3, 3, dtype=torch.float64)
    graph = AtomGraph(positions, kinds, edges, none, cells, torch.zeros(length, dtype=torch.int64)).to(device)
    (slopes,) = torch.autograd.grad(twin.atomic(graph)["energies"][0], positions)
    return int(slopes.any(1).nonzero().max())
