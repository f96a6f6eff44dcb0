"""Tensors that a model gives beside the energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.kernels.index_symmetry import signed_permutations, tensor_space
from intertwine.reps import Rep, as_rep


@dataclass(frozen=True)
class Target:
    """A tensor that a model gives beside the energy: how it turns, and of what it is.

    Args:
        rep: how its features turn: a dipole is `1x1o` of O(3).
        total: whether it is the sum over the atoms of a structure, or one for each atom.
        formula: for a Cartesian tensor, its indices and how they may be exchanged: "ij=ji" for a polarisability. The
            model then gives the tensor itself, `(…, 3, 3)`, and takes labels so.
        mean: whether a structure's is the mean over its atoms in place of the sum: of what does not grow with the
            crystal, such as elastic constants.

    Raises `ArgumentError` for a rep that is not that of the formula.

    >>> from intertwine.catalog import O3
    >>> Target.tensor("ij", O3).rep  # a shielding: its antisymmetric part is a pseudovector, 1e
    tw.O3.rep('1x0e + 1x1e + 1x2e')
    >>> Target(O3.rep("1x0e + 1x1o + 1x2e"), formula="ij")
    Traceback (most recent call last):
    intertwine.errors.ArgumentError: Tensors "ij" of O(3) are 1x0e + 1x1e + 1x2e, but got 1x0e + 1x1o + 1x2e. ...
    """

    rep: Rep
    total: bool = True
    formula: str | None = None
    mean: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rep", as_rep(self.rep))
        if self.formula is not None:
            right = _space(self.formula, self.rep.group)[0]
            if right != self.rep:
                raise ArgumentError(
                    f'Tensors "{self.formula}" of {self.rep.group} are {right}, but got {self.rep}. Call '
                    f'Target.tensor("{self.formula}", group), which finds the rep.'
                )

    @classmethod
    def tensor(cls, formula: str, group: Group, total: bool = True, mean: bool = False) -> Target:
        """A Cartesian tensor by its formula, such as "ij=ji" or "ijkl=jikl=klij"."""
        return cls(_space(formula, group)[0], total, formula, mean)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one: `(rep.dim,)`, or `(3, 3, …)`."""
        return (self.rep.dim,) if self.formula is None else (3,) * len(signed_permutations(self.formula)[0])

    def of_features(self, y: Tensor) -> Tensor:
        """The tensors `(..., *shape)` of features `(..., rep.dim)`."""
        if self.formula is None:
            return y
        table = torch.tensor(_space(self.formula, self.rep.group)[1], dtype=y.dtype, device=y.device)
        tensors: Tensor = (y @ table).unflatten(-1, self.shape)
        return tensors

    def to_features(self, values: np.ndarray) -> np.ndarray:
        """The features `(..., rep.dim)` of tensors `(..., *shape)`; without a formula they are features already."""
        if self.formula is None:
            return values
        flat = np.asarray(values, float).reshape(*np.shape(values)[: np.ndim(values) - len(self.shape)], -1)
        features: np.ndarray = flat @ _space(self.formula, self.rep.group)[1].T
        return features


def _space(formula: str, group: Group) -> tuple[Rep, np.ndarray]:
    """The rep of the tensors of a formula, and the table `(rep.dim, 3ⁿ)` of norm 1 rows, memoised."""
    letters, _ = signed_permutations(formula)
    found = tensor_space(formula, len(letters) * (as_rep(group.defining),))
    return found.rep, found.table.array.reshape(found.rep.dim, -1)
