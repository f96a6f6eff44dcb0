"""The little that numpy arrays and torch tensors need to pass through the same formula.

Formulas below the ops are written once, with operators and functions that numpy and torch spell alike
(`xp.stack(arrays, -1)`, `xp.einsum`, `x.reshape`, `@`). Only the namespace and the constants differ.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from numbers import Real
from typing import Any

import numpy as np

from intertwine.errors import ArgumentError

Array = Any
"""A numpy array or a torch tensor."""


def is_torch(x: Any) -> bool:
    """Whether `x` is a torch tensor; never imports torch (no tensor can exist before torch does)."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def namespace(x: Array) -> Any:
    """The module, numpy or torch, whose functions take `x`."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(x, torch.Tensor) else np


def plain_shape(x: Array) -> tuple[int, ...]:
    """The shape of `x` in plain numbers, to check it by: while `torch.jit.trace` records they are tensors to torch."""
    if not is_tracing():
        return tuple(x.shape)
    with untraced():
        return tuple(int(size) for size in x.shape)


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that shapes of tensors broadcast to.

    torch's function loads sympy at its first call, which takes longer than all kernels of a layer: so it is called only
    for sizes that are no plain numbers, as in compiled code, and to raise its error.
    """
    torch = sys.modules["torch"]
    if not torch.compiler.is_compiling() and all(type(size) is int for shape in shapes for size in shape):
        with suppress(ValueError):
            return np.broadcast_shapes(*map(tuple, shapes))
    found: tuple[int, ...] = torch.broadcast_shapes(*shapes)
    return found


def untraced() -> AbstractContextManager[Any]:
    """A context for what `torch.jit.trace` may take for a constant without a warning: tables, and checks of shapes."""
    if not is_tracing():
        return nullcontext()
    return warnings.catch_warnings(action="ignore", category=sys.modules["torch"].jit.TracerWarning)


def is_tracing() -> bool:
    """Whether `torch.jit.trace` records what is done."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.jit.is_tracing()


def as_array(x: Any) -> Array:
    """`x` itself if it is a floating tensor or array, a float64 array of it otherwise."""
    if is_torch(x):
        return x if x.is_floating_point() or x.is_complex() else x.double()
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.inexact) else x.astype(np.float64)


def like(table: np.ndarray | list[float], x: Array) -> Array:
    """The constant `table` with the kind, dtype and device of `x`."""
    if is_torch(x):
        with untraced():
            return namespace(x).tensor(table, dtype=x.dtype, device=x.device)  # a copy: tables may be read-only
    return np.asarray(table).astype(np.result_type(x.dtype, np.float16), copy=False)


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself, made read-only: what a cache hands out must not change under its other users."""
    array.setflags(write=False)
    return array


def epsilon(x: Array) -> float:
    """The rounding unit of the dtype of `x`."""
    return float(namespace(x).finfo(x.dtype).eps)


def to_numpy(x: Array) -> np.ndarray:
    """`x` as a float64 (or complex128) numpy array, detached."""
    if is_torch(x):
        x = x.detach().cpu()
        return np.asarray((x.cdouble() if x.is_complex() else x.double()).numpy())  # numpy has no bfloat16
    if hasattr(x, "get_positions"):
        raise ArgumentError(
            f"{type(x).__name__} of ase came, but numbers are expected. Pass Points(atoms.positions, atoms.numbers), "
            "and with cell=atoms.cell[:] for a crystal."
        )
    x = np.asarray(x)
    return np.array(x, np.complex128 if np.iscomplexobj(x) else np.float64)


class Table:
    """An immutable float64 array that compares and hashes by its values.

    It lets value objects (a block with a change of basis, a path with coefficients) be frozen dataclasses.

    >>> Table([[1, 0]]) == Table(np.array([[1.0, 0.0]]))
    True
    """

    __slots__ = ("_hash", "array")

    array: np.ndarray
    _hash: int

    def __init__(self, array: Any) -> None:
        values = np.array(array, dtype=np.float64, order="C")  # np.ascontiguousarray would give a number an axis
        values += 0.0  # turns -0.0 into 0.0
        object.__setattr__(self, "array", read_only(values))
        object.__setattr__(self, "_hash", hash((values.shape, values.tobytes())))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A Table is immutable: its {name} cannot be set. Make a new Table.")

    def __reduce__(self) -> tuple[Any, ...]:
        return (Table, (np.array(self.array),))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        return self.array.shape == other.array.shape and self.array.tobytes() == other.array.tobytes()

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Table(shape={self.array.shape})"


def for_json(value: object, *names: str) -> dict[str, object]:
    """Some attributes of a value as plain numbers and texts, for JSON, which has no infinite and no missing numbers.

    Arrays and tuples become lists, groups and irreps their names, and what has a `to_dict` that.

    >>> for_json(np.zeros((2, 1)), "shape", "T")
    {'shape': [2, 1], 'T': [[0.0, 0.0]]}
    """
    return {name: as_json(getattr(value, name)) for name in names}


def as_json(found: Any) -> Any:
    """One such attribute, or a dict of them, for JSON."""
    if isinstance(found, dict):
        return {key: as_json(one) for key, one in found.items()}
    if isinstance(found, np.ndarray):
        return found.tolist()
    if isinstance(found, tuple | list):
        return [as_json(one) for one in found]
    if isinstance(found, float) and not np.isfinite(found):
        return None
    return found.to_dict() if hasattr(found, "to_dict") else getattr(found, "name", found)


def real_number(value: object) -> float:
    """A real number; NaN for anything else, which no comparison lets pass."""
    return float(value) if isinstance(value, Real) else math.nan
