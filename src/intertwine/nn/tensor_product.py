"""The weighted tensor product of two features, in every multiplicity mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import broadcast_shape, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import Features, example_inputs
from intertwine.kernels.products import (
    MODES,
    Instruction,
    Normalisation,
    channelwise,
    every_path,
    in_irreps,
    irrep_terms,
    product,
)
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule, check_batches, normal_parameter, warn_unreachable
from intertwine.ops import Contraction
from intertwine.reps import Irrep, Rep, as_rep, clebsch_gordan
from intertwine.rules import ProductRule

Kept = Rep | Irrep | Sequence[Irrep | str]
"""The output of a product: its rep, or which irreps it keeps."""


class TensorProduct(EquivariantModule):
    """Bilinear maps that commute with the group, with weights: Clebsch–Gordan as a layer.

    By default all of them: `z_k,w = Σ_paths Σ_u,v W_v,u,w C_i,j,k x_i,u y_j,v / √n`, every path that the group allows,
    every pair of channels. Other modes say otherwise how channels u of the first input and v of the second meet:

    | mode | sum over | channels of the output | weights of a path |
    |---|---|---|---|
    | "uvw" | u, v | as wanted | (v, u, w) |
    | "uvu", "uvv" | v, or u | those of one input | (v, u), (u, v) |
    | "uuw", "uuu" | u, or nothing | as wanted, or u | (u, w), (u) |
    | "uvuv" | nothing | all pairs | (u, v) |
    | "u<vw", "uvu<v" | pairs u < v, or nothing | as wanted, or these pairs | (pairs, w), (pairs) |

    The elementwise product is "uuu" and the full one "uvuv", without weights by `shared_weights=None`; the square of
    one feature, each pair of numbers once, is `ReducedTensorProduct("ij=ji", i=rep)`. With x, y and weights of unit
    variance the components of z have unit variance.

    Args:
        rep_1: the rep of the first input.
        rep_2: the rep of the second input.
        rep_out: in modes "uvw", "uuw" and "u<vw" the rep of the output: any rep of the same group. In the others the
            channels of the output follow from the inputs, and this says which irreps are kept: those of a rep, or a
            list of them or of their labels; each path gets a term of its own, sorted.
        shared_weights: True for weights that the module learns; False for weights given on each call, one set per
            sample, `(..., weight_numel)`; None for no weights at all.
        mode: the multiplicity mode.
        normalisation: how paths are scaled.
        summed: in modes in which the channels of the output follow from the inputs, whether all paths to an irrep add
            up in one term.

    Attributes:
        instructions: the paths, in the order of their weights.

    Raises and warns like `Linear`, and raises `ArgumentError` for an unknown mode.

    Source: modes and normalisations as in Geiger and Smidt 2022 (arXiv:2207.09453).

    >>> from intertwine.catalog import O3
    >>> product = TensorProduct(O3.rep("4x1o"), O3.rep("1x1o"), O3.rep("2x0e + 2x1e + 2x2e"))
    >>> product(torch.randn(5, 12), torch.randn(5, 3)).shape
    torch.Size([5, 18])
    >>> TensorProduct(O3.rep("4x1o"), O3.rep("1x1o"), ["0e", "2e"], mode="uvu").rep_out
    tw.O3.rep('4x0e + 4x2e')
    >>> TensorProduct(O3.rep("4x0e + 4x1o"), O3.rep("4x0e + 4x1o"), ["0e"], mode="uuu", summed=True).rep_out
    tw.O3.rep('4x0e')
    """

    def __init__(
        self,
        rep_1: Rep | Irrep,
        rep_2: Rep | Irrep,
        rep_out: Kept,
        shared_weights: bool | None = True,
        *,
        mode: str = "uvw",
        normalisation: Normalisation = Normalisation(),  # noqa: B008 (a frozen value)
        summed: bool = False,
    ) -> None:
        rep_1, rep_2 = as_rep(rep_1), as_rep(rep_2)
        out, instructions = _instructions(rep_1, rep_2, rep_out, mode, shared_weights is not None)
        if summed:
            out, instructions = _in_one_term(out, instructions)
        super().__init__(rep_1, out)
        self.rep_1, self.rep_2, self.mode = rep_1, rep_2, mode
        self.instructions, self.normalisation = instructions, normalisation
        free = MODES[mode].copies is None  # else each path has a term of its own, in irrep coordinates already
        made = product((in_irreps(rep_1), in_irreps(rep_2), in_irreps(out)), instructions, normalisation)
        hint = f"The product with {self.rep_2} contains other irreps: see (rep_1 * rep_2).irreps."
        warn_unreachable(self, [irrep_terms(out)[k] for k in made.unreached], hint)
        self.contractions = nn.ModuleList(Contraction(term.plan) for term in made.polynomial.terms)
        self.first, self.second = IrrepCoordinates(self.rep_1), IrrepCoordinates(self.rep_2)
        self.after = IrrepCoordinates(self.rep_out) if free else None
        self.paired = made.pairs is not None
        for name, index in zip(("pairs_1", "pairs_2"), made.pairs or (), strict=False):
            self.register_table(name, index.array.astype(np.int64))
        self.weight_numel = made.polynomial.inputs[0]
        self.weighted = shared_weights is not None
        self.weight = normal_parameter(self.weight_numel) if shared_weights else None

    @property
    def costs(self) -> tuple[tuple[int, int], ...]:
        """For each of the instructions its weights, and the multiplications for one sample."""
        reps = [in_irreps(rep) for rep in (self.rep_1, self.rep_2, self.rep_out)]
        found = []
        for path in self.instructions:
            (u, a), (v, b), (w, c) = (
                rep.terms[n] for rep, n in zip(reps, (path.first, path.second, path.output), strict=True)
            )
            mode, sizes = MODES[path.mode], {"u": u, "v": v, "w": w}
            if mode.paired:
                sizes["u"] = u * (u - 1) // 2
            weights = prod(sizes[letter] for letter in mode.weight) if path.weighted else 0
            met = {*mode.weight, *mode.first, *mode.second, *mode.output} - {*"ijk"}
            table = clebsch_gordan(a, b, c)[path.table]
            found.append((weights, int(np.count_nonzero(table)) * prod(sizes[letter] for letter in met)))
        return tuple(found)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of both inputs, and None for the weights where they are given."""
        given = self.weighted and self.weight is None
        return (self.rep_1, self.rep_2, None) if given else (self.rep_1, self.rep_2)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs for a batch, and weights where they are to be given."""
        features = example_inputs((Features(self.rep_1), Features(self.rep_2)), batch, generator)
        weights = torch.randn(batch, self.weight_numel, generator=generator, dtype=torch.float64)
        return features if len(self.reps_in) == 2 else (*features, weights)

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """The output `(..., rep_out.dim)` for x `(..., rep_1.dim)` and y `(..., rep_2.dim)`, leading axes broadcast."""
        self.check(x, self.rep_1, "a first input")
        self.check(y, self.rep_2, "a second input")
        used = self._weights(weight)
        check_batches("TensorProduct", "x, y and the weights", x, y, *(() if used is None else (used,)))
        inside = [self.first.to_irreps(x), self.second.to_irreps(y.to(x.dtype))]
        if self.paired:
            inside = [part.index_select(-1, getattr(self, f"pairs_{n}")) for n, part in enumerate(inside, start=1)]
        given = inside if used is None else [used.to(x.dtype), *inside]
        parts = [contraction(*given) for contraction in self.contractions]
        shape = broadcast_shape(x.shape[:-1], y.shape[:-1])
        z = sum(parts[1:], parts[0]) if parts else x.new_zeros((*shape, self.rep_out.dim))
        return z if self.after is None else self.after.from_irreps(z)

    def _weights(self, weight: Tensor | None) -> Tensor | None:
        if not self.weighted:
            if weight is None:
                return None
            raise ShapeError("This TensorProduct has no weights, but got some. Make it with shared_weights=False.")
        used = self.weight if weight is None else weight
        if used is None or (weight is not None and self.weight is not None):
            given = "none" if weight is None else "weights"
            wanted = "takes weights on each call" if self.weight is None else "learns its own weights"
            raise ShapeError(
                f"This TensorProduct {wanted}, but got {given}. Pass shared_weights=True or False when making it."
            )
        if plain_shape(used)[-1:] != (self.weight_numel,):
            raise ShapeError(
                f"This TensorProduct takes {self.weight_numel} weights per sample on the last axis, but got weights of "
                f"shape {plain_shape(used)}. See module.weight_numel."
            )
        return used

    def symmetry_rule(self) -> ProductRule:
        """What it is, for proofs."""
        return ProductRule(self.rep_1, self.rep_2, self.rep_out)

    def extra_repr(self) -> str:
        """The reps, and the mode where it is not the full one."""
        mode = "" if self.mode == "uvw" else f", mode={self.mode!r}"
        return f"{self.rep_1} ⊗ {self.rep_2} → {self.rep_out}, {self.rep_1.group}{mode}"


def _instructions(
    rep_1: Rep, rep_2: Rep, rep_out: Kept, mode: str, weighted: bool
) -> tuple[Rep, tuple[Instruction, ...]]:
    """The rep of the output, and all paths to it."""
    if mode not in MODES:
        raise ArgumentError(f"A multiplicity mode is one of {', '.join(MODES)}, but got {mode!r}.")
    if MODES[mode].copies is None:
        if not isinstance(rep_out, Rep | Irrep):
            raise ArgumentError(f"In mode {mode!r} the output has a rep of its own, but got {rep_out!r}. Pass a rep.")
        out = as_rep(rep_out)
        found = every_path(in_irreps(rep_1), in_irreps(rep_2), in_irreps(out), mode)
    else:
        out, found = channelwise(in_irreps(rep_1), in_irreps(rep_2), rep_out, mode)
        if not found:
            raise ArgumentError(
                f"No product of {rep_1} and {rep_2} in mode {mode!r} holds any irrep that is kept. See (rep_1 * rep_2)."
                "irreps."
            )
    return out, found if weighted else tuple(replace(i, weighted=False) for i in found)


def _in_one_term(out: Rep, instructions: tuple[Instruction, ...]) -> tuple[Rep, tuple[Instruction, ...]]:
    """The same paths, those to an irrep with equally many channels all to one term."""
    terms = [*dict.fromkeys(out.terms)]
    joined = tuple(replace(i, output=terms.index(out.terms[i.output])) for i in instructions)
    return Rep(out.group, tuple(terms)), joined
