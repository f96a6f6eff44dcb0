"""What all networks on atoms share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.fields import Displacements, Edges, FieldType, PointFeatures
from intertwine.groups import Group
from intertwine.models.atoms.options import KeepsOptions
from intertwine.nn import EquivariantModule, Gate, LayerNorm, Linear
from intertwine.reps import Irrep, Rep


class AtomNetwork(KeepsOptions, EquivariantModule):
    """Features of atoms, of any rep, from their elements and the vectors between them.

    Args:
        species: how many elements there are.
        cutoff: how far atoms see, Å.
        group: the group that features turn by, such as O(3).
        rep_out: what each atom gives: vectors for a dipole, …; None for one invariant, its energy.

    Raises `ArgumentError` for no species and for a cut-off that is not positive.
    """

    def __init__(self, species: int, cutoff: float, group: Group, rep_out: Rep | Irrep | None) -> None:
        if not isinstance(species, int) or species < 1 or not cutoff > 0:
            raise ArgumentError(
                f"A network on atoms knows one element or more and sees some distance far, but got species={species!r} "
                f"and cutoff={cutoff!r}."
            )
        invariant = invariant_irrep(group)
        super().__init__(species * invariant, invariant if rep_out is None else rep_out)
        self.species, self.cutoff = species, float(cutoff)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """Species and edges, which nothing moves, and vectors."""
        return None, None, self.rep_out.group.defining

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """A number per atom, edges, vectors along them."""
        return PointFeatures(), Edges(), Displacements(self.rep_out.group.defining)

    @property
    def field_out(self) -> FieldType:
        """Features of atoms."""
        return PointFeatures(self.rep_out)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random atoms within sight of each other."""
        species = torch.randint(self.species, (batch,), generator=generator)
        positions = torch.randn(batch, 3, generator=generator, dtype=torch.float64) * (self.cutoff / 3)
        edges = (torch.cdist(positions, positions) < self.cutoff).fill_diagonal_(False).nonzero().T
        return species, edges, positions[edges[1]] - positions[edges[0]]

    def scale_output(self, factor: float) -> None:
        """Multiply what the network gives by a factor, in the weights of the linear maps that give it."""
        with torch.no_grad():
            for part in self._output_maps():
                part.weight.mul_(factor)

    @property
    def last_map(self) -> Linear:
        """The linear map that gives the output, or the last part of it; `ArgumentError` for networks without one."""
        if not (maps := self._output_maps()):
            raise ArgumentError(
                f"{type(self).__name__} does not end in a linear map, whose features could be asked for."
            )
        return maps[-1]

    def _output_maps(self) -> list[Linear]:
        """The linear maps to the output: one, or one for each layer where the output is the sum over layers."""
        return [part for part in self.modules() if isinstance(part, Linear) and part.rep_out == self.rep_out]

    @abstractmethod
    def forward(self, species: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """What each atom gives, `(N, rep_out.dim)`.

        Args:
            species: the element of each atom, numbered from 0, `(N,)`.
            edges: source and target of each pair of atoms that see each other, `(2, E)`.
            vectors: from source to target, `(E, 3)`, Å.
        """


def reachable(wanted: Rep, rep: Rep, harmonics: Rep, needed: Rep | None = None) -> Rep:
    """The terms that neighbours with features of a rep can give, by products with harmonics of the directions to them.

    Args:
        wanted: the terms to choose from.
        rep: that of the neighbours' features.
        harmonics: that of the harmonics.
        needed: a rep whose irreps alone are kept, beside invariants; None to keep all.

    Raises `ArgumentError` where there are none.

    >>> from intertwine.catalog import O3
    >>> reachable(O3.rep("8x0e + 8x1o + 8x1e"), O3.rep("4x0e"), O3.harmonics(2))
    tw.O3.rep('8x0e + 8x1o')
    """
    found = {irrep for _, irrep in (rep * harmonics).isotypic}
    if needed is not None:
        found &= {invariant_irrep(rep.group), *(irrep for _, irrep in needed.isotypic)}
    terms = wanted.filter(keep=[*found])
    if not terms.dim:
        raise ArgumentError(
            f"Neighbours with features of {rep} give none of {wanted}{'' if needed is None else f' for {needed}'}. "
            "Add invariants, and what the output has, to the hidden features."
        )
    return terms


def invariant_irrep(group: Group) -> Irrep:
    """The irrep of numbers that nothing changes, such as energies."""
    return Irrep(group, group.trivial)


def invariants_of(rep: Rep) -> Rep:
    """The invariants of a rep, as one term; raises `ArgumentError` where there are none."""
    channels = sum(m for m, block in rep.terms if block == invariant_irrep(rep.group))
    if not channels:
        raise ArgumentError(
            f"Features of atoms begin as invariants, but {rep} has none. Add some to the hidden features."
        )
    found: Rep = channels * invariant_irrep(rep.group)
    return found


def feature_gate(rep: Rep) -> Gate:
    """The gate of features: silu of invariants and of gates, tanh of pseudoscalars."""
    return Gate(rep, F.silu, F.silu, odd=torch.tanh)


class AtomBlock(nn.Module):
    """A network at each atom, added to its features: `x ← x + L gate(L norm x)`."""

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.norm, self.gate = LayerNorm(rep, together="separable"), feature_gate(rep)
        self.before, self.after = Linear(rep, self.gate.rep_in, bias=False), Linear(rep, rep, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The features `(N, rep.dim)`."""
        y: Tensor = x + self.after(self.gate(self.before(self.norm(x))))
        return y
