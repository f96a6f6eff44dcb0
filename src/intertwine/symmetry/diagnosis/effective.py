"""The symmetry that a model really has: more than declared, less, and the inputs that it never looks at."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import as_json
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.fields import Features, FieldType, GridField, Index
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.commutant import (
    Sampled,
    algebra,
    best_map,
    element_defects,
    homogeneous,
    lie_defects,
    rank,
    sampled,
)
from intertwine.symmetry.diagnosis.prove import Proof, Provable, prove, tried_candidates
from intertwine.testing.models import Kind, cast, check_inputs, evaluating, field_types, make_inputs, named


@dataclass(frozen=True)
class Candidate:
    """A transformation of the inputs that was tried, and what outputs do under it.

    Args:
        name: its name.
        irrep: the irrep of the outputs.
        residual: `|f(A x) − B f(x)| / |f(x)|` for the best matrix B, fitted to half of the samples, on the other half.
        orthogonal: whether that B is orthogonal, as a representation's matrices are.
        invariant: whether B is the identity: the outputs do not see the transformation at all.
        proven: whether it is certain that some orthogonal B serves for all inputs and all weights.
    """

    name: str
    irrep: str
    residual: float
    orthogonal: bool
    invariant: bool
    proven: bool = False

    @property
    def holds(self) -> bool:
        """Whether the model commutes with it: certainly if `proven`, else as far as the samples tell."""
        return self.proven or (self.residual < 1e-6 and self.orthogonal)

    def __str__(self) -> str:
        says = "do not see it" if self.invariant else "follow it" if self.holds else "neither follow nor ignore it"
        how = "PROVEN, measured residual" if self.proven else "measured: residual"
        return f"{self.name}: outputs of type {self.irrep} {says} ({how} {self.residual:.1e})"


@dataclass(frozen=True, eq=False)
class EffectiveSymmetry:
    """What `effective_symmetry` proved from the layers, and what it measured on random inputs: it prints which.

    Args:
        model: the model's class.
        declared: the group that it is said to be equivariant under.
        proven: what holds for all inputs and all weights.
        opaque: the parts that are not understood, where proofs end.
        lie_errors: for each generator of the declared Lie algebra the defect of `J_f(x) dρ(X) x = dρ(X) f(x)`, relative
            to `|J_f(x) x|`.
        element_errors: for elements of the declared group, in words, `|f(g x) − g f(x)| / |f(x)|`: all if they are few,
            else generators, of each component, and random ones.
        read: for each irrep of the output how many directions of the input it depends on, measured.
        inputs: how many there are.
        algebra: the dimension of the space of pairs (X, Y) with `J_f(x) X x = Y f(x)`, less those that only move what
            is ignored. For large inputs X and Y are only rotations of single copies of irreps: see `searched_all`.
        idle: how many pairs only move what is ignored.
        gap: the smallest singular value that counts as nonzero, and the largest that counts as zero.
        searched_all: whether all matrices X and Y were searched.
        candidates: other transformations that were tried, for each irrep of the output.
        declared_dimension: how much of the algebra the declared group accounts for.
        proven_dimension: a lower bound of the algebra that holds for all weights, where they let the input through.
        homogeneous: whether `f(c x) = cᵏ f(x)`, which is one more dimension of the algebra and no rotation.
    """

    model: str
    declared: str
    proven: tuple[Proof, ...]
    opaque: tuple[str, ...]
    lie_errors: tuple[float, ...]
    element_errors: tuple[tuple[str, float], ...]
    read: dict[str, int]
    inputs: int
    algebra: int
    idle: int
    gap: tuple[float, float]
    searched_all: bool
    candidates: tuple[Candidate, ...]
    declared_dimension: int
    proven_dimension: int
    homogeneous: bool

    @property
    def holds(self) -> bool:
        """Whether it commutes with the declared group, as far as elements and derivatives at random inputs tell."""
        return all(error < 1e-6 for error in (*self.lie_errors, *(error for _, error in self.element_errors)))

    @property
    def extra(self) -> int:
        """How many continuous symmetries there are beyond the declared ones and the scaling of a homogeneous map."""
        return self.algebra - self.declared_dimension - int(self._scaling)

    @property
    def _scaling(self) -> bool:
        """Whether scaling is one of the continuous symmetries that were found; not where nothing is read."""
        return self.homogeneous and self.searched_all and any(self.read.values())

    @property
    def larger(self) -> bool:
        """Whether it commutes with more than was declared."""
        more = self.extra > 0
        return more or any(candidate.holds for candidate in self.candidates)

    def about(self, kind: str) -> tuple[Proof, ...]:
        """The proofs of one kind: see `Proof`."""
        return tuple(proof for proof in self.proven if proof.about == kind)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON; infinite residuals are None."""
        return as_json({**asdict(self), "holds": self.holds, "larger": self.larger})  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return "\n  ".join([self._title(), *self._continuous(), self._elements(), *self._reading(), *self._beyond()])

    def _title(self) -> str:
        title = f"{self.model}, declared {self.declared}: "
        if self.about("group"):
            return (
                title + "PROVEN, every part commutes with it. PROVEN is for all inputs and weights, the rest measured"
            )
        because = f": proofs end at {', '.join(self.opaque)}" if self.opaque else ""
        return f"{title}not proven{because}. PROVEN is for all inputs and weights, the rest measured"

    def _continuous(self) -> Iterator[str]:
        if self.lie_errors:
            worst = max(self.lie_errors)
            verdict = "holds" if worst < 1e-6 else "does NOT hold"
            yield f"its continuous part {verdict} (measured: relative Lie derivative {worst:.1e})"

    def _elements(self) -> str:
        failing = [(len(name), name, error) for name, error in self.element_errors if not error < 1e-6]
        count, worst = len(self.element_errors), max(error for _, error in self.element_errors)
        if not failing:
            return f"its elements hold (measured: {count} tried, errors up to {worst:.1e})"
        shown = ", ".join(f"{name} has the error {error:.1e}" for _, name, error in sorted(failing)[:2])
        return f"its elements do NOT hold: {shown}; {len(failing)} of {count} that were tried fail (measured)"

    def _reading(self) -> Iterator[str]:
        proofs = {proof.output: proof for proof in self.about("reading")}
        for label, count in self.read.items():
            ignored = f"; {self.inputs - count} are ignored" if count < self.inputs else ""
            subject = f"outputs of type {label} read "
            how = f"PROVEN: {proofs[label].statement.removeprefix(subject)}" if label in proofs else "measured"
            yield f"{subject}{count} of {self.inputs} directions of the input{ignored} ({how})"

    def _beyond(self) -> Iterator[str]:
        more = f"{self.extra} more than declared" if self.extra > 0 else "as declared"
        more = "less than declared" if self.extra < 0 else more + ", and scaling" * self._scaling
        what = "of input and output" if self.searched_all else "by rotations of copies of irreps"
        yield (
            f"continuous symmetries {what}: {self.algebra} ({more}; measured: singular values drop from "
            f"{self.gap[0]:.1e} to {self.gap[1]:.1e})"
        )
        yield from map(str, (*self.about("algebra"), *self.about("larger group")))
        yield from map(str, self.candidates)
        yield from self._remedies()

    def _remedies(self) -> Iterator[str]:
        if self.extra > 0 or self.about("algebra") or (self.about("reading") and self.larger):
            yield (
                "remedy: linear layers and norms never mix irreps of different frequency (Schur); add a "
                "TensorProduct, a gate fed by products, or a FourierActivation to see what is ignored"
            )
        elif self.larger:
            yield (
                "remedy, if that should not be: give inputs whose symmetry is smaller, such as pseudovectors beside "
                "vectors, or products of both parities that meet in one irrep, such as cross products"
            )


