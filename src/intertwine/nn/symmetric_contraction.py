"""Equivariant polynomials of features, channel by channel: the product basis of MACE."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import FieldType, PointFeatures
from intertwine.kernels.products import require_one_group
from intertwine.kernels.symmetric import common_multiplicity, symmetric_contraction
from intertwine.nn.coordinates import ChannelCoordinates
from intertwine.nn.module import EquivariantModule, warn_unreachable
from intertwine.ops import ChannelPolynomial
from intertwine.reps import Irrep, Rep


class SymmetricContraction(EquivariantModule):
    """All equivariant polynomials up to an order, with weights: `y_u = Σ_k Σ_paths w_u,z C (x_u ⊗ … ⊗ x_u)`, k factors.

    Each channel u is treated by itself, with weights of its own, which may depend on the species z of the node. Where
    x sums over the neighbours of a node, order k sees k of them together: what k + 1 bodies do. The couplings are
    independent, as many as the symmetric powers of the input hold, for any group. With x of unit variance the
    components of y have unit variance. Put an `nn.Linear` before and behind it to mix channels. On a CPU it runs in a
    kernel that is compiled for it (see `intertwine.ops.ChannelPolynomial`).

    Args:
        rep_in: the rep of the features; all its terms have the same multiplicity, the number of channels.
        rep_out: the rep of the output, with the same channels.
        order: the largest number of factors: the "correlation" of MACE.
        species: how many kinds of nodes have weights of their own; None where all nodes share them.

    Attributes:
        weight: `(species, paths, channels)`; one species where nodes share weights. Paths are ordered by the term of
            the output, the order, and the terms of the input that meet.

    Raises `ArgumentError` for multiplicities that differ and where no output can be reached, `RepMismatchError` for
    reps of different groups, and on calls `ShapeError` or `ArgumentError` for features and species that do not fit.
    Warns (`UnreachableWarning`) about irreps of the output that no polynomial leads to.

    Source: Batatia et al. 2022 (arXiv:2206.07697).

    >>> from intertwine.catalog import O3
    >>> layer = SymmetricContraction(O3.rep("8x0e + 8x1o + 8x2e"), O3.rep("8x0e + 8x1o"), order=3, species=4)
    >>> layer.weight.shape
    torch.Size([4, 17, 8])
    >>> layer(torch.randn(5, 72), torch.tensor([0, 1, 1, 3, 2])).shape
    torch.Size([5, 32])
    """

    def __init__(
        self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, order: int = 3, *, species: int | None = None
    ) -> None:
        super().__init__(rep_in, rep_out)
        require_one_group(self.rep_in, self.rep_out)
        common_multiplicity(self.rep_in, self.rep_out)
        if species is not None and (
            not isinstance(species, int | np.integer) or isinstance(species, bool) or species < 1
        ):
            raise ArgumentError(
                f"The number of species is an integer from 1 on, or None where nodes share weights, but got "
                f"{species!r}."
            )
        self.before, self.after = ChannelCoordinates(self.rep_in), ChannelCoordinates(self.rep_out)
        plan = symmetric_contraction(self.before.irreps, self.after.irreps, order)
        warn_unreachable(self, plan.unreached, "Raise the order, or add irreps to the input.")
        self.order, self.species = order, species
        self.polynomial = ChannelPolynomial(plan.polynomial)
        self.weight = nn.Parameter(torch.randn(species or 1, plan.paths, plan.channels))

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The rep of the features, and None for the species where nodes have some."""
        return (self.rep_in,) if self.species is None else (self.rep_in, None)

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features, and a number per point where there are species."""
        return super().fields_in if self.species is None else (PointFeatures(self.rep_in), PointFeatures())

    @property
    def field_out(self) -> FieldType:
        """Features, of points where there are species."""
        return super().field_out if self.species is None else PointFeatures(self.rep_out)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random features, and species where there are some."""
        x = torch.randn(batch, self.rep_in.dim, generator=generator, dtype=torch.float64)
        return (x,) if self.species is None else (x, torch.randint(self.species, (batch,), generator=generator))

    def forward(self, x: Tensor, species: Tensor | None = None) -> Tensor:
        """The output `(..., rep_out.dim)` in the dtype of x.

        Args:
            x: features `(..., rep_in.dim)`.
            species: the kind of each node, numbered from 0, `(...)` integers; or its one-hot rows `(..., species)`.
        """
        self.check(x, self.rep_in)
        kinds = self._kinds(x, species)
        rows = self.before.to_irreps(x).reshape(-1, self.rep_in.dim)
        y = self.polynomial(self.weight.flatten(1).to(x.dtype), rows, kinds)
        return self.after.from_irreps(y.reshape((*x.shape[:-1], self.rep_out.dim)))

    def _kinds(self, x: Tensor, species: Tensor | None) -> Tensor | None:
        """The species of each row of the features; raises `ShapeError` or `ArgumentError` unless they fit."""
        if self.species is None:
            if species is None:
                return None
            raise ArgumentError(
                "This SymmetricContraction has one set of weights for all nodes, but got species. Make it with "
                "species=…, their number."
            )
        if not isinstance(species, Tensor):
            raise ArgumentError(
                f"This SymmetricContraction has weights for {self.species} species, so it takes the species of each "
                f"node as a tensor of integers, but got {species!r}."
            )
        nodes = plain_shape(x)[:-1]
        is_hot = species.is_floating_point() or species.ndim > len(nodes)
        if plain_shape(species) != ((*nodes, self.species) if is_hot else nodes) or species.is_complex():
            raise ShapeError(
                f"SymmetricContraction takes one species per node, integers of shape {nodes}, or one-hot rows of shape "
                f"{(*nodes, self.species)}, but got {plain_shape(species)} of {species.dtype}."
            )
        if not (torch.compiler.is_compiling() or is_tracing()):  # recorded code must not look at values
            check_species(species, self.species, is_hot)
        kinds = species.long()
        return (kinds.argmax(-1) if is_hot else kinds).reshape(-1)

    def extra_repr(self) -> str:
        """The reps, the order, and the number of species."""
        species = "" if self.species is None else f", species={self.species}"
        return f"{super().extra_repr()}, order={self.order}{species}"


def check_species(species: Tensor, number: int, is_hot: bool = False) -> None:
    """Raise `ArgumentError` for species that have no weights, and for rows that are not one-hot."""
    if is_hot:
        fine = ((species == 0) | (species == 1)).all() & (species.sum(-1) == 1).all()
    else:
        fine = ((species >= 0) & (species < number)).all()
    try:
        if bool(fine):  # one look, since on a GPU each look waits for all work before it
            return
    except RuntimeError:  # under vmap there is no single value to look at
        return
    if is_hot:
        raise ArgumentError(
            "One-hot rows of species hold a single 1 and else 0, but got others. Mix weights by a Linear layer before."
        )
    raise ArgumentError(
        f"Species are numbered from 0 to {number - 1}, but got numbers from {int(species.min())} to "
        f"{int(species.max())}. Number the elements that occur one after the other."
    )
