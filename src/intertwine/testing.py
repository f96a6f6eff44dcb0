"""The laws of equivariance, for the library's own tests and for its users'."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, LawError, RepMismatchError, ShapeError
from intertwine.groups import Group
from intertwine.reps import Irrep, Rep, as_rep

Reps = Sequence[Rep | None]

_IN_CALL = "Pass reps_in=… (one per input, None where the group does nothing) and rep_out=…."
_IN_MODULE = (
    "Give the module the attributes reps_in (a tuple, None where the group does nothing) and rep_out, and a method "
    "example_inputs(batch, generator) if its inputs are not one feature (batch, rep.dim) per rep."
)


def equivariance_error(
    module: Callable[..., Tensor],
    inputs: Sequence[Tensor] | Tensor | None = None,
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    samples: int = 8,
    seed: int = 0,
) -> float:
    """How far a function is from `f(ρ_in(g) x) = ρ_out(g) f(x)`: the largest defect over the largest output.

    Tried on the generators of the group and on random elements, `max |f(ρ_in(g) x) − ρ_out(g) f(x)| / max |f(x)|`.
    About 1e-7 is rounding in float32, 1e-15 in float64; 1 is no equivariance at all.

    A module is tried in eval mode, all its parts, and left as it came: no running statistic moves, and dropout, whose
    noise is another in every call, is off. A function is called as it is, with whatever modules it holds.

    Args:
        module: a module of `intertwine.nn`, or any function of tensors.
        inputs: the inputs to try, channels on the last axis; default random ones, in the dtype of the parameters.
        reps_in: the reps of the inputs, None for one that the group leaves alone; default `module.reps_in`.
        rep_out: the rep of the output, of the same group; default `module.rep_out`.
        samples: the number of random elements.
        seed: for random inputs and elements.

    Raises `ArgumentError` if the reps are not known, `RepMismatchError` if they belong to different groups, and
    `ShapeError` if an input or the output has not the size of its rep.

    >>> from intertwine.catalog import O3
    >>> from intertwine.nn import Linear
    >>> equivariance_error(Linear(O3.rep("2x0e + 3x1o"), O3.rep("1x0e + 1x1o")).double()) < 1e-12
    True
    """
    reps, out = signature(module, reps_in, rep_out, _IN_CALL)
    values = make_inputs(module, inputs, reps, seed, "Pass inputs=….")
    check_sizes(module, values, reps)

    def output(given: Sequence[Tensor]) -> Tensor:  # copies, since a function may write into its inputs
        return flattened(module, module(*(x.clone() for x in given)), out)

    with torch.no_grad(), evaluating(module):
        reference = output(values)
        size, worst = _largest(reference), 0.0
        for g in law_elements(out.group, samples, seed):
            moved = [x if rep is None else act(rep, g, x) for rep, x in zip(reps, values, strict=True)]
            defect = output(moved) - act(out, g, reference)
            worst = max(worst, _largest(defect))
            if not torch.isfinite(defect).all():
                return float("inf")
    return worst / size if size else worst


@contextmanager
def evaluating(module: object) -> Iterator[None]:
    """A context in which every part of a module is in eval mode; each gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()] if isinstance(module, nn.Module) else []
    try:
        for part, _ in modes:
            part.training = False  # not eval(), which a user's module may overload with what has to be undone
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def law_elements(group: Group, samples: int = 8, seed: int = 0) -> np.ndarray:
    """Elements to try a law on: the generators and random ones, `(k, dim, dim)`."""
    return np.concatenate([group.generators, group.sample(samples, seed)])


def act(rep: Rep, g: np.ndarray, x: Tensor) -> Tensor:
    """ρ(g) x for one element `(n, n)` and features `(..., dim)`, in the dtype of x."""
    matrix = torch.tensor(rep.matrix(g), dtype=torch.float64, device=x.device)
    return (x.double() @ matrix.T).to(x.dtype)


@dataclass(frozen=True)
class ModuleReport:
    """What `check_module` found.

    Args:
        module: the module's class.
        equivariance: the largest equivariance error in float64.
        float32: the largest relative difference between float32 and float64 outputs.
        checks: the laws that were tried, by name.
    """

    module: str
    equivariance: float
    float32: float
    checks: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.module}: equivariance error {self.equivariance:.1e} (float64), float32 within {self.float32:.1e}; "
            f"{', '.join(self.checks)} hold."
        )


