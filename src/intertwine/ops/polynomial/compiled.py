"""The compiled polynomial as torch sees it: three functions, each the gradient of the one before.

The polynomial travels as text: registered operations carry it so, and a text is soon found in a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ShapeError
from intertwine.ops.choice import require_kinds, require_one_dtype
from intertwine.ops.derivatives import Places, TwiceDifferentiable
from intertwine.ops.llvm import Kernel, launch, load
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.ops.polynomial.channel_sum import ChannelSum, channel_sum
from intertwine.ops.polynomial.llvm import RESULTS, write_polynomial
from intertwine.plan.text import read_polynomial

_FEW = 16  # rows that one thread has done before another would have begun
_NAMES = ("x", "weights", "cotangent", "direction of x", "direction of weights")


@cache
def channel_sum_of(text: str) -> ChannelSum:
    """What is summed for a written polynomial."""
    return channel_sum(read_polynomial(text))


@cache
def polynomial_kernel(text: str, kind: str, double: bool) -> Kernel:
    """One kernel, compiled at its first use in the process or read from the disk."""
    key = f"polynomial {kind} {read_polynomial(text).key} {'float64' if double else 'float32'}"
    return load(key, lambda machine: write_polynomial(channel_sum_of(text), machine, kind, double=double))


def run_polynomial(text: str, kind: str, places: Places, *given: Tensor) -> list[Tensor]:
    """What a kernel makes of the tensors that it is given, in the order of `llvm.OPERANDS` and `llvm.RESULTS`.

    Gradients by weights are added up by several threads, each in a copy of its own: by one, where deterministic
    algorithms are asked for, since sums depend on the number of copies. Everything else is written by one thread alone.
    """
    (index,), shape = places, channel_sum_of(text)
    _require_fit(shape, index, given)
    given = tuple(v.resolve_neg().contiguous() for v in given)  # named, so that they live while the kernel runs
    index, x, w = index.contiguous(), *given[:2]
    alone = kind != "forward" and torch.are_deterministic_algorithms_enabled()
    threads = 1 if alone else thread_count(x.shape[0], _FEW)
    made = {name: v.new_empty(v.shape) for name, v in zip("xwg", given, strict=False) if name in RESULTS[kind]}
    if "w" in made:
        made["w"] = w.new_zeros((threads, *w.shape))
    if "g" in RESULTS[kind]:
        made["g"] = x.new_empty((x.shape[0], shape.sizes["g"] * shape.channels))
    results = [large(made[name]) for name in RESULTS[kind]]
    function = polynomial_kernel(text, kind, x.dtype == torch.float64)
    launch(function, x.shape[0], [0, w.numel(), index, *given, *results], threads=threads)
    if "w" in made:
        results[1] = made["w"][0] if threads == 1 else made["w"].sum(0)
    return results


def _require_fit(shape: ChannelSum, index: Tensor, given: Sequence[Tensor]) -> None:
    """Raise unless rows and numbers are those of the tensors: a kernel would read whatever lies in memory."""
    require_one_dtype(*given)
    rows, kinds = given[0].shape[0], given[1].shape[0]
    x, w, g = (shape.sizes[name] * shape.channels for name in "xwg")
    wanted = [(rows, x), (kinds, w), (rows, g), (rows, x), (kinds, w)]
    for name, tensor, size in zip(_NAMES, given, wanted, strict=False):
        if tuple(tensor.shape) != size:
            raise ShapeError(f"The polynomial takes {name} of shape {size}, but got {tuple(tensor.shape)}.")
    require_kinds(index, rows, kinds)


def eager_polynomial(plain: Callable[..., Tensor], text: str, index: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """The polynomial for eager code, with gradients of every order; `plain((index,), x, w)` is the same in torch."""
    return TwiceDifferentiable(partial(run_polynomial, text), plain)((index,), x, w)


# the same as registered operations, to second derivatives, for code that is compiled, exported or traced --------------

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_LIBRARY.define("polynomial(Tensor x, Tensor w, Tensor index, str text) -> Tensor")
_LIBRARY.define("polynomial_backward(Tensor x, Tensor w, Tensor g, Tensor index, str text) -> (Tensor, Tensor)")
_LIBRARY.define(
    "polynomial_second(Tensor x, Tensor w, Tensor g, Tensor hx, Tensor hw, Tensor index, str text) "
    "-> (Tensor, Tensor, Tensor)"
)
_OPERATIONS = torch.ops.intertwine


def registered_polynomial(text: str, index: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """The polynomial as a registered operation."""
    out: Tensor = _OPERATIONS.polynomial(x, w, index, text)
    return out


def _polynomial(*arguments: Any) -> Tensor:
    *given, index, text = arguments
    return run_polynomial(text, "forward", (index,), *given)[0]


def _polynomial_backward(*arguments: Any) -> tuple[Tensor, ...]:
    *given, index, text = arguments
    return tuple(run_polynomial(text, "backward", (index,), *given))


def _polynomial_second(*arguments: Any) -> tuple[Tensor, ...]:
    *given, index, text = arguments
    return tuple(run_polynomial(text, "second", (index,), *given))


def _setup(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    *tensors, ctx.text = inputs
    ctx.save_for_backward(*tensors)


def _gradient_of_polynomial(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, w, index = ctx.saved_tensors
    return *_OPERATIONS.polynomial_backward(x, w, g, index, ctx.text), None, None


def _gradient_of_backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
    *given, index = ctx.saved_tensors
    return *_OPERATIONS.polynomial_second(*given, *along, index, ctx.text), None, None


def _fake_polynomial(*arguments: Any) -> Tensor:
    x, _, _, text = arguments
    shape = channel_sum_of(text)
    made: Tensor = x.new_empty((x.shape[0], shape.sizes["g"] * shape.channels))
    return made


_LIBRARY.impl("polynomial", _polynomial, "CPU")
_LIBRARY.impl("polynomial_backward", _polynomial_backward, "CPU")
_LIBRARY.impl("polynomial_second", _polynomial_second, "CPU")
torch.library.register_fake("intertwine::polynomial", _fake_polynomial, lib=_LIBRARY)
torch.library.register_fake(
    "intertwine::polynomial_backward", lambda *given: tuple(v.new_empty(v.shape) for v in given[:2]), lib=_LIBRARY
)
torch.library.register_fake(
    "intertwine::polynomial_second", lambda *given: tuple(v.new_empty(v.shape) for v in given[:3]), lib=_LIBRARY
)
torch.library.register_autograd("intertwine::polynomial", _gradient_of_polynomial, setup_context=_setup, lib=_LIBRARY)
torch.library.register_autograd(
    "intertwine::polynomial_backward", _gradient_of_backward, setup_context=_setup, lib=_LIBRARY
)
