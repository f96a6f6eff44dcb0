"""How sure a potential is of an energy, by what its last layer has seen."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.models.atoms.exact import ExactModule
from intertwine.models.atoms.options import KeepsOptions


class EnergySpread(KeepsOptions, ExactModule):
    """The standard deviation of energies by the last layer: `σ² = α² φᵀ (Σ_n φ_n φ_nᵀ + ς² 1)⁻¹ φ`.

    φ are the features that the last linear map makes the energy of, summed over the atoms of a structure; the other sum
    is over the frames of the training. So structures are uncertain whose last features no frame was like. It costs
    next to nothing, and needs one model. α makes the mean of squared errors over variances one on frames apart.

    Args:
        size: the number of these features.

    Source: Bigi, Chong, Ceriotti, Grasselli 2024 (arXiv:2403.02251).
    """

    exact = ("inverse", "alpha")
    inverse: Tensor
    alpha: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("inverse", torch.eye(size, dtype=torch.float64))
        self.register_buffer("alpha", torch.ones((), dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        """The standard deviations `(B,)`, eV, for features `(B, size)`."""
        features = features.double()
        variances = torch.einsum("bi,ij,bj->b", features, self.inverse, features)
        return self.alpha * variances.clamp(min=0).sqrt()
