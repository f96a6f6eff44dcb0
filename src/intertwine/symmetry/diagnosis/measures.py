"""Which moves a model is tried on, and what is measured: defects, Lie derivatives, gradients, the simplest failure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.fields import GridField, PointFeatures, Positions
from intertwine.groups import Group
from intertwine.groups.rotations import TURNS, axis_rotation, exponential
from intertwine.symmetry.diagnosis.cases import Move, Trial
from intertwine.testing.equivariance import elements_to_try, largest, resampling_error

FEW = 24
"""Groups with no more elements than this are tried whole."""
STEP = 0.02
"""The angle of finite differences: rounding grows fifty times, and the fourth order is good to 1e-5."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The largest defect of one move in each irrep of the output, and whether the move is exact on all grids."""

    move: Move
    parts: dict[str, float]
    exact: bool

    @property
    def error(self) -> float:
        """The largest defect of all."""
        return max(self.parts.values(), default=0.0)


@dataclass(frozen=True)
class Resampling:
    """What elements do that move values between the pixels of a grid.

    Args:
        error: the largest error of the model under them.
        floor: what moving there and back alone changes: an error as large as this says nothing about the model.
        exact: the elements that map the grid to itself, in words; what the model is judged by.
    """

    error: float
    floor: float
    exact: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all elements that were tried map the grid to itself."""
        return not self.floor

    def __str__(self) -> str:
        named = f" ({', '.join(self.exact)})" if len(self.exact) <= 8 else ""
        text = f"{len(self.exact)} elements map it to itself{named}"
        if len(self.exact) == 1:
            text = "nothing but the identity maps it to itself, so that every model passes"
        if self.is_whole:
            return text
        more = ": more than resampling explains" if self.error > 10 * self.floor else ""
        return (
            f"{text}; between pixels the error is {self.error:.1e}, where moving there and back alone changes "
            f"{self.floor:.1e}, the floor of resampling{more}"
        )


def moves(trial: Trial, samples: int, seed: int) -> list[Move]:
    """Generators, an element of each component, random elements; relabellings, translations, and all at once.

    A quadrature that averages exactly has elements in every component, and of a finite group holds every element.
    """
    group = trial.group
    elements = elements_to_try(trial.tensors, samples, seed)
    if group.has_quadrature and len(covering := group.quadrature(1)[0]) <= FEW:
        elements = np.concatenate([covering, elements])
    generator = torch.Generator().manual_seed(seed)
    orders = [None if trial.points is None else _order(trial, trial.points, generator) for _ in range(3)]
    shifts = [None if trial.positions is None else _shift(trial.positions, generator) for _ in range(3)]
    found = [Move(g) for g in elements]
    found += [Move(order=order) for order in orders if order is not None]
    found += [Move(shift=shift) for shift in shifts if shift is not None]
    if trial.points is None and trial.positions is None:
        return found
    return found + [Move(g, order, shift) for g, order, shift in zip(elements[-3:], orders, shifts, strict=False)]


def _order(trial: Trial, points: int, generator: torch.Generator) -> Tensor:
    """A random order of the points that keeps each cloud together where an input numbers clouds in order."""
    order = torch.randperm(points, generator=generator)
    for field, x in zip(trial.fields, trial.values, strict=True):
        if isinstance(field, PointFeatures) and field.rep is None and x.ndim == 1 and _numbers_clouds(x):
            return order[torch.argsort(x.cpu()[order], stable=True)]
    return order


def _numbers_clouds(x: Tensor) -> bool:
    steps = x.diff()
    return not x.is_floating_point() and bool(x[:1] == 0) and bool(((steps == 0) | (steps == 1)).all())


def _shift(positions: Tensor, generator: torch.Generator) -> Tensor:
    """A random translation, about as long as the cloud is wide: longer ones cost digits in float32."""
    size = largest(positions) or 1.0
    return size * torch.randn(positions.shape[-1], generator=generator, dtype=torch.float64)


def measured(trial: Trial, tried: Sequence[Move]) -> Iterator[Measured]:
    """The defects of moves."""
    irreps = zip(trial.rep.isotypic, trial.rep.irreps.slices, strict=True)
    blocks = [(irrep.label, where) for (_, irrep), where in irreps]
    for move in tried:
        defect = trial.defect(move)
        parts = {label: largest(defect[..., where]) for label, where in blocks}
        yield Measured(move, parts, move.element is None or trial.is_exact(move.element))


def resampling(trial: Trial, found: Sequence[Measured]) -> Resampling | None:
    """What happens between pixels; None where nothing is a grid."""
    if not trial.has_grids:
        return None
    between = [m for m in found if not m.exact and m.move.element is not None]
    floors = [resampling_error(trial.tensors, m.move.element) for m in between if m.move.element is not None]
    field, x = next((field, x) for field, x in trial.tensors if isinstance(field, GridField))
    kept = [g for g in field.exact_elements(tuple(x.shape)) if trial.is_exact(g)]
    return Resampling(
        error=max((m.error for m in between), default=0.0),
        floor=max(floors, default=0.0),
        exact=tuple(Move(g).name for g in kept),
    )


# the simplest move that fails ----------------------------------------------------------------------------------------


def simple_moves(trial: Trial) -> list[Move]:
    """Moves that are easy to think of, the easiest first."""
    found = [Move(g) for g in _simple_elements(trial.group) if trial.is_exact(g)]
    if trial.points is not None and trial.points > 1:
        found.append(Move(order=torch.tensor([1, 0, *range(2, trial.points)])))
    if trial.positions is not None:
        found += [Move(shift=t) for t in torch.eye(trial.positions.shape[-1], dtype=torch.float64)]
    return found


def _simple_elements(group: Group) -> list[np.ndarray]:
    """Mirrors and inversion, half-turns, quarter turns, third turns, and one degree, as far as the group has them."""
    n = group.dim
    angles = (np.pi, np.pi / 2, 2 * np.pi / 3, np.pi / 180)
    turns = [axis_rotation(axis, angle) for angle in angles for axis in (2, 0, 1)]
    known = {3: turns, 2: [axis_rotation(2, angle)[:2, :2] for angle in angles]}.get(n, [])
    mirrors = [np.diag(np.where(np.arange(n) == i, -1.0, 1.0)) for i in range(n)] if n in (2, 3) else []
    inversion = [-np.eye(3)] if n == 3 else []
    return [g for g in (*inversion, *mirrors, *known) if group.contains(g)] + [*group.generators]


def simplest_failure(trial: Trial, threshold: float, bound: float) -> tuple[Move | None, tuple[Move, ...]]:
    """The first simple move with an error from the threshold on, and those tried before it that hold."""
    holds: list[Move] = []
    for move in simple_moves(trial):
        error = trial.error(move)
        if not error < threshold:
            return move, tuple(holds)
        if error < bound:
            holds.append(move)
    return None, tuple(holds)


# derivatives ---------------------------------------------------------------------------------------------------------


def lie_errors(trial: Trial) -> dict[str, float]:
    """`|J_f(x) dρ_in(X) x − dρ_out(X) f(x)| / |f(x)|` (Frobenius) for each generator X of the Lie algebra.

    By finite differences of ρ_out(exp(−tX)) f(exp(tX) x) at t = 0, of fourth order: it is constant for an equivariant
    f, so that only rounding is left, and code that automatic differentiation does not see through is seen. None for
    grids, whose pixels would answer.
    """

    def error(x: np.ndarray) -> float:
        def back(t: float) -> Tensor:
            g = exponential(t * x)
            y: Tensor = trial.out.act(g.T, trial.output(trial.moved(Move(g))))
            return y.detach()

        near, far = back(STEP) - back(-STEP), back(2 * STEP) - back(-2 * STEP)
        found = float(((8 * near - far) / (12 * STEP)).norm()) / (float(trial.reference.norm()) or 1.0)
        return found if math.isfinite(found) else math.inf

    generators = () if trial.has_grids else trial.group.lie_generators
    return {name: error(x) for name, x in zip(_turn_names(trial.group), generators, strict=False)}


def _turn_names(group: Group) -> list[str]:
    generators = group.lie_generators
    if group.dim == 2:
        return ["rotation"] * len(generators)
    same = {i: "xyz"[i] for i in range(3)} if group.dim == 3 else {}
    places = [next((same[i] for i in same if np.allclose(np.abs(x), np.abs(TURNS[i]))), "") for x in generators]
    return [f"about {place}" if place else f"generator {i}" for i, place in enumerate(places)]


def gradient_errors(trial: Trial, elements: Sequence[np.ndarray], seed: int) -> dict[str, float]:
    """How far gradients of `Σ w f(x)` are from moving as the inputs do, when w moves as the outputs do.

    By inputs; of an invariant output with respect to the positions they are called forces. Empty where the model has
    no gradient.
    """
    places = [i for i, field in enumerate(trial.fields) if field.rep is not None]
    weights = torch.randn(trial.reference.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weights = weights.to(trial.reference)
    reference = _gradients(trial, trial.values, weights, places)
    found: dict[str, float] = {}
    for g in elements if reference else ():
        moved = _gradients(trial, trial.moved(Move(g)), trial.out.act(g, weights), places)
        for i, before, after in zip(places, reference, moved, strict=True):
            forces = trial.rep.is_trivial and isinstance(trial.fields[i], Positions)
            name = "forces" if forces else f"input {i}"
            error, size = largest(after - trial.fields[i].act(g, before)), largest(before)
            found[name] = max(found.get(name, 0.0), error / size if 0 < size < math.inf else error)
    return found


def _gradients(trial: Trial, values: Sequence[Any], weights: Tensor, places: Sequence[int]) -> list[Tensor]:
    """The gradients with respect to some inputs; nothing if the output has none."""
    leaves = [x.detach().clone().requires_grad_() if i in places else x for i, x in enumerate(values)]
    with torch.enable_grad():
        y = trial.output(leaves)
        if not y.requires_grad or not places:
            return []
        wanted = [leaves[i] for i in places]
        found = torch.autograd.grad(y, wanted, weights, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)]
