"""What programs in Triton's language mean, in numpy: enough to run those of the library where Triton is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from torch import Tensor


class Block(np.ndarray):
    """Numbers, or one number, as Triton has them: they are cast by `to`."""

    def to(self, dtype: type) -> Block:
        return self.astype(dtype)


def block(values: object) -> Block:
    return np.asarray(values).view(Block)


@dataclass(frozen=True)
class Pointer:
    """Places in the memory of a tensor."""

    memory: np.ndarray
    offset: object = 0

    def __add__(self, other: object) -> Pointer:
        return Pointer(self.memory, self.offset + other)

    def places(self, mask: np.ndarray | None) -> np.ndarray:
        found = np.asarray(self.offset)
        kept = found if mask is None else found[np.broadcast_to(mask, found.shape)]
        assert kept.size == 0 or 0 <= kept.min() <= kept.max() < len(self.memory)
        return found


class Language:
    """The functions that programs call, for the program at one place of the grid."""

    int64, float32, float64 = np.int64, np.float32, np.float64

    def __init__(self) -> None:
        self.program = (0, 0)

    def program_id(self, axis: int) -> Block:
        return block(self.program[axis])

    def arange(self, start: int, end: int) -> Block:
        assert (end - start) & (end - start - 1) == 0, "blocks have powers of 2"
        return block(np.arange(start, end))

    def zeros(self, shape: list[int], dtype: type) -> Block:
        return block(np.zeros(shape, dtype))

    def sum(self, values: Block, axis: int) -> Block:
        return block(values.sum(axis))

    def load(self, pointer: Pointer, mask: np.ndarray | None = None, other: float = 0.0) -> Block:
        places = pointer.places(mask)
        if mask is None:
            return block(pointer.memory[places])
        return block(np.where(mask, pointer.memory[np.where(mask, places, 0)], other).astype(pointer.memory.dtype))

    def store(self, pointer: Pointer, values: Block, mask: np.ndarray | None = None) -> None:
        places = pointer.places(mask)
        pointer.memory[places if mask is None else places[mask]] = values if mask is None else values[mask]

    def atomic_add(self, pointer: Pointer, values: Block, mask: np.ndarray | None = None) -> None:
        self.store(pointer, self.load(pointer, mask) + values, mask)


def stand_in() -> dict[str, ModuleType]:
    """The modules "triton" and "triton.language"."""
    language, triton = Language(), ModuleType("triton")

    def jit(function: Callable[..., None]) -> dict[object, Callable[..., None]]:
        class Launched:
            def __getitem__(self, grid: tuple[int, int]) -> Callable[..., None]:
                def launch(*tensors: Tensor, num_warps: int) -> None:
                    assert all(tensor.is_contiguous() for tensor in tensors)
                    memory = [Pointer(tensor.numpy().reshape(-1)) for tensor in tensors]
                    for language.program in itertools.product(*map(range, grid)):
                        function(*memory)

                return launch

        return Launched()

    triton.jit, triton.language = jit, language
    return {"triton": triton, "triton.language": language}
