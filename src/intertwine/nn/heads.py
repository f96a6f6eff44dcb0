"""Heads that turn features into geometric objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.nn.module import EquivariantModule, defining_rep

Projection = Callable[[Tensor, bool], Tensor]


class GroupElement(EquivariantModule):
    """Vectors to an element of SO(2), O(2), SO(3) or O(3), equivariantly: `f(g x) = g f(x)`.

    n vectors of the defining rep are the columns of a matrix M, which is projected onto the group: by `polar` (the
    closest element, from the singular value decomposition) or by `gram_schmidt`. In O(n) the determinant of M is the
    flip; in SO(n) the closest rotation is taken. Some M have no element: singular ones in O(n), those whose closest
    rotation is not unique in SO(n). No continuous head can do better. `degenerate(x)` says where that is; values and
    gradients stay finite there, but `f(g x) = g f(x)` cannot hold. The lengths of the vectors do not matter, until all
    of them are below 1e-24 (in float64 1e-276), which counts as zero.

    Args:
        group: SO(2), O(2), SO(3) or O(3).
        projection: `polar` or `gram_schmidt`, or a function of `(..., n, n)` matrices and whether to return rotations.

    The input is `head.rep_in`, n copies of the defining rep; the output elements `(..., n, n)`.

    Raises `ArgumentError` for other groups.

    Source: Levinson et al. 2020 (arXiv:2006.14616), Zhou et al. 2019 (arXiv:1812.07035).

    >>> from intertwine.catalog import O2
    >>> head = GroupElement(O2)
    >>> head(head.rep_in.join([torch.tensor([[0.0, 2.0], [1.0, 0.0]])]))  # vectors (0, 2) and (1, 0): flip
    tensor([[0., 1.],
            [1., 0.]])
    """

    def __init__(self, group: Group, projection: Projection | None = None) -> None:
        if not isinstance(group, Group) or not group.is_whole:
            raise ArgumentError(f"GroupElement predicts elements of SO(2), O(2), SO(3) or O(3), but {group} came.")
        rep = group.dim * defining_rep(group)
        super().__init__(rep, rep)
        self.n, self.proper = group.dim, group.is_proper
        self.projection = polar if projection is None else projection

    def forward(self, x: Tensor) -> Tensor:
        """The elements `(..., n, n)` for features `(..., n · n)` of `rep_in`."""
        m = self._scaled(x)
        with _own_precision(m):
            return self.projection(m, self.proper).to(x.dtype)

    def matrix(self, x: Tensor) -> Tensor:
        """The matrix M `(..., n, n)` whose columns are the vectors."""
        self.check(x, self.rep_in)
        return x.reshape((*x.shape[:-1], self.n, self.n))

    def _scaled(self, x: Tensor) -> Tensor:
        """M over its largest entry, in a dtype that matrix decompositions take; 0 where derivatives would overflow."""
        m = self.matrix(x).to(torch.promote_types(x.dtype, torch.float32))
        limits = torch.finfo(m.dtype)
        size = m.detach().abs().amax((-2, -1), keepdim=True)
        zero = size < limits.tiny / limits.eps**2
        return torch.where(zero, torch.zeros_like(m), m / torch.where(zero, torch.ones_like(size), size))

    def confidence(self, x: Tensor) -> Tensor:
        """How far `(...)` M is from where its projection is undefined, relative to its size: 0 … 1.

        With s the singular values, largest first. O(n): `s_n / s_1`. SO(n) by `polar` (or a function of your own):
        `(s_(n−1) + sign(det M) s_n) / (2 s_1)`. SO(n) by `gram_schmidt`: the smallest singular value of the first n − 1
        columns over s_1.
        """
        m = self._scaled(x)
        s = torch.linalg.svdvals(m)
        top = s[..., 0].clamp(min=torch.finfo(s.dtype).tiny)
        if not self.proper:
            smallest = s[..., -1]
        elif self.projection is gram_schmidt:
            smallest = torch.linalg.svdvals(m[..., :-1])[..., -1]
        else:
            smallest = (s[..., -2] + torch.sign(torch.linalg.det(m)) * s[..., -1]).clamp(min=0) / 2
        return (smallest / top).to(x.dtype)

    def degenerate(self, x: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where `(...)` the element is undefined or nearly so: the confidence is below a threshold."""
        return ~(self.confidence(x) > threshold)


