"""The laws that every module obeys, tried all together."""

from __future__ import annotations

import copy
import io
import math
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import LawError
from intertwine.fields import Displacements, EdgeFeatures, Edges, Features, FieldType, GridField
from intertwine.testing.equivariance import equivariance_error, largest
from intertwine.testing.models import IN_MODULE, cast, field_types, make_inputs, named

_MANY_NUMBERS = 4096  # of an input, beyond which derivatives are tried along few directions


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

    A network of your own, any `torch.nn.Module`, says what goes in and out by the attributes `reps_in` (a tuple) and
    `rep_out`, features on the last axis; where tensors lie otherwise by `fields_in` and `field_out`, field types
    (`intertwine.fields`); and by `example_inputs(batch, generator)`, float64 tensors, where inputs cannot be made up
    from these. On grids the tolerance is for elements that map them to themselves.

    Args:
        module: the module; it is copied, not changed.
        tolerance: the largest equivariance error that is accepted.
        batch: the batch size.
        seed: for random inputs and elements.
        gradients: whether to check derivatives by finite differences (slow for wide modules).

    Raises `LawError`, a sentence that names the law and the numbers, at the first law that does not hold, and the
    errors of `equivariance_error`.

    >>> from intertwine.catalog import O3
    >>> from intertwine.fields import Displacements, Edges, PointFeatures
    >>> from intertwine.nn import Gate, PointConv
    >>> class Forces(nn.Module):  # an energy per point and a force, from features, edges and vectors along them
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self.gate = Gate(O3.rep("4x0e + 2x1o"))
    ...         self.first = PointConv(O3.rep("2x0e"), self.gate.rep_in)
    ...         self.last = PointConv(self.gate.rep_out, O3.rep("1x0e + 1x1o"))
    ...         self.fields_in = (PointFeatures(self.first.rep_in), Edges(), Displacements(O3.defining))
    ...         self.field_out = PointFeatures(self.last.rep_out)
    ...
    ...     def forward(self, x: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:
    ...         return self.last(self.gate(self.first(x, edges, vectors)), edges, vectors)
    >>> check_module(Forces()).equivariance < 1e-12
    True
    """
    module = copy.deepcopy(module).double().eval()
    fields, _ = field_types(module, None, None, IN_MODULE)
    inputs = make_inputs(module, None, fields, seed, IN_MODULE, batch)
    error = equivariance_error(module, inputs, seed=seed).exact
    if not error <= tolerance:
        raise LawError(f"{named(module)} is not equivariant: error {error:.1e}, accepted {tolerance:.1e}.")
    checks = ["equivariance"]
    _check_parameters(module, inputs)
    if gradients:
        _check_derivatives(module, inputs, fields)
        checks.append("derivatives")
    low = _check_dtypes(module, inputs)
    checks += ["gradients of all parameters", "dtypes"]
    if (empty := _without_rows(inputs, fields)) is not None:
        _check_empty(module, empty, len(module(*inputs)) if len(empty[0]) else 0)
        checks.append("empty batches")
    checks.append(f"state, {_check_state(module, inputs)}")
    return ModuleReport(named(module), error, low, tuple(checks))


def _floating(inputs: Sequence[Tensor]) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.is_floating_point()]


def _check_parameters(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    if not list(module.parameters()):
        return
    module.zero_grad()
    y = module(*inputs)
    if not y.numel():
        return
    (y * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    sizes = {name: _size_of_gradient(parameter) for name, parameter in module.named_parameters()}
    rounding = 1e-10 * max(sizes.values())  # what mathematics says is zero is here, on one processor, only nearly so
    for name, size in sizes.items():
        if not (size > rounding and math.isfinite(size)):
            raise LawError(f"{named(module)}: the parameter {name} gets no finite, nonzero gradient.")
    module.zero_grad()


def _size_of_gradient(parameter: Tensor) -> float:
    return 0.0 if parameter.grad is None or not parameter.numel() else float(parameter.grad.abs().max())


def _check_derivatives(module: nn.Module, inputs: tuple[Any, ...], fields: Sequence[FieldType]) -> None:
    places = _floating(inputs)
    if not module(*inputs).numel():
        return

    def function(*values: Tensor) -> Tensor:
        full = list(inputs)
        for place, value in zip(places, values, strict=True):
            full[place] = value
        return module(*full)  # type: ignore[no-any-return]

    values = tuple(_untied(inputs[i], fields[i]).detach().clone().requires_grad_() for i in places)
    tried = function
    if sum(map(torch.numel, values)) > _MANY_NUMBERS:
        tried, values = _along_few_directions(function, values)
    try:
        torch.autograd.gradcheck(tried, values, fast_mode=True)
        torch.autograd.gradgradcheck(tried, values, fast_mode=True)
    except RuntimeError as error:
        raise LawError(f"{named(module)}: a derivative is wrong. {error}") from error


def _untied(x: Tensor, field: FieldType) -> Tensor:
    """An input with small numbers in place of the zeros about an image: the largest of equal numbers has a kink."""
    if not isinstance(field, GridField):
        return x
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    return torch.where(x == 0, noise / 10, x)


def _along_few_directions(
    function: Callable[..., Tensor], values: tuple[Tensor, ...]
) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """A function of three numbers for each input, its steps along random directions; three sums over the output.

    What torch does to tell where a derivative is wrong takes memory for all inputs times all outputs, gigabytes for a
    volume.
    """
    generator = torch.Generator().manual_seed(0)
    directions = [torch.randn(3, *x.shape, generator=generator, dtype=x.dtype) for x in values]

    def along(*steps: Tensor) -> Tensor:
        moved = [x.detach() + torch.tensordot(s, d, 1) for x, s, d in zip(values, steps, directions, strict=True)]
        y = function(*moved).flatten()
        sums = torch.randn(3, len(y), generator=torch.Generator().manual_seed(1), dtype=y.dtype)
        total: Tensor = sums @ y / len(y) ** 0.5
        return total

    return along, tuple(torch.zeros(3, dtype=x.dtype, requires_grad=True) for x in values)


def _check_dtypes(module: nn.Module, inputs: tuple[Any, ...]) -> float:
    exact, differences = module(*inputs).detach(), {}
    for dtype, bound in ((torch.float32, 1e-4), (torch.bfloat16, 0.3), (torch.float16, 0.1)):
        low = copy.deepcopy(module).to(dtype)
        try:
            y = low(*(cast(x, dtype) for x in inputs)).detach()
        except RuntimeError as error:
            raise LawError(f"{named(module)} does not run in {dtype}. {error}") from error
        difference = largest(y.double() - exact) / (largest(exact) or 1.0)
        differences[dtype] = difference
        if y.dtype != dtype or not difference <= bound:
            raise LawError(f"{named(module)}: {dtype} gives {y.dtype}, off by {difference:.1e} (accepted {bound:.0e}).")
    again = copy.deepcopy(module).float().double()
    again.load_state_dict(module.state_dict())
    if not torch.equal(again(*inputs), exact):
        raise LawError(f"{named(module)}: a table lost precision on the way through float32.")
    return differences[torch.float32]


def _without_rows(inputs: Sequence[Any], fields: Sequence[FieldType]) -> tuple[Any, ...] | None:
    """The inputs of an empty batch, or of a graph without edges; None where nothing says what a batch is."""
    if any(isinstance(field, Edges) for field in fields):
        return tuple(
            x[:, :0] if isinstance(field, Edges) else x[:0] if isinstance(field, EdgeFeatures | Displacements) else x
            for x, field in zip(inputs, fields, strict=True)
        )
    return tuple(x[:0] for x in inputs) if all(isinstance(field, Features | GridField) for field in fields) else None


def _check_empty(module: nn.Module, empty: tuple[Any, ...], rows: int) -> None:
    try:
        y = module(*empty)
    except Exception as error:
        raise LawError(f"{named(module)}: an empty batch does not work. {error}") from error
    if y.shape[0] != rows or not y.isfinite().all():
        raise LawError(f"{named(module)}: an empty batch gave an output of shape {tuple(y.shape)}.")


def _check_state(module: nn.Module, inputs: tuple[Any, ...]) -> str:
    """Check the state dict and the copies, and name the kinds of copies."""
    keys = list(module.eval().state_dict())
    tied = module.named_parameters(remove_duplicate=False)  # one that several parts share has several names
    allowed = {name for name, _ in tied} | {k for k in keys if "running" in k}
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