def effective_symmetry(
    model: Callable[..., Tensor],
    declared: Group | None = None,
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    inputs: Sequence[Any] | None = None,
    candidates: Mapping[str, np.ndarray] | None = None,
    samples: int = 64,
    seed: int = 0,
) -> EffectiveSymmetry:
    """What a model really commutes with: proved where its layers tell, and measured.

    - From the layers, for all inputs and weights: what `prove` finds.
    - Inputs that are ignored: the rank of the Jacobians at many inputs, for each irrep of the output.
    - The declared Lie algebra, by its derivative along the model, and the declared elements, of every component.
    - All continuous symmetries: the null space of `J_f(x) X x = Y f(x)` in matrices X and Y; in rotations of single
      copies of irreps where those are too many.
    - Transformations of the input: whether some fixed matrix B has `f(A x) = B f(x)`. Without given ones, natural
      elements of larger groups are tried (inversion for SO(3), T, O and I; mirrors and finer turns for SO(2) and C_n).
      A rep does not say how a larger group acts, so these take the natural way: (−1)^l on degree l, diag(1, −1) on
      pairs. If your inputs move otherwise, pass the matrices.

    A model of features takes each row `(batch, rep.dim)` by itself. One of a cloud or graph is asked as a function of
    all the numbers of one cloud that the group moves.

    Args:
        model: a module, or a function of tensors, one for each rep or field type.
        declared: the group; default that of the reps.
        reps_in: the reps or field types of the inputs; default those of the model.
        rep_out: the rep or field type of the output; default that of the model.
        inputs: a cloud to take sizes and what nothing moves from, if it cannot be made up; not for models of features.
        candidates: matrices by name on the input, several inputs side by side: mirrors, say, of the larger group that
            the input comes from. They are tried instead of the natural ones.
        samples: the number of random inputs, or more if there are more unknowns.
        seed: of the random inputs.

    Raises `ArgumentError` for grids, for models of features with inputs that are none or whose rows see one another,
    and for candidates of another size, and `RepMismatchError` if the reps belong to another group than the declared
    one.

    >>> from intertwine.catalog import SO2
    >>> from intertwine import nn
    >>> rep = SO2.rep("1x0 + 1x1 + 1x2")
    >>> net = nn.Sequential(nn.Linear(rep, SO2.rep("4x0 + 4x1 + 4x2")), nn.Linear(SO2.rep("4x0 + 4x1 + 4x2"), rep))
    >>> effective_symmetry(net).read
    {'0': 1, '1': 2, '2': 2}
    """
    fields, out = field_types(model, reps_in, rep_out)
    if declared is not None and declared != out.group:
        raise RepMismatchError(
            f"The declared group is {declared}, but the reps belong to {out.group}. Leave `declared` out, or call "
            "rep.restrict(subgroup) to bring the reps to it."
        )
    function = copy.deepcopy(model).double() if isinstance(model, nn.Module) else model
    trial = Trial(function, fields, out, _cloud(function, fields, out, inputs))
    provable = prove(function, fields, out, candidates=candidates, inputs=trial.values or None)
    with evaluating(function):
        beside, rep, whole, counts = _of_a_cloud(trial) if trial.values else _of_features(trial)
        s = sampled(beside, rep, whole, samples, seed)
        matrices = tried_candidates([field.rep for field in fields], trial.rep, candidates)
        tried = _tried(s, provable, {name: _on_rows(name, matrix, trial, counts) for name, matrix in matrices.items()})
        return _result(named(model), s, provable, tuple(tried))


