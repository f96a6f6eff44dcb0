"""What decides between compiled kernels and plain torch, the same for all operations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from intertwine._arrays import is_tracing
from intertwine.errors import ArgumentError
from intertwine.ops.llvm import folder, host, probe, versions
from intertwine.ops.llvm.launch import has_threads

DTYPES = (torch.float32, torch.float64)
"""What kernels compute in."""

_PLAIN = (Tensor, nn.Parameter)  # the types of tensors that kernels may look into: none that stand for others


@dataclass(frozen=True)
class Choice:
    """A backend, and why it was chosen.

    Args:
        backend: "llvm", "torch" or "reference".
        reason: in words.
    """

    backend: str
    reason: str


def is_transformed(*tensors: Tensor) -> bool:
    """Whether a functional transform or forward mode is at work, in which a kernel's tangents would be lost.

    Batches of backward passes, as vectorised Jacobians take them, show in their tensors alone.
    """
    functorch = torch._C._functorch
    if functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0:
        return True
    return any(functorch.is_legacy_batchedtensor(v) for v in tensors)


class KernelModule(nn.Module):
    """A module that computes by compiled kernels where it can.

    What the machine can do is seen when a module is made, since compiled code cannot look, and again when one is
    loaded: files come from other machines.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trouble = trouble()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.trouble = trouble()

    def obstacle(self, *tensors: Tensor) -> str | None:
        """Why no kernel can take such tensors; None where one can."""
        dtype = tensors[0].dtype
        for tensor in tensors:  # plain loops: a call on few rows takes no longer than these checks
            if tensor.dtype is not dtype or dtype not in DTYPES:
                dtypes = ", ".join(str(tensor.dtype) for tensor in tensors)
                return f"Kernels take float32 and float64, all inputs alike, but got {dtypes}."
            if not tensor.is_cpu:
                return f"Kernels run on the CPU, but the inputs lie on {tensor.device}."
        if is_tracing():
            return "torch.jit.trace records torch's own operations only."
        if not torch.compiler.is_compiling() and is_transformed():
            return "Functional transforms and forward mode differentiate torch's own operations."
        return self.trouble

    def decided(self, wanted: str | None, obstacle: str | None, reason: str) -> Choice:
        """The backend that was wanted, or else kernels for a reason, unless there is an obstacle.

        Raises `ArgumentError` where kernels were wanted, and there is one.
        """
        if wanted in ("torch", "reference"):
            return Choice(wanted, f"The backend {wanted!r} was asked for.")
        if obstacle is None:
            return Choice("llvm", reason)
        if wanted == "llvm":
            raise ArgumentError(f"The backend 'llvm' was asked for, but cannot serve: {obstacle}")
        return Choice("torch", obstacle)


def require_one_dtype(*tensors: Tensor) -> None:
    """Raise `ArgumentError` unless kernels take such numbers."""
    if tensors[0].dtype not in DTYPES or any(v.dtype != tensors[0].dtype for v in tensors):
        raise ArgumentError(
            "Kernels take float32 and float64, all inputs alike, but got "
            f"{', '.join(dict.fromkeys(str(v.dtype) for v in tensors))}."
        )


def is_eager(*tensors: Tensor) -> bool:
    """Whether kernels may be called at once, rather than as operations that are registered with torch.

    Where torch hands each operation to somebody who records it, as `make_fx` does, kernels would go unseen.
    """
    watched = torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0
    return not watched and all(type(tensor) in _PLAIN for tensor in tensors)


@cache
def trouble() -> str | None:
    """What keeps kernels from compiling on this machine, said once as a warning; None where all is well."""
    try:
        probe()
    except (ImportError, AttributeError, OSError, RuntimeError) as error:  # an old llvmlite lacks attributes
        said = f"Kernels cannot be compiled here ({error}); plain torch computes the same numbers, slower."
        warnings.warn(said, stacklevel=4)
        return said
    return None


def backend_report() -> list[str]:
    """Lines that say what computes on this machine: the compiler, the processor, the folder of kernels, threads."""
    found = trouble()
    lines = [f"kernels: {found}"] if found else []
    if not found:
        machine, kept = host(), [*folder().glob("*")]
        size = sum(path.stat().st_size for path in kept) / 2**20
        lines = [
            f"kernels: compiled by {versions()} for {machine.processor}, vectors of {8 * machine.width} bits",
            f"kept in {folder()}: {len(kept)} objects, {size:.1f} MB",
        ]
    threads = "torch's own" if has_threads() else "one, since this torch brings no OpenMP that kernels could use"
    return [*lines, f"threads: {threads}, {torch.get_num_threads()} allowed"]
