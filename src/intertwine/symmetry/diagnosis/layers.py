"""The parts of a model: their own errors, what they do in training, and tables that lost their precision."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.reps import Rep, as_rep
from intertwine.symmetry.diagnosis.by_reps import Reps
from intertwine.symmetry.diagnosis.cases import Move, Trial
from intertwine.testing import law_elements

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


@dataclass(frozen=True, eq=False)
class PartCall:
    """One call of a part that states its reps, as a function of its tensors alone."""

    name: str
    part: nn.Module
    call: Callable[..., Tensor]
    reps: Reps
    out: Rep
    inputs: tuple[Tensor, ...]

    def error(self) -> float:
        """The error on these inputs."""
        trial = Trial(self.call, self.reps, self.out, self.inputs)
        return max(trial.error(Move(g)) for g in law_elements(self.out.group, 4, 0))


def part_calls(trial: Trial) -> list[PartCall]:
    """The calls of the parts of a model that state reps of its group, in the order in which they end."""
    calls: list[PartCall] = []
    stated = ((name, part, _stated(part)) for name, part in _named(trial.model) if name)
    mine = [(name, part, reps) for name, part, reps in stated if reps is not None and reps[1].group == trial.out.group]
    _watch(trial, {part: _recorder(name, *reps, calls) for name, part, reps in mine})
    return calls


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


def layer_errors(calls: Sequence[PartCall]) -> tuple[LayerError, ...]:
    """The errors of parts, one for each, in the order of their first calls."""
    found: dict[str, LayerError] = {}
    for call in calls:
        before = found.get(call.name)
        worst, count = (call.error(), 1) if before is None else (max(before.error, call.error()), before.calls + 1)
        found[call.name] = LayerError(call.name, type(call.part).__name__, worst, count)
    return tuple(found.values())


def _stated(part: nn.Module) -> tuple[Reps, Rep] | None:
    """The reps that a part states: `reps_in`, or `rep_in` alone, and `rep_out`."""
    try:
        given, out = getattr(part, "reps_in", None), as_rep(part.rep_out)  # type: ignore[arg-type]
        listed = (part.rep_in,) if given is None else given
        listed = listed if isinstance(listed, tuple | list) else (listed,)
        return tuple(None if rep is None else as_rep(rep) for rep in listed), out  # type: ignore[arg-type]
    except (AttributeError, ValueError, TypeError):  # attributes of these names that are no reps
        return None


def _recorder(name: str, reps: Reps, out: Rep, calls: list[PartCall]) -> Watcher:
    def record(part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object) -> None:
        if sum(call.name == name for call in calls) >= CALLS or not isinstance(output, Tensor):
            return
        given = _in_order(part, args, kwargs)
        places = [i for i, (_, value) in enumerate(given) if isinstance(value, Tensor)]
        inputs = tuple(value.detach() for _, value in given if isinstance(value, Tensor))
        if _fits(inputs, reps) and output.shape[-1:] == (out.dim,):
            calls.append(PartCall(name, part, _refilled(part, given, places), reps, out, inputs))

    return record


def _in_order(part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> list[tuple[str | None, object]]:
    """The arguments of a call, (name or None, value), those by name in the order of the signature."""
    order = [*inspect.signature(part.forward).parameters]
    named = sorted(kwargs.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    return [*((None, value) for value in args), *named]


def _refilled(part: nn.Module, given: list[tuple[str | None, object]], places: list[int]) -> Callable[..., Tensor]:
    """The part as a function of the tensors among its arguments."""

    def call(*tensors: Tensor) -> Tensor:
        full = [*given]
        for i, x in zip(places, tensors, strict=True):
            full[i] = (full[i][0], x)
        positional = [value for name, value in full if name is None]
        return part(*positional, **{name: value for name, value in full if name is not None})  # type: ignore[no-any-return]

    return call


def _fits(inputs: tuple[Tensor, ...], reps: Reps) -> bool:
    """Whether there is a tensor of the right size for each rep."""
    if len(inputs) != len(reps):
        return False
    return all(rep is None or x.shape[-1:] == (rep.dim,) for x, rep in zip(inputs, reps, strict=True))


# tables of low precision ---------------------------------------------------------------------------------------------


def rounded_tables(model: object) -> tuple[str, ...]:
    """Names of constant tensors of a module whose numbers are those of float32, though they need more digits.

    Weights and running statistics are left out: any float32 number is as good as any other there.
    """
    return tuple(_rounded(model)) if isinstance(model, nn.Module) else ()


def _rounded(model: nn.Module) -> Iterator[str]:
    for prefix, part in model.named_modules():
        plain = {k: v for k, v in vars(part).items() if isinstance(v, Tensor) and not isinstance(v, nn.Parameter)}
        constant = {k: v for k, v in part._buffers.items() if v is not None and not k.startswith("running_")}
        for name, value in {**constant, **plain}.items():
            if value.is_floating_point() and _only_float32(value.detach().double()):
                yield f"{prefix}.{name}" if prefix else name


def _only_float32(x: Tensor) -> bool:
    """Whether all numbers are float32 ones, and some use more digits than simple fractions such as 0.5 do."""
    return bool((x == x.float().double()).all()) and bool((x != x.bfloat16().double()).any())


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


# training mode -------------------------------------------------------------------------------------------------------


def training_notes(trial: Trial, moves: Sequence[Move], bound: float) -> tuple[str, ...]:
    """What is different in train mode, in words: dropout, and statistics of batches."""
    parts = [(name or type(part).__name__, part) for name, part in _named(trial.model)]
    drops = [name for name, part in parts if isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0]
    norms = [name for name, part in parts if isinstance(part, nn.modules.batchnorm._NormBase)]
    notes = []
    if drops:
        notes.append(
            f"dropout ({', '.join(drops)}) is random in train mode, so all numbers are those of eval mode; drop whole "
            "irreps, not components"
        )
    if norms:
        notes.append(
            f"batch statistics ({', '.join(norms)}) make outputs depend on the other samples in train mode"
            f"{_train_error(trial, moves, bound)}"
        )
    return tuple(notes)


def _train_error(trial: Trial, moves: Sequence[Move], bound: float) -> str:
    """The error in train mode, with dropout off, in words; empty where the model does not run on this batch."""
    model = copy.deepcopy(trial.model)
    if not isinstance(model, nn.Module):
        return ""
    for part in model.modules():
        part.training = not isinstance(part, nn.modules.dropout._DropoutNd)
    try:
        twin = Trial(model, trial.reps, trial.out, trial.values, trial.layout)
        error = max((twin.error(move) for move in moves), default=0.0)
    except (ValueError, RuntimeError):  # a batch of one has no statistics
        return ""
    return f"; the error there is {error:.1e}" + ("" if error < bound else ": it is NOT equivariant in training")


def count_parts(model: object) -> int:
    """The depth of a model, roughly: the number of its modules that hold no others, at least 1."""
    if not isinstance(model, nn.Module):
        return 1
    return max(1, sum(not any(True for _ in part.children()) for part in model.modules()))
