"""What decides between compiled kernels and plain torch, the same for all operations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from intertwine.ops.llvm import probe

PLAIN = (Tensor, nn.Parameter)
"""The types of tensors that kernels may look into: not those that stand for others, as in traces."""


@dataclass(frozen=True)
class Choice:
    """A backend, and why it was chosen.

    Args:
        backend: "llvm", "torch" or "reference".
        reason: in words.
    """

    backend: str
    reason: str


def is_transformed() -> bool:
    """Whether a functional transform or forward mode is at work, in which a kernel's tangents would be lost."""
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


@cache
def trouble() -> str | None:
    """What keeps kernels from compiling on this machine, said once as a warning; None where all is well."""
    try:
        probe()
    except (ImportError, OSError, RuntimeError) as error:
        said = f"Kernels cannot be compiled here ({error}); plain torch computes the same numbers, slower."
        warnings.warn(said, stacklevel=4)
        return said
    return None
