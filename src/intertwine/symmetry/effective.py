"""The symmetry that a model really has: more than declared, less, and the inputs that it never looks at."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.testing import evaluating, signature

LARGEST = 40
"""Inputs with more numbers than this are not searched for continuous symmetries: the unknowns are their square."""


@dataclass(frozen=True)
class Candidate:
    """A transformation of the inputs that was tried, and what outputs do under it.

    Args:
        name: its name.
        irrep: the irrep of the outputs.
        residual: `|f(A x) − B f(x)| / |f(x)|` for the best matrix B, fitted to half of the samples, on the other half.
        orthogonal: whether that B is orthogonal, as a representation's matrices are.
        invariant: whether B is the identity: the outputs do not see the transformation at all.
    """

    name: str
    irrep: str
    residual: float
    orthogonal: bool
    invariant: bool

    @property
    def holds(self) -> bool:
        """Whether the model commutes with it, as far as the samples tell."""
        return self.residual < 1e-6 and self.orthogonal


@dataclass(frozen=True, eq=False)
class EffectiveSymmetry:
    """What `effective_symmetry` measured, on random inputs. Nothing here is a proof: see `notes`.

    Args:
        model: the model's class.
        declared: the group that it is said to be equivariant under.
        lie_errors: for each generator of the declared Lie algebra the relative defect of `J_f(x) dρ(X) x = dρ(X) f(x)`.
        read: for each irrep of the output how many directions of the input it depends on.
        inputs: how many there are.
        algebra: the dimension of the space of pairs (X, Y) with `J_f(x) X x = Y f(x)`, less those X that only move
            ignored directions; None for large inputs.
        gap: the smallest singular value that counts as nonzero, and the largest that counts as zero.
        candidates: other transformations that were tried, for each irrep of the output.
        declared_dimension: how much of the algebra the declared group accounts for.
        homogeneous: whether `f(c x) = cᵏ f(x)`, which is one more dimension of the algebra and no rotation.
    """

    model: str
    declared: str
    lie_errors: tuple[float, ...]
    read: dict[str, int]
    inputs: int
    algebra: int | None
    gap: tuple[float, float] | None
    candidates: tuple[Candidate, ...]
    declared_dimension: int
    homogeneous: bool

    @property
    def extra(self) -> int:
        """How many continuous symmetries there are beyond the declared ones and the scaling of a homogeneous map."""
        return 0 if self.algebra is None else self.algebra - self.declared_dimension - int(self.homogeneous)

    @property
    def larger(self) -> bool:
        """Whether it commutes with more than was declared."""
        more = self.extra > 0
        return more or any(candidate.holds for candidate in self.candidates)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return {**asdict(self), "larger": self.larger}

    def __str__(self) -> str:
        worst = max(self.lie_errors, default=0.0)
        lines = [f"{self.model}, declared {self.declared}; measured on random inputs:"]
        if self.lie_errors:
            verdict = "holds" if worst < 1e-6 else "does NOT hold"
            lines.append(f"  its continuous part {verdict} (relative Lie derivative {worst:.1e})")
        for label, count in self.read.items():
            ignored = f"; {self.inputs - count} are ignored" if count < self.inputs else ""
            lines.append(f"  outputs of type {label} read {count} of {self.inputs} directions of the input{ignored}")
        if self.algebra is not None and self.gap is not None:
            more = f"{self.extra} more than declared" if self.extra > 0 else "as declared"
            more = "less than declared" if self.extra < 0 else more + ", and scaling" * self.homogeneous
            lines.append(
                f"  continuous symmetries of input and output: {self.algebra} ({more}; singular values drop from "
                f"{self.gap[0]:.1e} to {self.gap[1]:.1e})"
            )
        for c in self.candidates:
            says = "do not see it" if c.invariant else "follow it" if c.holds else "neither follow nor ignore it"
            lines.append(f"  {c.name}: outputs of type {c.irrep} {says} (residual {c.residual:.1e})")
        if self.larger:
            lines.append(
                "  remedy: linear layers and norms never mix irreps of different frequency (Schur); add a "
                "TensorProduct, a gate fed by products, or a FourierActivation to see what is ignored"
            )
        return "\n".join(lines)


def effective_symmetry(
    model: Callable[[Tensor], Tensor],
    declared: Group | None = None,
    rep_in: Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    candidates: Mapping[str, np.ndarray] | None = None,
    samples: int = 64,
    seed: int = 0,
) -> EffectiveSymmetry:
    """What a model of one feature vector really commutes with.

    - Inputs that are ignored: the rank of the Jacobians at many inputs, for each irrep of the output.
    - The declared Lie algebra, by its derivative along the model.
    - All continuous symmetries: the null space of `J_f(x) X x = Y f(x)` in matrices X and Y, for at most 40 inputs.
    - Given transformations of the input: whether some fixed matrix B has `f(A x) = B f(x)`.

    Args:
        model: a module with one input, or a function of features `(batch, rep_in.dim)`.
        declared: the group; default that of the reps.
        rep_in, rep_out: the reps; default those of the module.
        candidates: matrices `(rep_in.dim, rep_in.dim)` by name: mirrors, say, of the larger group that the input comes
            from.
        samples: the number of random inputs.
        seed: of the random inputs.

    Raises `ArgumentError` for models with several inputs or candidates of another size.

    >>> from intertwine.catalog import SO2
    >>> from intertwine import nn
    >>> rep = SO2.rep("1x0 + 1x1 + 1x2")
    >>> net = nn.Sequential(nn.Linear(rep, SO2.rep("4x0 + 4x1 + 4x2")), nn.Linear(SO2.rep("4x0 + 4x1 + 4x2"), rep))
    >>> effective_symmetry(net).read
    {'0': 1, '1': 2, '2': 2}
    """
    reps, out = signature(model, None if rep_in is None else (rep_in,), rep_out)
    if len(reps) != 1 or reps[0] is None:
        raise ArgumentError(
            f"effective_symmetry looks at models of one feature vector, but this one has {len(reps)} inputs. Wrap it "
            "in a function of one input, with the others fixed."
        )
    rep, out = as_rep(reps[0]), as_rep(out)
    function = copy.deepcopy(model).double() if isinstance(model, nn.Module) else model
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, rep.dim, generator=generator, dtype=torch.float64)
    with evaluating(function):
        y = function(x).detach()
        jacobian = _jacobians(function, x)
        basis = torch.as_tensor(np.array(out.change_of_basis))
        parts = [
            (irrep.label, basis[:, where]) for (_, irrep), where in zip(out.isotypic, out.irreps.slices, strict=True)
        ]
        tried = tuple(
            _tried(name, label, function(_moved(name, np.asarray(a), x)).detach() @ part, y @ part)
            for name, a in (candidates or {}).items()
            for label, part in parts
        )
    algebra, gap, known = _algebra(jacobian, x, y, rep, out) if rep.dim <= LARGEST else (None, None, 0)
    group = out.group if declared is None else declared
    return EffectiveSymmetry(
        model=type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", repr(model)),
        declared=group.name,
        lie_errors=_lie_errors(jacobian, x, y, rep, out),
        read={label: _rank(torch.einsum("qoi,ob->qbi", jacobian, part)) for label, part in parts},
        inputs=rep.dim,
        algebra=algebra,
        gap=gap,
        candidates=tried,
        declared_dimension=known,
        homogeneous=_homogeneous(jacobian, x, y),
    )


def _jacobians(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The derivatives `(samples, outputs, inputs)`; samples do not see one another."""
    x = x.clone().requires_grad_()
    y = function(x)
    rows = [torch.autograd.grad(y[:, i].sum(), x, retain_graph=True, allow_unused=True)[0] for i in range(y.shape[1])]
    return torch.stack([torch.zeros_like(x) if row is None else row for row in rows], 1).detach()


