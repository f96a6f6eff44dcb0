"""What is certain about a network for all inputs and all weights, by Schur's lemma, from what its layers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import as_json
from intertwine.errors import ArgumentError
from intertwine.fields import GridField
from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.motions import Motion, Motions, assembled, close
from intertwine.symmetry.diagnosis.propagation import network_of
from intertwine.symmetry.diagnosis.prover import Extension, Freedom, Prover, extensions
from intertwine.testing.equivariance import largest
from intertwine.testing.models import Kind, check_inputs, evaluating, field_types, make_inputs, named

SCHUR = "linear maps join equal irreps only, and norms and gates mix nothing (Schur)"


@dataclass(frozen=True)
class Proof:
    """One certain statement about a network, for all inputs and all weights.

    Args:
        statement: what holds.
        output: the irrep of the output that it is about, or "all".
        how: why it holds.
        about: what kind of statement it is: "group", "larger group", "reading", "transformation" or "algebra".
    """

    statement: str
    output: str
    how: str
    about: str

    def __str__(self) -> str:
        return f"PROVEN: {self.statement}; {self.how}"


@dataclass(frozen=True, eq=False)
class Provable:
    """What `prove` found.

    Args:
        proofs: the statements.
        opaque: the parts that are not understood, where proofs end; ("the model",) if it cannot be followed at all.
        equivariant: whether the network commutes with its own group.
        motions: for each transformation that was tried how it moves each irrep of the output: the orthogonal matrix
            `(d, d)`, zeros for outputs that are always zero, None where nothing is proved.
        dimension: the dimension of the largest Lie algebra that surely acts, on what is read.
        declared: how much of that the network's own group accounts for.
    """

    proofs: tuple[Proof, ...]
    opaque: tuple[str, ...]
    equivariant: bool
    motions: Mapping[str, Mapping[str, np.ndarray | None]]
    dimension: int
    declared: int

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return as_json(asdict(self))  # type: ignore[no-any-return]

    def __str__(self) -> str:
        lines = [str(proof) for proof in self.proofs]
        if self.opaque:
            lines.append(f"not understood, so that proofs end there: {', '.join(self.opaque)}")
        return "\n".join(lines) or "Nothing is proved."


def prove(
    model: Callable[..., Tensor],
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    candidates: Mapping[str, np.ndarray] | None = None,
    inputs: Sequence[Any] | None = None,
) -> Provable:
    """What is certain about a network from its layers alone, for all inputs and all weights.

    The network is followed by `torch.fx`. Understood are layers with a `symmetry_rule()` (linear layers, products,
    convolutions, activations and gates of `intertwine.nn`, and yours: see `intertwine.rules`), sums, `torch.cat` along
    the last axis, products with one invariant or a number, rows `x[index]` and sums over rows, and any function of
    invariants. Everything else is opaque.

    - What outputs of each type can read at all.
    - Whether the network commutes with its group: with each generator.
    - Which larger Lie algebra it commutes with: on each irrep of the input so(d), u(d/2) or sp(d/4) for the real types
      R, C and H, if all of it passes every layer. Products allow it only if their Clebsch–Gordan tables carry it over.
    - Candidates: matrices on the input, all inputs side by side. One passes a layer if it acts on all copies of an
      irrep alike, commutes with the irrep's endomorphisms and is carried over by each table; so parities of tensor
      products are minded. Without any, natural elements of larger groups are tried: inversion for SO(3), T, O and I,
      mirrors and turns for SO(2) and C_n.

    What is not proved may still hold: measure it. Two things are believed: the rule that a layer states, and the parity
    of a function of numbers, which is tried on numbers. So proofs are held against the model's outputs, and where these
    contradict them (a wrong rule, say, or state that parts share behind the graph) nothing is proved.

    Args:
        model: a module, or a function of tensors that uses modules; in eval mode.
        reps_in: the reps or field types of the inputs, None for one that nothing moves; default those of the model.
        rep_out: the rep or field type of the output; default that of the model.
        candidates: matrices by name, instead of the natural ones.
        inputs: inputs to try the graph on, needed only if they cannot be made up; see `intertwine.testing`.

    Raises `ArgumentError` for reps that are not known, for grids and for candidates of another size, and `ShapeError`
    for an input or output that has not the size of its rep, or is no tensor.

    >>> from intertwine.catalog import SO3
    >>> from intertwine import nn
    >>> rep = SO3.rep("4x2")
    >>> found = prove(nn.Sequential(nn.Linear(SO3.rep("3x2"), rep), nn.NormActivation(rep)))
    >>> found.dimension, found.declared
    (10, 3)
    """
    fields, field_out = field_types(model, reps_in, rep_out)
    if any(isinstance(field, GridField) for field in (*fields, field_out)):
        raise ArgumentError(
            f"prove follows channels on the last axis, but {named(model)} has grids. Call equivariance_report(model)."
        )
    values = make_inputs(model, inputs, fields, 0, "Pass inputs=….")
    check_inputs(model, values, fields)
    trial = Trial(model, fields, field_out, values)
    reps, out = tuple(field.rep for field in fields), trial.rep
    matrices = tried_candidates(reps, out, candidates)
    with evaluating(model), torch.no_grad():
        network = network_of(trial)
        if network is None:
            return _nothing("the model", out, matrices)
        found = _found(Prover(network), matrices, () if candidates is not None else extensions(out.group))
        promises = [(matrix, found.motions[name]) for name, matrix in matrices.items()]
        if found.equivariant:
            labelled = [(irrep.label, irrep) for _, irrep in out.isotypic]
            whole = _all(reps, out)
            promises += [(whole.matrix(g), {i: x.matrix(g) for i, x in labelled}) for g in out.group.generators]
        off = _contradiction(trial, promises)
    if off is None:
        return found
    return _nothing(f"the model (its numbers contradict its rules by {off:.1e})", out, matrices)


def _nothing(opaque: str, out: Rep, matrices: Mapping[str, np.ndarray]) -> Provable:
    nothing = {irrep.label: None for _, irrep in out.isotypic}
    return Provable((), (opaque,), False, dict.fromkeys(matrices, nothing), 0, 0)


def _all(reps: Sequence[Rep | None], out: Rep) -> Rep:
    """All inputs that the group moves, side by side."""
    return reduce(add, (rep for rep in reps if rep is not None), Rep(out.group, ()))


def tried_candidates(
    reps: Sequence[Rep | None], out: Rep, given: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """The given matrices on all inputs side by side; if none are given, natural ones that are not the identity.

    Raises `ArgumentError` for a given matrix of another size.
    """
    whole = _all(reps, out)
    if given is None:
        on = {e.name: assembled(whole, {i: e.on(i) for _, i in whole.isotypic}) for e in extensions(out.group)}
        return {name: a for name, a in on.items() if a is not None and not close(a, np.eye(len(a)))}
    for name, matrix in given.items():
        if np.shape(matrix) != (whole.dim, whole.dim):
            raise ArgumentError(
                f"The candidate {name} is a matrix {np.shape(matrix)}, but inputs have {whole.dim} numbers."
            )
    return {name: np.asarray(matrix, dtype=np.float64) for name, matrix in given.items()}


def _contradiction(trial: Trial, promises: Sequence[tuple[np.ndarray, Mapping[str, Motion]]]) -> float | None:
    """By how much outputs break what is promised of them; None where it is no more than rounding.

    A promise is a matrix on all inputs side by side, and how it is said to move each irrep of the output. A rule is
    what a layer says about itself. If it is wrong, or a hook or state that no graph shows changes what is computed, the
    numbers tell in most cases: a promise about all inputs is broken by a single one.
    """

    def parts(y: Tensor) -> dict[str, Tensor]:
        copies = {irrep.label: torch.tensor(c, device=y.device) for irrep, c in trial.rep.copies.items()}
        return {label: torch.einsum("...i,idm->...dm", y.double(), c) for label, c in copies.items()}

    ends = np.cumsum([0, *(0 if field.rep is None else field.rep.dim for field in trial.fields)])
    before, worst = parts(trial.reference), 0.0
    for matrix, motions in promises:
        blocks = [torch.tensor(matrix[a:b, a:b]) for a, b in pairwise(ends)]
        if sum(int(block.count_nonzero()) for block in blocks) < np.count_nonzero(matrix):
            continue  # inputs that are mixed may lie elsewhere, one on points and one on edges
        moved = [x @ block.to(x).T if len(block) else x for x, block in zip(trial.values, blocks, strict=True)]
        for label, y in parts(trial.output(moved)).items():
            if (u := motions[label]) is not None:
                error = largest(y - torch.tensor(u, device=y.device) @ before[label]) / trial.size
                worst = max(worst, error if math.isfinite(error) else 0.0)
    bound = max(1e-3, 30 * torch.finfo(trial.reference.dtype).eps)  # no rounding, even of deep networks in float32
    return worst if worst > bound else None


def _found(prover: Prover, matrices: Mapping[str, np.ndarray], larger: Sequence[Extension]) -> Provable:
    """All statements about a network that has a graph."""
    motions = {name: prover.motions(matrix) for name, matrix in matrices.items()}
    groups = {extension.name: extension.group for extension in larger}
    proofs = [*_declared(prover), *_reads(prover)]
    for name, moved in motions.items():
        proofs += _larger(prover, name, groups[name], moved) if name in groups else []
        proofs += _followed(name, moved)
    freedom = prover.freedom()
    if freedom.dimension > freedom.declared:
        proofs.append(_free(freedom, "all"))
    else:
        each = ((irrep, prover.freedom(irrep)) for irrep in prover.outputs)
        proofs += [_free(free, irrep.label) for irrep, free in each if free.dimension > free.declared]
    labelled = {
        name: {irrep.label: moved.get(irrep, np.zeros((irrep.dim, irrep.dim))) for irrep in prover.outputs}
        for name, moved in motions.items()
    }
    return Provable(tuple(proofs), prover.opaque, prover.equivariant, labelled, freedom.dimension, freedom.declared)


# in words -------------------------------------------------------------------------------------------------------------


def _declared(prover: Prover) -> Iterator[Proof]:
    if prover.equivariant:
        yield Proof(f"it commutes with {prover.group}", "all", "every part does by construction", "group")


def _reads(prover: Prover) -> Iterator[Proof]:
    several = len(prover.network.trial.fields) > 1
    sizes = {(number, irrep): m * irrep.dim for number, rep in prover.reps for m, irrep in rep.isotypic}
    for irrep in prover.outputs:
        sources = [place for place in prover.inputs if place in prover.reads.get(irrep, ())]
        count, total = sum(sizes[place] for place in sources), sum(sizes.values())
        if count == total:
            continue
        types = ", ".join(f"{i}{f' of input {number + 1}' if several else ''}" for number, i in sources)
        only = f"only the input's type{'s' * (len(sources) > 1)} {types}" if sources else "none of the input"
        yield Proof(f"outputs of type {irrep} read {only}: {count} of {total} numbers", irrep.label, SCHUR, "reading")


def _larger(prover: Prover, name: str, larger: str, motions: Motions) -> Iterator[Proof]:
    """Equivariance under a larger group, if one of its new elements moves every output in a certain way."""
    if prover.equivariant and all(u is not None for u in motions.values()):
        parities = {irrep.label: _sign(u) for irrep, u in motions.items() if u is not None}
        named = ", ".join(f"{label} {'even' if sign > 0 else 'odd'}" for label, sign in parities.items())
        outputs = f" (outputs: {named})" if all(parities.values()) else ""
        yield Proof(f"it commutes with {larger}{outputs}", "all", f"the {name} passes every part", "larger group")


def _followed(name: str, motions: Motions) -> Iterator[Proof]:
    for irrep, u in motions.items():
        if u is not None:
            does = {1: "do not see", -1: "change sign under"}.get(_sign(u), "follow")
            how = "it passes every part on the way to them"
            yield Proof(f"outputs of type {irrep} {does} the {name}", irrep.label, how, "transformation")


def _sign(u: np.ndarray) -> int:
    """+1 and −1 for the identity and its negative, else 0."""
    return next((sign for sign in (1, -1) if close(u, sign * np.eye(len(u)))), 0)


def _free(freedom: Freedom, output: str) -> Proof:
    factors = " × ".join(f"{name} on type {irrep}" for irrep, name in freedom.factors)
    whose = "it commutes" if output == "all" else f"outputs of type {output} commute"
    size = f"{freedom.dimension} continuous symmetries at least, declared {freedom.declared}"
    return Proof(f"{whose} with {factors}, all copies alike: {size}", output, "it passes every part", "algebra")
