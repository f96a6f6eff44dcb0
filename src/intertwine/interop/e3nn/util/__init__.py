"""e3nn.util."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod as _prod
from typing import Any

import torch

from intertwine.interop.e3nn.util import codegen, jit, test


def prod(x: Iterable[Any]) -> Any:
    """The product of numbers."""
    return _prod(x)


def torch_get_default_tensor_type() -> str:
    """The default type of tensors, as torch names it."""
    return str(torch.empty(0).type())


def torch_get_default_device() -> torch.device:
    """The default device."""
    return torch.empty(0).device


def explicit_default_types(
    dtype: torch.dtype | None, device: torch.device | str | None
) -> tuple[torch.dtype, torch.device]:
    """The defaults in place of None."""
    return dtype or torch.get_default_dtype(), torch.device(device) if device else torch_get_default_device()


__all__ = [
    "codegen",
    "explicit_default_types",
    "jit",
    "prod",
    "test",
    "torch_get_default_device",
    "torch_get_default_tensor_type",
]
