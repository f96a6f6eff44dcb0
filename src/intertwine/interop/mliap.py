"""A potential as what LAMMPS's interface ML-IAP loads from a file: `pair_style mliap unified FILE`.

It takes a LAMMPS that was built with this interface and its Python side. `interop.lammps` serves every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.interop.running import ready_potential
from intertwine.models import AtomGraph, Potential
from intertwine.models.atoms.exporting import hops


def save_mliap(
    model: Potential | str | Path,
    path: str | Path,
    symbols: Sequence[str],
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    skin: float = 2.0,
) -> str:
    """Write the file that LAMMPS loads, and say by which commands, in units metal.

    Args:
        model: a potential, or a file that `save_potential` wrote.
        path: the file, whose name ends in ".pt". It holds the whole model as Python has it, for this version of the
            library.
        symbols: the element of each type of atoms, in the order of the types.
        dtype: in which the network computes; default that of the model.
        device: where; default where the model is.
        skin: how far LAMMPS's neighbours reach beyond the cut-off, Å: the one of its command `neighbor`.

    Returns:
        The commands, one a line. A network of several layers asks neighbours of neighbours, so that LAMMPS is told to
        list those of copies of atoms too, and to make copies as far as the cut-off times the layers.

    Raises `ArgumentError` for elements that the model does not know, for other names of files, and for a potential with
    parts at any distance, such as charges.
    """
    made, path = MLIAPPotential(model, dtype=dtype, device=device), Path(path)
    if path.suffix != ".pt":
        raise ArgumentError(f'LAMMPS loads by torch what ends in ".pt", but got {path.name!r}.')
    unknown = [symbol for symbol in symbols if symbol not in made.element_types]
    if unknown or not symbols:
        raise ArgumentError(
            f"Each type of atoms is one of the elements that this model knows, {', '.join(made.element_types)}, but "
            f"got {[*symbols]}."
        )
    torch.save(made, path)
    asks_further = made.layers > 1
    commands = [f"pair_style mliap unified {path} {int(asks_further)}", f"pair_coeff * * {' '.join(symbols)}"]
    if asks_further:
        commands.append(f"comm_modify mode single cutoff {made.layers * made.model.cutoff + skin}")
    return "\n".join(commands)


class MLIAPPotential:
    """A potential that LAMMPS asks for energies and forces at each step.

    What LAMMPS asks of it are the names of its class `lammps.mliap.mliap_unified_abc.MLIAPUnified`, which is no base of
    this one so that files can be written where there is no LAMMPS.

    An atom belongs to one process, which has copies of others around, ghosts. Each process computes the energies of its
    atoms, and how they change with all pairs that they depend on, those of ghosts among them; LAMMPS adds up what
    processes find of the same atom.

    Args:
        model: a potential, or a file that `save_potential` wrote.
        dtype: in which the network computes; default that of the model.
        device: where; default where the model is.

    Raises `ArgumentError` for a potential with parts at any distance, such as charges.

    Attributes:
        layers: how many neighbours of neighbours the energy of an atom depends on.
        element_types: the symbols of the model's elements, by which LAMMPS numbers them.
        rcutfac: half the cut-off: the share of each atom of a pair.
        ndescriptors, nparams: numbers of what the interface has for other kinds of models; LAMMPS wants one at least.
        interface: set by LAMMPS.
    """

    ndescriptors = nparams = 1
    interface: Any = None

    def __init__(
        self,
        model: Potential | str | Path,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        from ase.data import chemical_symbols

        self.model = model = ready_potential(model, device, dtype)
        self.layers = hops(model)
        self.element_types = [chemical_symbols[number] for number in model.elements]
        self.rcutfac = model.cutoff / 2

    def compute_descriptors(self, data: Any) -> None:
        """Nothing: LAMMPS asks for descriptors, gradients and forces one after the other."""

    def compute_gradients(self, data: Any) -> None:
        """Nothing."""

    def compute_forces(self, data: Any) -> None:
        """Give energies and forces.

        Args:
            data: LAMMPS's atoms and pairs within the cut-off, which it also writes to. Of its arrays none can be read
                that is empty.

        Raises `ArgumentError` where the neighbours of ghosts are needed, but are not listed.
        """
        if self.layers > 1 and data.ntotal > data.nlocal and data.natomneigh == data.nlistatoms:
            raise ArgumentError(
                f"The energies of this potential depend on neighbours of neighbours, {self.layers} layers deep, and so "
                "on those of ghosts, which are not listed. Write `pair_style mliap unified FILE 1` and `comm_modify "
                f"cutoff {self.layers * self.model.cutoff:g}`, plus the skin, as save_mliap says; or run it by "
                "interop.lammps.LammpsForces, by `fix external`."
            )
        if not data.nlistatoms:
            data.energy = 0.0
            return
        own = torch.as_tensor(data.iatoms[: data.nlistatoms]).long()
        vectors, edges = torch.zeros(0, 3, dtype=torch.float64), torch.zeros(2, 0, dtype=torch.int64)
        if data.npairs:
            vectors = torch.as_tensor(data.rij)
            # Those who ask, i, are targets of messages: LAMMPS lists all neighbours of an atom i.
            edges = torch.stack([torch.as_tensor(data.pair_j), torch.as_tensor(data.pair_i)]).long()
        # Types without an element, -1, are of atoms that another pair style moves.
        species = torch.as_tensor(data.elems).long().clamp(min=0)
        energies, slopes = self.evaluated(species, edges, vectors, own)
        data.energy = float(energies.sum())
        data.eatoms = energies.numpy()
        if data.npairs:
            data.update_pair_forces(slopes.numpy())

    def evaluated(self, species: Tensor, edges: Tensor, vectors: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The energies of some atoms, eV, and their slopes by the vectors of all pairs, eV/Å `(E, 3)`.

        Args:
            species: the element of each atom, ghosts included, `(N,)`.
            edges: source and target of each pair, `(2, E)`.
            vectors: from target to source, `(E, 3)`, Å.
            own: the atoms whose energies are asked for.
        """
        asked = self._asked(edges, own, len(species))
        with torch.enable_grad():
            vectors = vectors.detach().requires_grad_()
            graph = AtomGraph(
                torch.zeros(len(species), 3, dtype=torch.float64),
                species,
                edges[:, asked],
                -vectors[asked],
                torch.eye(3, dtype=torch.float64)[None],
                torch.zeros_like(species),
            ).to(self.model.references.device)
            energies = self.model.atomic(graph)["energies"].to(own.device)[own]
            (slopes,) = torch.autograd.grad(energies.sum(), vectors)
        return energies.detach(), slopes

    def _asked(self, edges: Tensor, own: Tensor, atoms: int) -> Tensor:
        """Which pairs the energies of some atoms depend on: those of ghosts far out serve nobody."""
        source, target = edges
        asking = torch.zeros(atoms, dtype=torch.bool)
        asking[own] = True
        for _ in range(self.layers - 1):
            asking[source[asking[target]]] = True
        return asking[target]