class ElementScores(EquivariantModule):
    """Vectors to a score for each element of a finite group: which of them moved the input?

    n vectors of the defining rep are the columns of a matrix M; the score of g is `tr(gᵀ M)`, largest for the element
    closest to M. Scores move as the regular rep does, `f(h x)[g] = f(x)[h⁻¹ g]`, so that an input moved by h has its
    scores moved along. Train with cross-entropy against the number of the element in `group.elements()`; read the
    answer with `element`.

    Args:
        group: a finite group.

    Raises `ArgumentError` for a continuous group, whose elements `GroupElement` gives.

    >>> from intertwine.catalog import cyclic
    >>> head = ElementScores(cyclic(4))
    >>> head.element(torch.tensor([[0.1, -1.0, 1.0, 0.2]])).round().int()[0].tolist()  # a quarter turn
    [[0, -1], [1, 0]]
    """

    elements: Tensor

    def __init__(self, group: Group) -> None:
        if not isinstance(group, Group) or not group.is_finite:
            raise ArgumentError(f"ElementScores tells elements of a finite group, but {group} came. Call GroupElement.")
        super().__init__(group.dim * defining_rep(group), group.regular)  # type: ignore[attr-defined]
        self.n = group.dim
        self.register_table("elements", group.elements())

    def forward(self, x: Tensor) -> Tensor:
        """The scores `(..., order)` for features `(..., n · n)` of `rep_in`."""
        self.check(x, self.rep_in)
        return x @ self.elements.to(x.dtype).flatten(1).T

    def element(self, x: Tensor) -> Tensor:
        """The elements `(..., n, n)` with the largest scores."""
        return self.elements.to(x.dtype)[self.forward(x).argmax(-1)]

    def confidence(self, x: Tensor) -> Tensor:
        """How far `(...)` the best score is above the second, relative to the length of the input: 0 for a tie."""
        best = self.forward(x).topk(min(2, len(self.elements)), -1).values
        size = x.norm(dim=-1).clamp(min=torch.finfo(x.dtype).tiny)
        return (best[..., 0] - best[..., -1]) / size


def polar(m: Tensor, proper: bool) -> Tensor:
    """The orthogonal matrix (or rotation) closest to m `(..., n, n)`, n = 2 or 3: U Vᵀ (or U diag(1, …, det) Vᵀ).

    The gradient is that of the projection, finite at the solution (where the SVD's own is NaN), and set to zero in
    the directions in which the projection is not differentiable.
    """
    function = _Polar if torch.compiler.is_compiling() else _PolarBothWays  # torch.compile refuses a jvp
    return function.apply(m, proper)  # type: ignore[no-any-return]


class _Polar(torch.autograd.Function):
    """Polar factor with the derivative `dQ = Q skew(x)`, `(tr H · 1 − H) x = axial(Qᵀ dM − dMᵀ Q)`, where H = Qᵀ M.

    The map dM → dQ is self-adjoint, so the same formula takes tangents forward and gradients back. It only holds
    differentiable operations, so it serves all orders of derivatives.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(m: Tensor, proper: bool) -> Tensor:
        u, _, vh = torch.linalg.svd(m)
        if proper:
            sign = torch.linalg.det(u @ vh).sign()
            u = torch.cat([u[..., :-1], u[..., -1:] * sign[..., None, None]], -1)
        return u @ vh

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:  # noqa: ARG004 (torch's signature)
        m, ctx.proper = inputs
        ctx.save_for_backward(m)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (m,) = ctx.saved_tensors
        with _own_precision(m):
            return _polar_derivative(m, polar(m, ctx.proper), gradient), None


class _PolarBothWays(_Polar):
    """The same, with derivatives in forward mode too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:
        _Polar.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:  # type: ignore[override]
        # torch calls this with forward mode off, in which an outer level's tangents would be lost without a word.
        with forward_ad._set_fwd_grad_enabled(True):
            m = forward_ad.unpack_dual(ctx.saved_tensors[0]).primal
            with _own_precision(m):
                return _polar_derivative(m, polar(m, ctx.proper), tangent)


