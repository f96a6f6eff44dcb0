"""From the coordinates of a rep to those of its irreps, and back."""

from __future__ import annotations

from torch import Tensor

from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep, as_rep


class ToIrreps(EquivariantModule):
    """The same features in the coordinates of their irreps, sorted and gathered: an orthogonal change of basis.

    Blocks with coordinates of their own, such as those that `Restrict` leaves, fall apart into the irreps that they
    hold. So norms and gates may treat each of these by itself, and layers that take irreps alone may follow.

    Args:
        rep: the rep of the input; that of the output is `rep.irreps`.

    >>> import torch
    >>> from intertwine.catalog import cyclic
    >>> group = cyclic(8)
    >>> layer = ToIrreps(group.rep("2xregular").restrict(group.subgroup("C4")))
    >>> print(layer.rep_in, "to", layer.rep_out)
    2x[regular|C4] to 4x0 + 4x1 + 4x2
    >>> layer(torch.randn(3, 16)).shape
    torch.Size([3, 16])
    """

    def __init__(self, rep: Rep | Irrep) -> None:
        rep = as_rep(rep)
        super().__init__(rep, rep.irreps)
        self.coordinates = IrrepCoordinates(rep, gathered=True)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        return self.coordinates.to_irreps(x)


class FromIrreps(EquivariantModule):
    """The inverse of `ToIrreps`: features in the coordinates of a rep, from those in the coordinates of its irreps.

    Args:
        rep: the rep of the output; that of the input is `rep.irreps`.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> rep = dihedral(4).rep("2xregular + 1x1")
    >>> x = torch.randn(3, 18)
    >>> torch.allclose(FromIrreps(rep)(ToIrreps(rep)(x)), x, atol=1e-5)
    True
    """

    def __init__(self, rep: Rep | Irrep) -> None:
        rep = as_rep(rep)
        super().__init__(rep.irreps, rep)
        self.coordinates = IrrepCoordinates(rep, gathered=True)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        return self.coordinates.from_irreps(x)
