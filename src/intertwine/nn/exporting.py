"""Networks without the library: the operations of torch that a module performs, as a module of their own."""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental import _config
from torch.fx.experimental.proxy_tensor import make_fx

from intertwine.errors import ArgumentError, ShapeError


def plain_module(module: nn.Module, inputs: Sequence[Tensor]) -> fx.GraphModule:
    """A module of torch's own operations that gives what a module in evaluation gives.

    Filters are expanded and tables are constants. The first axis of all inputs is free, all others are those of the
    example, in which decisions that hang on sizes were taken: other sizes raise.

    Args:
        module: any network.
        inputs: an example of its inputs, on the device and in the dtype that the result is for.

    Raises `ArgumentError` for inputs that are no tensors, integers all of them, or no batches, and whatever the module
    itself raises for the example.
    """
    if not inputs or not all(isinstance(x, Tensor) for x in inputs):
        raise ArgumentError(f"A module is exported for an example of its inputs, tensors, but got {inputs!r}.")
    floating = next((x for x in inputs if x.is_floating_point()), None)
    if floating is None:
        raise ArgumentError(
            "A module is exported in the dtype of its first floating input, but the example holds tensors of "
            f"{', '.join(str(x.dtype) for x in inputs)}. Call x.float()."
        )
    tried = copy.deepcopy(module).to(floating).eval()
    with torch.no_grad():
        tried(*inputs)  # what does not fit is said in plain numbers, and sizes that are not exact are warned of
        example = [torch.cat([x, x, x]) if x.shape[0] == 1 else x for x in inputs]  # sizes of 1 would not stay free
        _require_batches(tried, inputs, example)
    traced = recorded(frozen(tried), example)
    places = [node for node in traced.graph.nodes if node.op == "placeholder"]
    for place, x in zip(places, inputs, strict=True):
        _require_sizes(traced.graph, place, places[-1], tuple(x.shape))
    traced.graph.eliminate_dead_code()
    return fx.GraphModule(traced, traced.graph, "Exported")


def frozen(module: nn.Module) -> nn.Module:
    """A copy of a module, without what calls have kept, that computes in torch's own operations."""
    twin = copy.deepcopy(module)
    for part in twin.modules():
        if callable(freeze := getattr(part, "freeze", None)):
            freeze()
    return twin


def recorded(function: Callable[..., Any], example: Sequence[Tensor]) -> fx.GraphModule:
    """What a function does with an example of its inputs, as a module: gradients that it takes are operations as well.

    All sizes are free that no decision hangs on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A batch as large as another axis is free all the same.
        with _config.patch(use_duck_shape=False):  # type: ignore[attr-defined]
            traced = make_fx(function, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*example)
    for node in [*traced.graph.nodes]:
        node.meta.clear()  # what only served the recording, and cannot be pickled
        _generalise(traced.graph, node)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _require_batches(module: nn.Module, inputs: Sequence[Tensor], larger: Sequence[Tensor]) -> None:
    """Raise `ArgumentError` unless a module that takes an example also takes it with more along the first axes."""
    if all(x is y for x, y in zip(inputs, larger, strict=True)):
        return
    try:
        module(*larger)
    except ShapeError as error:
        raise ArgumentError(
            "A module is exported for batches, the first axis of all inputs, but it takes no batches like the example "
            f"of shape {' and '.join(str(tuple(x.shape)) for x in inputs)}. Call x[None] for one sample."
        ) from error


def _generalise(graph: fx.Graph, node: fx.Node) -> None:
    """Say what was recorded for one layout of memory so that it holds for all, and under vmap."""
    aten = torch.ops.aten
    methods = {aten.sym_size.int: "size", aten.sym_numel.default: "numel"} | dict.fromkeys(
        (aten.view.default, aten._unsafe_view.default), "reshape"
    )
    if node.target is aten.clone.default:
        node.kwargs = {}
    elif node.target in methods:
        with graph.inserting_before(node):
            called = graph.call_method(methods[node.target], node.args)
        node.replace_all_uses_with(called)
        graph.erase_node(node)


def _require_sizes(graph: fx.Graph, place: fx.Node, after: fx.Node, shape: tuple[int, ...]) -> None:
    """Have a graph check all sizes of an input but the first."""
    with graph.inserting_after(after):
        message = f"This module was exported for inputs of the shape (batch, {', '.join(map(str, shape[1:]))})."
        for axis in reversed(range(1, len(shape))):
            size = graph.call_method("size", (place, axis))
            with graph.inserting_after(size):
                same = graph.call_function(operator.eq, (size, shape[axis]))
            with graph.inserting_after(same):
                graph.call_function(torch._assert, (same, message))
