"""The compiled harmonics as torch sees them: three functions, each the gradient of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ShapeError
from intertwine.ops.choice import require_one_dtype
from intertwine.ops.derivatives import Places, TwiceDifferentiable
from intertwine.ops.harmonics.llvm import harmonics_size, write_harmonics
from intertwine.ops.llvm import Kernel, host, launch, load
from intertwine.ops.llvm.launch import large, thread_count

Plain = Callable[[Tensor], Tensor]
"""The same harmonics in plain torch."""

LARGEST = 12  # degrees beyond take seconds to compile, and nobody's layers have them

_FEW = 64  # blocks of rows that one thread has done before another would have begun


@cache
def harmonics_kernel(n: int, degree: int, kind: str, double: bool) -> Kernel:
    """One kernel, compiled at its first use in the process or read from the disk."""
    key = f"harmonics {n} {degree} {kind} {'float64' if double else 'float32'}"
    return load(key, lambda machine: write_harmonics(machine, n, degree, kind, double=double))


def run_harmonics(kind: str, degree: int, *given: Tensor) -> list[Tensor]:
    """What a kernel makes of rows: r; r and g; or r, g and h."""
    _require_fit(degree, given)
    rows, n = given[0].shape
    lanes = host().width // given[0].element_size()
    short = max(lanes - rows, 0)
    given = tuple(F.pad(x, (0, 0, 0, short)) if short else x.resolve_neg().contiguous() for x in given)
    widths = {"forward": [harmonics_size(n, degree)], "backward": [n], "second": [n, harmonics_size(n, degree)]}[kind]
    made = [large(given[0].new_empty((rows + short, width))) for width in widths]
    if rows:
        blocks = -(-(rows + short) // lanes)
        function = harmonics_kernel(n, degree, kind, given[0].dtype == torch.float64)
        launch(function, blocks, [rows + short, *given, *made], threads=thread_count(blocks, _FEW))
    return [x[:rows] for x in made]


def _require_fit(degree: int, given: Sequence[Tensor]) -> None:
    """Raise unless all rows are as wide as the kernel reads them: it would read whatever lies in memory."""
    r = given[0]
    if degree < 0 or r.ndim != 2 or r.shape[1] not in (2, 3):
        raise ShapeError(f"Harmonics of a degree from 0 on take vectors (E, 2) or (E, 3), but got {tuple(r.shape)}.")
    require_one_dtype(*given)
    wanted = [(r.shape[0], harmonics_size(r.shape[1], degree)), tuple(r.shape)]
    for tensor, shape in zip(given[1:], wanted, strict=False):
        if tuple(tensor.shape) != shape:
            raise ShapeError(f"The gradients of harmonics take rows of shape {shape}, but got {tuple(tensor.shape)}.")


def eager_harmonics(plain: Plain, degree: int, r: Tensor) -> Tensor:
    """The harmonics `(E, K)` of vectors `(E, n)`, with gradients of every order."""

    def run(kind: str, _: Places, *given: Tensor) -> list[Tensor]:
        return run_harmonics(kind, degree, *given)

    return TwiceDifferentiable(run, lambda _, r: plain(r))((), r)


# the same as registered operations, to second derivatives, for code that is compiled, exported or traced --------------

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_LIBRARY.define("harmonics(Tensor r, int degree) -> Tensor")
_LIBRARY.define("harmonics_backward(Tensor r, Tensor g, int degree) -> Tensor")
_LIBRARY.define("harmonics_second(Tensor r, Tensor g, Tensor h, int degree) -> (Tensor, Tensor)")
_OPERATIONS = torch.ops.intertwine


def registered_harmonics(degree: int, r: Tensor) -> Tensor:
    """The harmonics as a registered operation."""
    out: Tensor = _OPERATIONS.harmonics(r, degree)
    return out


def _setup(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    *tensors, ctx.degree = inputs
    ctx.save_for_backward(*tensors)


def _fake_harmonics(r: Tensor, degree: int) -> Tensor:
    return r.new_empty((r.shape[0], harmonics_size(r.shape[1], degree)))


_LIBRARY.impl("harmonics", lambda r, degree: run_harmonics("forward", degree, r)[0], "CPU")
_LIBRARY.impl("harmonics_backward", lambda r, g, degree: run_harmonics("backward", degree, r, g)[0], "CPU")
_LIBRARY.impl("harmonics_second", lambda r, g, h, degree: tuple(run_harmonics("second", degree, r, g, h)), "CPU")
torch.library.register_fake("intertwine::harmonics", _fake_harmonics, lib=_LIBRARY)
torch.library.register_fake("intertwine::harmonics_backward", lambda r, *_: r.new_empty(r.shape), lib=_LIBRARY)
torch.library.register_fake(
    "intertwine::harmonics_second", lambda r, g, *_: (r.new_empty(r.shape), g.new_empty(g.shape)), lib=_LIBRARY
)
torch.library.register_autograd(
    "intertwine::harmonics",
    lambda ctx, g: (_OPERATIONS.harmonics_backward(*ctx.saved_tensors, g, ctx.degree), None),
    setup_context=_setup,
    lib=_LIBRARY,
)
torch.library.register_autograd(
    "intertwine::harmonics_backward",
    lambda ctx, h: (*_OPERATIONS.harmonics_second(*ctx.saved_tensors, h, ctx.degree), None),
    setup_context=_setup,
    lib=_LIBRARY,
)
