"""Functions of a distance: smooth steps, Bessel functions, and soft versions of one-hot vectors on an interval."""

from __future__ import annotations

from math import e, pi, sqrt
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ArgumentError


class _SoftUnitStep(torch.autograd.Function):
    """exp(−1/x) for positive x, else 0: all derivatives are 0 at 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        safe = torch.where(x > 0, x, torch.ones_like(x))
        return torch.where(x > 0, (-1 / safe).exp(), torch.zeros_like(x))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        return gradient * _slope(x)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        return tangent * _slope(x)


def _slope(x: Tensor) -> Tensor:
    safe = torch.where(x > 0, x, torch.ones_like(x))
    return soft_unit_step(x) / (safe * safe)


def soft_unit_step(x: Tensor) -> Tensor:
    """`exp(−1/x)` for x > 0, else 0: smooth, with finite derivatives of every order.

    >>> soft_unit_step(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([0.0000, 0.0000, 0.3679])
    """
    return _SoftUnitStep.apply(x)  # type: ignore[no-any-return, no-untyped-call]


def bessel(x: Tensor, n: int, x_max: float = 1.0) -> Tensor:
    """`√(2/c) sin(k π x / c) / x` for k = 1 … n, finite at 0; orthonormal for the measure x² on [0, c].

    Source: Gasteiger et al. 2020 (arXiv:2003.03123), equation 7.
    """
    k = torch.arange(1, n + 1, dtype=x.dtype, device=x.device) * (pi / x_max)
    return sqrt(2 / x_max) * k * torch.sinc(k * x[..., None] / pi)


def soft_one_hot_linspace(
    x: Tensor, start: float, end: float, number: int, basis: str | None = None, cutoff: bool | None = None
) -> Tensor:
    """Smooth functions `(..., number)` of a number, centred on equal steps of an interval.

    Args:
        x: numbers `(...)`.
        start, end: the interval.
        number: how many functions.
        basis: "gaussian", "cosine", "smooth_finite", "fourier" or "bessel".
        cutoff: whether they vanish at and beyond both ends.

    The squares of all but the Bessel functions add up to about 1 inside. Raises `ValueError` for other arguments.
    """
    if cutoff not in (True, False) or number < 1:
        raise ArgumentError(
            f"soft_one_hot_linspace takes cutoff=True or False and a number from 1 on, but got {cutoff!r}, {number!r}."
        )
    length = end - start
    if basis == "fourier":
        t, shift = (x[..., None] - start) / length, int(cutoff)
        k = pi * torch.arange(shift, number + shift, dtype=x.dtype, device=x.device)
        scale = 1 / sqrt(0.25 + number / 2)
        return scale * ((k * t).sin() * ((t > 0) & (t < 1)) if cutoff else (k * t).cos())
    if basis == "bessel":
        found = bessel(x - start, number, length)
        return found * ((x > start) & (x < end))[..., None] if cutoff else found
    step = length / (number + 1 if cutoff else max(number - 1, 1))
    centres = start + step * torch.arange(int(cutoff), number + int(cutoff), dtype=x.dtype, device=x.device)
    d = (x[..., None] - centres) / step
    if basis == "gaussian":
        return (-d * d).exp() / 1.12
    if basis == "cosine":
        return (pi / 2 * d).cos() * ((d > -1) & (d < 1))
    if basis == "smooth_finite":
        return 1.14136 * e**2 * soft_unit_step(d + 1) * soft_unit_step(1 - d)
    raise ArgumentError(f"A basis is 'gaussian', 'cosine', 'smooth_finite', 'fourier' or 'bessel', but got {basis!r}.")
