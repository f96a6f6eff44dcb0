"""The weighted tensor product of two features."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ShapeError
from intertwine.fields import Features, example_inputs
from intertwine.kernels import bilinear_plan
from intertwine.kernels.plans import unreached_irreps
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule, normal_parameter, warn_unreachable
from intertwine.ops import Contraction
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.rules import ProductRule


class TensorProduct(EquivariantModule):
    """All bilinear maps that commute with the group, with weights: Clebsch–Gordan as a layer.

    `z_k,w = Σ_paths Σ_u,v W_v,u,w C_i,j,k x_i,u y_j,v / √n`: every path that the group allows, every pair of channels.
    With x, y and weights of unit variance the components of z have unit variance.

    Args:
        rep_1: the rep of the first input.
        rep_2: the rep of the second input.
        rep_out: the rep of the output: any rep of the same group.
        shared_weights: True for weights that the module learns; False for weights given on each call, one set per
            sample, `(..., weight_numel)`.

    Raises and warns like `Linear`.

    >>> from intertwine.catalog import O3
    >>> product = TensorProduct(O3.rep("4x1o"), O3.rep("1x1o"), O3.rep("2x0e + 2x1e + 2x2e"))
    >>> product(torch.randn(5, 12), torch.randn(5, 3)).shape
    torch.Size([5, 18])
    """

    def __init__(
        self, rep_1: Rep | Irrep, rep_2: Rep | Irrep, rep_out: Rep | Irrep, shared_weights: bool = True
    ) -> None:
        super().__init__(rep_1, rep_out)
        self.rep_1, self.rep_2 = self.rep_in, as_rep(rep_2)
        plan = bilinear_plan(self.rep_1, self.rep_2, self.rep_out)
        hint = f"The product with {self.rep_2} contains other irreps: see (rep_1 * rep_2).irreps."
        warn_unreachable(self, unreached_irreps(plan, self.rep_out), hint)
        self.contraction = Contraction(plan)
        self.first, self.second = IrrepCoordinates(self.rep_1), IrrepCoordinates(self.rep_2)
        self.after = IrrepCoordinates(self.rep_out)
        self.weight_numel = plan.operands[0].size
        self.weight = normal_parameter(self.weight_numel) if shared_weights else None

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of both inputs, and None for the weights where they are given."""
        return (self.rep_1, self.rep_2) if self.weight is not None else (self.rep_1, self.rep_2, None)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs for a batch, and weights where they are to be given."""
        features = example_inputs((Features(self.rep_1), Features(self.rep_2)), batch, generator)
        weights = torch.randn(batch, self.weight_numel, generator=generator, dtype=torch.float64)
        return features if self.weight is not None else (*features, weights)

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """The output `(..., rep_out.dim)` for x `(..., rep_1.dim)` and y `(..., rep_2.dim)`, leading axes broadcast."""
        self.check(x, self.rep_1, "a first input")
        self.check(y, self.rep_2, "a second input")
        used = self._weights(weight)
        _check_batches(x, y, used)
        z = self.contraction(used.to(x.dtype), self.first.to_irreps(x), self.second.to_irreps(y.to(x.dtype)))
        return self.after.from_irreps(z)

    def _weights(self, weight: Tensor | None) -> Tensor:
        used = self.weight if weight is None else weight
        if used is None or (weight is not None and self.weight is not None):
            given = "none" if weight is None else "weights"
            wanted = "takes weights on each call" if self.weight is None else "learns its own weights"
            raise ShapeError(
                f"This TensorProduct {wanted}, but got {given}. Pass shared_weights=True or False when making it."
            )
        if plain_shape(used)[-1:] != (self.weight_numel,):
            raise ShapeError(
                f"This TensorProduct takes {self.weight_numel} weights per sample on the last axis, but got weights of "
                f"shape {plain_shape(used)}. See module.weight_numel."
            )
        return used

    def symmetry_rule(self) -> ProductRule:
        """What it is, for proofs."""
        return ProductRule(self.rep_1, self.rep_2, self.rep_out)

    def extra_repr(self) -> str:
        """The reps."""
        return f"{self.rep_1} ⊗ {self.rep_2} → {self.rep_out}, {self.rep_1.group}"


def _check_batches(x: Tensor, y: Tensor, weight: Tensor) -> None:
    """Raise `ShapeError` unless the leading axes of the inputs broadcast; outside of compiled code."""
    shapes = [plain_shape(t)[:-1] for t in (x, y, weight)]
    try:
        if not torch.compiler.is_compiling():
            torch.broadcast_shapes(*shapes)
    except RuntimeError as error:
        raise ShapeError(
            f"TensorProduct takes inputs whose leading axes broadcast, but those of x, y and the weights are {shapes}. "
            "Make the batch axes alike, or of size 1."
        ) from error