def _polar_derivative(m: Tensor, q: Tensor, change: Tensor) -> Tensor:
    """The tangent `(..., n, n)` of the polar factor q for one of m, and the gradient by m for one by q."""
    h = q.transpose(-1, -2) @ m
    h = (h + h.transpose(-1, -2)) / 2
    k = q.transpose(-1, -2) @ change
    k = k - k.transpose(-1, -2)
    trace = h.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    if m.shape[-1] == 2:
        null = trace.abs() <= 10 * torch.finfo(m.dtype).eps * m.abs().amax((-2, -1), keepdim=True)
        turn = k / torch.where(null, torch.ones_like(trace), trace)
        return q @ torch.where(null, torch.zeros_like(turn), turn)
    system = trace * torch.eye(3, dtype=m.dtype, device=m.device) - h
    axial = torch.stack([k[..., 2, 1], k[..., 0, 2], k[..., 1, 0]], -1)[..., None]
    values, vectors = torch.linalg.eigh(system.detach())  # only to see what is invertible
    x = _solve(system, axial, values, vectors)[..., 0]
    zero = torch.zeros_like(x[..., 0])
    rows = [zero, -x[..., 2], x[..., 1], x[..., 2], zero, -x[..., 0], -x[..., 1], x[..., 0], zero]
    return q @ torch.stack(rows, -1).reshape(q.shape)


def _own_precision(m: Tensor) -> torch.autocast:
    """A context without autocast, since decompositions of matrices need their full precision."""
    return torch.autocast(m.device.type, enabled=False)


def _solve(system: Tensor, right: Tensor, values: Tensor, vectors: Tensor) -> Tensor:
    """The solution of symmetric systems `(..., 3, 3)`, 0 along eigenvectors whose eigenvalue vanishes."""
    top = values.abs().amax(-1, keepdim=True)
    null = values.abs() <= 10 * torch.finfo(values.dtype).eps * top
    blocked = torch.where(null, torch.ones_like(values), torch.zeros_like(values))
    projector = (vectors * blocked[..., None, :]) @ vectors.transpose(-1, -2)
    scale = torch.where(top == 0, torch.ones_like(top), top)[..., None]
    # Not torch.linalg.solve, whose derivative is wrong in forward mode inside forward mode (torch 2.13).
    solution = torch.linalg.inv(system + scale * projector) @ right
    return solution - projector @ solution


def gram_schmidt(m: Tensor, proper: bool) -> Tensor:
    """The columns of m `(..., n, n)`, n = 2 or 3, made orthonormal one after the other.

    For rotations the last column only gives way to the right-handed normal of the others. Columns that vanish against
    the ones before are replaced by a fixed direction, with zero gradient.
    """
    columns: list[Tensor] = []
    for i in range(m.shape[-1]):
        if proper and i == m.shape[-1] - 1:
            columns.append(_normal(columns))
            continue
        v = m[..., i]
        for c in 2 * columns:  # twice, since rounding leaves a part of nearly parallel vectors
            v = v - (v * c).sum(-1, keepdim=True) * c
        columns.append(_unit(v, m[..., i], columns))
    return torch.stack(columns, -1)


def _normal(columns: list[Tensor]) -> Tensor:
    if len(columns) == 1:
        return torch.stack([-columns[0][..., 1], columns[0][..., 0]], -1)
    return torch.linalg.cross(columns[0], columns[1])


def _unit(v: Tensor, original: Tensor, columns: list[Tensor]) -> Tensor:
    """v / |v|, or a fixed unit vector orthogonal to the columns where v vanishes against the original."""
    size = torch.linalg.vector_norm(original.detach(), dim=-1, keepdim=True)
    squared = (v * v).sum(-1, keepdim=True)
    null = squared <= (100 * torch.finfo(v.dtype).eps * size) ** 2
    root = torch.sqrt(torch.where(null, torch.ones_like(squared), squared))
    return torch.where(null, _fallback(columns, v).detach(), v / root)


def _fallback(columns: list[Tensor], like: Tensor) -> Tensor:
    """A unit vector orthogonal to the columns: the coordinate axis least along them, projected."""
    n = like.shape[-1]
    axes = torch.eye(n, dtype=like.dtype, device=like.device).expand((*like.shape[:-1], n, n))
    for c in columns:
        axes = axes - (axes * c[..., None, :]).sum(-1, keepdim=True) * c[..., None, :]
    lengths = torch.linalg.vector_norm(axes, dim=-1)
    best = lengths.argmax(-1)[..., None, None].expand((*like.shape[:-1], 1, n))
    chosen = axes.gather(-2, best)[..., 0, :]
    return chosen / torch.linalg.vector_norm(chosen, dim=-1, keepdim=True).clamp(min=math.sqrt(1 / (2 * n)))
