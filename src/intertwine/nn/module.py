"""What all equivariant modules share."""

from __future__ import annotations

import copy
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from intertwine._arrays import broadcast_shape, plain_shape
from intertwine.errors import ArgumentError, ShapeError, UnreachableWarning
from intertwine.fields import Features, FieldType, as_field, example_inputs
from intertwine.groups import Subgroup
from intertwine.nn.exporting import plain_module
from intertwine.ops import Choice, KernelModule, TableModule
from intertwine.reps import Block, Irrep, Rep, as_rep

Function = Callable[[Tensor], Tensor]
"""A function of each number, such as an activation."""


class EquivariantModule(TableModule, ABC):
    """A module whose output moves with its input: `f(ρ_in(g) x) = ρ_out(g) f(x)`.

    Tensors in and out are plain; `rep_in` and `rep_out` say what their channels mean, and `fields_in` and `field_out`
    where these lie: on the last axis, unless a module says otherwise.

    Args:
        rep_in: the rep of the (first) input.
        rep_out: the rep of the output.
    """

    subgroups: tuple[Subgroup, ...] = ()
    """The subgroups to which the symmetry falls on the way, each of the one before; `fields_in` are of the last."""

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = as_rep(rep_in), as_rep(rep_out)
        for rep in (self.rep_in, self.rep_out):  # known before `forward`: torch.compile cannot enter a cached_property
            _ = rep.dim, rep.slices

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of all positional inputs; None for one that nothing moves."""
        return (self.rep_in,)

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """How the group moves all positional inputs; by default as features on the last axis."""
        return tuple(map(as_field, self.reps_in))

    @property
    def field_out(self) -> FieldType:
        """How the group moves the output; by default features on the last axis."""
        return Features(self.rep_out)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs for a batch, for `intertwine.testing`, float64."""
        return example_inputs(self.fields_in, batch, generator)

    def export(self, *inputs: Tensor) -> fx.GraphModule:
        """The module in evaluation without the library: a module of torch's own operations with the same outputs.

        For deployment, and for who shall not need to install anything. Filters are expanded, tables are constants. The
        first axis of the inputs is free; the others are those of the example.

        Args:
            inputs: an example of the inputs, on the device and in the dtype that the result is for; default random
                ones of a batch of 4, in the dtype of the parameters.

        Raises `ArgumentError` for inputs that are no tensors.
        """
        if not inputs:
            inputs = self._made_up()
        return plain_module(self, inputs)

    def backends(self, *inputs: Any) -> dict[str, Choice]:
        """Which backend each operation inside computes by, and why, in the order in which they run.

        Args:
            inputs: as `forward` takes them, which is called with them; without any, random ones in the dtype and on the
                device of the parameters.

        >>> from intertwine.catalog import O3
        >>> from intertwine.nn import DepthwiseConv
        >>> layer = DepthwiseConv(O3.rep("8x0e + 8x1o"), ["0e", "1o"]).bfloat16()
        >>> print(layer.backends()["convolution"])
        torch: Kernels take float32 and float64, all inputs alike, but got torch.bfloat16.
        """
        if not inputs:
            inputs = self._made_up()
        found: dict[str, Choice] = {}
        parts = [(name, part) for name, part in self.named_modules() if isinstance(part, KernelModule)]

        def listen(name: str, part: KernelModule) -> Callable[..., None]:
            return lambda _, given: found.update({name: part.choose(*given)})

        handles = [part.register_forward_pre_hook(listen(name, part)) for name, part in parts]
        try:
            with torch.no_grad():
                self(*inputs)
        finally:
            for handle in handles:
                handle.remove()
        return found

    def _made_up(self) -> tuple[Tensor, ...]:
        """Random inputs in the dtype and on the device of the parameters."""
        like = next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(()))
        made = self.example_inputs(4, torch.Generator().manual_seed(0))
        return tuple(x.to(like) if x.is_floating_point() else x.to(like.device) for x in made)

    def check(self, x: Tensor, rep: Rep, what: str = "features") -> None:
        """Raise `ShapeError`, with names, unless x is a floating-point tensor with the rep's size on its last axis."""
        if not isinstance(x, Tensor):
            raise ShapeError(
                f"{type(self).__name__} takes {what} as a torch tensor, but got a {type(x).__name__}. "
                "Call torch.as_tensor(x) first."
            )
        if not x.is_floating_point():
            raise ShapeError(
                f"{type(self).__name__} takes {what} as floating-point numbers, but got a tensor of {x.dtype}. "
                "Call x.float() first."
            )
        if x.ndim == 0 or plain_shape(x)[-1] != rep.dim:
            raise ShapeError(
                f"{type(self).__name__} takes {what} of the rep {rep} of {rep.group}, {rep.dim} numbers on the last "
                f"axis, but got a tensor of shape {plain_shape(x)}. {_remedy(x, rep)}"
            )

    def extra_repr(self) -> str:
        """The reps."""
        return f"{self.rep_in} → {self.rep_out}, {self.rep_in.group}"

    def __repr__(self) -> str:
        """One line for a layer; a module that is made of layers shows them."""
        is_layer = not any(isinstance(part, EquivariantModule) for part in self.modules() if part is not self)
        return f"{type(self).__name__}({self.extra_repr()})" if is_layer else super().__repr__()


