"""e3nn.math: normalised activations, radial bases on an interval, matrices and permutations."""

from intertwine.interop.e3nn.math import perm
from intertwine.interop.e3nn.math.linear_algebra import complete_basis, direct_sum, orthonormalize
from intertwine.interop.e3nn.math.moments import moment, normalize2mom
from intertwine.interop.e3nn.math.radial import bessel, soft_one_hot_linspace, soft_unit_step
from intertwine.interop.e3nn.math.symmetric import germinate_formulas, reduce_permutation

__all__ = [
    "bessel",
    "complete_basis",
    "direct_sum",
    "germinate_formulas",
    "moment",
    "normalize2mom",
    "orthonormalize",
    "perm",
    "reduce_permutation",
    "soft_one_hot_linspace",
    "soft_unit_step",
]
