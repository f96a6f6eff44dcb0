"""Radial functions of pairs of atoms, which may count distances by the sizes of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.nn.radial import BesselBasis, PolynomialCutoff, RadialBasis

AGNESI = (0.9183, 4.5791, 1.0805)
"""q, p and a of the transform of distances: as many bonds of the elements are resolved as there are long distances."""


class PairBasis(RadialBasis):
    """Bessel functions times a cut-off, `c(r) b_n(r)`; or `c(r) b_n(t)` with a transformed distance t.

    With radii it is `t = 1 / (1 + a x^q / (1 + x^(q − p)))`, where x is the distance in units of the mean radius of
    both atoms: 1 for atoms that lie upon each other, and falling. The cut-off is one of the true distance, so that all
    functions end smoothly, and a network of them without biases does too.

    Args:
        cutoff: the largest distance, Å.
        number: the number of functions.
        power: of the polynomial cut-off.
        radii: the radius of each species, Å; None for the plain distance.

    Raises `ArgumentError` for radii that are not positive.

    Source: Batatia et al. 2022 (arXiv:2206.07697); the transform is that of Witt et al. 2023 (arXiv:2309.03161).

    >>> PairBasis(5.0, 8)(torch.tensor([1.0, 5.0])).shape
    torch.Size([2, 8])
    """

    key: str
    radii: Tensor

    def __init__(self, cutoff: float, number: int, power: int = 5, radii: Sequence[float] | None = None) -> None:
        super().__init__(cutoff, number)
        if radii is not None and not (len(radii) and min(radii) > 0):
            raise ArgumentError(f"The radius of each species is a positive length, but got {[*radii]}.")
        self.bessel, self.envelope = BesselBasis(cutoff, number), PolynomialCutoff(cutoff, power)
        self.transformed = radii is not None
        self.register_table("radii", np.array([1.0] if radii is None else radii))
        self.key = f"PairBasis(cutoff={self.cutoff}, number={number}, power={power}, radii={radii})"
        self.double()  # the scale of weights must not hang on the default dtype
        # Not the mean over all distances, which counts the room far away where functions end: bonds are near, and
        # networks of numbers that are larger than they expect start with forces a hundred times too large.
        self.mean_square = largest_square(self)
        self.to(torch.get_default_dtype())

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`, for atoms of the mean radius."""
        return self._of(r, self.radii.to(r.dtype).mean())

    def of_pairs(self, r: Tensor, species: Tensor, edges: Tensor) -> Tensor:
        """The functions `(E, number)` at the distances `(E,)` of pairs of atoms.

        Args:
            r: the distances.
            species: the element of each atom, `(N,)`.
            edges: source and target, `(2, E)`.
        """
        if not self.transformed:
            return self.forward(r)
        radii = self.radii.to(r.dtype).index_select(0, species)
        return self._of(r, (radii.index_select(0, edges[0]) + radii.index_select(0, edges[1])) / 2)

    def _of(self, r: Tensor, radius: Tensor) -> Tensor:
        if not self.transformed:
            return self._damped(r, r)
        q, p, a = AGNESI
        x = r / radius
        t = 1 / (1 + a * x**p / (1 + x ** (p - q)))  # x^q / (1 + x^(q − p)), finite at 0 with its derivatives
        return self._damped(t, r)

    def _damped(self, t: Tensor, r: Tensor) -> Tensor:
        functions: Tensor = self.bessel(t) * self.envelope(r)[..., None]
        return functions


def largest_square(basis: RadialBasis) -> float:
    """The largest sum of squares from 1 Å on, where atoms begin to see each other.

    Networks of functions that are larger there than they are on average give numbers that are much larger: on average
    over all distances counts the room far away, where functions end, and bonds are near.
    """
    distances = torch.linspace(min(1.0, basis.cutoff / 2), basis.cutoff, 256, dtype=torch.float64)
    with torch.no_grad():
        return float(basis(distances).square().sum(1).max())