def _rank(jacobian: Tensor) -> int:
    values = torch.linalg.svdvals(jacobian.reshape(-1, jacobian.shape[-1]))
    return int((values > 1e-9 * float(values.max())).sum()) if float(values.max()) else 0


def _lie_errors(jacobian: Tensor, x: Tensor, y: Tensor, rep: Rep, out: Rep) -> tuple[float, ...]:
    found = []
    for generator in out.group.lie_generators:
        into, onto = (torch.as_tensor(r.lie_matrix(generator)) for r in (rep, out))
        defect = torch.einsum("qoi,qi->qo", jacobian, x @ into.T) - y @ onto.T
        found.append(float(defect.norm() / max(float(torch.einsum("qoi,qi->qo", jacobian, x).norm()), 1e-300)))
    return tuple(found)


def _algebra(jacobian: Tensor, x: Tensor, y: Tensor, rep: Rep, out: Rep) -> tuple[int, tuple[float, float], int]:
    """The number of independent pairs (X, Y) where the model looks, the gap, and how many the declared group gives."""
    n, m = x.shape[1], y.shape[1]
    _, values, rows = torch.linalg.svd(jacobian.reshape(-1, n), full_matrices=False)
    seen = rows[values > 1e-9 * float(values.max())]  # what is read: X is only asked for there
    outputs = torch.linalg.svd(y, full_matrices=False)
    alive = outputs.Vh[1e-9 * float(outputs.S.max()) < outputs.S]
    left = torch.einsum("qos,qi->qosi", jacobian @ seen.T, x).reshape(len(x) * m, -1)
    right = torch.einsum("op,qk->qopk", torch.eye(m, dtype=x.dtype), y @ alive.T).reshape(len(x) * m, -1)
    system = torch.cat([left, -right], 1)
    singular = torch.linalg.svdvals(system) / max(float(torch.linalg.matrix_norm(system, 2)), 1e-300)
    singular = torch.cat([singular, torch.zeros(max(0, system.shape[1] - len(singular)), dtype=x.dtype)])
    zero = int((singular < 1e-9).sum())
    nonzero = singular[: len(singular) - zero]
    gap = (float(nonzero.min()) if len(nonzero) else 0.0, float(singular[-zero]) if zero else 0.0)
    pairs = [
        torch.cat(
            [
                (seen @ torch.as_tensor(rep.lie_matrix(g))).reshape(-1),
                (torch.as_tensor(out.lie_matrix(g)) @ alive.T).reshape(-1),
            ]
        )
        for g in out.group.lie_generators
    ]
    return zero, gap, int(torch.linalg.matrix_rank(torch.stack(pairs), atol=1e-9)) if pairs else 0


