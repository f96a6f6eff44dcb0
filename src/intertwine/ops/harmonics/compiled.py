"""The compiled harmonics as torch sees them: three functions, each the gradient of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import is_transformed
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
    if r.dtype not in (torch.float32, torch.float64) or any(v.dtype != r.dtype for v in given):
        raise ArgumentError(
            "Kernels take float32 and float64, all inputs alike, but got "
            f"{', '.join(dict.fromkeys(str(v.dtype) for v in given))}."
        )
    wanted = [(r.shape[0], harmonics_size(r.shape[1], degree)), tuple(r.shape)]
    for tensor, shape in zip(given[1:], wanted, strict=False):
        if tuple(tensor.shape) != shape:
            raise ShapeError(f"The gradients of harmonics take rows of shape {shape}, but got {tuple(tensor.shape)}.")


def _gradient(plain: Plain, r: Tensor, g: Tensor) -> Tensor:
    found: Tensor = torch.func.vjp(plain, r)[1](g)[0]
    return found


def eager_harmonics(plain: Plain, degree: int, r: Tensor) -> Tensor:
    """The harmonics `(E, K)` of vectors `(E, n)`, with gradients of every order."""
    out: Tensor = _Harmonics.apply(plain, degree, r)  # type: ignore[no-untyped-call]
    return out


class _Harmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Plain, degree: int, r: Tensor) -> Tensor:
        ctx.save_for_backward(r)
        ctx.given = plain, degree
        return run_harmonics("forward", degree, r)[0]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        if is_transformed(g):  # a backward pass may be, where the forward was not: in batches of them
            (r,) = ctx.saved_tensors
            return None, None, _gradient(ctx.given[0], r, g)
        return None, None, _Backward.apply(*ctx.given, *ctx.saved_tensors, g)  # type: ignore[no-untyped-call]


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Plain, degree: int, r: Tensor, g: Tensor) -> Tensor:
        ctx.save_for_backward(r, g)
        ctx.given = plain, degree
        return run_harmonics("backward", degree, r, g)[0]

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
        if is_transformed(h):
            return None, None, *torch.func.vjp(partial(_gradient, ctx.given[0]), *ctx.saved_tensors)[1](h)
        return None, None, *_Second.apply(*ctx.given, *ctx.saved_tensors, h)  # type: ignore[no-untyped-call]


class _Second(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Plain, degree: int, r: Tensor, g: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(r, g, h)
        ctx.given = plain, degree
        return tuple(run_harmonics("second", degree, r, g, h))

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
        """From here on in plain torch: nothing that trains asks for a third derivative of directions often."""
        gradient = partial(_gradient, ctx.given[0])

        def second(r: Tensor, g: Tensor, h: Tensor) -> tuple[Tensor, ...]:
            return tuple(torch.func.vjp(gradient, r, g)[1](h))

        return None, None, *torch.func.vjp(second, *ctx.saved_tensors)[1](weights)


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