def _cloud(
    function: Callable[..., Tensor], fields: Sequence[FieldType], out: FieldType, inputs: Sequence[Any] | None
) -> tuple[Any, ...]:
    """The inputs of a model of clouds; none for a model of features, which takes any number of rows."""
    known = [field for field in fields if isinstance(field, Features)]
    others = [field for field in (*fields, out) if not isinstance(field, Features | Index)]
    if any(isinstance(field, GridField) for field in others):
        raise ArgumentError(
            "effective_symmetry looks at features, clouds and graphs. Of grids call equivariance_report."
        )
    if not others and inputs is None:
        if len(known) == len(fields) and known:
            return ()
        raise ArgumentError(
            f"effective_symmetry looks at models of feature vectors, but {len(fields) - len(known)} of the "
            f"{len(fields)} inputs of this one have no rep. Pass inputs=…, or wrap it in a function in which these are "
            "fixed."
        )
    values = make_inputs(function, inputs, fields, 0, "Pass inputs=….")
    check_inputs(function, values, fields)
    return tuple(cast(x, torch.float64) for x in values)


Flat = tuple[Callable[[Tensor], Tensor], Rep, Rep, list[int]]
"""A function of rows of all numbers that the group moves, both reps, and how many times each input's rep is in its."""


def _of_features(trial: Trial) -> Flat:
    reps = [field.rep for field in trial.fields if field.rep is not None]

    def beside(x: Tensor) -> Tensor:
        return trial.model(*x.split([rep.dim for rep in reps], -1))

    rep = reduce(add, reps)
    _check_rows(beside, rep.dim, trial.rep)
    return beside, rep, trial.rep, [1] * len(reps)


