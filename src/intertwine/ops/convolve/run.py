"""Running the kernels of a convolution: on all edges at once or, where a matrix makes their weights, group by group.

The weights of an edge are often many (thousands) and made of few numbers (64, say): the last layer of a radial network,
`weights = factors @ matrix`. For all edges at once they fill more memory than everything else together, and are read
back from there. A group of edges whose weights stay in the processor's cache is multiplied, convolved and forgotten; a
backward pass makes them again. The gradients by factors and matrix are then matrix products of the group as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import require_one_dtype
from intertwine.ops.convolve.layout import graph_layout
from intertwine.ops.convolve.llvm import write_convolve
from intertwine.ops.convolve.programs import run_expanded, run_programs
from intertwine.ops.convolve.reference import convolve, convolve_gradients, convolve_seconds
from intertwine.ops.graph import Graph
from intertwine.ops.linear.compiled import LinearKernels, linear_kernels, weight_copies
from intertwine.ops.llvm import Kernel, launch, load
from intertwine.ops.llvm.launch import below, large, thread_count
from intertwine.plan import Operand, Path, Plan

INPUTS = (("x", "y", "weights"), ("x", "y", "factors", "matrix"))
"""What a convolution is a function of: weights of each edge, or a matrix that makes them. It is linear in each."""

_FEW = 16  # targets that one thread has done before another would have begun
_CACHE = 1 << 20  # bytes of weights that stay in the cache of one core, or so


def inputs_of(kind: str, number: int) -> tuple[str, ...]:
    """Which inputs a function has that takes a number of tensors: the inputs; and g; and directions for each of them.

    >>> inputs_of("backward", 4), inputs_of("second", 9)
    (('x', 'y', 'weights'), ('x', 'y', 'factors', 'matrix'))
    """
    count = {"forward": number, "backward": number - 1, "second": (number - 1) // 2}[kind]
    return INPUTS[count - 3]


@cache
def convolve_kernel(plan: Plan, kind: str, double: bool) -> Kernel | None:
    """One kernel of a plan, compiled at its first use in the process or read from the disk.

    None where it cannot be compiled, which a warning says once.
    """
    if (shape := graph_layout(plan)) is None:
        raise ArgumentError("No kernel computes this plan. Ask graph_layout(plan) first.")
    key = f"convolve {kind} {plan.key} {'float64' if double else 'float32'}"
    try:
        return load(key, lambda machine: write_convolve(shape, machine, kind, double=double))
    except (RuntimeError, OSError) as error:
        said = f"One kernel cannot be compiled here ({error}); plain torch computes the same numbers, slower."
        warnings.warn(said, stacklevel=2)
        return None


def run_convolve(plan: Plan, kind: str, where: Graph, *given: Tensor, all_asked: bool = True) -> list[Tensor]:
    """A convolution or its gradients.

    Args:
        plan: the contraction on each edge.
        kind: "forward"; "backward", the gradients by all inputs; or "second", the gradients by all inputs and by g of
            the sum of those gradients times directions.
        where: the graph.
        given: the inputs, in the order of `INPUTS`; then g and the directions, for the kinds that have them.
        all_asked: whether the gradient by a matrix will be used; if not, it is left at 0 in a backward pass.

    Gradients by x are added up by several threads, each in a copy of its own: by one, where deterministic algorithms
    are asked for, since sums depend on the number of copies. Everything else is written by one thread alone.
    """
    inputs = inputs_of(kind, len(given))
    _require_fit(plan, where, inputs, given)
    if given[0].device.type == "cuda":
        with torch.cuda.device(given[0].device):  # Triton launches on the current device
            return (run_expanded if "matrix" in inputs else run_programs)(plan, kind, where, given)
    given = tuple(x.resolve_neg().contiguous() for x in given)  # named, so that they live while a kernel runs
    x, is_forward = given[0], kind == "forward"
    alone = not is_forward and torch.are_deterministic_algorithms_enabled()
    call = _Kernels(plan, 1 if alone else thread_count(where.targets, _FEW))
    results = [] if is_forward else [x.new_zeros((call.threads, *x.shape))]
    results += [] if is_forward else [v.new_empty(v.shape) for v in given[1 : len(inputs)]]
    results += [] if kind == "backward" else [x.new_empty((where.targets, plan.output.size))]
    results = [large(result) for result in results]
    if "matrix" in inputs:
        _by_groups(call, kind, where, given, results, all_asked)
    else:
        call(kind, where, given, results)
    if not is_forward:
        results[0] = results[0][0] if call.threads == 1 else results[0].sum(0)
    return results


@dataclass(frozen=True)
class _Kernels:
    """The kernels of a plan, in some threads at most."""

    plan: Plan
    threads: int

    def __call__(self, kind: str, where: Graph | _Group, given: Sequence[Tensor], results: Sequence[Tensor]) -> None:
        """Run one on tensors in the order of `llvm.GIVEN` and `llvm.WANTED`."""
        x, targets = given[0], where.row.shape[0] - 1
        kernel = convolve_kernel(self.plan, kind, x.dtype == torch.float64)
        if kernel is None:
            self.by_definition(kind, where, given, results)
            return
        arguments: list[Tensor | int] = [0, x.numel(), 0, where.row, where.order, where.source, *given, *results]
        launch(kernel, targets, arguments, threads=min(self.threads, thread_count(targets, _FEW)))

    def by_definition(
        self, kind: str, where: Graph | _Group, given: Sequence[Tensor], results: Sequence[Tensor]
    ) -> None:
        """What the kernel would do, in plain torch."""
        ends = torch.empty_like(where.order)
        ends[where.order] = torch.arange(where.row.shape[0] - 1).repeat_interleave(where.row.diff())
        edges, (x, y, w, *others) = torch.stack([where.source, ends]), given
        if kind == "forward":
            results[0].copy_(convolve(self.plan, w, x, y, edges, where.row.shape[0] - 1))
            return
        if kind == "backward":
            found = convolve_gradients(self.plan, edges, x, y, w, *others)
        else:
            found = convolve_seconds(self.plan, edges, given[:4], given[4:])
        results[0][0] += found[0]
        for result, value in zip(results[1:], found[1:], strict=True):
            result.copy_(value)


# group by group -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """Targets that follow each other, and their edges, numbered from 0.

    Args:
        targets: which they are.
        edges: their edges among all: a slice where edges lie sorted, else numbers.
        row, order, source: as in a `Graph`.
    """

    targets: slice
    edges: slice | Tensor
    row: Tensor
    order: Tensor
    source: Tensor

    @property
    def size(self) -> int:
        """The number of edges."""
        return self.order.shape[0]


def _groups(where: Graph, most: int) -> Iterator[_Group]:
    """All targets in groups that have at most so many edges, or one target."""
    row, edges = where.row.numpy(), where.order.shape[0]
    if edges <= most:
        yield _Group(slice(0, where.targets), slice(0, edges), where.row, where.order, where.source)
        return
    ramp = torch.arange(edges)
    is_sorted = np.array_equal(where.order.numpy(), ramp.numpy())
    first = 0
    while first < where.targets:
        begin = int(row[first])
        last = max(first + 1, int(np.searchsorted(row, begin + most, side="right")) - 1)
        end = int(row[last])
        numbers = slice(begin, end) if is_sorted else where.order[begin:end]
        yield _Group(
            slice(first, last),
            numbers,
            where.row[first : last + 1] - begin,
            ramp[: end - begin],
            where.source[numbers],
        )
        first = last


def _by_groups(
    call: _Kernels, kind: str, where: Graph, given: Sequence[Tensor], results: Sequence[Tensor], all_asked: bool
) -> None:
    """A convolution whose weights come from a matrix, or its gradients."""
    rooms = {"forward": 1, "backward": 2, "second": 3}[kind]
    matrix, edges = given[3], where.order.shape[0]
    most = max(1, call.threads * _CACHE // (rooms * matrix.shape[1] * matrix.element_size()))
    largest = edges if edges <= most else max(most, int(where.row.diff().max()))
    steps = _Steps(call, given, results, matrix.new_empty((rooms, largest, matrix.shape[1])), all_asked)
    for group in _groups(where, most):
        getattr(steps, kind)(group)
    if kind == "second" or (kind == "backward" and all_asked):
        torch.sum(steps.by_matrix, 0, out=results[3].view(-1))
    elif kind == "backward":
        results[3].zero_()


@cache
def _dense(height: int, width: int) -> Plan:
    """Rows times a matrix, as a plan."""
    operands = (Operand("uw", ((height, width),)), Operand("iu", ((1, height),)), Operand("kw", ((1, width),)))
    return Plan(operands, "ik", (Path((0, 0, 0), Table(np.eye(1))),))


@dataclass(frozen=True)
class _Steps:
    """What is done for a group of edges.

    Args:
        call: the kernels.
        given, results: as `run_convolve` has them.
        room: for the weights of a group, and for others of that size.
        all_asked: whether the gradient by the matrix will be used.
    """

    call: _Kernels
    given: Sequence[Tensor]
    results: Sequence[Tensor]
    room: Tensor
    all_asked: bool

    def forward(self, group: _Group) -> None:
        x, y, factors, matrix = self.given
        weights = self.room[0, : group.size]
        self.products.rows(matrix, factors[group.edges], weights, group.size)
        self.call("forward", group, [x, y[group.edges], weights], [self.results[0][group.targets]])

    def backward(self, group: _Group) -> None:
        x, y, factors, matrix, g = self.given
        by_x, by_y, by_factors, _ = self.results
        weights, by_weights = self.room[:, : group.size]
        here, y_here = factors[group.edges], y[group.edges]
        by_y_here = torch.empty_like(y_here)
        self.products.rows(matrix, here, weights, group.size)
        self.call("backward", group, [x, y_here, weights, g[group.targets]], [by_x, by_y_here, by_weights])
        by_y[group.edges] = by_y_here
        by_factors[group.edges] = self.back(by_weights)
        if self.all_asked:
            self.products.add_weights(here, by_weights, self.by_matrix, group.size)

    def second(self, group: _Group) -> None:
        """Weights move along `h_factors @ matrix + factors @ h_matrix`, where h is for directions.

        So the gradients by factors and matrix have two parts each: one through the weights, and one through their
        direction, by which the gradient is that of the backward pass.
        """
        x, y, factors, matrix, g, h_x, h_y, h_factors, h_matrix = self.given
        by_x, by_y, by_factors, _, by_g = self.results
        weights, h_weights, by_weights = self.room[:, : group.size]
        here, h_here, y_here, h_y_here = (v[group.edges] for v in (factors, h_factors, y, h_y))
        by_y_here = torch.empty_like(y_here)
        self.products.rows(matrix, here, weights, group.size)
        self.products.rows(matrix, h_here, h_weights, group.size)
        if self.moves:
            h_weights.addmm_(here, h_matrix)
        first = [x, y_here, weights, g[group.targets]]
        self.call("backward", group, first, [self.unused, by_y_here, by_weights])
        self.products.add_weights(h_here, by_weights, self.by_matrix, group.size)
        by_here = by_weights @ h_matrix.T if self.moves else torch.zeros_like(here)
        found = [by_x, by_y_here, by_weights, by_g[group.targets]]
        self.call("second", group, [*first, h_x, h_y_here, h_weights], found)
        by_y[group.edges] = by_y_here
        by_factors[group.edges] = by_here + self.back(by_weights)
        self.products.add_weights(here, by_weights, self.by_matrix, group.size)

    @cached_property
    def products(self) -> LinearKernels:
        """Matrix products in kernels, which take half the time of torch's."""
        matrix = self.given[3]
        return linear_kernels(_dense(*matrix.shape), matrix.dtype)

    @cached_property
    def turned(self) -> Tensor:
        """The matrix as products with its transpose read it."""
        return self.products.turned(self.given[3])

    def back(self, by_weights: Tensor) -> Tensor:
        """`by_weights @ matrix.T`."""
        out = by_weights.new_empty((len(by_weights), self.given[3].shape[0]))
        self.products.rows(self.turned, by_weights, out, len(by_weights), back=True)
        return out

    @cached_property
    def by_matrix(self) -> Tensor:
        """The gradient by the matrix, in a copy for each thread."""
        return self.given[3].new_zeros((weight_copies(self.room.shape[1]), self.given[3].numel()))

    @cached_property
    def moves(self) -> bool:
        """Whether the matrix moves: in training on forces it does not, since these are no gradients by parameters."""
        return bool(self.given[8].any())

    @cached_property
    def unused(self) -> Tensor:
        """Where a backward pass adds gradients by x that nobody asked for."""
        return torch.zeros_like(self.results[0])


