"""Modules that remember how they were made, so that files can make them again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from intertwine.reps import Irrep, Rep, as_rep


class KeepsOptions:
    """A class whose objects remember the arguments that they were made by, those that nobody gave among them.

    A subclass takes numbers, words, reps, and sequences of these, and need do nothing.

    Attributes:
        options: the arguments by name: `type(made)(**made.options)` is another object like it. Sequences and arrays are
            tuples, an irrep is a rep.

    >>> class Spring(KeepsOptions):
    ...     def __init__(self, lengths, stiffness=2.0):
    ...         self.energy = stiffness * sum(lengths)
    >>> Spring([1.0, 3]).options
    {'lengths': (1.0, 3), 'stiffness': 2.0}
    """

    options: dict[str, Any]

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "__init__" in vars(cls):
            cls.__init__ = _keeping(cls.__init__)  # type: ignore[method-assign]


def _keeping(initialise: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` that keeps its arguments, unless it is called by that of a subclass, whose arguments count."""
    signature = inspect.signature(initialise)

    @functools.wraps(initialise)
    def keeping(self: Any, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        if type(self).__init__ is keeping:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            _, *given = bound.arguments.items()
            self.options = {name: _frozen(value) for name, value in given}

    return keeping


def _frozen(value: Any) -> Any:
    """A value that nobody changes afterwards, in one form whoever gave it."""
    if isinstance(value, Rep | Irrep):
        return as_rep(value)
    if isinstance(value, np.generic | np.ndarray | Tensor):
        return _frozen(value.tolist())
    return tuple(map(_frozen, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
