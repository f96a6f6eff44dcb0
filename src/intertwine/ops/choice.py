"""What decides between compiled kernels and plain torch, the same for all operations."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from intertwine._arrays import is_tracing
from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.gpu import gpu_trouble
from intertwine.ops.llvm import folder, host, probe, versions
from intertwine.ops.llvm.launch import below, has_threads

DTYPES = {
    "cpu": (torch.float32, torch.float64),
    "cuda": (torch.bfloat16, torch.float16, torch.float32, torch.float64),
}
"""What kernels compute in, on each kind of device."""

_TAKES = {
    "cpu": "Kernels take float32 and float64",
    "cuda": "Kernels on GPUs take bfloat16, float16, float32 and float64",
}

_PLAIN = (Tensor, nn.Parameter)  # the types of tensors that kernels may look into: none that stand for others


@dataclass(frozen=True)
class Choice:
    """A backend, and why it was chosen.

    Args:
        backend: "llvm", "triton", "torch" or "reference".
        reason: in words.
    """

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


def dtype_obstacle(device: str, *tensors: Tensor) -> str | None:
    """Why kernels on a kind of device cannot take the dtypes of some tensors; None where they can."""
    dtypes = [tensor.dtype for tensor in tensors]
    if dtypes[0] in DTYPES[device] and all(dtype == dtypes[0] for dtype in dtypes):
        return None
    return f"{_TAKES[device]}, all inputs alike, but got {', '.join(map(str, dict.fromkeys(dtypes)))}."


def is_transformed(*tensors: Tensor) -> bool:
    """Whether a functional transform or forward mode is at work, in which a kernel's tangents would be lost.

    Batches of backward passes, as vectorised Jacobians take them, show in their tensors alone.
    """
    return in_transform() or any(torch._C._functorch.is_legacy_batchedtensor(v) for v in tensors)


def in_transform() -> bool:
    """Whether this code runs in a functional transform or in forward mode; also asked while code is compiled."""
    return torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


# As torch.compiler.assume_constant_result would, without loading torch's compiler when intertwine is imported: compiled
# code is for the transforms that it was compiled in, and torch sees to that.
in_transform._dynamo_marked_constant = True  # type: ignore[attr-defined]


class KernelModule(nn.Module, ABC):
    """A module that computes by compiled kernels where it can.

    What the machine can do is seen when a module is made, since compiled code cannot look, and again when one is
    loaded: files come from other machines.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trouble, self.is_frozen = trouble(), False

    def freeze(self) -> None:
        """Compute in torch's own operations from now on: for modules that leave the library."""
        self.is_frozen = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.trouble = trouble()

    @abstractmethod
    def choose(self, *inputs: Any) -> Choice:
        """The backend for what `forward` is given, and why."""

    def obstacle(self, *tensors: Tensor, device: str = "cpu") -> str | None:
        """Why no kernel on a kind of device can take such tensors; None where one can."""
        if self.is_frozen:
            return "Modules that leave the library consist of torch's own operations."
        if (unfit := dtype_obstacle(device, *tensors)) is not None:
            return unfit
        if any(tensor.device.type != device for tensor in tensors):
            place = "the CPU" if device == "cpu" else "a GPU"
            return f"These kernels run on {place}, but the inputs lie on {tensors[0].device}."
        if is_tracing():
            return "torch.jit.trace records torch's own operations only."
        if is_exporting() and torch.onnx.is_in_onnx_export():
            return "ONNX knows torch's own operations only."
        if in_transform():
            return "Functional transforms and forward mode differentiate torch's own operations."
        if device == "cpu":
            return self.trouble
        return gpu_trouble()

    def decided(self, wanted: str | None, obstacle: str | None, reason: str, backend: str = "llvm") -> Choice:
        """The backend that was wanted, or else one of kernels for a reason, unless there is an obstacle.

        Raises `ArgumentError` where kernels were wanted, and there is one.
        """
        if wanted in ("torch", "reference"):
            return Choice(wanted, f"The backend {wanted!r} was asked for.")
        if obstacle is None:
            return Choice(backend, reason)
        if wanted is not None:
            raise ArgumentError(f"The backend {wanted!r} was asked for, but cannot serve: {obstacle}")
        return Choice("torch", obstacle)


def require_one_dtype(*tensors: Tensor, device: str = "cpu") -> None:
    """Raise `ArgumentError` unless kernels on a kind of device take such numbers."""
    if (unfit := dtype_obstacle(device, *tensors)) is not None:
        raise ArgumentError(unfit)


def require_kinds(index: Tensor, rows: int, kinds: int) -> None:
    """Raise unless each row has the number of a kind of weights: a kernel would read whatever lies in memory."""
    if index.dtype != torch.int64 or tuple(index.shape) != (rows,):
        raise ShapeError(
            f"Each row takes a number of weights, so that {rows} rows take shape ({rows},) and dtype int64, but got "
            f"{tuple(index.shape)} of {index.dtype}."
        )
    if not below(index, kinds):
        raise ArgumentError(
            f"Rows take one of {kinds} sets of weights, numbered from 0, but got the numbers from {int(index.min())} "
            f"to {int(index.max())}."
        )


def is_eager(*tensors: Tensor) -> bool:
    """Whether kernels may be called at once, rather than as operations that are registered with torch.

    Where torch hands each operation to somebody who records it, as `make_fx` does, kernels would go unseen.
    """
    watched = torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0
    return not watched and all(type(tensor) in _PLAIN for tensor in tensors)


def is_compiled_by_dynamo() -> bool:
    """Whether torch.compile reads the code, rather than an export, which other machines load."""
    return torch.compiler.is_dynamo_compiling() and not is_exporting()


def is_exporting() -> bool:
    """Whether torch.export reads the code; before torch 2.7, which does not tell, never."""
    found = getattr(torch.compiler, "is_exporting", None)
    return found is not None and found()


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


def _sizes() -> Iterator[int]:
    """The bytes of each file that is kept; other processes write files there, and take their drafts away."""
    for path in folder().glob("*"):
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def backend_report() -> list[str]:
    """Lines that say what computes on this machine: the compiler, the processor, the folder of kernels, threads."""
    found = trouble()
    lines = [f"kernels: {found}"] if found else []
    if not found:
        machine, kept = host(), [*_sizes()]
        size = sum(kept) / 2**20
        lines = [
            f"kernels: compiled by {versions()} for {machine.processor}, vectors of {8 * machine.width} bits",
            f"kept in {folder()}: {len(kept)} objects, {size:.1f} MB",
        ]
    if torch.cuda.is_available():
        lines.append(f"on GPUs: {gpu_trouble() or 'compiled by Triton'}")
    threads = "torch's own" if has_threads() else "one, since this torch brings no OpenMP that kernels could use"
    return [*lines, f"threads: {threads}, {torch.get_num_threads()} allowed"]
