"""How equivariant a model is: by kinds of moves, irreps, kinds of inputs, precision, derivatives and parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import LawError
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.diagnosis.by_reps import check_sizes, signature
from intertwine.symmetry.diagnosis.cases import Move, Permute, Trial, layout_of
from intertwine.symmetry.diagnosis.layers import (
    LayerError,
    PartCall,
    count_parts,
    degenerate_notes,
    layer_errors,
    part_calls,
    rounded_tables,
    training_notes,
)
from intertwine.symmetry.diagnosis.measures import (
    Measured,
    gradient_errors,
    lie_errors,
    measured,
    moves,
    quantiles,
    simplest_failure,
)
from intertwine.symmetry.diagnosis.report import EquivarianceReport, tolerance_of
from intertwine.symmetry.diagnosis.resolution import ResolutionLadder, layer_ladder
from intertwine.symmetry.diagnosis.symmetric_inputs import symmetric_errors
from intertwine.testing import law_elements
from intertwine.testing.models import evaluating, make_inputs, named

GRADIENTS = 2
"""How many random elements gradients are tried on, besides the generators."""


def equivariance_report(
    model: Callable[..., Tensor],
    batch: Sequence[Tensor] | Tensor | None = None,
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    positions: int | None = None,
    permute: Permute | None = None,
    samples: int = 8,
    seed: int = 0,
) -> EquivarianceReport:
    """Where, and how much, a model fails to be equivariant, `f(ρ_in(g) x) = ρ_out(g) f(x)`.

    It tries generators, an element of each component and random elements, on the inputs given (or random ones), in
    float64 and float32; the derivative along each generator of the Lie algebra; gradients; inputs that are symmetric,
    whose outputs must be as symmetric; and every part that states its reps, on the inputs that it really gets. Of what
    fails it says where: by irreps of the output, by kinds of moves, the simplest move, the first part, the precision.

    Models of clouds and graphs are also tried on relabelled points, translations, and clouds full of ties, where
    neighbour lists and top-k go wrong: see `positions`. Integers `(2, E)` that number points are taken as edges.

    Args:
        model: a module of `intertwine.nn`, a network of your own, or any function of tensors. A module is copied and
            tried in eval mode; functions are called as they are.
        batch: the inputs, channels last; default random ones.
        reps_in: the reps of the inputs, None for one that the group leaves alone; default `model.reps_in`.
        rep_out: the rep of the output; default `model.rep_out`.
        positions: which input, counted from 0, holds the positions of points `(N, n)` or `(batch, N, n)`. Only
            differences of positions may matter: outputs stay under translations, or are positions that move along.
        permute: a function `(inputs, order) → inputs` that brings points into another order, `x[order]`, for inputs
            that are not simply rows of points, edges `(2, E)` and rows of edges.
        samples: the number of random elements.
        seed: for random inputs and moves.

    Raises the errors of `intertwine.testing.equivariance_error`, and `ArgumentError` for `positions` that are no input.

    Source: Lie derivatives as a measure of equivariance, Gruver et al. 2023 (arXiv:2210.02984).

    >>> from intertwine.catalog import O2
    >>> from intertwine import nn
    >>> report = equivariance_report(nn.Linear(O2.rep("1x0e + 2x1"), O2.rep("2x1")))
    >>> report.exact, [*report.elements]
    (True, ['rotations', 'mirrors'])
    """
    reps, out = signature(model, reps_in, rep_out)
    values = make_inputs(model, batch, reps, seed, "Pass batch=….")
    check_sizes(model, values, reps)
    trial = _runnable(Trial(model, reps, out, values, layout_of(values, reps, positions, permute)))
    with evaluating(trial.model):
        return _report(model, trial, samples, seed)


def assert_equivariant(
    model: Callable[..., Tensor],
    batch: Sequence[Tensor] | Tensor | None = None,
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    positions: int | None = None,
    permute: Permute | None = None,
    tolerance: float | None = None,
    seed: int = 0,
) -> None:
    """Raises `LawError`, one sentence and the whole report, unless a model is equivariant up to a tolerance.

    Derivatives, gradients and symmetric inputs count too.

    Args:
        model, batch, reps_in, rep_out, positions, permute, seed: those of `equivariance_report`.
        tolerance: the largest error accepted in float64. By default 1e-9, and in float32, where the model's own
            parameters are float32, what rounding may make of that many layers (`tolerance_of`).

    >>> from intertwine.catalog import SO3
    >>> from intertwine import nn
    >>> assert_equivariant(nn.NormActivation(SO3.rep("2x0 + 1x1")))
    """
    report = equivariance_report(model, batch, reps_in, rep_out, positions=positions, permute=permute, seed=seed)
    if (complaint := report.complaint(tolerance)) is not None:
        raise LawError(f"{complaint}\n{report}")


def _runnable(trial: Trial) -> Trial:
    """The trial in float64, or as it came where the model holds numbers of another precision and does not run."""
    double = _cast(trial, torch.float64)
    try:
        with evaluating(double.model):
            _ = double.reference
    except RuntimeError:
        low = any(x.dtype == torch.float64 for x in trial.values) and not isinstance(trial.model, nn.Module)
        double = _cast(trial, torch.float32) if low else _cast(trial, None)
    return double


def _cast(trial: Trial, dtype: torch.dtype | None) -> Trial:
    """A trial of a copy of the model, and its inputs, in another precision (None: as they are)."""
    model = copy.deepcopy(trial.model) if isinstance(trial.model, nn.Module) else trial.model
    if dtype is not None and isinstance(model, nn.Module):
        model = model.to(dtype)
    values = tuple(x.to(dtype) if dtype is not None and x.is_floating_point() else x for x in trial.values)
    return Trial(model, trial.reps, trial.out, values, trial.layout)


def _report(model: Callable[..., Tensor], trial: Trial, samples: int, seed: int) -> EquivarianceReport:
    depth, dtype = count_parts(model), trial.reference.dtype
    bound = tolerance_of(dtype, depth)
    found = [*measured(trial, moves(trial, samples, seed))]
    worst = max(found, key=lambda m: m.error)
    few = law_elements(trial.out.group, GRADIENTS, seed)
    calls = part_calls(trial)
    layers = layer_errors(calls)
    gradients, unknown = _gradients(trial, few, seed)
    clear = max(bound, worst.error / 100)
    simplest, holds = simplest_failure(trial, clear, bound) if worst.error >= bound else (None, ())
    return EquivarianceReport(
        model=named(model),
        group=trial.out.group.name,
        dtype=_name(dtype),
        limits={_name(d): tolerance_of(d, depth) for d in (dtype, *_own_dtypes(model))},
        error=worst.error,
        single=_single(trial, samples, seed),
        quantiles=quantiles(found),
        irreps={label: max(m.parts[label] for m in found) for label in worst.parts},
        elements=_by_kind(found),
        lie=lie_errors(trial, bound),
        gradients=gradients,
        worst=worst.move.name,
        simplest=None if simplest is None else simplest.name,
        holds=tuple(move.name for move in holds),
        symmetric=symmetric_errors(trial, seed),
        layers=layers,
        resolution=_resolution(trial, calls, layers, worst.error, bound),
        tables=rounded_tables(trial.model) if dtype == torch.float64 else (),
        chance=trial.chance,
        notes=(*trial.notes, *degenerate_notes(trial), *unknown, *training_notes(trial, [Move(g) for g in few], bound)),
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


def _single(trial: Trial, samples: int, seed: int) -> float | None:
    """The error in float32; None for a function, whose precision is its own, and for what does not run there."""
    if not isinstance(trial.model, nn.Module) or trial.reference.dtype != torch.float64:
        return None
    low = _cast(trial, torch.float32)
    try:
        return max(low.error(Move(g)) for g in law_elements(trial.out.group, samples, seed))
    except RuntimeError:
        return None


def _gradients(trial: Trial, elements: np.ndarray, seed: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """The errors of gradients, and a note where they cannot be taken."""
    try:
        return gradient_errors(trial, elements, seed), ()
    except (RuntimeError, NotImplementedError) as error:
        return {}, (f"gradients could not be taken: {str(error).splitlines()[0]}",)


def _resolution(
    trial: Trial, calls: Sequence[PartCall], layers: Sequence[LayerError], worst: float, bound: float
) -> ResolutionLadder | None:
    """The ladder of the first part that fails, or of a model without parts, if it can be sampled otherwise."""
    name = next((layer.name for layer in layers if not layer.error < bound), None)
    call = next((call for call in calls if call.name == name), None)
    if call is not None:
        return layer_ladder(call.part, call.inputs)
    alone = isinstance(trial.model, nn.Module) and not layers and not worst < bound
    return layer_ladder(trial.model, trial.values) if alone else None  # type: ignore[arg-type]
