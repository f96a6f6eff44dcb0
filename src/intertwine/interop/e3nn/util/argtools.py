"""e3nn.util._argtools, as far as programs use it: where a module lives, and in which dtype."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn


def _get_device(mod: nn.Module) -> torch.device:
    """The device of the first parameter or buffer; the CPU without any."""
    return next((x.device for x in chain(mod.parameters(), mod.buffers())), torch.device("cpu"))


def _get_floating_dtype(mod: nn.Module) -> torch.dtype:
    """The dtype of the first floating-point parameter or buffer; the default without any."""
    tensors = chain(mod.parameters(), mod.buffers())
    return next((x.dtype for x in tensors if x.is_floating_point()), torch.get_default_dtype())
