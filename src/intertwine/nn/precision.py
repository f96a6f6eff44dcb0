"""Enough digits for group elements: half precision and autocast end where they begin."""

from __future__ import annotations

import torch
from torch import Tensor


def in_full_precision(m: Tensor) -> Tensor:
    """M over its largest entry, in a dtype that matrix decompositions take; 0 where derivatives would overflow."""
    m = m.to(torch.promote_types(m.dtype, torch.float32))
    limits = torch.finfo(m.dtype)
    size = m.detach().abs().amax((-2, -1), keepdim=True)
    zero = size < limits.tiny / limits.eps**2
    return torch.where(zero, torch.zeros_like(m), m / torch.where(zero, torch.ones_like(size), size))


def own_precision(m: Tensor) -> torch.autocast:
    """A context without autocast: decompositions and matrices of elements need the precision that they are given in."""
    return torch.autocast(m.device.type, enabled=False)