# what is checked before a kernel reads memory -------------------------------------------------------------------------


def _require_fit(plan: Plan, where: Graph, inputs: Sequence[str], given: Sequence[Tensor]) -> None:
    """Raise unless rows, columns and edges are those of the tensors: a kernel would read whatever lies in memory.

    On a GPU the numbers of the edges are not looked at, since that would wait for it.
    """
    x, edges = given[0], where.source.shape[0]
    device = "cuda" if x.device.type == "cuda" else "cpu"
    require_one_dtype(*given, device=device)
    weights, features, harmonics, out = (operand.size for operand in plan.operands)
    wanted = [(x.shape[0], features), (edges, harmonics), (edges, weights)]
    if "matrix" in inputs:
        wanted[2:] = [(edges, given[3].shape[0]), (given[3].shape[0], weights)]
    directions = [f"direction of {name}" for name in inputs]
    wanted += [(where.targets, out), *wanted]
    for name, tensor, shape in zip((*inputs, "cotangent", *directions), given, wanted, strict=False):
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"The convolution takes {name} of shape {shape} for {edges} edges, but got {tuple(tensor.shape)}."
            )
    if device == "cuda":
        _require_one_device(where, given)
        return
    require_graph(where, edges, x.shape[0])


def _require_one_device(where: Graph, given: Sequence[Tensor]) -> None:
    """Raise unless all tensors lie on one device."""
    devices = dict.fromkeys(str(tensor.device) for tensor in (*given, *where))
    if len(devices) > 1:
        raise ArgumentError(
            f"A graph and the features along it lie on one device, but got {', '.join(devices)}. Move them by "
            "Graph(*(part.to(device) for part in graph))."
        )


def require_graph(where: Graph, edges: int, sources: int) -> None:
    """Raise unless the edges are walked as `graph` orders them, and begin at one of a number of rows of features."""
    if any(part.dtype != torch.int64 or not part.is_contiguous() or part.ndim != 1 for part in where):
        raise ArgumentError(
            "A graph holds contiguous tensors of torch.int64, with one axis. Make it with intertwine.ops.graph."
        )
    row, order = where.row.numpy(), where.order
    fits = order.shape[0] == edges and len(row) > 0 and row[0] == 0 and row[-1] == edges
    if not (fits and bool((row[1:] >= row[:-1]).all()) and below(order, edges)):
        raise ArgumentError(
            f"The order and the rows of this graph are not those of its {edges} edges. Make it with "
            "intertwine.ops.graph."
        )
    if edges and not below(where.source, sources):
        low, high = (int(bound) for bound in torch.aminmax(where.source))
        raise ArgumentError(
            f"Edges begin at one of {sources} rows of features, numbered from 0, but got the numbers from {low} to "
            f"{high}."
        )
