"""The networks on atoms that the laws run over: to have another obey all laws, add a row."""

from collections.abc import Callable

import pytest
import torch
from ase import Atoms

from intertwine.catalog import O3, SO3
from intertwine.models import ESCN, MACE, Allegro, AtomGraph, AtomNetwork, Equiformer, NequIP, Potential, atom_graph
from intertwine.reps import Rep

CUTOFF = 3.5
"""How far all of them see, Å."""

Make = Callable[[int, Rep | None], AtomNetwork]
"""A small network for so many elements with some output; None for an energy alone."""

NATURAL, MIXED = O3.rep("4x0e + 3x1o + 2x2e"), O3.rep("4x0e + 2x0o + 2x1o + 2x1e + 2x2e")

NETWORKS: dict[str, Make] = {
    "NequIP": lambda n, out: NequIP(n, CUTOFF, NATURAL, layers=2, radial=(8,), rep_out=out),
    "NequIP, both parities": lambda n, out: NequIP(n, CUTOFF, MIXED, layers=3, degree=1, radial=(8,), rep_out=out),
    "NequIP, rotations alone": lambda n, out: NequIP(
        n, CUTOFF, SO3.rep("4x0 + 3x1"), layers=3, radial=(8,), own="linear", onset=2.0, learn_bessel=True, rep_out=out
    ),
    "NequIP, other layers": lambda n, out: NequIP(
        n, CUTOFF, [NATURAL, MIXED], own="none", solid=True, bias=True, readout=(6,), radial=(8,), rep_out=out
    ),
    "MACE": lambda n, out: MACE(
        n, CUTOFF, O3.rep("4x0e + 4x1o"), degree=2, radial=(8,), readout=4, neighbours=1.0, rep_out=out
    ),
    "MACE, rotations alone": lambda n, out: MACE(
        n, CUTOFF, SO3.rep("4x0 + 4x1"), degree=1, order=2, radial=(8,), residual=False, neighbours=4.0, rep_out=out
    ),
    "MACE, densities and distances by radii": lambda n, out: MACE(
        n,
        CUTOFF,
        O3.rep("3x0e + 3x1o + 3x2e"),
        layers=3,
        degree=2,
        order=(2, 3, 1),
        radial=(8,),
        residual=(False, True, True),
        density=True,
        radii=n * (0.7,),
        readout=0,
        rep_out=out,
    ),
    "ESCN": lambda n, out: ESCN(n, CUTOFF, NATURAL, layers=2, order=1, radial=(8,), rep_out=out),
    "ESCN, rotations alone": lambda n, out: ESCN(
        n, CUTOFF, SO3.rep("4x0 + 3x1 + 2x2"), layers=2, order=None, radial=(8,), rep_out=out
    ),
    "Equiformer": lambda n, out: Equiformer(
        n, CUTOFF, O3.rep("4x0e + 4x1o + 2x2e"), layers=2, heads=2, radial=(8,), rep_out=out
    ),
    "Allegro": lambda n, out: Allegro(
        n,
        CUTOFF,
        O3.rep("4x0e + 4x1o"),
        scalars=8,
        two_body=(8,),
        latent=(8,),
        readout=(4,),
        neighbours=4.0,
        rep_out=out,
    ),
    "Allegro, rotations alone": lambda n, out: Allegro(
        n, CUTOFF, SO3.rep("4x0 + 4x1"), layers=3, scalars=8, latent=(8, 8), neighbours=4.0, rep_out=out
    ),
    "Allegro, both parities": lambda n, out: Allegro(
        n, CUTOFF, O3.rep("4x0e + 4x0o + 4x1e + 4x1o"), layers=3, scalars=8, latent=(8,), neighbours=4.0, rep_out=out
    ),
}


def potential(name: str, elements: tuple[int, ...] = (6, 8)) -> Potential:
    """One of them with a seed, float64, ready for use."""
    torch.manual_seed(0)
    return Potential(NETWORKS[name](len(elements), None), elements, scale=0.7).double().eval()


def graph_of(model: Potential, *frames: Atoms) -> AtomGraph:
    """Atoms as the model sees them, in its dtype."""
    return atom_graph(frames, model.elements, model.cutoff, dtype=model.dtype)


each_network = pytest.mark.parametrize("name", NETWORKS)
