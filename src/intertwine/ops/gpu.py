"""Programs in Triton's language: what a text defines, and whether such programs run here."""

from __future__ import annotations

import linecache
import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

HAS_TRITON = find_spec("triton") is not None
"""Whether Triton is installed: torch's builds for GPUs bring it. It is loaded at the first program."""

_PROBE = """
import triton
import triton.language as tl


@triton.jit
def probe(place):
    tl.store(place, 1.0)
"""


def defined(text: str, name: str) -> dict[str, Any]:
    """What some code defines, which lies in no file: Triton asks Python for the source of what it compiles.

    >>> defined("half = 0.5", "<an example>")["half"]
    0.5
    """
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "intertwine.programs"}
    exec(compile(text, name, "exec"), space)
    return space


def gpu_trouble() -> str | None:
    """What keeps programs from running on this machine's GPU, said once as a warning; None where all is well.

    A program is compiled and run, since Triton needs more than itself: a C compiler, and a GPU that is new enough.
    """
    return _seen()


# What torch.compiler.assume_constant_result does, which would load all of torch's compiler when intertwine is imported.
gpu_trouble._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _seen() -> str | None:
    if not HAS_TRITON:
        return "Kernels on GPUs are compiled by Triton, which is not installed."
    if not torch.cuda.is_available():  # tensors that only say so, as in traces for other machines
        return None
    try:
        with _disable_current_modes():
            defined(_PROBE, "<intertwine probe>")["probe"][(1,)](torch.zeros(1, device="cuda"))
            torch.cuda.synchronize()
    except Exception as error:  # noqa: BLE001 (Triton's and the driver's own, of every kind)
        said = f"Kernels cannot be compiled for this GPU ({error}); plain torch computes the same numbers, slower."
        warnings.warn(said, stacklevel=5)
        return said
    return None
