"""A transformation of the inputs followed through a network.

The network is a graph, followed by the rules of layers and, between these, by the little algebra that is safe.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from intertwine.catalog import O2, O3
from intertwine.reps import Block, Irrep, Rep, clebsch_gordan
from intertwine.rules import Applied, ConvolutionRule, LinearRule, ProductRule, Rule, Stretched, TermRule
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.motions import (
    Motion,
    Motions,
    of_each_number,
    of_function,
    of_harmonics,
    of_lengths,
    of_linear,
    of_multiple,
    of_product,
    of_sum,
)
from intertwine.testing.models import as_output

InputPart = tuple[int, Irrep]
"""The number of an input, and an irrep in it."""

SUMS = {operator.add, operator.sub, torch.add, torch.sub, "add", "sub"}
PRODUCTS = {operator.mul, torch.mul, "mul"}
QUOTIENTS = {operator.truediv, torch.div, "div"}
SAME = {operator.neg, torch.neg, "neg", "clone", "contiguous", operator.pos}
AVERAGES = {torch.sum, torch.mean, "sum", "mean"}
CATENATIONS = {torch.cat, torch.concat, torch.concatenate}
ATTRIBUTES = {"shape", "dtype", "device", "ndim", "size", "dim"}


# the graph ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Network:
    """A network as a graph whose nodes are layers that state their rules, and operations on tensors.

    Args:
        module: what computes the same as the network, from the list of all inputs; nodes know their `shape`.
        trial: the network, with the field types and reps of its inputs and output.
    """

    module: fx.GraphModule
    trial: Trial


def network_of(trial: Trial) -> Network | None:
    """A model in eval mode as a graph; None if it cannot be followed, is random, or the graph computes other numbers.

    Raises `ShapeError` for an output that is no tensor, or has not the size of its rep.
    """
    tracer, model, inputs = _Tracer(), trial.model, trial.values
    try:
        graph = tracer.trace(_Holder(model, len(inputs)))
        module = fx.GraphModule(tracer.root, graph)
        recorder = _Recorder(module)
        with torch.no_grad():
            again, changed = recorder.run([*inputs]), recorder.changed
            first, second = model(*inputs), model(*inputs)
    except Exception:  # noqa: BLE001 (code that does more with its input than to compute with tensors raises anything)
        return None
    as_output(model, first, trial.out)
    alike = again.shape == first.shape and torch.allclose(again, first, 1e-9, 1e-12)
    if changed or not alike or not torch.equal(first, second):
        return None
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    return Network(module, trial)


def rule_of(module: nn.Module) -> Rule | None:
    """The rule that a module states for itself; None where its class, or a hook, may compute something else."""
    mro = type(module).__mro__
    stated, computed = (next((c for c in mro if name in vars(c)), None) for name in ("symmetry_rule", "forward"))
    if stated is None or stated is not computed or is_changed(module):
        return None
    return module.symmetry_rule()  # type: ignore[operator, no-any-return]


def is_changed(module: nn.Module) -> bool:
    """Whether a module computes something else than its class does, by a hook or a `forward` of its own."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def is_idle(module: nn.Module) -> bool:
    """Whether a module does nothing at all. Not a subclass of torch's own, which may do anything."""
    resting = type(module) is nn.Identity or (type(module) is nn.Dropout and not module.training)
    return resting and not is_changed(module)


class _Holder(nn.Module):
    """A model as a part, so that a single layer is a node like any other."""

    def __init__(self, model: Callable[..., Tensor], count: int) -> None:
        super().__init__()
        self.model, self.count = model, count

    def forward(self, inputs: list[Tensor]) -> Tensor:
        return self.model(*[inputs[i] for i in range(self.count)])


class _Tracer(fx.Tracer):
    """Stops at layers, with a rule or without one, and at parts that cannot be followed."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if is_changed(m):
            return False
        layer = hasattr(m, "rep_out") and not any(True for _ in m.children())
        return layer or rule_of(m) is not None or super().is_leaf_module(m, module_qualified_name)

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
        except Exception:  # as above
            if isinstance(m, _Holder):
                raise
            self.module_stack = within  # a failure leaves the parts on it that were being followed
            return self.create_proxy("call_module", self.path_of_module(m), args, kwargs)


class _Recorder(fx.Interpreter):
    """Runs a graph and notes the shapes."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.versions: list[tuple[Tensor, int]] = []

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            n.meta["shape"] = value.shape
            self.versions.append((value, value._version))
        return value

    @property
    def changed(self) -> bool:
        """Whether a value was changed after it was computed, which a graph does not show."""
        return any(value._version != version for value, version in self.versions)