def _remedy(x: Tensor, rep: Rep) -> str:
    """What to do about features that do not lie on the last axis."""
    if x.ndim in (4, 5) and plain_shape(x)[1] == rep.dim:
        return (
            "For images and volumes wrap the layer in nn.Pixelwise, or put it into nn.Sequential after a convolution."
        )
    return "Check rep_out of the layer before, or call rep.join(blocks) to build such features."


def check_batches(module: str, names: str, *tensors: Tensor) -> None:
    """Raise `ShapeError`, with names, unless the leading axes of inputs broadcast; outside of compiled code."""
    shapes = [plain_shape(t)[:-1] for t in tensors]
    try:
        if not torch.compiler.is_compiling():
            broadcast_shape(*shapes)
    except RuntimeError as error:
        raise ShapeError(
            f"{module} takes inputs whose leading axes broadcast, but those of {names} are {shapes}. "
            "Make the batch axes alike, or of size 1."
        ) from error


def normal_parameter(size: int) -> nn.Parameter:
    """Weights `(size,)` drawn from the standard normal distribution: scales live in the plans."""
    return nn.Parameter(torch.randn(size))


def invariant_vectors(rep: Rep) -> np.ndarray:
    """The invariant vectors of a rep, `(dim, number)`, each with the largest entry 1: where a bias may stand."""
    for irrep, copies in rep.copies.items():
        if irrep.is_trivial:
            vectors = copies[:, 0]
            return np.asarray(vectors / np.abs(vectors).max(0))
    return np.zeros((rep.dim, 0))


def is_sum(block: Block) -> bool:
    """Whether the one invariant of a block is the sum of its components, as for groups that permute these."""
    found = invariant_vectors(Rep(block.group, ((1, block),)))
    return found.shape[1] == 1 and bool(np.allclose(found, 1, rtol=0, atol=1e-9))


def warn_unreachable(
    module: EquivariantModule, unreached: Sequence[tuple[int, Irrep]], hint: str, stacklevel: int = 3
) -> None:
    """Warn by name about outputs that no path leads to; raise `ArgumentError` if that is all of them.

    The warning points `stacklevel` calls up: 3 for a call from the constructor, whose caller is then meant.
    """
    if not unreached:
        return
    names = " + ".join(f"{m}x{irrep.label}" for m, irrep in unreached)
    text = f"{type(module).__name__}: no path leads from its inputs ({module.rep_in}) to {names}"
    if sum(m * irrep.dim for m, irrep in unreached) == module.rep_out.dim:
        raise ArgumentError(f"{text}, which is all of its output {module.rep_out}. {hint}")
    warnings.warn(f"{text}: these outputs stay zero. {hint}", UnreachableWarning, stacklevel=stacklevel)


class Rescaled(nn.Module):
    """An activation with a factor of its own, which layers take in place of the exact one that they would find.

    `Rescaled(F.silu, 1.0)` is silu as it is. `intertwine.interop.e3nn.monte_carlo(F.silu)` has the factor of e3nn, a
    mean over random numbers, that networks were trained with.

    Args:
        function: a function of each number.
        factor: what layers multiply it by.
    """

    def __init__(self, function: Function, factor: float) -> None:
        super().__init__()
        if not callable(function) or not 0 < factor < math.inf:
            raise ArgumentError(
                f"An activation and its factor, a positive number, are expected, but got {function!r} and {factor!r}."
            )
        self.function, self.factor = function, float(factor)

    def forward(self, x: Tensor) -> Tensor:
        """The function of each number, without the factor."""
        return self.function(x)

    def extra_repr(self) -> str:
        """The function, unless it is a module, and the factor."""
        name = "" if isinstance(self.function, nn.Module) else f"{getattr(self.function, '__name__', self.function)}, "
        return f"{name}factor={self.factor:g}"