def _homogeneous(jacobian: Tensor, x: Tensor, y: Tensor) -> bool:
    """Whether J_f(x) x is a fixed multiple of f(x): Euler's theorem."""
    radial = torch.einsum("qoi,qi->qo", jacobian, x)
    power = float((radial * y).sum() / max(float((y * y).sum()), 1e-300))
    return float((radial - power * y).norm()) < 1e-9 * max(float(radial.norm()), 1e-300)


def _moved(name: str, a: np.ndarray, x: Tensor) -> Tensor:
    if a.shape != (x.shape[1],) * 2:
        raise ArgumentError(f"The candidate {name} is a matrix {a.shape}, but inputs have {x.shape[1]} numbers.")
    return x @ torch.as_tensor(a).T


def _tried(name: str, label: str, moved: Tensor, y: Tensor) -> Candidate:
    """Whether moved outputs are a fixed matrix times the outputs: fitted to one half, judged on the other."""
    half = len(y) // 2
    b = torch.linalg.lstsq(y[:half], moved[:half]).solution
    size = max(float(moved[half:].norm()), 1e-300)
    residual = float((moved[half:] - y[half:] @ b).norm()) / size
    identity = torch.eye(y.shape[1], dtype=y.dtype)
    orthogonal = float((b.T @ b - identity).abs().max()) < 1e-6 or _rank(y[None]) < y.shape[1]
    return Candidate(name, label, residual, orthogonal, float((moved - y).norm()) / size < 1e-6)
