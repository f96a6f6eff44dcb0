"""e3nn's `TensorProduct`: its instructions, weights and numbers, on this library's plans and kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import Table, broadcast_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.defaults import sign_of
from intertwine.interop.e3nn.o3.irreps import Irreps, rep_of
from intertwine.interop.e3nn.o3.picture import draw_product, path_strengths
from intertwine.interop.e3nn.o3.rows import RowOrder
from intertwine.interop.e3nn.o3.weighted import WeightedModule
from intertwine.kernels.products import MODES, Normalisation, product
from intertwine.kernels.products import Instruction as Route
from intertwine.ops import Contraction, TableModule
from intertwine.ops.contract.blocks import serves_blocks
from intertwine.ops.contract.product import factors
from intertwine.ops.convolve.layout import channel_layout
from intertwine.plan import Operand, Path, Plan

Sides = tuple[Irreps, Irreps, Irreps]
"""The irreps of both inputs and of the output."""


class Instruction(NamedTuple):
    """One path of a product: three slots, how their copies meet, its weights, and its factor."""

    i_in1: int
    i_in2: int
    i_out: int
    connection_mode: str
    has_weight: bool
    path_weight: float
    path_shape: tuple[int, ...]


class TensorProduct(WeightedModule):
    """Products of two features by instructions, as e3nn defines them.

    `out = Σ_paths c Σ_uv w_uvw C_ijk x_ui y_vj`, with `c = √(α · out_var · path_weight / Σ in1_var · in2_var · n)`: α
    is 2l+1 of the output for "component", the product of those of the inputs for "norm", and 1 for "none"; n counts the
    products that are summed, over all paths to the same slot ("element"), or for each path times the number of paths
    ("path").

    Args:
        irreps_in1, irreps_in2, irreps_out: the irreps.
        instructions: `(i_in1, i_in2, i_out, mode, has_weight)`, and a path weight if it is not 1.
        in1_var, in2_var, out_var: the variance of each slot.
        irrep_normalization, path_normalization: see above.
        internal_weights: whether the module holds the weights.
        shared_weights: whether all samples have the same.
        options: those of e3nn's code generation, which are not needed.

    Raises `ValueError` for instructions that do not fit.
    """

    def __init__(
        self,
        irreps_in1: Any,
        irreps_in2: Any,
        irreps_out: Any,
        instructions: Sequence[tuple[Any, ...]],
        in1_var: Sequence[float] | Tensor | None = None,
        in2_var: Sequence[float] | Tensor | None = None,
        out_var: Sequence[float] | Tensor | None = None,
        irrep_normalization: str | None = None,
        path_normalization: str | None = None,
        internal_weights: bool | None = None,
        shared_weights: bool | None = None,
        compile_left_right: bool = True,  # noqa: ARG002
        compile_right: bool = False,  # noqa: ARG002
        normalization: str | None = None,
        **options: Any,  # noqa: ARG002
    ) -> None:
        self.irreps_in1, self.irreps_in2, self.irreps_out = (Irreps(x) for x in (irreps_in1, irreps_in2, irreps_out))
        self._widths = self.irreps_in1.dim, self.irreps_in2.dim
        paths = [self._read(*instruction) for instruction in instructions]
        scaling = (irrep_normalization or normalization or "component", path_normalization or "element")
        variances = [
            _variances(given, irreps)
            for given, irreps in ((in1_var, self.irreps_in1), (in2_var, self.irreps_in2), (out_var, self.irreps_out))
        ]
        self.instructions = [
            path._replace(path_weight=sqrt(path.path_weight * self._share(path, paths, variances, scaling)))
            for path in paths
        ]
        shapes = [i.path_shape for i in self.instructions if i.has_weight]
        super().__init__(shapes, internal_weights, shared_weights)
        self.product = _MulIrProduct((self.irreps_in1, self.irreps_in2, self.irreps_out), self.instructions)
        self.register_output_mask(self.irreps_out, [i.i_out for i in self.instructions if i.path_weight != 0])

    def _read(
        self, i_in1: int, i_in2: int, i_out: int, mode: str, has_weight: bool, path_weight: float = 1.0, *_: Any
    ) -> Instruction:
        sides = self.irreps_in1, self.irreps_in2, self.irreps_out
        if mode not in MODES or not all(
            0 <= i < len(irreps) for i, irreps in zip((i_in1, i_in2, i_out), sides, strict=True)
        ):
            raise ArgumentError(
                f"An instruction names slots of {', '.join(map(str, sides))} and one of the modes {', '.join(MODES)}, "
                f"but got {(i_in1, i_in2, i_out, mode)}."
            )
        x, y, z = (irreps[i] for i, irreps in zip((i_in1, i_in2, i_out), sides, strict=True))
        if z.ir not in x.ir * y.ir:
            raise ArgumentError(f"The product of {x.ir} and {y.ir} holds {[*x.ir * y.ir]}, but not {z.ir}.")
        if mode in ("uvw", "u<vw") and not has_weight:
            raise ArgumentError(f"Paths of the mode {mode!r} have weights, but got has_weight=False.")
        pairs = x.mul * (x.mul - 1) // 2
        letters = {"u": x.mul, "v": y.mul, "w": z.mul}
        shape = {"uvu<v": (pairs,), "u<vw": (pairs, z.mul), "uuw": (x.mul, z.mul), "uuu": (x.mul,)}.get(mode) or tuple(
            letters[letter] for letter in ("uvw" if mode == "uvw" else "uv")
        )
        return Instruction(i_in1, i_in2, i_out, mode, has_weight, path_weight, shape)

    def _share(
        self,
        path: Instruction,
        paths: Sequence[Instruction],
        variances: Sequence[Sequence[float]],
        scaling: tuple[str, str],
    ) -> float:
        """The part of the variance of its output that a path gives, for unit weights and couplings of norm 1."""
        first, second, output = variances
        x, y, z = self.irreps_in1, self.irreps_in2, self.irreps_out

        def variance(i: Instruction) -> float:
            pairs = x[i.i_in1].mul * (x[i.i_in1].mul - 1) // 2
            summed = {"u": x[i.i_in1].mul, "v": y[i.i_in2].mul, "p": pairs}
            return first[i.i_in1] * second[i.i_in2] * prod(summed[n] for n in MODES[i.connection_mode].summed)

        together = [variance(other) for other in paths if other.i_out == path.i_out]
        total = {"element": sum(together), "path": variance(path) * len(together), "none": 1.0}
        dims = {
            "component": z[path.i_out].ir.dim,
            "norm": x[path.i_in1].ir.dim * y[path.i_in2].ir.dim,
            "none": 1,
        }
        irreps, by = scaling
        if irreps not in dims or by not in total:
            raise ArgumentError(
                f"irrep_normalization is one of {', '.join(dims)} and path_normalization one of {', '.join(total)}, "
                f"but got {irreps!r} and {by!r}."
            )
        return dims[irreps] * output[path.i_out] / (total[by] or 1.0)

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """The products `(..., irreps_out.dim)` of `(..., irreps_in1.dim)` and `(..., irreps_in2.dim)`."""
        if (x.shape[-1], y.shape[-1]) != self._widths:
            wrong = x.shape[-1] != self._widths[0]
            name, given, irreps = ("first", x, self.irreps_in1) if wrong else ("second", y, self.irreps_in2)
            raise ShapeError(f"The {name} input has {irreps.dim} numbers, {irreps}, but got {tuple(given.shape)}.")
        return self.product(self.weights_of(weight), x, y)  # type: ignore[no-any-return]

    def right(self, y: Tensor, weight: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """The matrices `(..., irreps_in1.dim, irreps_out.dim)` that multiply first inputs from the right."""
        units = torch.eye(self.irreps_in1.dim, dtype=y.dtype, device=y.device)
        w = self.weights_of(weight)
        w = w if w is None or w.ndim == 1 else w[..., None, :]
        return self.product(w, units, y[..., None, :])  # type: ignore[no-any-return]

    def visualize(
        self, weight: Tensor | None = None, plot_weight: bool = True, aspect_ratio: float | str = 1, ax: Any = None
    ) -> tuple[Any, Any]:
        """The picture of its paths, with matplotlib: the figure and its axes (`viz.product_picture` is another one)."""
        sides = self.irreps_in1, self.irreps_in2, self.irreps_out
        strengths = path_strengths(self, weight) if plot_weight else None
        return draw_product(sides, self.instructions, strengths, aspect_ratio, ax)

    def extra_repr(self) -> str:
        """The irreps, the number of paths and of weights."""
        return (
            f"{self.irreps_in1.simplify()} x {self.irreps_in2.simplify()} -> {self.irreps_out.simplify()} "
            f"| {len(self.instructions)} paths | {self.weight_numel} weights"
        )


def _variances(given: Sequence[float] | Tensor | None, irreps: Irreps) -> list[float]:
    """One variance for each slot."""
    found = [1.0] * len(irreps) if given is None else [float(v) for v in given]
    if len(found) != len(irreps):
        raise ArgumentError(f"Variances are one number for each slot of {irreps}, but got {found}.")
    return found


class _Step(NamedTuple):
    """A plan of a product, and how it is given what it takes.

    Args:
        plan: the plan.
        inputs: the numbers of its inputs among weights, x, y and pairs of both.
        reads, writes: whether it reads and writes rows of e3nn as they are; if not, they are turned over.
    """

    plan: Plan
    inputs: tuple[int, ...]
    reads: bool
    writes: bool


class _MulIrProduct(TableModule):
    """A product on rows in e3nn's order.

    Kernels read these rows as they are, except for products of all copies with all and for very large ones: for them
    rows are turned over.

    Args:
        sides: the irreps of both inputs and of the output.
        instructions: the paths, with their factors.
    """

    pairs_1: Tensor
    pairs_2: Tensor

    def __init__(self, sides: Sides, instructions: Sequence[Instruction]) -> None:
        super().__init__()
        routes = tuple(_route(sides, i) for i in instructions if _counts(sides, i))
        made = product((rep_of(sides[0]), rep_of(sides[1]), rep_of(sides[2])), routes, Normalisation("none", "none"))
        self.size = sides[2].dim
        degrees = [[slot.ir.l for slot in irreps if slot.mul] for irreps in sides]
        self.steps = [_step(_signed(term.plan, degrees), term.inputs) for term in made.polynomial.terms]
        self.turns = not all(step.reads for step in self.steps)
        self.contractions = nn.ModuleList(Contraction(step.plan) for step in self.steps)
        self.paired = made.pairs is not None
        if self.paired:
            for n, irreps in enumerate(sides[:2]):
                self.register_table(f"pairs_{n + 1}", _pairs_of(irreps, n))
        pairs = [Irreps([(slot.mul * (slot.mul - 1) // 2, slot.ir) for slot in irreps]) for irreps in sides[:2]]
        self.orders = [RowOrder(irreps) for irreps in (*sides[:2], *pairs)]
        self.out_order = RowOrder(sides[2])

    def forward(self, weights: Tensor | None, x: Tensor, y: Tensor) -> Tensor:
        outside = [x, y]
        if self.paired:
            outside += [x.index_select(-1, self.pairs_1), y.index_select(-1, self.pairs_2)]
        inside = [order.inside(z) for order, z in zip(self.orders, outside, strict=False)] if self.turns else outside
        found: dict[bool, Tensor] = {}
        for step, contraction in zip(self.steps, self.contractions, strict=True):
            given = [weights, *(outside if step.reads else inside)]
            made = contraction(*(given[n] for n in step.inputs))
            found[step.writes] = found[step.writes] + made if step.writes in found else made
        if not found:
            return x.new_zeros((*broadcast_shape(x.shape[:-1], y.shape[:-1]), self.size))
        parts = [z if is_outside else self.out_order.outside(z) for is_outside, z in found.items()]
        return sum(parts[1:], parts[0])


def _pairs_of(irreps: Irreps, which: int) -> np.ndarray:
    """Where the numbers of all pairs u < v of copies stand in rows of e3nn: those of u, or those of v."""
    index = [np.zeros(0, dtype=np.int64)]
    for slot, where in zip(irreps, irreps.slices(), strict=True):
        copies = np.triu_indices(slot.mul, 1)[which]
        index.append((where.start + copies[:, None] * slot.ir.dim + np.arange(slot.ir.dim)).ravel())
    return np.concatenate(index)


def _counts(sides: Sides, i: Instruction) -> bool:
    """Whether a path joins copies at all."""
    slots = zip(sides, (i.i_in1, i.i_in2, i.i_out), strict=True)
    return all(irreps[n].mul for irreps, n in slots) and prod(i.path_shape) > 0


def _route(sides: Sides, i: Instruction) -> Route:
    """The path between reps, which have no terms for empty slots."""
    slots = zip(sides, (i.i_in1, i.i_in2, i.i_out), strict=True)
    first, second, output = (sum(1 for slot in irreps[:n] if slot.mul) for irreps, n in slots)
    return Route(first, second, output, i.connection_mode, i.has_weight, i.path_weight**2)


def _signed(plan: Plan, degrees: Sequence[Sequence[int]]) -> Plan:
    """The plan with the signs of the chosen convention."""
    paths = []
    for path in plan.paths:
        l1, l2, l3 = (ls[n] for ls, n in zip(degrees, path.segments[-3:], strict=True))
        sign = sign_of(l1, l2, l3)
        paths.append(path if sign == 1 else Path(path.segments, Table(-path.coefficients.array)))
    return replace(plan, paths=tuple(paths))


def _step(plan: Plan, inputs: tuple[int, ...]) -> _Step:
    """How a plan is computed from weights in e3nn's order: u before v before w."""
    *weights, x, y, out = plan.operands
    given = tuple(_relabelled(w, "".join(sorted(w.modes))) for w in weights)
    outside = (_relabelled(operand, operand.modes[1:] + operand.modes[0]) for operand in (x, y, out))
    direct = replace(plan, operands=(*given, *outside))
    is_full = [w.modes for w in given] == ["uvw"]
    if channel_layout(direct) is not None or (not is_full and serves_blocks(direct)):
        return _Step(direct, inputs, reads=True, writes=True)
    if not is_full and factors(mixed := replace(direct, operands=(*direct.inputs, out))) is not None:
        return _Step(mixed, inputs, reads=True, writes=False)
    if not is_full:
        return _Step(replace(plan, operands=(*given, x, y, out)), inputs, reads=False, writes=False)
    # A full product is the same with its factors exchanged: then weights of e3nn lie as ours do.
    segments = given[0].segments
    exchanged = (Operand("vuw", segments), Operand("iu", y.segments), Operand("jv", x.segments), out)
    paths = tuple(
        Path((w, j, i, k), Table(path.coefficients.array.transpose(1, 0, 2)))
        for path in plan.paths
        for w, i, j, k in [path.segments]
    )
    return _Step(Plan(exchanged, "ijk", paths), (inputs[0], inputs[2], inputs[1]), reads=False, writes=False)


def _is_flat(operand: Operand) -> bool:
    """Whether its segments lie the same way in either order."""
    return all(shape.count(1) >= len(shape) - 1 for shape in operand.segments)


def _relabelled(operand: Operand, modes: str) -> Operand:
    """The operand with its letters in another order; as it is where that makes no difference in memory."""
    if modes == operand.modes or _is_flat(operand):
        return operand
    order = [operand.modes.index(letter) for letter in modes]
    return Operand(modes, tuple(tuple(shape[n] for n in order) for shape in operand.segments))