def check_module(
    module: nn.Module, *, tolerance: float = 1e-10, batch: int = 4, seed: int = 0, gradients: bool = True
) -> ModuleReport:
    """Try every law that a module of `intertwine.nn`, or a network made of them, obeys, on random inputs in float64.

    Equivariance; every parameter gets a gradient; first and second derivatives are right (`gradients`); float32,
    bfloat16 and float16 follow float64 and keep their dtype; an empty batch works; the state dict holds parameters
    and running statistics only, the same in train and eval, and loads; copies and pickles compute the same (pickles
    where Python finds the classes by name, so not for one made inside a function).

    A network of your own, any `torch.nn.Module`, says what goes in and out by the attributes `reps_in` (a tuple, None
    where the group does nothing) and `rep_out`, and by `example_inputs(batch, generator)`, float64 tensors, where its
    inputs are not one feature `(batch, rep.dim)` per rep.

    Args:
        module: the module; it is copied, not changed.
        tolerance: the largest equivariance error that is accepted.
        batch: the batch size.
        seed: for random inputs and elements.
        gradients: whether to check derivatives by finite differences (slow for wide modules).

    Raises `LawError`, a sentence that names the law and the numbers, at the first law that does not hold, and the
    errors of `equivariance_error`.

    >>> from intertwine.catalog import O3
    >>> from intertwine.nn import Gate, PointConv
    >>> class Forces(nn.Module):  # an energy per point and a force, from features, edges and vectors along them
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self.gate = Gate(O3.rep("4x0e + 2x1o"))
    ...         self.first = PointConv(O3.rep("2x0e"), self.gate.rep_in)
    ...         self.last = PointConv(self.gate.rep_out, O3.rep("1x0e + 1x1o"))
    ...         self.reps_in = (self.first.rep_in, None, O3.defining)
    ...         self.rep_out = self.last.rep_out
    ...
    ...     def forward(self, x: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:
    ...         return self.last(self.gate(self.first(x, edges, vectors)), edges, vectors)
    ...
    ...     def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    ...         r = torch.randn(batch, 3, generator=generator, dtype=torch.float64)
    ...         edges = torch.combinations(torch.arange(batch)).T
    ...         x = torch.randn(batch, 2, generator=generator, dtype=torch.float64)
    ...         return x, edges, r[edges[1]] - r[edges[0]]
    >>> check_module(Forces()).equivariance < 1e-12
    True
    """
    module = copy.deepcopy(module).double().eval()
    reps, _ = signature(module, None, None, _IN_MODULE)
    inputs = make_inputs(module, None, reps, seed, _IN_MODULE, batch)
    error = equivariance_error(module, inputs, seed=seed)
    if not error <= tolerance:
        raise LawError(f"{named(module)} is not equivariant: error {error:.1e}, accepted {tolerance:.1e}.")
    checks = ["equivariance"]
    _check_parameters(module, inputs)
    if gradients:
        _check_derivatives(module, inputs)
        checks.append("derivatives")
    low = _check_dtypes(module, inputs)
    _check_empty(module, inputs, reps)
    copies = _check_state(module, inputs)
    checks += ["gradients of all parameters", "dtypes", "empty batches", f"state, {copies}"]
    return ModuleReport(named(module), error, low, tuple(checks))


def signature(module: Callable[..., Any], reps_in: Any, rep_out: Any, advice: str = _IN_CALL) -> tuple[Reps, Rep]:
    """The reps of all inputs and of the output, given or from the module's attributes: all of one group.

    `advice` is the sentence that the error ends with when they are not known.
    """
    given = getattr(module, "reps_in", None) if reps_in is None else reps_in
    out = getattr(module, "rep_out", None) if rep_out is None else rep_out
    if given is None or out is None:
        raise ArgumentError(f"The reps of {named(module)} are not known. {advice}")
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    reps, out = tuple(None if rep is None else as_rep(rep) for rep in listed), as_rep(out)
    for rep in reps:
        if rep is not None and rep.group != out.group:
            raise RepMismatchError(
                f"{named(module)} takes {rep}, a rep of {rep.group}, and gives {out}, a rep of {out.group}: "
                "equivariance is a statement about one group. Call rep.restrict(subgroup) to bring them to one."
            )
    return reps, out


