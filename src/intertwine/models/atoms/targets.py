"""Tensors that a model gives beside the energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.nn import ReducedTensorProduct
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
        if self.form is not None and self.form.rep_out != self.rep:
            raise ArgumentError(
                f'Tensors "{self.formula}" of {self.rep.group} are {self.form.rep_out}, but got {self.rep}. Call '
                f'Target.tensor("{self.formula}", group), which finds the rep.'
            )

    @classmethod
    def tensor(cls, formula: str, group: Group, total: bool = True, mean: bool = False) -> Target:
        """A Cartesian tensor by its formula, such as "ij=ji" or "ijkl=jikl=klij"."""
        return cls(_form(formula, group).rep_out, total, formula, mean)

    @property
    def form(self) -> ReducedTensorProduct | None:
        """What turns features into tensors and back, float64, shared by all who ask; None without a formula."""
        return None if self.formula is None else _form(self.formula, self.rep.group)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one: `(rep.dim,)`, or `(3, 3, …)`."""
        return (self.rep.dim,) if self.form is None else self.form.sizes

    def to_features(self, values: np.ndarray) -> np.ndarray:
        """The features `(..., rep.dim)` of tensors `(..., *shape)`; without a formula they are features already."""
        if self.form is None:
            return values
        features: np.ndarray = self.form.from_cartesian(torch.tensor(np.asarray(values, float))).numpy()
        return features


@cache
def _form(formula: str, group: Group) -> ReducedTensorProduct:
    """The tensors of a formula, each of whose indices is moved as vectors are."""
    letters = [letter for letter in dict.fromkeys(formula) if letter.isalpha()]
    indices: dict[str, Any] = dict.fromkeys(letters, as_rep(group.defining))
    return ReducedTensorProduct(formula, **indices).double()
