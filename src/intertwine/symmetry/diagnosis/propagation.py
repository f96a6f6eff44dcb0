"""Facts followed through the graph of a network: layers by their rules, tensors by the little algebra that is safe."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Generic, TypeVar

import torch
from torch import fx, nn

from intertwine.catalog import O2, O3
from intertwine.reps import Block, Irrep, Rep, clebsch_gordan
from intertwine.rules import Applied, ConvolutionRule, LinearRule, MixingRule, ProductRule, Rule, Stretched, TermRule
from intertwine.symmetry.diagnosis.domains import Facts, Logic
from intertwine.symmetry.diagnosis.graph import Traced, is_changed, rule_of

F = TypeVar("F")

SUMS = {operator.add, operator.sub, torch.add, torch.sub, "add", "sub"}
PRODUCTS = {operator.mul, torch.mul, "mul"}
QUOTIENTS = {operator.truediv, torch.div, "div"}
SAME = {operator.neg, torch.neg, "neg", "clone", "contiguous", operator.pos}
AVERAGES = {torch.sum, torch.mean, "sum", "mean"}
CATENATIONS = {torch.cat, torch.concat, torch.concatenate}
SHAPES = {"shape", "dtype", "device", "ndim", "size", "dim"}


@dataclass(frozen=True, eq=False)
class Stream(Generic[F]):
    """A feature on its way: how it is to be read, and the facts of its parts. What is no tensor counts as one number.

    What comes from operations that know no irreps is read as numbers that the group leaves alone; whether it really
    does is what the facts say.
    """

    rep: Rep
    facts: Facts[F]
    lost: bool = False  # whether it came from something opaque

    @property
    def every(self) -> list[F]:
        """All facts."""
        return [*self.facts.values()]


class Follower(Generic[F]):
    """Follows one kind of fact through a graph.

    Args:
        traced: the graph.
        logic: how the facts pass through layers.
        start: the fact of each irrep of each input.

    Attributes:
        opaque: the nodes, in words, where parts that the group moves meet something that is not understood.
    """

    def __init__(self, traced: Traced, logic: Logic[F], start: Callable[[int, Irrep], F]) -> None:
        self.traced, self.logic, self.start = traced, logic, start
        self.trivial = _trivial(traced.rep_out)
        self.opaque: list[str] = []
        self.streams: dict[fx.Node, Stream[F]] = {}

    def run(self) -> Facts[F]:
        """The facts of the output."""
        for node in self.traced.graph.nodes:
            if node.op == "output":
                return self._read(self.streams[node.args[0]], self.traced.rep_out, "the output").facts
            self.streams[node] = self._node(node)
        return {}

    # nodes -----------------------------------------------------------------------------------------------------------

    def _node(self, node: fx.Node) -> Stream[F]:
        if node.op in ("placeholder", "get_attr"):
            return self._loose(node, [])
        first = node.args[0] if node.args else None
        if isinstance(first, fx.Node) and first.op == "placeholder":
            return self._input(node, int(node.args[1]))  # type: ignore[arg-type]
        if node.op == "call_module":
            return self._module(node)
        if (node.target is getattr and node.args[1] in SHAPES) or node.target in SHAPES:
            return self._loose(node, [])
        return self._tensors(node) or self._function(node)

    def _input(self, node: fx.Node, number: int) -> Stream[F]:
        rep = self.traced.reps[number]
        if rep is None:
            return self._loose(node, [])
        return Stream(rep, {irrep: self.start(number, irrep) for _, irrep in rep.isotypic})

    def _module(self, node: fx.Node) -> Stream[F]:
        module = self.traced.root.get_submodule(str(node.target))
        rule = rule_of(module)
        streams = [self.streams[arg] for arg in node.args if isinstance(arg, fx.Node)]
        if len(streams) == 1 and is_idle(module):
            return streams[0]
        if rule is None or len(streams) != len(node.args) or node.kwargs:
            return self._function(node)
        return self._ruled(rule, streams, self._words(node))

    def _tensors(self, node: fx.Node) -> Stream[F] | None:
        """What is understood of tensors: sums, products with invariants, and features side by side."""
        streams = [self.streams[arg] for arg in node.args if isinstance(arg, fx.Node)]
        plain = len(streams) == len(node.args) and not node.kwargs
        if node.target in SAME and len(streams) == 1 and plain:
            return streams[0]
        if node.target in SUMS and plain and len(streams) == 2 and self._alike(node, *streams):
            return Stream(streams[0].rep, self._summed([stream.facts for stream in streams]))
        if node.target in PRODUCTS | QUOTIENTS and len(node.args) == 2 and not node.kwargs:
            return self._times(node)
        if node.target in CATENATIONS:
            return self._side_by_side(node)
        if node.target is operator.getitem and plain and len(streams) == 2:
            return self._rows(node, *streams)
        if node.target in AVERAGES and len(streams) == 1 and self._across_rows(node):
            return streams[0]
        return None

    def _rows(self, node: fx.Node, features: Stream[F], index: Stream[F]) -> Stream[F] | None:
        """Rows of a feature, chosen by a vector of numbers or a mask that must not move."""
        axes = [self.traced.widths.get(arg.name, (0, 0))[1] for arg in node.args if isinstance(arg, fx.Node)]
        if axes[0] < 2 or axes[1] != 1:
            return None
        by = self._of_all([index], 1)
        return Stream(features.rep, {i: self.logic.scaled(fact, by, 0) for i, fact in features.facts.items()})

    def _across_rows(self, node: fx.Node) -> bool:
        """Whether a sum or mean runs along one axis that is not the last."""
        axis = node.args[1] if len(node.args) == 2 else node.kwargs.get("dim")
        first = node.args[0] if node.args else None
        count = self.traced.widths.get(first.name, (0, 0))[1] if isinstance(first, fx.Node) else 0
        plain = len(node.args) + len(node.kwargs) == 2
        return plain and isinstance(axis, int) and count > 1 and axis % count != count - 1

    def _times(self, node: fx.Node) -> Stream[F] | None:
        """A feature times one invariant, or times a number."""
        a, b = node.args
        if node.target in PRODUCTS and (not isinstance(a, fx.Node) or (isinstance(b, fx.Node) and self._width(a) == 1)):
            a, b = b, a
        if not isinstance(a, fx.Node):
            return None
        feature = self.streams[a]
        if isinstance(b, int | float):
            return feature
        if not isinstance(b, fx.Node) or self._width(b) != 1 or self._width(node) != feature.rep.dim:
            return None
        factor = self.streams[b]
        if not factor.rep.is_trivial:
            return None
        by = self.logic.sum(factor.every) if factor.every else self.logic.constant(1)
        return Stream(feature.rep, {i: self.logic.scaled(fact, by, -1) for i, fact in feature.facts.items()})

    def _side_by_side(self, node: fx.Node) -> Stream[F] | None:
        """torch.cat along the last axis."""
        parts = node.args[0] if node.args else node.kwargs.get("tensors")
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
        if not isinstance(parts, list | tuple) or not all(isinstance(part, fx.Node) for part in parts):
            return None
        if axis not in (-1, self.traced.widths.get(node.name, (0, 0))[1] - 1):
            return None
        streams = [self.streams[part] for part in parts if isinstance(part, fx.Node)]
        if len({stream.rep.group for stream in streams}) > 1:
            return None
        rep = reduce(operator.add, (stream.rep for stream in streams))
        return Stream(rep, self._summed([stream.facts for stream in streams]))

    def _function(self, node: fx.Node) -> Stream[F]:
        """Anything else: fine where all that goes in is invariant, the end of the proof where it is not."""
        streams = [self.streams[n] for n in node.all_input_nodes]
        opaque = any(not stream.rep.is_trivial for stream in streams)
        if opaque:
            self._remember(self._words(node))
        loose = self._loose(node, [fact for stream in streams for fact in stream.every])
        return replace(loose, lost=opaque or any(stream.lost for stream in streams))

    def _loose(self, node: fx.Node, facts: Sequence[F]) -> Stream[F]:
        """Numbers that are a function of some parts; without any, constants."""
        width = self._width(node)
        fact = self.logic.function(facts, 1) if facts else self.logic.constant(1)
        return Stream(width * Rep(self.trivial.group, ((1, self.trivial),)), {self.trivial: fact} if width else {})

    # helpers ---------------------------------------------------------------------------------------------------------

    def _alike(self, node: fx.Node, a: Stream[F], b: Stream[F]) -> bool:
        """Whether a sum adds two features of one rep, number by number."""
        return layout(a.rep) == layout(b.rep) and a.rep.dim == self._width(node)

    def _width(self, node: fx.Node) -> int:
        """The size of the last axis of a node's value; 1 for a number."""
        return self.traced.widths.get(node.name, (1, 0))[0]

    def _summed(self, many: Sequence[Facts[F]]) -> Facts[F]:
        """The facts of sums of parts, or of parts side by side, irrep by irrep."""
        gathered = defaultdict(list)
        for facts in many:
            for irrep, fact in facts.items():
                gathered[irrep].append(fact)
        return {irrep: self.logic.sum(facts) for irrep, facts in gathered.items()}

    def _words(self, node: fx.Node) -> str:
        if node.op == "call_module":
            name = str(node.target).removeprefix("model.")
            kind = type(self.traced.root.get_submodule(str(node.target))).__name__
            return kind if name == "model" else f"{name} ({kind})"
        return str(getattr(node.target, "__name__", node.target))

    def _remember(self, words: str) -> None:
        if words not in self.opaque:
            self.opaque.append(words)

    def _read(self, stream: Stream[F], rep: Rep, words: str) -> Stream[F]:
        """A stream read as features of a rep; if it is of another, every part may be a function of all of it."""
        if layout(stream.rep) == layout(rep):
            return stream
        if not stream.lost and not (stream.rep.is_trivial and rep.is_trivial):
            self._remember(f"{words} (it reads {stream.rep} as {rep})")
        return Stream(rep, {irrep: self._of_all([stream], irrep.dim) for _, irrep in rep.isotypic})

    def _of_all(self, streams: Sequence[Stream[F]], dim: int) -> F:
        facts = [fact for stream in streams for fact in stream.every]
        return self.logic.function(facts, dim) if facts else self.logic.constant(dim)

    # layers ----------------------------------------------------------------------------------------------------------

    def _ruled(self, rule: Rule, streams: Sequence[Stream[F]], words: str) -> Stream[F]:
        """The output of a layer that states its rule."""
        match rule:
            case LinearRule():
                facts = self._linear(self._read(streams[0], rule.rep_in, words), rule)
            case TermRule():
                facts = self._terms(self._read(streams[0], rule.rep_in, words), rule)
            case ProductRule():
                a, b = self._read(streams[0], rule.rep_1, words), self._read(streams[1], rule.rep_2, words)
                facts = self._product(a, b, rule.rep_out, streams[2:])
            case ConvolutionRule():
                facts = self._convolution(self._read(streams[0], rule.rep_in, words), streams, rule, words)
            case MixingRule():
                stream = self._read(streams[0], rule.rep_in, words)
                if not rule.rep_in.is_trivial:
                    self._remember(words)
                facts = {irrep: self._of_all([stream], irrep.dim) for _, irrep in rule.rep_out.isotypic}
        return Stream(rule.rep_out, facts)

    def _linear(self, stream: Stream[F], rule: LinearRule) -> Facts[F]:
        """Schur's lemma: each irrep by itself; a bias is one more, constant, invariant."""
        facts = {
            irrep: self.logic.linear(stream.facts[irrep], irrep)
            for _, irrep in rule.rep_out.isotypic
            if irrep in stream.facts
        }
        trivial = _trivial(rule.rep_out)
        bias = {trivial: self.logic.constant(1)} if rule.bias and rule.rep_out.count(trivial) else {}
        return self._summed([facts, bias])

    def _terms(self, stream: Stream[F], rule: TermRule) -> Facts[F]:
        trivial, found = _trivial(stream.rep), []
        gate = stream.facts.get(trivial, self.logic.constant(1))
        for term in rule.terms:
            before = _one(term.block_in if isinstance(term, Applied) else term.block)
            facts = {irrep: stream.facts[irrep] for _, irrep in before.isotypic if irrep in stream.facts}
            if isinstance(term, Applied):
                facts = facts or {trivial: self.logic.constant(1)}
                found.append(self.logic.applied(facts, before, _one(term.block_out), term.parity))
            elif isinstance(term, Stretched):
                found.append(self.logic.stretched(facts) if facts else {})
            else:
                found.append({i: self.logic.scaled(fact, gate, term.parity) for i, fact in facts.items()})
        return self._summed(found)

    def _product(self, a: Stream[F], b: Stream[F], rep_out: Rep, weights: Sequence[Stream[F]]) -> Facts[F]:
        """Clebsch–Gordan: an irrep of the output has as factors the pairs of irreps whose product contains it."""
        found = Facts[F]()
        for _, irrep in rep_out.isotypic:
            tables = [(x, y, clebsch_gordan(i, j, irrep)) for i, x in a.facts.items() for j, y in b.facts.items()]
            factors = [factor for factor in tables if len(factor[2])]
            if factors:
                product = self.logic.product(factors)
                found[irrep] = self.logic.scaled(product, self._of_all(weights, 1), 0) if weights else product
        return found

    def _convolution(self, x: Stream[F], streams: Sequence[Stream[F]], rule: ConvolutionRule, words: str) -> Facts[F]:
        """A product with harmonics of the vectors; edges, like weights, may only depend on what does not move."""
        vectors = self._read(streams[2], rule.action, words)
        space = (O2 if rule.action.dim == 2 else O3).harmonics(rule.degree)
        around = Stream(rule.harmonics, self.logic.lifted(vectors.facts, rule.action, rule.harmonics, space))
        facts = self._product(x, around, rule.rep_out, [streams[1]])
        own = self._linear(x, LinearRule(rule.rep_in, rule.rep_out)) if rule.own else {}
        return self._summed([facts, own])


def is_idle(module: nn.Module) -> bool:
    """Whether a module does nothing at all. Not a subclass of torch's own, which may do anything."""
    resting = type(module) is nn.Identity or (type(module) is nn.Dropout and not module.training)
    return resting and not is_changed(module)


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
