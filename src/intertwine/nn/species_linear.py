"""A linear map with weights for each species of nodes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import FieldType, PointFeatures
from intertwine.kernels import linear_plan
from intertwine.kernels.plans import unreached_irreps
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule, warn_unreachable
from intertwine.nn.symmetric_contraction import check_species
from intertwine.ops import IndexedLinear
from intertwine.reps import Irrep, Rep


class SpeciesLinear(EquivariantModule):
    """All linear maps that commute with the group, with weights of their own for each species of nodes.

    It is `nn.Linear` without a bias, one for each species, and the product of features with one-hot rows of species:
    but each node meets the weights of its own species alone, so that what it costs does not grow with their number.

    Args:
        rep_in: the rep of the input, features `(N, rep_in.dim)`.
        rep_out: the rep of the output.
        species: how many kinds of nodes there are.

    Attributes:
        weight: `(species, numbers)`, standard normal at first; for each species what `nn.Linear` has for all.

    Raises and warns like `nn.Linear`, and on calls `ShapeError` unless each node has an integer.

    >>> from intertwine.catalog import O3
    >>> layer = SpeciesLinear(O3.rep("8x0e + 8x1o"), O3.rep("4x0e + 4x1o"), species=3)
    >>> layer(torch.randn(5, 32), torch.tensor([0, 1, 1, 2, 0])).shape
    torch.Size([5, 16])
    """

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, species: int) -> None:
        super().__init__(rep_in, rep_out)
        if not isinstance(species, int | np.integer) or isinstance(species, bool) or species < 1:
            raise ArgumentError(f"The number of species is an integer from 1 on, but got {species!r}.")
        self.species = int(species)
        plan = linear_plan(self.rep_in, self.rep_out)
        hint = "Add these irreps to the input, or use a layer that mixes irreps before."
        warn_unreachable(self, unreached_irreps(plan, self.rep_out), hint)
        self.linear = IndexedLinear(plan)
        self.before, self.after = IrrepCoordinates(self.rep_in), IrrepCoordinates(self.rep_out)
        self.weight = nn.Parameter(torch.randn(self.species, plan.operands[0].size))

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The rep of the features, and None for the species."""
        return self.rep_in, None

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features, and a number per point."""
        return PointFeatures(self.rep_in), PointFeatures()

    @property
    def field_out(self) -> FieldType:
        """Features of points."""
        return PointFeatures(self.rep_out)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random features and species."""
        x = torch.randn(batch, self.rep_in.dim, generator=generator, dtype=torch.float64)
        return x, torch.randint(self.species, (batch,), generator=generator)

    def forward(self, x: Tensor, species: Tensor) -> Tensor:  # type: ignore[override]
        """The output `(N, rep_out.dim)` in the dtype of x.

        Args:
            x: features `(N, rep_in.dim)`.
            species: the kind of each node, numbered from 0, `(N,)` integers.
        """
        self.check(x, self.rep_in)
        if x.ndim != 2 or species.is_floating_point() or plain_shape(species) != plain_shape(x)[:1]:
            raise ShapeError(
                f"SpeciesLinear takes features (N, {self.rep_in.dim}) and an integer for each of the N nodes, but got "
                f"{plain_shape(x)}, and {plain_shape(species)} of {species.dtype}."
            )
        if not (torch.compiler.is_compiling() or is_tracing()):  # recorded code must not look at values
            check_species(species, self.species)
        y = self.linear(self.weight.to(x.dtype), self.before.to_irreps(x), species)
        return self.after.from_irreps(y)

    def extra_repr(self) -> str:
        """The reps, and the number of species."""
        return f"{super().extra_repr()}, species={self.species}"
