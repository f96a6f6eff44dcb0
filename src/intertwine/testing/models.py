"""A model as laws see it: what its inputs and its output are, and values to try it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.fields import FieldType, GridField, as_field, example_inputs
from intertwine.reps import Irrep, Rep

Kind = FieldType | Rep | Irrep | None
"""What says how a tensor moves: a field type, a rep for features on the last axis, or None where nothing moves it."""

IN_CALL = "Pass reps_in=… (one per input: a rep, a field type, None where nothing moves it) and rep_out=…."
IN_MODULE = (
    "Give the module the attributes reps_in (a tuple, None where nothing moves an input) and rep_out, and a method "
    "example_inputs(batch, generator) if its inputs are not one feature (batch, rep.dim) per rep. Where tensors are "
    "not features on the last axis, give it fields_in and field_out, of intertwine.fields, instead of reps."
)


def in_order(inputs: Any, reps_in: Any, rep_out: Any) -> tuple[Any, Any, Any]:
    """Inputs, kinds in and kind out, also where the inputs were left out, or last, and kinds come first."""
    if not _are_kinds(inputs):
        return inputs, reps_in, rep_out
    if _are_kinds(rep_out):
        raise ArgumentError(
            "Field types were given in the place of inputs, and for the output too. Call with (model, inputs, types "
            "in, type out) or with (model, types in, type out)."
        )
    return rep_out, inputs, reps_in


def _are_kinds(given: Any) -> bool:
    """Whether these are field types or reps, rather than tensors."""
    listed = given if isinstance(given, list | tuple) else (given,)
    return any(isinstance(kind, FieldType | Rep | Irrep) for kind in listed)


def field_types(
    module: Callable[..., Any], reps_in: Any, rep_out: Any, advice: str = IN_CALL
) -> tuple[tuple[FieldType, ...], FieldType]:
    """The field types of all inputs and of the output, given or from the module's attributes: all of one group.

    `advice` is the sentence that the error ends with when they are not known.
    """
    given = _first(module, reps_in, "fields_in", "reps_in", "rep_in")
    out = _first(module, rep_out, "field_out", "rep_out")
    if given is None or out is None:
        raise ArgumentError(f"The reps of {named(module)} are not known. {advice}")
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    fields, out = tuple(map(as_field, listed)), as_field(out)
    if out.group is None:
        raise ArgumentError(
            f"The output of {named(module)} was said to be {out}, but equivariance is a statement about what a group "
            "does to it. Pass its rep, that of invariants for what the group leaves alone."
        )
    for field in fields:
        if field.group is not None and field.group != out.group:
            raise RepMismatchError(
                f"{named(module)} takes {field.rep}, a rep of {field.group}, and gives {out.rep}, a rep of "
                f"{out.group}: equivariance is a statement about one group. Call rep.restrict(subgroup) to bring both "
                "to one."
            )
    return fields, out


def _first(module: object, given: Any, *names: str) -> Any:
    """What was given, or else the first attribute of these names that the module has."""
    return next((x for x in (given, *(getattr(module, name, None) for name in names)) if x is not None), None)


def make_inputs(
    module: Callable[..., Any],
    inputs: Any,
    fields: Sequence[FieldType],
    seed: int,
    advice: str,
    batch: int = 4,
) -> tuple[Any, ...]:
    """The inputs that were given, or random ones: from `module.example_inputs`, or by their field types."""
    first = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    if first is not None and first.is_meta:
        raise ArgumentError(
            f"{named(module)} lies on the meta device, where numbers have no values. Call "
            "module.to_empty(device='cpu') and load its weights first."
        )
    if inputs is not None:
        return tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
    generator = torch.Generator().manual_seed(seed)
    if hasattr(module, "example_inputs"):
        values = module.example_inputs(batch, generator)
    else:
        try:
            values = example_inputs(fields, batch, generator)
        except ArgumentError as error:
            raise ArgumentError(f"Inputs of {named(module)} cannot be made up. {advice}") from error
    like = torch.zeros((), dtype=torch.float64) if first is None else first
    return tuple(cast(x, like.dtype, like.device) for x in values)


@contextmanager
def first_run(module: object, inputs: Any, values: Sequence[Any]) -> Iterator[None]:
    """A context in which a model that does not run on inputs that were made up is asked about by a sentence."""
    try:
        yield
    except RuntimeError as error:
        if inputs is not None:
            raise
        shapes = ", ".join(str(tuple(x.shape)) if isinstance(x, Tensor) else repr(x) for x in values)
        raise ArgumentError(
            f"{named(module)} does not run on inputs that were made up for it, of shapes {shapes}: {error}. Pass "
            "inputs that it takes."
        ) from error


def cast(x: Any, dtype: torch.dtype, device: torch.device | None = None) -> Any:
    """A tensor on another device, and if it holds floating-point numbers in another dtype; other things as they are."""
    if not isinstance(x, Tensor):
        return x
    return x.to(device, dtype if x.is_floating_point() else x.dtype)


def copied(x: Any) -> Any:
    """A copy of a tensor; other things as they are."""
    return x.clone() if isinstance(x, Tensor) else x


def check_inputs(module: object, values: Sequence[Any], fields: Sequence[FieldType]) -> None:
    """Raise unless there is one input per field type, and each is such a tensor."""
    if len(values) != len(fields):
        raise ArgumentError(
            f"{named(module)} has {len(fields)} reps_in, but got {len(values)} inputs. Give one rep per input, or a "
            "field type, None where nothing moves it."
        )
    for i, (x, field) in enumerate(zip(values, fields, strict=True)):
        field.check(x, f"Input {i} of {named(module)}")


def as_output(module: object, y: Any, field: FieldType) -> Tensor:
    """The output, a matrix-valued one flattened where its rep stands on the last axis.

    Raises `ShapeError` for another size, for complex numbers, and for an output that is no tensor.
    """
    if not isinstance(y, Tensor):
        raise ShapeError(
            f"{named(module)} gives a {type(y).__name__}, but equivariance is asked of one tensor. Pass a function "
            "that returns one of its outputs, such as lambda *x: model(*x)['forces'], with reps_in=… and rep_out=…."
        )
    if y.is_complex():
        raise ShapeError(
            f"{named(module)} gives complex numbers, but representations here are real. Return y.real, y.abs(), or "
            "torch.view_as_real(y).flatten(-2) with twice the rep."
        )
    rep = field.rep
    if isinstance(field, GridField) or rep is None or (y.ndim and y.shape[-1] == rep.dim):
        field.check(y.double(), f"The output of {named(module)}")
        return y
    if y.ndim < 2 or y.shape[-1] * y.shape[-2] != rep.dim:
        raise ShapeError(
            f"The output of {named(module)} has the rep {rep} of {rep.group}, {rep.dim} numbers on the last axis, but "
            f"got a tensor of shape {tuple(y.shape)}. "
            f"{'Return y[..., None], or check' if rep.dim == 1 else 'Check'} rep_out: that of a grid is a GridField."
        )
    return y.reshape((*y.shape[:-2], rep.dim))


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


def named(module: object) -> str:
    """What a model is called: the class of a module, the name of a function."""
    return type(module).__name__ if isinstance(module, nn.Module) else getattr(module, "__name__", repr(module))
