"""The same features in other coordinates: those of irreps, and back; or of the regular rep of a smaller group."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.nn.activation import permutes_entries
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


class ToRegular(EquivariantModule):
    """Numbers that a group permutes freely, as copies of its regular rep: what a larger regular rep leaves of itself.

    Restricted to a subgroup H, each copy of the regular rep of G falls into [G : H] regular ones of H. No number
    changes, but norms, pools over the group and sums with other features of H then see each of them.

    Args:
        rep: a rep of a finite group, each element of which but 1 moves every entry.

    Raises `ArgumentError` for others.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> layer = ToRegular(group.rep("2xregular").restrict(group.subgroup("C4")))
    >>> print(layer.rep_out, layer(torch.randn(3, 16)).shape)
    4xregular torch.Size([3, 16])
    """

    index: Tensor

    def __init__(self, rep: Rep | Irrep) -> None:
        rep, group = as_rep(rep), rep.group
        if not group.is_finite:
            raise ArgumentError(f"ToRegular takes a rep of a finite group, but got {rep} of {group}. Use ToIrreps.")
        regular: Rep = group.regular  # type: ignore[attr-defined]
        index = _regular_copies(rep, regular)
        super().__init__(rep, index.shape[1] * regular)
        self.register_table("index", index.reshape(-1))

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        return x.index_select(-1, self.index)


def _regular_copies(rep: Rep, regular: Rep) -> np.ndarray:
    """The channels `(order, copies)` of a rep that make up copies of the regular rep, one for each orbit of entries."""
    elements = rep.group.elements()
    component = regular.matrix(elements)[:, :, 0].argmax(-1)  # of the regular rep, that belongs to each element
    copies = [np.zeros((len(elements), 0), dtype=np.int64)]
    for (m, block), where in zip(rep.terms, rep.slices, strict=True):
        moved = block.matrix(elements).argmax(-2)  # where each element takes each entry
        first = np.flatnonzero(moved.min(0) == np.arange(block.dim))  # entry of each orbit
        if not permutes_entries(block) or len(first) * len(elements) != block.dim:
            raise ArgumentError(
                f"ToRegular takes blocks all of whose entries each element of {rep.group} but 1 moves, such as regular "
                f"reps of larger groups, but got {m}x{block.name}. Use ToIrreps."
            )
        places = np.empty((len(elements), len(first), 1), dtype=np.int64)
        places[component, :, 0] = moved[:, first]
        copies.append((where.start + places * m + np.arange(m)).reshape(len(elements), -1))
    return np.concatenate(copies, 1)
