"""The parts of a model: their own errors, and poses that they cannot tell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.fields import FieldType, Index
from intertwine.symmetry.diagnosis.cases import Move, Trial
from intertwine.testing.equivariance import elements_to_try
from intertwine.testing.models import check_inputs, field_types

CALLS = 3
"""How many calls of one part are looked at."""

Watcher = Callable[[nn.Module, tuple[object, ...], dict[str, object], object], None]
"""What is told of each call of a part: the part, its arguments, those by name, and its output."""


@dataclass(frozen=True)
class LayerError:
    """The equivariance error of one part of a model, on the inputs that it really gets: the largest of its calls.

    Args:
        name: its name in the model.
        kind: its class.
        error: the error relative to the part's largest output.
        calls: how many calls were tried.
    """

    name: str
    kind: str
    error: float
    calls: int = 1


Calls = dict[str, tuple[nn.Module, list[Trial]]]
"""By name the parts that state their reps, and their calls, each as a function of its arguments."""


def part_calls(trial: Trial) -> Calls:
    """The calls of the parts of a model that state reps of its group, in the order in which they first end."""
    calls: Calls = {}
    stated = ((name, part, _stated(part)) for name, part in _named(trial.model) if name)
    mine = [(name, part, fields) for name, part, fields in stated if fields and fields[1].group == trial.group]
    _watch(trial, {part: _recorder(name, *fields, calls) for name, part, fields in mine})
    return calls


def layer_errors(calls: Calls) -> tuple[LayerError, ...]:
    """The errors of parts, the largest of their calls, on the inputs of these; of those that run on what they get."""

    def error(trial: Trial) -> float:
        elements = elements_to_try(trial.tensors, 4, 0)
        return max((trial.error(Move(g)) for g in elements if trial.is_exact(g)), default=0.0)

    found = []
    for name, (part, trials) in calls.items():
        with suppress(Exception):  # what the model gives its part is never moved, and the part may refuse that
            found.append(LayerError(name, type(part).__name__, max(map(error, trials)), len(trials)))
    return tuple(found)


def _named(model: object) -> list[tuple[str, nn.Module]]:
    """The parts of a module with their names, "" for the whole; none of a function."""
    return [*model.named_modules()] if isinstance(model, nn.Module) else []


def _watch(trial: Trial, watchers: Mapping[nn.Module, Watcher]) -> None:
    """Run a model once, and call a watcher after each call of its part."""
    handles = [part.register_forward_hook(watcher, with_kwargs=True) for part, watcher in watchers.items()]
    try:
        if handles:
            trial.output(trial.values)
    finally:
        for handle in handles:
            handle.remove()


def _stated(part: nn.Module) -> tuple[tuple[FieldType, ...], FieldType] | None:
    """What a part states of its inputs and output, by field types or reps."""
    try:
        return field_types(part, None, None)
    except (AttributeError, ValueError, TypeError):  # attributes of these names that are no reps
        return None


def _recorder(name: str, fields: tuple[FieldType, ...], out: FieldType, calls: Calls) -> Watcher:
    """What notes the calls of a part: its tensors have the field types that it states, and nothing moves the rest."""

    def record(part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object) -> None:
        if len(calls.get(name, (part, []))[1]) >= CALLS:
            return
        order = [*inspect.signature(part.forward).parameters]
        names = sorted(kwargs, key=lambda key: order.index(key) if key in order else len(order))
        values = [x.detach() if isinstance(x, Tensor) else x for x in (*args, *(kwargs[key] for key in names))]
        tensors = [i for i, x in enumerate(values) if isinstance(x, Tensor) or len(values) == len(fields)]
        types = dict(zip(tensors, fields, strict=False))
        try:
            check_inputs(part, [values[i] for i in tensors], fields)
            out.check(output)
        except (ValueError, TypeError):  # it does something else than it states
            return

        def call(*given: object) -> Tensor:
            positional, rest = given[: len(args)], given[len(args) :]
            return part(*positional, **dict(zip(names, rest, strict=True)))  # type: ignore[no-any-return]

        inputs = tuple(types.get(i, Index()) for i in range(len(values)))
        calls.setdefault(name, (part, []))[1].append(Trial(call, inputs, out, tuple(values)))

    return record


# poses that cannot be told --------------------------------------------------------------------------------------------


def degenerate_notes(trial: Trial) -> tuple[str, ...]:
    """The first part, in words, that says by `degenerate(*inputs)` that what it gives is undefined on these inputs."""
    found: list[str] = []
    able = [(name, part) for name, part in _named(trial.model) if callable(getattr(part, "degenerate", None))]
    _watch(trial, {part: _doubter(name or type(part).__name__, found) for name, part in able})
    return tuple(found[:1])


def _doubter(name: str, found: list[str]) -> Watcher:
    def record(part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], _: object) -> None:
        undefined = part.degenerate(*args, **kwargs)  # type: ignore[operator]
        if isinstance(undefined, Tensor) and undefined.any():
            found.append(
                f"{name} ({type(part).__name__}) is undefined on {int(undefined.sum())} of {undefined.numel()} inputs, "
                "as its `degenerate` says: no pose can be told there. Give it more independent vectors, or average "
                "over poses"
            )

    return record


def count_parts(model: object) -> int:
    """The depth of a model, roughly: the number of its modules that hold no others, at least 1."""
    if not isinstance(model, nn.Module):
        return 1
    return max(1, sum(not any(True for _ in part.children()) for part in model.modules()))