def _axes(node: fx.Node) -> int:
    return len(node.meta.get("shape", ()))


def _width(node: fx.Node) -> int:
    """The size of the last axis of a node's value; 1 for a number."""
    return int(node.meta["shape"][-1]) if _axes(node) else 1


# what its nodes do to motions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stream:
    """A feature on its way: how it is to be read, and the motions of its parts. What is no tensor counts as one number.

    What comes from operations that know no irreps is read as numbers that the group leaves alone; whether it really
    does is what the motions say. It is `lost` if it came from something opaque.
    """

    rep: Rep
    motions: Motions
    lost: bool = False


class Follower:
    """Follows a transformation of the inputs through a network.

    Args:
        network: the network.
        start: how each irrep of each input moves.

    Attributes:
        opaque: the nodes, in words, where parts that the group moves meet something that is not understood.
    """

    def __init__(self, network: Network, start: Mapping[InputPart, Motion]) -> None:
        self.network, self.start = network, start
        self.trivial = _trivial(network.trial.rep)
        self.opaque: list[str] = []
        self.streams: dict[fx.Node, Stream] = {}

    def run(self) -> Motions:
        """The motions of the output."""
        for node in self.network.module.graph.nodes:
            if node.op == "output":
                return self._read(self.streams[node.args[0]], self.network.trial.rep, "the output").motions
            self.streams[node] = self._node(node)
        return {}

    def _node(self, node: fx.Node) -> Stream:
        first = node.args[0] if node.args else None
        if node.op in ("placeholder", "get_attr"):
            return self._loose(node, [])
        if isinstance(first, fx.Node) and first.op == "placeholder":
            number = int(node.args[1])  # type: ignore[arg-type]
            rep = self.network.trial.fields[number].rep
            if rep is None:
                return self._loose(node, [])
            return Stream(rep, {irrep: self.start[number, irrep] for _, irrep in rep.isotypic})
        if node.op == "call_module":
            return self._module(node)
        if node.target in ATTRIBUTES or (node.target is getattr and node.args[1] in ATTRIBUTES):
            return self._loose(node, [])
        return self._tensors(node) or self._function(node)

    def _module(self, node: fx.Node) -> Stream:
        module = self.network.module.get_submodule(str(node.target))
        rule = rule_of(module)
        streams = [self.streams[arg] for arg in node.args if isinstance(arg, fx.Node)]
        if len(streams) == 1 and is_idle(module):
            return streams[0]
        if rule is None or len(streams) != len(node.args) or node.kwargs:
            return self._function(node)
        return self._ruled(rule, streams, self._words(node))

    def _tensors(self, node: fx.Node) -> Stream | None:
        """What is understood of tensors: sums, products with invariants, features side by side, rows."""
        streams = [self.streams[arg] for arg in node.args if isinstance(arg, fx.Node)]
        plain = len(streams) == len(node.args) and not node.kwargs
        if node.target in SAME and len(streams) == 1 and plain:
            return streams[0]
        if node.target in SUMS and plain and len(streams) == 2:
            a, b = streams
            alike = layout(a.rep) == layout(b.rep) and a.rep.dim == _width(node)  # two features, number by number
            return Stream(a.rep, self._summed([a.motions, b.motions])) if alike else None
        if node.target in PRODUCTS | QUOTIENTS and len(node.args) == 2 and not node.kwargs:
            return self._times(node)
        if node.target in CATENATIONS:
            return self._side_by_side(node)
        if node.target is operator.getitem and plain and len(streams) == 2:
            return self._rows(node)
        if node.target in AVERAGES and len(streams) == 1 and _is_across_rows(node):
            return streams[0]
        return None

    def _rows(self, node: fx.Node) -> Stream | None:
        """Rows of a feature, chosen by a vector of numbers or a mask that must not move."""
        of, index = (arg for arg in node.args if isinstance(arg, fx.Node))
        if _axes(of) < 2 or _axes(index) != 1:
            return None
        return self._scaled(self.streams[of], self._of_all([self.streams[index]], 1), 0)

    def _times(self, node: fx.Node) -> Stream | None:
        """A feature times one invariant, or times a number."""
        a, b = node.args
        if node.target in PRODUCTS and (not isinstance(a, fx.Node) or (isinstance(b, fx.Node) and _width(a) == 1)):
            a, b = b, a
        if not isinstance(a, fx.Node):
            return None
        feature = self.streams[a]
        if isinstance(b, int | float):
            return feature
        if not isinstance(b, fx.Node) or _width(b) != 1 or _width(node) != feature.rep.dim:
            return None
        factor = self.streams[b]
        by = of_sum([*factor.motions.values()] or [np.eye(1)])
        return self._scaled(feature, by, -1) if factor.rep.is_trivial else None

    def _side_by_side(self, node: fx.Node) -> Stream | None:
        """torch.cat along the last axis."""
        parts = node.args[0] if node.args else node.kwargs.get("tensors")
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
        if not isinstance(parts, list | tuple) or axis not in (-1, _axes(node) - 1):
            return None
        streams = [self.streams[part] for part in parts if isinstance(part, fx.Node)]
        if len(streams) < len(parts) or len({stream.rep.group for stream in streams}) > 1:
            return None
        rep = reduce(operator.add, (stream.rep for stream in streams))
        return Stream(rep, self._summed([stream.motions for stream in streams]))

    def _function(self, node: fx.Node) -> Stream:
        """Anything else: fine where all that goes in is invariant, the end of the proof where it is not."""
        streams = [self.streams[n] for n in node.all_input_nodes]
        opaque = any(not stream.rep.is_trivial for stream in streams)
        if opaque:
            self._remember(self._words(node))
        loose = self._loose(node, [u for stream in streams for u in stream.motions.values()])
        return replace(loose, lost=opaque or any(stream.lost for stream in streams))

    def _loose(self, node: fx.Node, motions: Sequence[Motion]) -> Stream:
        """Numbers that are a function of some parts; without any, constants."""
        width = _width(node)
        numbers = width * Rep(self.trivial.group, ((1, self.trivial),))
        return Stream(numbers, {self.trivial: of_function(motions, 1)} if width else {})

    def _read(self, stream: Stream, rep: Rep, words: str) -> Stream:
        """A stream read as features of a rep; if it is of another, every part may be a function of all of it."""
        if layout(stream.rep) == layout(rep):
            return stream
        if not stream.lost and not (stream.rep.is_trivial and rep.is_trivial):
            self._remember(f"{words} (it reads {stream.rep} as {rep})")
        return Stream(rep, {irrep: self._of_all([stream], irrep.dim) for _, irrep in rep.isotypic})

    def _of_all(self, streams: Sequence[Stream], dim: int) -> Motion:
        return of_function([u for stream in streams for u in stream.motions.values()], dim)

    def _scaled(self, stream: Stream, by: Motion, parity: int) -> Stream:
        return Stream(stream.rep, {i: of_multiple(u, by, parity) for i, u in stream.motions.items()})

    def _summed(self, many: Sequence[Motions]) -> Motions:
        """The motions of sums of parts, or of parts side by side, irrep by irrep."""
        gathered = defaultdict(list)
        for motions in many:
            for irrep, u in motions.items():
                gathered[irrep].append(u)
        return {irrep: of_sum(motions) for irrep, motions in gathered.items()}

    def _words(self, node: fx.Node) -> str:
        if node.op == "call_module":
            name = str(node.target).removeprefix("model.")
            kind = type(self.network.module.get_submodule(str(node.target))).__name__
            return kind if name == "model" else f"{name} ({kind})"
        return str(getattr(node.target, "__name__", node.target))

    def _remember(self, words: str) -> None:
        if words not in self.opaque:
            self.opaque.append(words)

    # layers -----------------------------------------------------------------------------------------------------------

    def _ruled(self, rule: Rule, streams: Sequence[Stream], words: str) -> Stream:
        """The output of a layer that states its rule."""
        match rule:
            case LinearRule():
                motions = self._linear(self._read(streams[0], rule.rep_in, words), rule)
            case TermRule():
                motions = self._terms(self._read(streams[0], rule.rep_in, words), rule)
            case ProductRule():
                a, b = self._read(streams[0], rule.rep_1, words), self._read(streams[1], rule.rep_2, words)
                motions = self._product(a, b, rule.rep_out, streams[2:])
            case ConvolutionRule():
                x, vectors = self._read(streams[0], rule.rep_in, words), self._read(streams[2], rule.action, words)
                space = (O2 if rule.action.dim == 2 else O3).harmonics(rule.degree)
                lifted = of_harmonics(vectors.motions, rule.action, rule.harmonics, space)
                # edges, like weights, may only depend on what does not move
                motions = self._product(x, Stream(rule.harmonics, lifted), rule.rep_out, [streams[1]])
                own = self._linear(x, LinearRule(rule.rep_in, rule.rep_out)) if rule.own else {}
                motions = self._summed([motions, own])
        return Stream(rule.rep_out, motions)

    def _linear(self, stream: Stream, rule: LinearRule) -> Motions:
        """Schur's lemma: each irrep by itself; a bias is one more, constant, invariant."""
        found = {
            irrep: of_linear(stream.motions[irrep], irrep)
            for _, irrep in rule.rep_out.isotypic
            if irrep in stream.motions
        }
        trivial = _trivial(rule.rep_out)
        bias: Motions = {trivial: np.eye(1)} if rule.bias and rule.rep_out.count(trivial) else {}
        return self._summed([found, bias])

    def _terms(self, stream: Stream, rule: TermRule) -> Motions:
        trivial, found = _trivial(stream.rep), []
        gate = stream.motions.get(trivial, np.eye(1))
        for term in rule.terms:
            before = _one(term.block_in if isinstance(term, Applied) else term.block)
            motions = {irrep: stream.motions[irrep] for _, irrep in before.isotypic if irrep in stream.motions}
            if isinstance(term, Applied):
                motions = motions or {trivial: np.eye(1)}
                found.append(of_each_number(motions, before, _one(term.block_out), term.parity))
            elif isinstance(term, Stretched):
                found.append(of_lengths(motions) if motions else {})
            else:
                found.append({i: of_multiple(u, gate, term.parity) for i, u in motions.items()})
        return self._summed(found)

    def _product(self, a: Stream, b: Stream, rep_out: Rep, weights: Sequence[Stream]) -> Motions:
        """Clebsch–Gordan: an irrep of the output has as factors the pairs of irreps whose product contains it."""
        found = Motions()
        for _, irrep in rep_out.isotypic:
            tables = [(x, y, clebsch_gordan(i, j, irrep)) for i, x in a.motions.items() for j, y in b.motions.items()]
            factors = [factor for factor in tables if len(factor[2])]
            if factors:
                product = of_product(factors)
                found[irrep] = of_multiple(product, self._of_all(weights, 1), 0) if weights else product
        return found


def _is_across_rows(node: fx.Node) -> bool:
    """Whether a sum or mean runs along one axis that is not the last."""
    axis = node.args[1] if len(node.args) == 2 else node.kwargs.get("dim")
    count = _axes(node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else 0
    plain = len(node.args) + len(node.kwargs) == 2
    return plain and isinstance(axis, int) and count > 1 and axis % count != count - 1


def layout(rep: Rep) -> tuple[tuple[int, Block], ...]:
    """The terms, with equal neighbours of dimension 1 gathered: their numbers lie alike however they are grouped."""
    terms: list[tuple[int, Block]] = []
    for m, block in rep.terms:
        if block.dim == 1 and terms and terms[-1][1] == block:
            m += terms.pop()[0]
        terms.append((m, block))
    return tuple(terms)


def _trivial(rep: Rep) -> Irrep:
    """The invariants of the rep's group: a layer inside a model may be one of another group."""
    return Irrep(rep.group, rep.group.trivial)


def _one(block: Block) -> Rep:
    return Rep(block.group, ((1, block),))
