"""Normalisation and dropout of whole maps."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.nn.grid.module import GridModule
from intertwine.nn.norm import BatchNorm, Dropout
from intertwine.nn.parts import part_of
from intertwine.reps import Irrep, Rep, as_rep


class _SampleNorm(GridModule):
    """Normalisation of each sample by itself, in training and evaluation alike.

    Args:
        rep: the rep of input and output.
        groups: into how many parts the copies of each block are divided; None for each copy by itself.
        eps: ε.
        affine: whether to learn weights and biases.
        action: how the group moves the grid.
    """

    def __init__(
        self, rep: Rep | Irrep, groups: int | None, eps: float, affine: bool, action: Rep | Irrep | None
    ) -> None:
        super().__init__(rep, rep, action)
        self.groups = groups
        self.blocks = BatchNorm(rep, eps, affine=affine, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        y = x.movedim(-1 - self.n, -1)
        wide = y.to(torch.promote_types(x.dtype, torch.float32))
        means, squares = self.blocks.measured(wide, range(-1 - self.n, -1), self.groups)
        return self.blocks.normalised(y, means, squares).movedim(-1, -1 - self.n)


class InstanceNorm(_SampleNorm):
    """Instance normalisation: as `BatchNorm`, over the pixels of each sample by itself, in training and evaluation.

    Args:
        rep: the rep of input and output.
        eps: ε.
        affine: whether to learn weights and biases.
        action: how the group moves the grid; default the group's defining rep.

    Source: Ulyanov et al. 2016 (arXiv:1607.08022).

    >>> from intertwine.catalog import O2
    >>> InstanceNorm(O2.rep("4x0e + 2x1"))(torch.randn(5, 8, 7, 7)).shape
    torch.Size([5, 8, 7, 7])
    """

    def __init__(
        self, rep: Rep | Irrep, eps: float = 1e-5, affine: bool = True, *, action: Rep | Irrep | None = None
    ) -> None:
        super().__init__(rep, None, eps, affine, action)


class GroupNorm(_SampleNorm):
    """Group normalisation: as `InstanceNorm`, with the copies of each block in groups that share mean and size.

    On invariants it is torch's. Terms of a rep are normalised each by itself: with one group, all copies of a block
    together, as in `LayerNorm`, over all of space.

    Args:
        rep: the rep of input and output.
        groups: into how many parts the copies of each block are divided, a divisor of all multiplicities.
        eps: ε.
        affine: whether to learn weights, one for each copy, and biases, one for each invariant.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for groups that do not divide all multiplicities.

    Source: Wu & He 2018 (arXiv:1803.08494).

    >>> from intertwine.catalog import O2
    >>> GroupNorm(O2.rep("4x0e + 2x1"), 2)(torch.randn(5, 8, 7, 7)).shape
    torch.Size([5, 8, 7, 7])
    """

    def __init__(
        self,
        rep: Rep | Irrep,
        groups: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        action: Rep | Irrep | None = None,
    ) -> None:
        part_of(as_rep(rep), groups)  # refuses what does not divide
        super().__init__(rep, groups, eps, affine, action)

    def extra_repr(self) -> str:
        """The rep and the number of groups."""
        return f"{self.rep_in}, {self.rep_in.group}, groups={self.groups}"


class FieldDropout(GridModule):
    """Whole maps of copies of blocks set to zero in training, each with probability p; the others divided by 1 − p.

    Args:
        rep: the rep of input and output.
        p: the probability.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for a probability outside [0, 1).

    Source: Tompson et al. 2015 (arXiv:1411.4280).

    >>> from intertwine.catalog import O2
    >>> FieldDropout(O2.rep("4x0e + 2x1"), 0.2).eval()(torch.ones(1, 8, 2, 2)).sum()
    tensor(32.)
    """

    def __init__(self, rep: Rep | Irrep, p: float = 0.5, *, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep, rep, action)
        self.dropout = Dropout(rep, p)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        if not self.training or self.dropout.p == 0:
            return x
        y = x.movedim(-1 - self.n, -1)
        mask = self.dropout.mask(x, (*y.shape[: -1 - self.n], *(1,) * self.n))
        return (y * mask).movedim(-1, -1 - self.n)
