"""How equivariant a model is: by kinds of moves, irreps, kinds of inputs, precision, derivatives and parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import LawError
from intertwine.symmetry.diagnosis.cases import Move, Trial, told
from intertwine.symmetry.diagnosis.layers import (
    Calls,
    LayerError,
    count_parts,
    degenerate_notes,
    layer_errors,
    part_calls,
)
from intertwine.symmetry.diagnosis.measures import (
    Measured,
    gradient_errors,
    lie_errors,
    measured,
    moves,
    resampling,
    simplest_failure,
)
from intertwine.symmetry.diagnosis.report import EquivarianceReport, tolerance_of
from intertwine.symmetry.diagnosis.resolution import ResolutionLadder, layer_ladder
from intertwine.symmetry.diagnosis.symmetric_inputs import symmetric_errors
from intertwine.testing.equivariance import elements_to_try
from intertwine.testing.models import (
    IN_CALL,
    Kind,
    cast,
    check_inputs,
    evaluating,
    field_types,
    first_run,
    in_order,
    make_inputs,
    named,
)


def equivariance_report(
    model: Callable[..., Tensor],
    batch: Any = None,
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    samples: int = 8,
    seed: int = 0,
) -> EquivarianceReport:
    """Where, and how much, a model fails to be equivariant, `f(ρ_in(g) x) = ρ_out(g) f(x)`.

    It tries generators, an element of each component and random elements, on the inputs given (or random ones), in
    float64 and float32; the derivative along each generator of the Lie algebra; gradients; inputs that are symmetric,
    whose outputs must be as symmetric; and every part that states its reps, on the inputs that it really gets. Of what
    fails it says where: by irreps of the output, by kinds of moves, the simplest move, the first part, the precision.

    A rep means features on the last axis, and nothing more. Field types (`intertwine.fields`) say more. Points are also
    relabelled, positions translated (an output of `Positions` moves along, others stay), and clouds full of ties are
    tried, where neighbour lists and top-k go wrong. Grids are judged by the elements that map them to themselves; of
    the others the error stands beside what resampling alone does.

    Args:
        model: a module of `intertwine.nn`, a network of your own, or any function of tensors. A module is copied and
            tried in eval mode; functions are called as they are.
        batch: the inputs; default random ones. They may be left out: `equivariance_report(model, field_in, field_out)`.
        reps_in: the reps or field types of the inputs, None for one that nothing moves, tensor or not; default
            `model.fields_in` or `model.reps_in`.
        rep_out: the rep or field type of the output; default `model.field_out` or `model.rep_out`.
        samples: the number of random elements.
        seed: for random inputs and moves.

    Raises the errors of `intertwine.testing.equivariance_error`.

    Source: Lie derivatives as a measure of equivariance, Gruver et al. 2023 (arXiv:2210.02984).

    >>> from intertwine.catalog import O2
    >>> from intertwine import nn
    >>> report = equivariance_report(nn.Linear(O2.rep("1x0e + 2x1"), O2.rep("2x1")))
    >>> report.exact, [*report.elements]
    (True, ['rotations', 'mirrors'])
    """
    batch, reps_in, rep_out = in_order(batch, reps_in, rep_out)
    fields, out = field_types(model, reps_in, rep_out, IN_CALL)
    values = make_inputs(model, batch, fields, seed, "Pass batch=….")
    check_inputs(model, values, fields)
    with torch.inference_mode(False):  # which has no gradients
        trial = _runnable(Trial(model, fields, out, values))
        with evaluating(trial.model):
            with first_run(model, batch, values):
                _ = trial.reference
            return _report(model, trial, samples, seed)


def assert_equivariant(
    model: Callable[..., Tensor],
    batch: Any = None,
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    tolerance: float | None = None,
    seed: int = 0,
) -> None:
    """Raises `LawError`, one sentence and the whole report, unless a model is equivariant up to a tolerance.

    Derivatives, gradients and symmetric inputs count too.

    Args:
        model, batch, reps_in, rep_out, seed: those of `equivariance_report`.
        tolerance: the largest error accepted in float64. By default 1e-9, and in float32, where the model's own
            parameters are float32, what rounding may make of that many layers (`tolerance_of`).

    >>> from intertwine.catalog import SO3
    >>> from intertwine import nn
    >>> assert_equivariant(nn.NormActivation(SO3.rep("2x0 + 1x1")))
    """
    report = equivariance_report(model, batch, reps_in, rep_out, seed=seed)
    if (complaint := report.complaint(tolerance)) is not None:
        raise LawError(f"{complaint}\n{report}")


def _runnable(trial: Trial) -> Trial:
    """The trial in float64, or as it came where the model holds numbers of another precision and does not run."""
    double = _in_dtype(trial, torch.float64)
    try:
        with evaluating(double.model):
            _ = double.reference
    except Exception:  # noqa: BLE001 (a model may refuse a precision in its own way)
        given = {x.dtype for x in trial.values if isinstance(x, Tensor)}
        low = torch.float64 in given and not isinstance(trial.model, nn.Module)
        double = _in_dtype(trial, torch.float32 if low else None)
    return double


def _in_dtype(trial: Trial, dtype: torch.dtype | None) -> Trial:
    """A trial of a copy of the model, and its inputs, in another precision (None: as they are)."""
    model = copy.deepcopy(trial.model) if isinstance(trial.model, nn.Module) else trial.model
    if dtype is None:
        return replace(trial, model=model)
    values = tuple(cast(x, dtype) for x in trial.values)
    return replace(trial, model=model.to(dtype) if isinstance(model, nn.Module) else model, values=values)


def _report(model: Callable[..., Tensor], trial: Trial, samples: int, seed: int) -> EquivarianceReport:
    depth, dtype = count_parts(model), trial.reference.dtype
    bound = tolerance_of(dtype, depth)
    tried = [*measured(trial, moves(trial, samples, seed))]
    found = [m for m in tried if m.exact]
    worst = max(found, key=lambda m: m.error)
    calls = part_calls(trial)
    layers = layer_errors(calls)
    gradients, unknown = _gradients(trial, seed)
    symmetric, refused = symmetric_errors(trial, seed)
    clear = max(bound, worst.error / 100)
    simplest, holds = simplest_failure(trial, clear, bound) if worst.error >= bound else (None, ())
    return EquivarianceReport(
        model=named(model),
        group=trial.group.name,
        dtype=_name(dtype),
        limits={_name(d): tolerance_of(d, depth) for d in (dtype, *_own_dtypes(model))},
        error=worst.error,
        single=_single(trial, [m.move for m in found]),
        irreps={label: max(m.parts[label] for m in found) for label in worst.parts},
        elements=_by_kind(found),
        lie=lie_errors(trial),
        gradients=gradients,
        worst=worst.move.name,
        simplest=None if simplest is None else simplest.name,
        holds=tuple(move.name for move in holds),
        symmetric=symmetric,
        layers=layers,
        resolution=_resolution(trial, calls, layers, worst.error, bound),
        resampling=resampling(trial, tried),
        chance=trial.chance,
        notes=(*trial.notes, *degenerate_notes(trial), *unknown, *refused),
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _own_dtypes(model: object) -> tuple[torch.dtype, ...]:
    """float32 for a module whose parameters are: then its rounding there counts."""
    single = isinstance(model, nn.Module) and any(p.dtype == torch.float32 for p in model.parameters())
    return (torch.float32,) if single else ()


def _by_kind(found: Sequence[Measured]) -> dict[str, float]:
    """The largest error of each kind of move."""
    kinds = dict.fromkeys(m.move.kind for m in found)
    return {kind: max(m.error for m in found if m.move.kind == kind) for kind in kinds}


def _single(trial: Trial, tried: Sequence[Move]) -> float | None:
    """The error in float32, 1 where all digits are lost; None for functions, and for what does not run there."""
    if not isinstance(trial.model, nn.Module) or trial.reference.dtype != torch.float64:
        return None
    low = _in_dtype(trial, torch.float32)
    try:
        lost = bool(trial.reference.any()) and not low.reference.any()
        return 1.0 if lost else max(low.error(move) for move in tried)
    except Exception:  # noqa: BLE001 (a model may refuse a precision in its own way)
        return None


def _gradients(trial: Trial, seed: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """The errors of gradients, and a note where they cannot be taken."""
    elements = [g for g in elements_to_try(trial.tensors, 2, seed) if trial.is_exact(g)]
    try:
        return gradient_errors(trial, elements, seed), ()
    except Exception as error:  # noqa: BLE001 (a backward pass of the user's own may fail in its own way)
        return {}, (f"gradients could not be taken: {told(error)}",)


def _resolution(
    trial: Trial, calls: Calls, layers: Sequence[LayerError], worst: float, bound: float
) -> ResolutionLadder | None:
    """The ladder of the first part that fails, or of a model without parts, if it can be sampled otherwise."""
    name = next((layer.name for layer in layers if not layer.error < bound), None)
    if name is not None:
        part, (first, *_) = calls[name]
        return layer_ladder(part, first.values)
    alone = isinstance(trial.model, nn.Module) and not layers and not worst < bound
    return layer_ladder(trial.model, trial.values) if alone else None  # type: ignore[arg-type]
