"""How equivariant a model is: by kinds of elements, irreps, kinds of inputs, precision and layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.catalog.base import CatalogGroup
from intertwine.errors import LawError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.identify import element_name
from intertwine.testing import Reps, act, equivariance_error, evaluating, flattened, make_inputs, signature

EXACT = 1e-9
"""In float64, an error below this is rounding."""


@dataclass(frozen=True)
class LayerError:
    """The equivariance error of one part of a model, on the inputs that it really gets."""

    name: str
    kind: str
    error: float


@dataclass(frozen=True, repr=False)
class EquivarianceReport:
    """What `equivariance_report` measured: relative errors, `max |f(g x) − g f(x)| / max |f(x)|`.

    Args:
        model: the model's class.
        group: the group's name.
        error: the largest error in float64.
        single: the largest error in float32; the same size means that the error is real, not rounding.
        irreps: the error in each irrep of the output.
        elements: the error for each kind of element.
        worst: the element with the largest error, in words.
        symmetric: for symmetric inputs, how far the output is from being as symmetric: by the symmetry's name. Ties in
            sorting, top-k and neighbour lists show only here.
        layers: the errors of the parts that state their reps, in the order in which they are called.
    """

    model: str
    group: str
    error: float
    single: float | None
    irreps: dict[str, float]
    elements: dict[str, float]
    worst: str
    symmetric: dict[str, float]
    layers: tuple[LayerError, ...]

    @property
    def exact(self) -> bool:
        """Whether the errors are those of rounding, for all inputs that were tried."""
        return self.error < EXACT and max(self.symmetric.values(), default=0.0) < EXACT

    @property
    def first_offender(self) -> str | None:
        """The name of the first part that is not equivariant by itself."""
        return next((layer.name for layer in self.layers if not layer.error < EXACT), None)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return {**asdict(self), "exact": self.exact, "first_offender": self.first_offender}

    def __str__(self) -> str:
        verdict = "is equivariant up to rounding" if self.exact else "is NOT equivariant"
        lines = [f"{self.model} {verdict} under {self.group}: error {self.error:.1e} in float64"]
        if self.single is not None:
            real = "" if self.exact else "; the same in both, so it is real" if self.single < 30 * self.error else ""
            lines[0] += f", {self.single:.1e} in float32{real}"
        lines.append("by irrep    " + ", ".join(f"{label} {error:.1e}" for label, error in self.irreps.items()))
        lines.append("by element  " + ", ".join(f"{kind} {error:.1e}" for kind, error in self.elements.items()))
        if not self.exact and self.error >= EXACT:
            lines.append(f"worst       {self.worst}")
        if self.symmetric:
            shown = ", ".join(f"{name} {error:.1e}" for name, error in self.symmetric.items())
            lines.append(f"symmetric inputs, whose outputs must be as symmetric: {shown}")
            if self.error < EXACT <= max(self.symmetric.values()):
                lines.append("it fails on symmetric inputs only: look for ties in argmax, top-k, sorting or neighbours")
        if self.first_offender is not None:
            layer = next(layer for layer in self.layers if layer.name == self.first_offender)
            lines.append(f"the first part that is not equivariant: {layer.name} ({layer.kind}), {layer.error:.1e}")
        elif not self.exact and self.layers:
            lines.append("each part that states its reps is equivariant: the error comes from what is between them")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<EquivarianceReport of {self.model}: {self.error:.1e}>"


def equivariance_report(
    model: Callable[..., Tensor],
    batch: Sequence[Tensor] | Tensor | None = None,
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    samples: int = 8,
    seed: int = 0,
) -> EquivarianceReport:
    """Where, and how much, a model fails to be equivariant.

    It tries generators and random elements on the inputs given (or random ones) in float64 and float32, splits the
    error by irreps of the output and by kinds of elements, makes inputs symmetric and asks whether outputs are too,
    and tries every part of the model that states its reps on the inputs that it really gets.

    Args:
        model: a module of `intertwine.nn`, a network of your own, or any function of tensors.
        batch: the inputs, channels last; default random ones.
        reps_in: the reps of the inputs, None for one that the group leaves alone; default `model.reps_in`.
        rep_out: the rep of the output; default `model.rep_out`.
        samples: the number of random elements.
        seed: for random inputs and elements.

    Raises the errors of `intertwine.testing.equivariance_error`.

    >>> from intertwine.catalog import O2
    >>> from intertwine import nn
    >>> report = equivariance_report(nn.Linear(O2.rep("1x0e + 2x1"), O2.rep("2x1")))
    >>> report.exact, [*report.elements]
    (True, ['rotations', 'mirrors'])
    """
    reps, out = signature(model, reps_in, rep_out)
    double = copy.deepcopy(model).double() if isinstance(model, nn.Module) else model
    values = [
        x.double() if x.is_floating_point() else x for x in make_inputs(model, batch, reps, seed, "Pass batch=….")
    ]
    with torch.no_grad(), evaluating(double):
        errors = [*_errors(double, values, reps, out, samples, seed)]
        symmetric = _on_symmetric_inputs(double, values, reps, out)
        layers = _by_layers(double, values) if isinstance(double, nn.Module) else ()
    worst_element, worst_parts = max(errors, key=lambda item: max(item[1].values(), default=0.0))
    total = max(worst_parts.values(), default=0.0)
    return EquivarianceReport(
        model=type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", repr(model)),
        group=out.group.name,
        error=total,
        single=_single(model, values, reps, out, samples, seed),
        irreps={label: max(parts[label] for _, parts in errors) for label in worst_parts},
        elements=_by_kind(errors),
        worst=element_name(worst_element),
        symmetric=symmetric,
        layers=layers,
    )


def assert_equivariant(
    model: Callable[..., Tensor],
    batch: Sequence[Tensor] | Tensor | None = None,
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    tolerance: float = EXACT,
    seed: int = 0,
) -> None:
    """Raises `LawError`, with the whole report, unless a model is equivariant in float64 up to a tolerance.

    Symmetric inputs count too. Arguments are those of `equivariance_report`.

    >>> from intertwine.catalog import SO3
    >>> from intertwine import nn
    >>> assert_equivariant(nn.NormActivation(SO3.rep("2x0 + 1x1")))
    """
    report = equivariance_report(model, batch, reps_in, rep_out, seed=seed)
    if not max(report.error, *report.symmetric.values(), 0.0) <= tolerance:
        raise LawError(f"{report}\nThe accepted error is {tolerance:.1e}.")


def _errors(
    model: Callable[..., Tensor], values: list[Tensor], reps: Reps, out: Rep, samples: int, seed: int
) -> Iterator[tuple[np.ndarray, dict[str, float]]]:
    """Each element that was tried and the error in each irrep of the output, relative to the whole output."""
    reference = flattened(model, model(*values), out)
    size = float(reference.abs().max()) if reference.numel() else 0.0
    basis = torch.as_tensor(np.array(out.change_of_basis))
    for g in np.concatenate([out.group.generators, out.group.sample(samples, seed)]):
        moved = [x if rep is None else act(rep, g, x) for rep, x in zip(reps, values, strict=True)]
        defect = (flattened(model, model(*moved), out) - act(out, g, reference)) @ basis / (size or 1.0)
        parts = zip(out.isotypic, out.irreps.slices, strict=True)
        yield g, {irrep.label: _largest(defect[..., where]) for (_, irrep), where in parts}


def _largest(x: Tensor) -> float:
    """The largest entry, infinite where there is NaN."""
    if not x.numel():
        return 0.0
    return float(x.abs().max()) if bool(torch.isfinite(x).all()) else float("inf")


def _by_kind(errors: list[tuple[np.ndarray, dict[str, float]]]) -> dict[str, float]:
    """The largest error of rotations, and of elements of determinant −1."""
    found: dict[str, float] = {}
    for g, parts in errors:
        improper = "mirrors" if len(g) == 2 else "mirrors and inversion" if len(g) == 3 else "determinant −1"
        kind = "rotations" if np.linalg.det(g) > 0 else improper
        found[kind] = max(found.get(kind, 0.0), max(parts.values(), default=0.0))
    return found


def _single(
    model: Callable[..., Tensor], values: list[Tensor], reps: Reps, out: Rep, samples: int, seed: int
) -> float | None:
    """The error in float32; None for a function, whose precision is its own."""
    if not isinstance(model, nn.Module):
        return None
    low = copy.deepcopy(model).float()
    inputs = [x.float() if x.is_floating_point() else x for x in values]
    return equivariance_error(low, inputs, reps, out, samples=samples, seed=seed)


def _on_symmetric_inputs(model: Callable[..., Tensor], values: list[Tensor], reps: Reps, out: Rep) -> dict[str, float]:
    """For inputs averaged over a subgroup H, how far the outputs are from their own averages over H."""
    group = out.group
    found: dict[str, float] = {}
    if not isinstance(group, CatalogGroup) or any(rep is None for rep in reps):
        return found
    size = _largest(flattened(model, model(*values), out)) or 1.0
    for subgroup in _small_subgroups(group):
        inputs = [_averaged(x, rep, subgroup) for x, rep in zip(values, reps, strict=True) if rep is not None]
        output = flattened(model, model(*inputs), out)
        found[subgroup.name] = _largest(output - _averaged(output, out, subgroup)) / size
    return found


def _small_subgroups(group: CatalogGroup) -> list[Subgroup]:
    """A few finite subgroups of different kinds."""
    names = {3: ("C2", "C3", "Cs", "C3v", "D2", "D4h", "Td", "Oh"), 2: ("C2", "C3", "D1", "D2", "D4")}.get(
        group.dim, ()
    )
    found = []
    for name in names:
        try:
            found.append(group.subgroup(name))
        except ValueError:  # this group has none of that name
            continue
    return found


def _averaged(x: Tensor, rep: Rep, subgroup: Subgroup) -> Tensor:
    matrices = rep.matrix(subgroup.embed(subgroup.group.elements()))
    return x @ torch.as_tensor(matrices.mean(0)).T


def _by_layers(model: nn.Module, values: list[Tensor]) -> tuple[LayerError, ...]:
    """The errors of the parts that state their reps, each on the first inputs that it gets."""
    calls: list[tuple[str, nn.Module, tuple[Tensor, ...]]] = []
    handles = []
    for name, part in model.named_modules():
        if name and hasattr(part, "reps_in") and hasattr(part, "rep_out"):
            handles.append(part.register_forward_hook(_recorder(name, calls)))
    try:
        model(*values)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(
        LayerError(name, type(part).__name__, equivariance_error(part, inputs, samples=4))
        for name, part, inputs in calls
    )


def _recorder(name: str, calls: list[tuple[str, nn.Module, tuple[Tensor, ...]]]) -> Callable[..., None]:
    def record(part: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        if all(known != name for known, _, _ in calls):
            calls.append((name, part, inputs))

    return record
