"""Matrices to the closest element of SO(n) or O(n)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from intertwine._arrays import plain_shape
from intertwine.nn.precision import own_precision


def polar(m: Tensor, proper: bool) -> Tensor:
    """The orthogonal matrix (or rotation) closest to m `(..., n, n)`, n = 2 or 3: U Vᵀ (or U diag(1, …, det) Vᵀ).

    The gradient is that of the projection, finite at the solution (where the SVD's own is NaN), and set to zero in
    the directions in which the projection is not differentiable.
    """
    function = _Polar if torch.compiler.is_compiling() else _PolarBothWays  # torch.compile refuses a jvp
    factor: Tensor = function.apply(m, proper)  # type: ignore[no-untyped-call]
    return factor


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
        return torch.matmul(u, vh)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:  # noqa: ARG004 (torch's signature)
        m, ctx.proper = inputs
        ctx.save_for_backward(m)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (m,) = ctx.saved_tensors
        with own_precision(m):
            return _polar_derivative(m, polar(m, ctx.proper), gradient), None


class _PolarBothWays(_Polar):
    """The same, with derivatives in forward mode too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:
        _Polar.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        # torch calls this with forward mode off, in which an outer level's tangents would be lost without a word.
        with forward_ad._set_fwd_grad_enabled(True):
            m = forward_ad.unpack_dual(ctx.saved_tensors[0]).primal
            with own_precision(m):
                return _polar_derivative(m, polar(m, ctx.proper), tangent)


def _polar_derivative(m: Tensor, q: Tensor, change: Tensor) -> Tensor:
    """The tangent `(..., n, n)` of the polar factor q for one of m, and the gradient by m for one by q."""
    h = q.transpose(-1, -2) @ m
    h = (h + h.transpose(-1, -2)) / 2
    k = q.transpose(-1, -2) @ change
    k = k - k.transpose(-1, -2)
    trace = h.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    if plain_shape(m)[-1] == 2:
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


def _solve(system: Tensor, right: Tensor, values: Tensor, vectors: Tensor) -> Tensor:
    """The solution of symmetric systems `(..., 3, 3)`, 0 along eigenvectors whose eigenvalue vanishes."""
    top = values.abs().amax(-1, keepdim=True)
    null = values.abs() <= 10 * torch.finfo(values.dtype).eps * top
    blocked = torch.where(null, torch.ones_like(values), torch.zeros_like(values))
    projector = (vectors * blocked[..., None, :]) @ vectors.transpose(-1, -2)
    scale = torch.where(top == 0, torch.ones_like(top), top)[..., None]
    # Not torch.linalg.solve, whose derivative is wrong in forward mode inside forward mode (torch 2.13).
    solution = torch.matmul(torch.linalg.inv(system + scale * projector), right)
    return solution - torch.matmul(projector, solution)


def gram_schmidt(m: Tensor, proper: bool) -> Tensor:
    """The columns of m `(..., n, n)`, n = 2 or 3, made orthonormal one after the other.

    For rotations the last column only gives way to the right-handed normal of the others. Columns that vanish against
    the ones before are replaced by a fixed direction, with zero gradient.
    """
    columns: list[Tensor] = []
    n = plain_shape(m)[-1]
    for i in range(n):
        if proper and i == n - 1:
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
    return torch.cross(columns[0], columns[1], dim=-1)


def _unit(v: Tensor, original: Tensor, columns: list[Tensor]) -> Tensor:
    """v / |v|, or a fixed unit vector orthogonal to the columns where v vanishes against the original."""
    size = torch.linalg.vector_norm(original.detach(), dim=-1, keepdim=True)
    squared = (v * v).sum(-1, keepdim=True)
    null = squared <= (100 * torch.finfo(v.dtype).eps * size) ** 2
    root = torch.sqrt(torch.where(null, torch.ones_like(squared), squared))
    return torch.where(null, _fallback(columns, v).detach(), v / root)


def _fallback(columns: list[Tensor], like: Tensor) -> Tensor:
    """A unit vector orthogonal to the columns: the coordinate axis least along them, projected."""
    n = plain_shape(like)[-1]
    axes = torch.eye(n, dtype=like.dtype, device=like.device).expand((*like.shape[:-1], n, n))
    for c in columns:
        axes = axes - (axes * c[..., None, :]).sum(-1, keepdim=True) * c[..., None, :]
    lengths = torch.linalg.vector_norm(axes, dim=-1)
    best = lengths.argmax(-1)[..., None, None].expand((*like.shape[:-1], 1, n))
    chosen = axes.gather(-2, best)[..., 0, :]
    length: Tensor = torch.linalg.vector_norm(chosen, dim=-1, keepdim=True)
    return chosen / length.clamp(min=math.sqrt(1 / (2 * n)))
