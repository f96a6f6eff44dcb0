"""Invariants of the copies of blocks: pooling over the group."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.nn.activation import permutes_entries
from intertwine.nn.edge_module import safe_length
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Block, Irrep, Rep, as_rep


class GroupPool(EquivariantModule):
    """Every copy of a block becomes one invariant: its largest entry, the mean of its entries, or its length.

    The largest entry and the mean are for blocks whose entries the group permutes, such as regular reps; the length is
    for every block, and so is the way to invariants from irreps.

    Regular reps may also be pooled over the cosets of a subgroup H alone, onto functions on G/H.

    Args:
        rep: the rep of the input.
        kind: "max", "mean" or "norm".
        onto: the rep of functions on G/H, for "max" and "mean" of regular reps: `group.quotient(subgroup)`.

    Raises `ArgumentError` for blocks and kinds that do not fit.

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> print(GroupPool(group.rep("8xregular")).rep_out)
    8x0e
    >>> GroupPool(group.rep("8xregular"), onto=group.quotient(group.subgroup("C4"))).rep_out.dim
    16
    """

    cosets: Tensor

    def __init__(
        self, rep: Rep | Irrep, kind: Literal["max", "mean", "norm"] = "max", *, onto: Rep | None = None
    ) -> None:
        rep = as_rep(rep)
        if kind not in ("max", "mean", "norm"):
            raise ArgumentError(f"GroupPool takes the 'max', the 'mean' or the 'norm', but got {kind!r}.")
        mixed = [block.name for _, block in rep.terms if kind != "norm" and not permutes_entries(block)]
        if mixed:
            raise ArgumentError(
                f"The {kind} of entries is invariant where the group permutes them, but it mixes those of "
                f"{', '.join(mixed)}. Take kind='norm'."
            )
        super().__init__(rep, _pooled(rep, kind, onto))
        self.kind = kind
        self.parts = [(where, block.dim) for (_, block), where in zip(rep.terms, rep.slices, strict=True)]
        self.onto = onto
        if onto is not None:
            self.register_table("cosets", _cosets(rep.terms[0][1], onto.terms[0][1]))

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        pools = []
        for where, d in self.parts:
            part = x[..., where].unflatten(-1, (d, -1))
            if self.onto is not None:
                part = part[..., self.cosets, :]  # cosets, elements of each, copies
            if self.kind == "max":
                pool = part.amax(-2)
            elif self.kind == "mean":
                pool = part.mean(-2)
            else:
                pool = safe_length(part.swapaxes(-1, -2))
            pools.append(pool if self.onto is None else pool.flatten(-2))
        return torch.cat([*pools, x[..., :0]], -1)

    def extra_repr(self) -> str:
        """The reps and what is taken."""
        return f"{super().extra_repr()}, {self.kind}"


def _pooled(rep: Rep, kind: str, onto: Rep | None) -> Rep:
    """What is left of a rep."""
    group = rep.group
    if onto is None:
        return Rep(group, tuple((m, Irrep(group, group.trivial)) for m, _ in rep.terms))
    regular = all(group.is_finite and block.dim == group.order for _, block in rep.terms)
    permuted = len(onto.terms) == 1 and onto.terms[0][0] == 1 and permutes_entries(onto.terms[0][1])
    if onto.group != group or kind == "norm" or not regular or not permuted or len({b for _, b in rep.terms}) != 1:
        raise ArgumentError(
            f"Pooling onto a quotient takes the 'max' or 'mean' of the regular rep of {group}, but got the {kind} of "
            f"{rep} onto {onto} of {onto.group}. Pass onto=group.quotient(subgroup)."
        )
    return Rep(group, tuple((m, onto.terms[0][1]) for m, _ in rep.terms))


def _cosets(regular: Block, quotient: Block) -> np.ndarray:
    """The components of a regular rep that lie in each coset, `(cosets, elements)`."""
    elements = regular.group.elements()
    moved = regular.matrix(elements)[:, :, 0].argmax(-1)  # where each element takes the first component
    places = quotient.matrix(elements)[:, :, 0].argmax(-1)
    return np.array([moved[places == place] for place in range(quotient.dim)])
