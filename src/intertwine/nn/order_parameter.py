"""A learned input that breaks a symmetry as far as the data ask for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep, as_rep


class LearnedOrderParameter(EquivariantModule):
    """Features with a learned vector w beside them, `x ↦ (x, w)`: what the network behind may use to break symmetry.

    w starts at 0, where the network is equivariant. Apart from what the input's symmetry fixes, its gradient there lies
    in the irreps that the target misses and in no others, whatever the network, so training finds the order parameter:
    the input that lowers the symmetry just enough. In all other directions the gradient is rounding. Adam makes full
    steps of that; train w by plain gradient descent (SGD), the other weights as you like. Afterwards the network is
    equivariant under the elements that fix w, and under all if w is moved along, `(g x, g w)`.
    `tw.symmetry.order_parameters` finds the same without training.

    Args:
        rep_in: the rep of the features.
        extra: the rep of w, say one copy of each irrep up to some degree.
        sites: None for one w at every point; a number N for a field, a vector for each of N points, in their order.

    The output is of `rep_in + extra`.

    Raises `ArgumentError` for a number of sites below 1.

    Source: Smidt, Geiger, Miller 2021, doi:10.1103/PhysRevResearch.3.L012002.

    >>> from intertwine.catalog import O3
    >>> layer = LearnedOrderParameter(O3.rep("1x0e"), O3.rep("1x1o + 1x2e"))
    >>> layer(torch.ones(4, 1)).shape, layer.found()["1o"]
    (torch.Size([4, 9]), tensor([0., 0., 0.]))
    """

    def __init__(self, rep_in: Rep | Irrep, extra: Rep | Irrep, sites: int | None = None) -> None:
        if sites is not None and sites < 1:
            raise ArgumentError(
                f"An order parameter lives on 1 or more sites, but got {sites}. Pass sites=None for one."
            )
        super().__init__(rep_in, as_rep(rep_in) + as_rep(extra))
        self.extra, self.sites = as_rep(extra), sites
        self.value = nn.Parameter(torch.zeros((self.extra.dim,) if sites is None else (sites, self.extra.dim)))

    def forward(self, x: Tensor) -> Tensor:
        """Features and w `(..., rep_out.dim)` for features `(..., rep_in.dim)`; with sites `(..., N, rep_in.dim)`."""
        self.check(x, self.rep_in)
        if self.sites is not None and (x.ndim < 2 or plain_shape(x)[-2] != self.sites):
            raise ShapeError(
                f"This order parameter belongs to {self.sites} points, but got features of shape {plain_shape(x)}. "
                "Pass (..., points, channels), the points in their order."
            )
        return torch.cat([x, self.value.to(x.dtype).expand(*x.shape[:-1], self.extra.dim)], -1)

    def found(self) -> dict[str, Tensor]:
        """The vectors `(irrep.dim,)`, or with sites `(N, irrep.dim)`, of each irrep of `extra`; its copies summed."""
        value = self.value.detach()
        columns = {irrep: torch.as_tensor(c.sum(-1)).to(value) for irrep, c in self.extra.copies.items()}
        return {irrep.label: value @ matrix for irrep, matrix in columns.items()}

    def penalty(self) -> Tensor:
        """The sum of the lengths of w in each irrep: added to a loss, it keeps out what is not needed."""
        return sum(
            (torch.linalg.vector_norm(part) for part in self.extra.split(self.value)),
            torch.zeros((), dtype=self.value.dtype, device=self.value.device),
        )
