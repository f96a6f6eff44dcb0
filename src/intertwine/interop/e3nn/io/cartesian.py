"""e3nn's `CartesianTensor`: Cartesian tensors with index symmetries as irreps."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import Tensor

from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.reduced import ReducedTensorProducts
from intertwine.kernels.index_symmetry import signed_permutations


class CartesianTensor(Irreps):
    """The irreps of Cartesian tensors with the index symmetries of a formula.

    The tables are made once for each formula, however often tensors are converted.

    >>> x = CartesianTensor("ij=ji")
    >>> x, torch.allclose(x.to_cartesian(x.from_cartesian(torch.eye(3))), torch.eye(3))
    (1x0e+1x2e, True)
    """

    formula: str
    indices: str

    def __new__(cls, formula: str) -> CartesianTensor:  # noqa: D102 (the class says it)
        found = tuple.__new__(cls, _products(formula).irreps_out)
        found.formula, found.indices = formula, signed_permutations(formula)[0]
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return CartesianTensor, (self.formula,)

    def reduced_tensor_products(self, data: Tensor | None = None) -> ReducedTensorProducts:
        """The products of as many vectors as there are indices; with the dtype and on the device of some data."""
        made = copy.deepcopy(_products(self.formula))
        made.change_of_basis = self._table(data).clone()
        return made

    def _table(self, like: Tensor | None) -> Tensor:
        table = _products(self.formula).change_of_basis
        return table.to(torch.get_default_dtype()) if like is None else table.to(like)

    def from_cartesian(self, data: Tensor, rtp: ReducedTensorProducts | None = None) -> Tensor:
        """The irreps `(..., dim)` of tensors `(..., 3, 3, …)`."""
        table = self._table(data) if rtp is None else rtp.change_of_basis
        return data.flatten(-len(self.indices)) @ table.flatten(1).T

    def from_vectors(self, *xs: Tensor, rtp: ReducedTensorProducts | None = None) -> Tensor:
        """The irreps `(..., dim)` of the products of vectors `(..., 3)`."""
        made: Tensor = (self.reduced_tensor_products(xs[0]) if rtp is None else rtp)(*xs)
        return made

    def to_cartesian(self, data: Tensor, rtp: ReducedTensorProducts | None = None) -> Tensor:
        """The tensors `(..., 3, 3, …)` of irreps `(..., dim)`."""
        table = self._table(data) if rtp is None else rtp.change_of_basis
        return (data @ table.flatten(1)).reshape(*data.shape[:-1], *table.shape[1:])


@cache
def _products(formula: str) -> ReducedTensorProducts:
    vectors: dict[str, Any] = dict.fromkeys(signed_permutations(formula)[0], "1o")
    return ReducedTensorProducts(formula, **vectors).double()
