"""Networks on atoms: energies, forces, stresses and tensors of molecules and materials."""

from intertwine.models.atoms.allegro import Allegro
from intertwine.models.atoms.charges import Electrostatics
from intertwine.models.atoms.equiformer import Equiformer
from intertwine.models.atoms.escn import ESCN
from intertwine.models.atoms.files import load_potential, save_potential
from intertwine.models.atoms.graph import AtomGraph, atom_graph, batch_graphs, neighbours
from intertwine.models.atoms.mace import MACE
from intertwine.models.atoms.memory import expected_memory
from intertwine.models.atoms.nequip import NequIP
from intertwine.models.atoms.network import AtomNetwork
from intertwine.models.atoms.pair_basis import PairBasis
from intertwine.models.atoms.potential import EnergyTerm, Potential
from intertwine.models.atoms.spread import EnergySpread
from intertwine.models.atoms.targets import Target
from intertwine.models.atoms.terms import Repulsion
from intertwine.models.atoms.uncertainty import Committee, fitted_spread
from intertwine.models.atoms.verlet import VerletList

__all__ = [
    "ESCN",
    "MACE",
    "Allegro",
    "AtomGraph",
    "AtomNetwork",
    "Committee",
    "Electrostatics",
    "EnergySpread",
    "EnergyTerm",
    "Equiformer",
    "NequIP",
    "PairBasis",
    "Potential",
    "Repulsion",
    "Target",
    "VerletList",
    "atom_graph",
    "batch_graphs",
    "expected_memory",
    "fitted_spread",
    "load_potential",
    "neighbours",
    "save_potential",
]
