"""Products of features as products of signals on the sphere: cheaper than Clebsch–Gordan, without half the paths."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.nn.module import EquivariantModule, check_batches
from intertwine.nn.sphere_transform import SphereTransform, row_grid, sphere_signals_of
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.clebsch_gordan import wigner_3j
from intertwine.reps.harmonics import harmonics_rep


class GauntProduct(EquivariantModule):
    """The product of two features, channel by channel, as signals on the sphere: their values are multiplied.

    `z_l = w_l Σ_{l₁,l₂} w_{l₁} w_{l₂} G (x_{l₁} ⊗ y_{l₂}) / √n_l` with Gaunt's coefficients `G = ⟨Y_{l₁} Y_{l₂} Y_l⟩`,
    the means over the sphere of products of three harmonics, a weight for each channel and degree of each of the three,
    and the n_l that keeps unit variance. It costs L³ for features up to degree L, where a `TensorProduct` of all paths
    in mode "uuu" costs L⁶: both signals go to a grid that is fine enough for the product, and their product comes back.

    **What it loses:** G is 0 for odd l₁ + l₂ + l, so that all these paths are missing: `lost_paths` lists them. Among
    them is the cross product, 1 × 1 → 1: no network of these products alone can tell a molecule from its mirror image.
    Under O(3) they would lead to irreps that signals do not hold (1o × 1o → 1e); under SO(3) the outputs are there, and
    the paths to them are not. It is less than its paths too: their weights are products of three.

    Args:
        rep_1: c signals on the sphere up to a degree, `c * group.harmonics(L)`, of SO(3) or O(3).
        rep_2: as many up to another degree.
        rep_out: as many up to a third degree; default all of the product, up to the sum of both.
        weighted: whether there are weights, which start standard normal; else they are 1.

    Raises `ArgumentError` for reps of another form, and for a degree of the output beyond the sum of both.

    Source: Luo et al. 2024 (arXiv:2401.10216).

    >>> from intertwine.catalog import O3
    >>> product = GauntProduct(8 * O3.harmonics(2), 8 * O3.harmonics(1))
    >>> product(torch.randn(5, 72), torch.randn(5, 32)).shape
    torch.Size([5, 128])
    >>> product.lost_paths
    ((1, 1, 1), (2, 1, 2))
    """

    scale: Tensor

    def __init__(
        self, rep_1: Rep | Irrep, rep_2: Rep | Irrep, rep_out: Rep | Irrep | None = None, *, weighted: bool = True
    ) -> None:
        rep_1, rep_2 = as_rep(rep_1), as_rep(rep_2)
        (channels, first), (others, second) = (sphere_signals_of(rep, "GauntProduct") for rep in (rep_1, rep_2))
        if rep_out is None:
            rep_out = channels * harmonics_rep(rep_1.group.defining, first + second)
        super().__init__(rep_1, rep_out)
        same, third = sphere_signals_of(self.rep_out, "GauntProduct")
        if not channels == others == same or not rep_1.group == rep_2.group == self.rep_out.group:
            raise ArgumentError(
                f"GauntProduct multiplies channel by channel, but got {channels}, {others} and {same} signals of "
                f"{rep_1.group}, {rep_2.group} and {self.rep_out.group}. Put an nn.Linear before it."
            )
        if third > first + second:
            raise ArgumentError(
                f"The product of signals up to degrees {first} and {second} has degrees up to {first + second}, but "
                f"the output has degree {third}."
            )
        self.rep_1, self.rep_2, self.channels, self.degrees = rep_1, rep_2, channels, (first, second, third)
        rows = row_grid("gauss", first + second + third)
        self.first, self.second, self.third = (SphereTransform(degree, *rows) for degree in self.degrees)
        size = [(degree + 1) ** 2 for degree in self.degrees]
        scale = math.sqrt(size[0] * size[1] / size[2]) / np.sqrt(_gaunt_variances(*self.degrees))
        self.register_table("scale", np.repeat(scale, 2 * np.arange(third + 1) + 1)[:, None])
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.randn(degree + 1, channels)) for degree in self.degrees] if weighted else []
        )
        for n, degree in enumerate(self.degrees):
            self.register_table(f"degree_{n}", np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1))

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of both inputs."""
        return (self.rep_1, self.rep_2)

    @property
    def lost_paths(self) -> tuple[tuple[int, int, int], ...]:
        """The degrees (l₁, l₂, l) of the paths of a `TensorProduct` that are missing: l₁ + l₂ + l is odd."""
        first, second, third = self.degrees
        return tuple(
            (l1, l2, l)
            for l1 in range(first + 1)
            for l2 in range(second + 1)
            for l in range(abs(l1 - l2), min(l1 + l2, third) + 1)
            if (l1 + l2 + l) % 2
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        """The output `(..., rep_out.dim)` for x `(..., rep_1.dim)` and y `(..., rep_2.dim)`, leading axes broadcast."""
        self.check(x, self.rep_1, "a first input")
        self.check(y, self.rep_2, "a second input")
        check_batches("GauntProduct", "x and y", x, y)
        f = self.first.to_values(self._weighted(x.unflatten(-1, (-1, self.channels)), 0))
        g = self.second.to_values(self._weighted(y.to(x.dtype).unflatten(-1, (-1, self.channels)), 1))
        z: Tensor = self._weighted(self.third.to_coefficients(f * g) * self.scale.to(x.dtype), 2)
        return z.flatten(-2)

    def _weighted(self, x: Tensor, number: int) -> Tensor:
        """Coefficients `(..., dim, c)` times the weights of one of the three signals."""
        if not len(self.weights):
            return x
        weights: Tensor = self.weights[number].to(x.dtype).index_select(0, getattr(self, f"degree_{number}"))
        return x * weights

    def extra_repr(self) -> str:
        """The reps."""
        return f"{self.rep_1} ⊗ {self.rep_2} → {self.rep_out}, {self.rep_1.group}"


def _gaunt_variances(first: int, second: int, third: int) -> np.ndarray:
    """n_l = Σ (2l₁+1)(2l₂+1) (l₁ l₂ l; 0 0 0)²: the variance of each component of degree l of the plain product."""
    found = np.zeros(third + 1)
    for l1 in range(first + 1):
        for l2 in range(second + 1):
            for l in range(abs(l1 - l2), min(l1 + l2, third) + 1):
                found[l] += (2 * l1 + 1) * (2 * l2 + 1) * wigner_3j(l1, l2, l)[l1, l2, l] ** 2
    return found