def make_inputs(
    module: Callable[..., Any],
    inputs: Sequence[Tensor] | Tensor | None,
    reps: Reps,
    seed: int,
    advice: str,
    batch: int = 4,
) -> tuple[Tensor, ...]:
    """The inputs that were given, or random ones: from `module.example_inputs`, or one feature for each rep."""
    if inputs is not None:
        return (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    generator = torch.Generator().manual_seed(seed)
    if hasattr(module, "example_inputs"):
        values = module.example_inputs(batch, generator)
    elif all(rep is not None for rep in reps):
        values = tuple(
            torch.randn(batch, rep.dim, generator=generator, dtype=torch.float64) for rep in reps if rep is not None
        )
    else:
        raise ArgumentError(f"Inputs of {named(module)} cannot be made up. {advice}")
    first = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    like = torch.zeros((), dtype=torch.float64) if first is None else first
    return tuple(x.to(like.device, like.dtype) if x.is_floating_point() else x.to(like.device) for x in values)


def check_sizes(module: object, values: Sequence[Tensor], reps: Reps) -> None:
    """Raise unless there is one input per rep, of floating-point numbers with the rep's size on its last axis."""
    if len(values) != len(reps):
        raise ArgumentError(
            f"{named(module)} has {len(reps)} reps_in, but got {len(values)} inputs. Give one rep per input, None "
            "where the group does nothing."
        )
    for i, (x, rep) in enumerate(zip(values, reps, strict=True)):
        if rep is not None and (x.ndim == 0 or x.shape[-1] != rep.dim):
            raise ShapeError(
                f"Input {i} of {named(module)} has the rep {rep} of {rep.group}, {rep.dim} numbers on the last axis, "
                f"but got a tensor of shape {tuple(x.shape)}. Check reps_in and inputs."
            )
        if rep is not None and not x.is_floating_point():
            raise ShapeError(
                f"Input {i} of {named(module)} has the rep {rep} of {rep.group}, whose elements turn numbers into "
                f"fractions, but got a tensor of {x.dtype}. Call x.double() first, or give it the rep None."
            )


def flattened(module: object, y: Tensor, rep: Rep) -> Tensor:
    """Outputs with the rep's size on the last axis: a matrix-valued output is flattened.

    Raises `ShapeError` for another size, and for an output that is no tensor.
    """
    if not isinstance(y, Tensor):
        raise ShapeError(
            f"{named(module)} gives a {type(y).__name__}, but equivariance is asked of one tensor. Pass a function "
            "that returns one of its outputs, such as lambda *x: model(*x)['forces'], with reps_in=… and rep_out=…."
        )
    if y.ndim and y.shape[-1] == rep.dim:
        return y
    if y.ndim < 2 or y.shape[-1] * y.shape[-2] != rep.dim:
        raise ShapeError(
            f"The output of {named(module)} has the rep {rep} of {rep.group}, {rep.dim} numbers on the last axis, but "
            f"got a tensor of shape {tuple(y.shape)}. "
            f"{'Return y[..., None], or check rep_out.' if rep.dim == 1 else 'Check rep_out.'}"
        )
    return y.reshape((*y.shape[:-2], rep.dim))


def _largest(x: Tensor) -> float:
    """The largest entry in absolute value, 0 if there is none."""
    return float(x.detach().abs().max()) if x.numel() else 0.0


def named(module: object) -> str:
    """What a model is called: the class of a module, the name of a function."""
    return type(module).__name__ if isinstance(module, nn.Module) else getattr(module, "__name__", repr(module))


def _floating(inputs: Sequence[Tensor]) -> list[int]:
    return [i for i, x in enumerate(inputs) if x.is_floating_point()]


def _check_parameters(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    if not list(module.parameters()):
        return
    module.zero_grad()
    y = module(*inputs)
    if not y.numel():
        return
    (y * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    for name, parameter in module.named_parameters():
        if parameter.grad is None or not parameter.grad.isfinite().all() or not parameter.grad.any():
            raise LawError(f"{named(module)}: the parameter {name} gets no finite, nonzero gradient.")
    module.zero_grad()


def _check_derivatives(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    places = _floating(inputs)
    if not module(*inputs).numel():
        return

    def function(*values: Tensor) -> Tensor:
        full = list(inputs)
        for place, value in zip(places, values, strict=True):
            full[place] = value
        return module(*full)  # type: ignore[no-any-return]

    values = tuple(inputs[i].detach().clone().requires_grad_() for i in places)
    try:
        torch.autograd.gradcheck(function, values, fast_mode=True)
        torch.autograd.gradgradcheck(function, values, fast_mode=True)
    except RuntimeError as error:
        raise LawError(f"{named(module)}: a derivative is wrong. {error}") from error


def _check_dtypes(module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    exact, differences = module(*inputs).detach(), {}
    for dtype, bound in ((torch.float32, 1e-4), (torch.bfloat16, 0.3), (torch.float16, 0.1)):
        low = copy.deepcopy(module).to(dtype)
        y = low(*(x.to(dtype) if x.is_floating_point() else x for x in inputs)).detach()
        difference = _largest(y.double() - exact) / (_largest(exact) or 1.0)
        differences[dtype] = difference
        if y.dtype != dtype or not difference <= bound:
            raise LawError(f"{named(module)}: {dtype} gives {y.dtype}, off by {difference:.1e} (accepted {bound:.0e}).")
    again = copy.deepcopy(module).float().double()
    again.load_state_dict(module.state_dict())
    if not torch.equal(again(*inputs), exact):
        raise LawError(f"{named(module)}: a table lost precision on the way through float32.")
    return differences[torch.float32]


def _check_empty(module: nn.Module, inputs: tuple[Tensor, ...], reps: Reps) -> None:
    if any(not x.is_floating_point() for x in inputs):  # a graph: no edges, all points
        empty = tuple(x if i == 0 else (x[:0] if rep is not None else x[:, :0]) for i, (x, rep) in
                      enumerate(zip(inputs, reps, strict=True)))  # fmt: skip
    else:
        empty = tuple(x[:0] for x in inputs)
    try:
        y = module(*empty)
    except (RuntimeError, IndexError) as error:
        raise LawError(f"{named(module)}: an empty batch does not work. {error}") from error
    if y.shape[0] != empty[0].shape[0] or not y.isfinite().all():
        raise LawError(f"{named(module)}: an empty batch gave an output of shape {tuple(y.shape)}.")


def _check_state(module: nn.Module, inputs: tuple[Tensor, ...]) -> str:
    """Check the state dict and the copies, and name the kinds of copies."""
    keys = list(module.eval().state_dict())
    allowed = {name for name, _ in module.named_parameters()} | {k for k in keys if "running" in k}
    if set(keys) != allowed or list(module.train().state_dict()) != keys:
        raise LawError(f"{named(module)}: the state dict holds {sorted(set(keys) ^ allowed)} besides its parameters.")
    module.eval()
    exact, stream = module(*inputs), io.BytesIO()
    torch.save(module.state_dict(), stream)
    findable = all(map(_has_a_place, {type(part) for part in module.modules()}))
    try:
        twins = {"deepcopy": copy.deepcopy(module)}
        if findable:
            twins["pickle"] = pickle.loads(pickle.dumps(module))
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise LawError(
            f"{named(module)} cannot be copied and pickled, as training on several GPUs does. {error}"
        ) from error
    twins["checkpoint"] = copy.deepcopy(module)
    twins["checkpoint"].load_state_dict(torch.load(io.BytesIO(stream.getvalue()), weights_only=True))
    for how, twin in twins.items():
        if not torch.equal(twin(*inputs), exact):
            raise LawError(f"{named(module)}: its {how} computes something else.")
    return "copies and pickles" if findable else "copies"


def _has_a_place(cls: type) -> bool:
    """Whether Python finds a class by its name, as pickle must: not one made inside a function or an example."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls
