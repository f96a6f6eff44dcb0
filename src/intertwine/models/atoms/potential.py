"""A potential: energies of atoms, and what follows from them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import ClassVar

import torch
from torch import Tensor, nn

from intertwine._arrays import is_tracing
from intertwine.errors import ArgumentError
from intertwine.models.atoms.exact import ExactModule
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.network import AtomNetwork, invariant_irrep
from intertwine.models.atoms.options import KeepsOptions
from intertwine.models.atoms.spread import EnergySpread
from intertwine.models.atoms.targets import Target
from intertwine.reps import as_rep

TAKEN_NAMES = (
    *("energy", "energies", "free_energy", "forces", "stress", "virial", "group"),
    *("energy_uncertainty", "forces_uncertainty"),
)
"""Names that targets do not have, since a potential gives them, or data have them, anyway."""


_LISTENING = Lock()
"""One at a time listens to what a last map is given: of two threads each would hear the other's atoms."""


class EnergyTerm(KeepsOptions, nn.Module, ABC):
    """An energy of atoms that is known beforehand or follows from what the network gives: repulsion, charges.

    Attributes:
        is_local: whether it depends on pairs within the cut-off alone.
    """

    is_local: ClassVar[bool] = True

    @abstractmethod
    def forward(self, graph: AtomGraph, vectors: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:
        """The energy of each atom, `(N,)`, eV.

        Args:
            graph: the atoms.
            vectors: of the pairs, `(E, 3)`, Å: forces follow from these, positions and cells.
            outputs: what the network gives for each atom, by the name of the target: charges, for instance.
        """


class Potential(ExactModule):
    """Energy, forces, stress and tensors of atoms: `E = Σ_i (scale_z ε_i + reference_z + …)`, z the element of atom i.

    ε is what the network gives. References and scales, and sums over atoms, are float64 whatever the dtype of the
    network, since total energies are large and their differences small.

    Args:
        network: the network; its rep_out is one invariant, ε, and then the reps of the targets, in their order.
        elements: the atomic number of each of its species.
        references: the energy of each species, eV.
        scale: the size of ε, eV: one number, or one for each species.
        targets: what else the network gives, by name.
        terms: other parts of the energy, added.

    Raises `ArgumentError` where these do not fit together.

    >>> from ase.build import molecule
    >>> from intertwine.catalog import O3
    >>> from intertwine.models import NequIP, atom_graph
    >>> model = Potential(NequIP(3, cutoff=4.0, hidden=O3.rep("8x0e + 8x1o"), layers=2), elements=[1, 6, 8])
    >>> found = model(atom_graph(molecule("CH3OH"), model.elements, model.cutoff))
    >>> found["energy"].shape, found["forces"].shape
    (torch.Size([1]), torch.Size([6, 3]))
    """

    exact = ("references", "scale")
    references: Tensor
    scale: Tensor

    def __init__(
        self,
        network: AtomNetwork,
        elements: Sequence[int],
        references: Sequence[float] | Tensor | None = None,
        scale: float | Sequence[float] | Tensor = 1.0,
        *,
        targets: Mapping[str, Target] | None = None,
        terms: Sequence[EnergyTerm] = (),
    ) -> None:
        super().__init__()
        self.elements = tuple(int(number) for number in elements)
        if len(self.elements) != network.species or len(set(self.elements)) < len(self.elements):
            raise ArgumentError(
                f"Each species of the network has an element of its own: {network.species} are expected, but got the "
                f"atomic numbers {list(self.elements)}."
            )
        self.targets = dict(targets or {})
        check_target_names(self.targets)
        group = network.rep_out.group
        wanted = as_rep(invariant_irrep(group))
        for target in self.targets.values():
            wanted = wanted + target.rep
        if network.rep_out != wanted:
            raise ArgumentError(
                f"The network of a potential gives one invariant, the energy, and its targets: {wanted} of {group}, "
                f"but got {network.rep_out}. Make the network with rep_out={wanted!r}."
            )
        self.network, self.terms = network, nn.ModuleList(terms)
        # Copies of its own: their tables follow its dtype and device.
        self._forms = {name: copy.deepcopy(target.form) for name, target in self.targets.items() if target.form}
        self.forms = nn.ModuleList(self._forms.values())
        self.spread: EnergySpread | None = None
        self.register_buffer("references", self._per_species(0.0 if references is None else references, "references"))
        self.register_buffer("scale", self._per_species(scale, "scale"))

    def _per_species(self, given: float | Sequence[float] | Tensor, name: str) -> Tensor:
        values = torch.as_tensor(given, dtype=torch.float64).detach()  # at once: numbers would become float32 first
        if values.shape not in ((), (len(self.elements),)) or not bool(values.isfinite().all()):
            raise ArgumentError(
                f"A potential takes as {name} one finite number per element, {len(self.elements)} in all, but got "
                f"{values.tolist()}."
            )
        return values.expand(len(self.elements)).clone()

    @property
    def cutoff(self) -> float:
        """How far atoms see, Å."""
        return self.network.cutoff

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the network's weights, in which it computes."""
        return next(p.dtype for p in self.network.parameters() if p.is_floating_point())

    def hessian(self, graph: AtomGraph) -> Tensor:
        """The second derivatives of the energy of one structure by all positions, `(3N, 3N)`, eV/Å², row by row.

        Raises `ArgumentError` for several structures.
        """
        if len(graph.cells) != 1:
            raise ArgumentError(
                f"A Hessian is that of one structure, but got {len(graph.cells)}. Ask for each by itself."
            )
        with torch.enable_grad():
            positions = graph.positions.detach().requires_grad_()
            energy = self.energy(graph._replace(positions=positions)).sum()
            (slope,) = torch.autograd.grad(energy, positions, create_graph=True)
            rows = [torch.autograd.grad(part, positions, retain_graph=True)[0].flatten() for part in slope.flatten()]
        return torch.stack(rows)

    def atomic(self, graph: AtomGraph) -> dict[str, Tensor]:
        """The `energies` of atoms, float64 `(N,)`, and what the network gives of each target, `(N, rep.dim)`.

        Differentiable in positions and cells, once, twice and under `torch.func`.
        """
        vectors = graph.vectors()
        y = self.network(graph.species, graph.edges, vectors.to(self.dtype))
        sizes = [1, *(target.rep.dim for target in self.targets.values())]
        own, *parts = y.split(sizes, 1)
        outputs = dict(zip(self.targets, parts, strict=True))
        energies = own[:, 0].double() * self.scale[graph.species] + self.references[graph.species]
        for term in self.terms:
            energies = energies + term(graph, vectors, outputs).double()
        return {"energies": energies, **outputs}

    def with_features(self, graph: AtomGraph) -> tuple[dict[str, Tensor], Tensor]:
        """What `atomic` gives, and the features that the last linear map makes energies of, `(B, size)`, float64."""
        last, seen = self.network.last_map, []
        with _LISTENING:
            handle = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
            try:
                found = self.atomic(graph)
            finally:
                handle.remove()
        invariant = invariant_irrep(last.rep_in.group)
        terms = zip(last.rep_in.terms, last.rep_in.slices, strict=True)
        parts = [seen[-1][:, where] for (_, block), where in terms if block == invariant]
        own = torch.cat(parts, 1).double() * self.scale[graph.species][:, None]
        return found, _sums(own, graph)

    def energy(self, graph: AtomGraph) -> Tensor:
        """The energy of each structure, float64 `(B,)`, eV: for `torch.func.grad` and its like."""
        return _sums(self.atomic(graph)["energies"], graph)

    def forward(self, graph: AtomGraph, *, forces: bool = True, stress: bool = False) -> dict[str, Tensor]:
        """What is known of the atoms, by name.

        `energy` `(B,)` and `energies` `(N,)`, float64, eV; `forces` `(N, 3)`, eV/Å, the negative gradient; `stress`
        `(B, 3, 3)`, eV/Å³, the derivative by strain over the volume, positive under tension; the targets, `(B, *shape)`
        or `(N, *shape)`; and with a `spread` `energy_uncertainty` `(B,)`, eV. In training, and where gradients are
        asked for, all are differentiable.

        Args:
            graph: the atoms.
            forces: whether forces are asked for.
            stress: whether stresses are asked for, of structures that repeat in three directions; NaN for molecules
                among them.

        Raises `ArgumentError` for stresses where no structure has a volume.
        """
        wanted: list[Tensor] = []
        given = graph.positions.requires_grad or graph.cells.requires_grad
        traced = torch.is_grad_enabled() and (self.training or given or not (forces or stress))
        with torch.enable_grad() if forces or stress else torch.set_grad_enabled(torch.is_grad_enabled()):
            positions = graph.positions
            if forces:
                positions = positions if positions.requires_grad else positions.detach().requires_grad_()
                wanted.append(positions)
            strained = graph._replace(positions=positions)
            if stress:
                strain = torch.zeros_like(graph.cells, requires_grad=True)
                wanted.append(strain)
                strained = _strained(strained, strain)
            found, features = self.with_features(strained) if self.spread else (self.atomic(strained), None)
            energy = _sums(found["energies"], graph)
            slopes = list(torch.autograd.grad(energy.sum(), wanted, create_graph=traced)) if wanted else []
        out = {"energy": energy, "energies": found["energies"]}
        if self.spread is not None and features is not None:
            out["energy_uncertainty"] = self.spread(features)
        if forces:
            out["forces"] = -slopes[0]
        if stress:
            volumes = _volumes(graph.cells)
            known = volumes > 0
            # Not a NaN divided by: gradients of the others would become NaN too.
            out["stress"] = torch.where(known, slopes[-1] / torch.where(known, volumes, 1), torch.nan)
        for name, target in self.targets.items():
            features = _sums(found[name], graph) if target.total else found[name]
            if target.total and target.mean:
                counts = graph.structure.bincount(minlength=len(features)).clamp(min=1)
                features = features / counts[:, None].to(features)
            form = self._forms.get(name)
            out[name] = features if form is None else form.to_cartesian(features)
        return out if traced else {name: values.detach() for name, values in out.items()}


def check_target_names(names: Iterable[str]) -> None:
    """Raises `ArgumentError` for names that targets cannot have."""
    if taken := sorted(name for name in names if name in TAKEN_NAMES or not name or "." in name):
        raise ArgumentError(
            f"Targets have names without dots, other than {', '.join(TAKEN_NAMES)}, which mean something already, but "
            f"got {taken}. Choose others."
        )


def _sums(values: Tensor, graph: AtomGraph) -> Tensor:
    """Sums over the atoms of each structure."""
    out = values.new_zeros((graph.cells.shape[0], *values.shape[1:]))
    summed: Tensor = out.index_add(0, graph.structure, values)
    return summed


def _strained(graph: AtomGraph, strain: Tensor) -> AtomGraph:
    """The graph after a symmetric strain of each structure: `r ↦ (1 + ε) r`, atoms and cells alike."""
    symmetric = (strain + strain.mT) / 2
    moved = graph.positions + (graph.positions[:, None] @ symmetric[graph.structure])[:, 0]
    return graph._replace(positions=moved, cells=graph.cells + graph.cells @ symmetric)


def _volumes(cells: Tensor) -> Tensor:
    """The volume of each cell, `(B, 1, 1)`, 0 where there is none; raises `ArgumentError` where no cell has one."""
    a, b, c = cells.unbind(1)
    volumes: Tensor = (torch.linalg.cross(a, b) * c).sum(1).abs()[:, None, None]
    # Only numbers can be looked at: not what stands for them while code is compiled or recorded.
    is_number = type(volumes) is Tensor and not (torch.compiler.is_compiling() or is_tracing())
    if is_number and not bool((volumes > 0).any()):
        raise ArgumentError(
            "Stress is a derivative per volume, but all of these structures have a cell without volume. Give a cell, "
            "or do not ask for the stress."
        )
    return volumes
