"""What is certain about a network for all inputs and all weights, by Schur's lemma, from what its layers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.diagnosis.by_reps import check_sizes, signature
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.cross_check import contradiction
from intertwine.symmetry.diagnosis.domains import Facts, Motion, Sources
from intertwine.symmetry.diagnosis.extensions import Extension, extensions
from intertwine.symmetry.diagnosis.graph import Traced, trace
from intertwine.symmetry.diagnosis.prover import Freedom, Prover
from intertwine.testing.models import evaluating, make_inputs

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
        motions = {
            name: {label: None if u is None else np.asarray(u).tolist() for label, u in parts.items()}
            for name, parts in self.motions.items()
        }
        return {
            "proofs": [asdict(proof) for proof in self.proofs],
            "opaque": list(self.opaque),
            "equivariant": self.equivariant,
            "motions": motions,
            "dimension": self.dimension,
            "declared": self.declared,
        }

    def __str__(self) -> str:
        lines = [str(proof) for proof in self.proofs]
        if self.opaque:
            lines.append(f"not understood, so that proofs end there: {', '.join(self.opaque)}")
        return "\n".join(lines) or "Nothing is proved."


def prove(
    model: Callable[..., Tensor],
    reps_in: Sequence[Rep | Irrep | None] | Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    candidates: Mapping[str, np.ndarray] | None = None,
    inputs: Sequence[Tensor] | None = None,
) -> Provable:
    """What is certain about a network from its layers alone, for all inputs and all weights.

    The network is followed by `torch.fx`. Understood are layers with a `symmetry_rule()` (linear layers, products,
    convolutions, activations and gates of `intertwine.nn`, and yours: see `intertwine.rules`), sums, `torch.cat` along
    the last axis, products with one invariant or a number, rows `x[index]` and sums over rows, and any function of
    invariants. Everything else is opaque.

    - What outputs of each type can read at all.
    - Whether the network commutes with its group: with each generator.
    - Which larger Lie algebra it commutes with: the generators X of each irrep of the input, in so(d), u(d/2) or
      sp(d/4) for the real types R, C and H, that pass linearly through every layer. Products allow X only if it is a
      derivation of their Clebsch–Gordan tables.
    - Candidates: matrices on the input, all inputs side by side. One passes a layer if it acts on all copies of an
      irrep alike, commutes with the irrep's endomorphisms and is carried over by each table; so parities of tensor
      products are minded. Without any, natural elements of larger groups are tried: inversion for SO(3), T, O and I,
      mirrors and turns for SO(2) and C_n.

    What is not proved may still hold: measure it. Two things are believed: the rule that a layer states, and the parity
    of a function of numbers, which is tried on numbers. So proofs are held against the model's outputs, and where these
    contradict them (a wrong rule, say, or state that parts share behind the graph) nothing is proved.

    Args:
        model: a module, or a function of tensors that uses modules; in eval mode.
        reps_in: the reps of the inputs, None for one that the group leaves alone; default `model.reps_in`.
        rep_out: the rep of the output; default `model.rep_out`.
        candidates: matrices by name, instead of the natural ones.
        inputs: inputs to try the graph on, needed only if they cannot be made up; see `intertwine.testing`.

    Raises `ArgumentError` for reps that are not known and for candidates of another size, and `ShapeError` for an input
    or output that has not the size of its rep, or is no tensor.

    >>> from intertwine.catalog import SO3
    >>> from intertwine import nn
    >>> rep = SO3.rep("4x2")
    >>> found = prove(nn.Sequential(nn.Linear(SO3.rep("3x2"), rep), nn.NormActivation(rep)))
    >>> found.dimension, found.declared
    (10, 3)
    """
    reps, out = signature(model, reps_in, rep_out)
    values = make_inputs(model, inputs, reps, 0, "Pass inputs=….")
    check_sizes(model, values, reps)
    matrices = tried_candidates(reps, candidates)
    with evaluating(model), torch.no_grad():
        traced = trace(model, values, reps, out)
        if traced is None:
            return _nothing("the model", out, matrices)
        found = _found(traced, matrices, natural_candidates(reps) if candidates is None else {})
        trial = Trial(model, reps, out, tuple(values))
        off = contradiction(trial, found.equivariant, matrices, found.motions)
    if off is None:
        return found
    return _nothing(f"the model (its numbers contradict its rules by {off:.1e})", out, matrices)


def _nothing(opaque: str, out: Rep, matrices: Mapping[str, np.ndarray]) -> Provable:
    nothing = {irrep.label: None for _, irrep in out.isotypic}
    return Provable((), (opaque,), False, dict.fromkeys(matrices, nothing), 0, 0)


def natural_candidates(reps: Sequence[Rep | None]) -> dict[str, tuple[Extension, np.ndarray]]:
    """The elements of larger groups that act on all inputs, by name, with their matrices on all inputs side by side."""
    known = [rep for rep in reps if rep is not None]
    if not known:
        return {}
    whole = reduce(add, known)
    tried = [(extension, extension.matrix(whole)) for extension in extensions(whole.group)]
    return {extension.name: (extension, matrix) for extension, matrix in tried if matrix is not None}


def tried_candidates(
    reps: Sequence[Rep | None], given: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """The given matrices on all inputs side by side; if none are given, the natural ones that are not the identity.

    Raises `ArgumentError` for a given matrix of another size.
    """
    natural = {name: matrix for name, (_, matrix) in natural_candidates(reps).items()}
    moving = {name: a for name, a in natural.items() if not np.allclose(a, np.eye(len(a)), rtol=0, atol=1e-9)}
    return moving if given is None else _checked(reps, given)


def _checked(reps: Sequence[Rep | None], given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    size = sum(rep.dim for rep in reps if rep is not None)
    for name, matrix in given.items():
        if np.shape(matrix) != (size, size):
            raise ArgumentError(f"The candidate {name} is a matrix {np.shape(matrix)}, but inputs have {size} numbers.")
    return {name: np.asarray(matrix, dtype=np.float64) for name, matrix in given.items()}


def _found(
    traced: Traced, matrices: Mapping[str, np.ndarray], natural: Mapping[str, tuple[Extension, np.ndarray]]
) -> Provable:
    """All statements about a network that has a graph."""
    prover = Prover(traced)
    motions = {name: prover.motions(matrix) for name, matrix in matrices.items()}
    proofs = [*_declared(prover), *_reads(prover)]
    for name, facts in motions.items():
        larger = natural[name][0].group if name in natural else None
        proofs += _larger(prover, name, larger, facts) if larger else []
        proofs += _followed(name, facts)
    freedom = prover.freedom()
    if freedom.dimension > freedom.declared:
        proofs.append(_free(freedom, "all"))
    else:
        each = ((irrep, prover.freedom(irrep)) for irrep in prover.outputs)
        proofs += [_free(free, irrep.label) for irrep, free in each if free.dimension > free.declared]
    return Provable(
        proofs=tuple(proofs),
        opaque=prover.opaque,
        equivariant=prover.equivariant,
        motions={name: _by_label(prover, facts) for name, facts in motions.items()},
        dimension=freedom.dimension,
        declared=freedom.declared,
    )


def _by_label(prover: Prover, facts: Facts[Motion]) -> dict[str, np.ndarray | None]:
    return {irrep.label: facts.get(irrep, np.zeros((irrep.dim, irrep.dim))) for irrep in prover.outputs}


# in words -------------------------------------------------------------------------------------------------------------


def _declared(prover: Prover) -> Iterator[Proof]:
    if prover.equivariant:
        yield Proof(f"it commutes with {prover.group}", "all", "every part does by construction", "group")


def _reads(prover: Prover) -> Iterator[Proof]:
    for irrep in prover.outputs:
        sources = prover.reads.get(irrep, frozenset())
        count, total = prover.numbers(sources), prover.numbers(prover.inputs)
        if count < total:
            only = f"only the input's {_types(prover, sources)}" if sources else "none of the input"
            yield Proof(
                f"outputs of type {irrep} read {only}: {count} of {total} numbers", irrep.label, SCHUR, "reading"
            )


def _types(prover: Prover, sources: Sources) -> str:
    """Irreps of the inputs in words; of which input, if there are several."""
    several = len(prover.traced.reps) > 1
    ordered = [place for place in prover.inputs if place in sources]
    names = [f"{irrep}{f' of input {number + 1}' if several else ''}" for number, irrep in ordered]
    return f"type{'s' * (len(names) > 1)} {', '.join(names)}"


def _larger(prover: Prover, name: str, larger: str, facts: Facts[Motion]) -> Iterator[Proof]:
    """Equivariance under a larger group, if one of its new elements moves every output in a certain way."""
    if prover.equivariant and all(fact is not None for fact in facts.values()):
        parities = {irrep.label: _sign(u) for irrep, u in facts.items() if u is not None}
        named = ", ".join(f"{label} {'even' if sign > 0 else 'odd'}" for label, sign in parities.items())
        how = f"the {name} passes every part"
        outputs = f" (outputs: {named})" if all(parities.values()) else ""
        yield Proof(f"it commutes with {larger}{outputs}", "all", how, "larger group")


def _followed(name: str, facts: Facts[Motion]) -> Iterator[Proof]:
    for irrep, u in facts.items():
        if u is None:
            continue
        does = {1: "do not see", -1: "change sign under"}.get(_sign(u), "follow")
        how = "it passes every part on the way to them"
        yield Proof(f"outputs of type {irrep} {does} the {name}", irrep.label, how, "transformation")


def _sign(u: np.ndarray) -> int:
    """+1 and −1 for the identity and its negative, else 0."""
    return next((sign for sign in (1, -1) if np.abs(u - sign * np.eye(len(u))).max() < 1e-9), 0)


def _free(freedom: Freedom, output: str) -> Proof:
    factors = " × ".join(f"{name} on type {irrep}" for irrep, name in freedom.factors)
    whose = "it commutes" if output == "all" else f"outputs of type {output} commute"
    what = f"{factors}, all copies alike" if factors else "a larger algebra"
    size = f"{freedom.dimension} continuous symmetries at least, declared {freedom.declared}"
    return Proof(f"{whose} with {what}: {size}", output, "it passes every part", "algebra")