def gain(function: Function, dim: int = 1) -> float:
    """The factor that makes E[f(x)²] = 1 per component, for x of `dim` standard normal components.

    For dim = 1, f is `function` itself; for dim > 1, f(x) = x s(|x|) with s = `function`. By quadrature, to about 1e-7,
    also where the function has jumps and kinks. Of a `Rescaled` one it is the factor that was given.

    Raises `ArgumentError` if that is not possible: for a function that is 0 or not finite; and for a function that does
    not treat each number by itself, which would break equivariance.
    """
    if isinstance(function, Rescaled):
        return function.factor
    evaluated = in_double(function)
    end = 14 + math.sqrt(dim)
    constant = math.lgamma(dim / 2) + (dim / 2 - 1 + (dim == 1)) * math.log(2)  # dim = 1: both sides of 0

    def density(n: Tensor) -> Tensor:
        values = evaluated(n) if dim == 1 else n * evaluated(n) / math.sqrt(dim)
        return values**2 * torch.exp((dim - 1) * n.abs().log() - n * n / 2 - constant)

    with torch.no_grad():
        tried = torch.linspace(-end if dim == 1 else 0.0, end, 3001, dtype=torch.float64, device="cpu")
        _require_elementwise(evaluated, tried, repr(function))
        moment = _integral(density, float(tried[0]), end) if bool(evaluated(tried).isfinite().all()) else math.inf
    if not 0 < moment < math.inf:
        raise ArgumentError(
            f"An activation has a finite mean square that is not 0 on normal numbers, but that of {function!r} is "
            f"{moment}. Pass a function such as torch.nn.functional.silu."
        )
    return 1 / math.sqrt(moment)


def _integral(integrand: Function, start: float, end: float) -> float:
    """∫ from start to end, to about 1e-10 of it: pieces whose parts do not add up to them are divided again.

    By Gauss's rule on each piece. A piece with a jump or kink is soon so short that it does not count, and one that
    still counts has a pole: ∞. What oscillates too fast for thousands of pieces is left as sampled.
    """
    nodes, weights = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(8))
    parts = torch.from_numpy(np.arange(-7, 8, 2) / 16)  # the middles of eight parts

    def pieces(middles: Tensor, width: float) -> Tensor:
        return integrand((middles[:, None] + width / 2 * nodes).flatten()).reshape(-1, 8) @ weights * (width / 2)

    width = (end - start) / 512
    middles = torch.from_numpy(start + width * (np.arange(512) + 0.5))
    values, done = pieces(middles, width), 0.0
    for _ in range(16):
        finer = (middles[:, None] + width * parts).flatten()
        width /= 8
        refined = pieces(finer, width).reshape(-1, 8)
        wrong = (refined.sum(1) - values).abs() > 1e-12 * (done + float(refined.abs().sum()))
        done += float(refined[~wrong].sum())
        middles, values = finer.reshape(-1, 8)[wrong].flatten(), refined[wrong].flatten()
        if not 0 < len(middles) < 2**14:
            break
    left = float(values.sum())
    return math.inf if 0 < len(middles) < 2**14 and left > 1e-7 * (done + left) else done + left


def _require_elementwise(function: Function, z: Tensor, name: str) -> None:
    """Raise `ArgumentError` unless a function gives each number the same value, whichever others come with it."""
    few = len(z) // 3
    values, alone = function(z), function(z[:few].flip(0)).flip(0)
    if values.shape != z.shape or not torch.allclose(values[:few], alone, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ArgumentError(
            f"An activation is a function of each number by itself, but {name} gives a number other values when "
            "others come with it, as softmax, cumsum or random functions do. Pass a function such as "
            "torch.nn.functional.silu."
        )


def in_double(function: Function) -> Function:
    """A function that takes float64 numbers on the CPU and leaves them as they are, also if it works in place.

    Of a module it is a copy, float64 and on the CPU.

    Raises `ArgumentError` for what is no function, and for a module on the meta device, which has no values.
    """
    if not callable(function):
        raise ArgumentError(f"An activation is a function of a tensor, but got {function!r}.")
    if not isinstance(function, nn.Module):
        return lambda z: function(z.clone())
    if any(x.is_meta for x in (*function.parameters(), *function.buffers())):
        raise ArgumentError(
            f"An activation is tried on numbers when its layer is made, but the parameters of {function!r} lie on the "
            "meta device and have no values. Make the activation outside of torch.device('meta')."
        )
    twin = copy.deepcopy(function).cpu().double()
    return lambda z: twin(z.clone())
