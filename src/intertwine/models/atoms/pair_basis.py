"""Radial functions of pairs of atoms that count distances by the sizes of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.nn.radial import BesselBasis, PolynomialCutoff, RadialBasis, mean_square_of_distances

AGNESI = (0.9183, 4.5791, 1.0805)
"""q, p and a of the transform of distances: as many bonds of the elements are resolved as there are long distances."""


class PairBasis(RadialBasis):
    """Bessel functions of a transformed distance times a cut-off of the true one: `c(r) b_n(t)`.

    It is `t = 1 / (1 + a x^q / (1 + x^(q − p)))`, where x is the distance in units of the mean radius of
    both atoms: 1 for atoms that lie upon each other, and falling. The cut-off is one of the true distance, so that all
    functions end smoothly, and a network of them without biases does too.

    Args:
        cutoff: the largest distance, Å.
        number: the number of functions.
        power: of the polynomial cut-off.
        radii: the radius of each species, Å.

    Raises `ArgumentError` for radii that are not positive.

    Source: Batatia et al. 2022 (arXiv:2206.07697); the transform is that of Witt et al. 2023 (arXiv:2309.03161).

    >>> import torch
    >>> basis = PairBasis(5.0, 8, power=5, radii=[0.3, 0.8])
    >>> basis.of_pairs(torch.tensor([1.0, 5.0]), torch.tensor([0, 1, 1]), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([2, 8])
    """

    key: str
    radii: Tensor

    def __init__(self, cutoff: float, number: int, power: int, radii: Sequence[float]) -> None:
        super().__init__(cutoff, number)
        if not (len(radii) and min(radii) > 0):
            raise ArgumentError(f"The radius of each species is a positive length, but got {[*radii]}.")
        self.bessel, self.envelope = BesselBasis(cutoff, number), PolynomialCutoff(cutoff, power)
        self.register_table("radii", np.array(radii))
        self.key = f"PairBasis(cutoff={self.cutoff}, number={number}, power={power}, radii={[*map(float, radii)]})"
        self.mean_square = mean_square_of_distances(self)

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
        radii = self.radii.to(r.dtype).index_select(0, species)
        return self._of(r, (radii.index_select(0, edges[0]) + radii.index_select(0, edges[1])) / 2)

    def _of(self, r: Tensor, radius: Tensor) -> Tensor:
        q, p, a = AGNESI
        x = r / radius
        t = 1 / (1 + a * x**p / (1 + x ** (p - q)))  # x^q / (1 + x^(q − p)), finite at 0 with its derivatives
        functions: Tensor = self.bessel(t) * self.envelope(r)[..., None]
        return functions