def _of_a_cloud(trial: Trial) -> Flat:
    moved = [(i, field.rep, trial.values[i]) for i, field in enumerate(trial.fields) if field.rep is not None]

    def one(row: Tensor) -> Tensor:
        full = [*trial.values]
        for (i, _, x), part in zip(moved, row.split([x.numel() for *_, x in moved]), strict=True):
            full[i] = part.reshape(x.shape)
        return trial.output(full).reshape(-1)

    counts = [x.numel() // rep.dim for _, rep, x in moved]
    rep = Rep(trial.group, tuple(term for (_, r, _), n in zip(moved, counts, strict=True) for term in r.terms * n))
    out = Rep(trial.group, trial.rep.terms * (trial.reference.numel() // trial.rep.dim))
    return lambda x: torch.stack([one(row) for row in x]), rep, out, counts


def _on_rows(name: str, matrix: np.ndarray, trial: Trial, counts: Sequence[int]) -> np.ndarray:
    """A matrix on the inputs side by side, on all rows of each."""
    if max(counts, default=1) == 1:
        return matrix
    ends = np.cumsum([0, *(field.rep.dim for field in trial.fields if field.rep is not None)])
    blocks = [torch.as_tensor(matrix[a:b, a:b]) for a, b in pairwise(ends)]
    if sum(int(block.count_nonzero()) for block in blocks) < np.count_nonzero(matrix):
        raise ArgumentError(f"The candidate {name} mixes inputs that lie on several points. Give it a block for each.")
    repeated = [torch.kron(torch.eye(n), block) for n, block in zip(counts, blocks, strict=True)]
    return np.asarray(torch.block_diag(*repeated))


def _check_rows(function: Callable[[Tensor], Tensor], size: int, out: Rep) -> None:
    """Raise an error for a model whose rows see one another, such as one of the points of a cloud."""
    x = torch.randn(3, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole, part = function(x).detach(), function(x[:2]).detach()
    if not torch.isfinite(whole).all():
        raise ArgumentError(
            "effective_symmetry looks at values at random inputs, but this model gave NaN or infinity there. Pass a "
            "function that scales its inputs to where the model is defined."
        )
    if whole.shape == (3, out.dim) and torch.allclose(whole[:2], part, rtol=1e-6, atol=1e-9 * float(whole.norm())):
        return
    raise ArgumentError(
        "effective_symmetry looks at models of feature vectors, which take each row (batch, rep.dim) by itself, but "
        f"this one took 3 rows to the shape {tuple(whole.shape)}, or its rows depend on one another. Say by field "
        "types what lies on points, or call equivariance_report(model, batch, …)."
    )


def _tried(s: Sampled, provable: Provable, matrices: Mapping[str, np.ndarray]) -> Iterator[Candidate]:
    for name, matrix in matrices.items():
        moved = s.function(s.x @ torch.as_tensor(matrix).T).detach()
        for label, part in _parts(s.out):
            proven = provable.motions[name][label] is not None
            seen = (s.y @ part).norm() > 1e-12 * s.y.norm()  # what is not is the rounding of others: it follows nothing
            yield Candidate(name, label, *best_map(seen * (moved @ part), seen * (s.y @ part)), proven)


def _parts(out: Rep) -> list[tuple[str, Tensor]]:
    """For each irrep of the output its label, and the columns `(dim, n)` that take it out of features."""
    basis = torch.as_tensor(np.array(out.change_of_basis))
    return [(irrep.label, basis[:, where]) for (_, irrep), where in zip(out.isotypic, out.irreps.slices, strict=True)]


def _result(model: str, s: Sampled, provable: Provable, tried: tuple[Candidate, ...]) -> EffectiveSymmetry:
    return EffectiveSymmetry(
        model=model,
        declared=s.out.group.name,
        proven=provable.proofs,
        opaque=provable.opaque,
        lie_errors=lie_defects(s),
        element_errors=element_defects(s),
        read={label: rank(torch.einsum("qoi,ob->qbi", s.jacobian, part)) for label, part in _parts(s.out)},
        inputs=s.rep.dim,
        candidates=tried,
        proven_dimension=provable.dimension,
        homogeneous=homogeneous(s),
        **vars(algebra(s)),
    )
