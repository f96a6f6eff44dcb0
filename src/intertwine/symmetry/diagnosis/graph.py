"""A network as a graph whose nodes are layers that state their rules, found by torch.fx and tried on numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from intertwine.reps import Rep
from intertwine.rules import Rule
from intertwine.symmetry.diagnosis.by_reps import flattened

_FAILURES = (
    fx.proxy.TraceError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
)
"""What code raises that does more with its input than to compute with tensors."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A network as a graph, which computes what the network computes.

    Args:
        graph: the graph; its one input is the list of all inputs, its calls of modules are to `root`.
        root: what holds the modules.
        reps: the reps of the inputs, None for one that the group leaves alone.
        rep_out: the rep of the output.
        widths: the size of the last axis of each node's value, and its number of axes; absent for other values.
    """

    graph: fx.Graph
    root: nn.Module
    reps: tuple[Rep | None, ...]
    rep_out: Rep
    widths: dict[str, tuple[int, int]]


def rule_of(module: nn.Module) -> Rule | None:
    """The rule that a module states for itself; None where its class, or a hook, may compute something else."""
    cls = type(module)
    stated = next((base for base in cls.__mro__ if "symmetry_rule" in vars(base)), None)
    computed = next((base for base in cls.__mro__ if "forward" in vars(base)), None)
    if stated is None or stated is not computed or is_changed(module):
        return None
    return module.symmetry_rule()  # type: ignore[operator, no-any-return]


def is_changed(module: nn.Module) -> bool:
    """Whether a module computes something else than its class does, by a hook or a `forward` of its own."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def trace(
    model: Callable[..., Tensor], inputs: Sequence[Tensor], reps: Sequence[Rep | None], rep_out: Rep
) -> Traced | None:
    """The graph of a model in eval mode; None if it cannot be followed, is random, or the graph computes other numbers.

    Args:
        model: a module, or a function.
        inputs: inputs to try it on.
        reps: their reps, None for what the group leaves alone.
        rep_out: the rep of the output.

    Raises `ShapeError` for an output that is no tensor, or has not the size of its rep.
    """
    tracer = _Tracer()
    try:
        graph = tracer.trace(_Holder(model, len(inputs)))
        recorder = _Recorder(fx.GraphModule(tracer.root, graph))
        with torch.no_grad():
            again = recorder.run([*inputs])
            recorder.require_unchanged()
            first, second = model(*inputs), model(*inputs)
    except _FAILURES:
        return None
    flattened(model, first, rep_out)
    if not (torch.equal(first, second) and again.shape == first.shape and torch.allclose(again, first, 1e-9, 1e-12)):
        return None
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    return Traced(graph, tracer.root, tuple(reps), rep_out, recorder.widths)


class _Holder(nn.Module):
    """A model as a part, so that a single layer is a node like any other."""

    def __init__(self, model: Callable[..., Tensor], count: int) -> None:
        super().__init__()
        self.model, self.count = model, count

    def forward(self, inputs: list[Tensor]) -> Tensor:
        return self.model(*[inputs[i] for i in range(self.count)])


class _Tracer(fx.Tracer):
    """Stops at layers that state a rule, and at parts that cannot be followed."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        plain = super().is_leaf_module(m, module_qualified_name) and not is_changed(m)
        return plain or rule_of(m) is not None

    def path_of_module(self, mod: nn.Module) -> str:
        try:
            return super().path_of_module(mod)
        except NameError:  # a layer that a function uses without holding it
            name = f"{type(mod).__name__}_{len(self.root._modules)}"
            self.root.add_module(name, mod)
            return name

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        within = self.module_stack.copy()
        try:
            return super().call_module(m, forward, args, kwargs)
        except _FAILURES:
            if isinstance(m, _Holder):
                raise
            self.module_stack = within  # a failure leaves the parts on it that were being followed
            return self.create_proxy("call_module", self.path_of_module(m), args, kwargs)


class _Recorder(fx.Interpreter):
    """Runs a graph and notes the shapes."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.widths: dict[str, tuple[int, int]] = {}
        self.versions: list[tuple[Tensor, int]] = []

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.ndim:
            self.widths[n.name] = int(value.shape[-1]), value.ndim
        if isinstance(value, Tensor):
            self.versions.append((value, value._version))
        return value

    def require_unchanged(self) -> None:
        """Raise `RuntimeError` if a value was changed after it was computed, which a graph does not show."""
        if any(value._version != version for value, version in self.versions):
            raise RuntimeError("A tensor was changed in place, so that the graph does not say what is computed.")
