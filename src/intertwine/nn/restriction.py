"""Lowering the symmetry in mid-network."""

from __future__ import annotations

from torch import Tensor

from intertwine.groups import Subgroup
from intertwine.nn.grid.module import GridModule
from intertwine.reps import Irrep, Rep, as_rep


class Restrict(GridModule):
    """The same features on a grid, seen by a subgroup alone: what follows may break the rest of the symmetry.

    Nothing is computed. Edges and corners look alike in every pose, whole scenes do not: let the first layers respect a
    large group and the last ones a smaller one.

    Blocks keep their coordinates, so that `Activation` goes on as before; `ToIrreps` and `ToRegular` take
    them apart. Behind a
    `GlobalPool` there is no grid any more: restrict it before.

    Args:
        rep: the rep of the input's channels.
        subgroup: the subgroup.
        action: how the group moves the grid; default the group's defining rep. The subgroup moves it alike.

    Raises `RepMismatchError` for a subgroup of another group.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> print(Restrict(group.rep("2x1"), group.subgroup("D1")).rep_out.irreps)
    2x0e + 2x0o
    """

    def __init__(self, rep: Rep | Irrep, subgroup: Subgroup, *, action: Rep | Irrep | None = None) -> None:
        rep = as_rep(rep)
        acting = rep.group.defining if action is None else as_rep(action)
        smaller = rep.restrict(subgroup)
        super().__init__(smaller, smaller, acting.restrict(subgroup))
        self.subgroup, self.subgroups = subgroup, (subgroup,)

    def forward(self, x: Tensor) -> Tensor:
        """The input."""
        self.check_grid(x)
        return x

    def extra_repr(self) -> str:
        """The reps before and after."""
        return f"{self.subgroup.parent} → {self.subgroup.name}, {self.rep_out}"
