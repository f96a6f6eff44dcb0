"""From reps to plans: the Wigner–Eckart table of kernels, linear maps, and products in every multiplicity mode."""

from intertwine.kernels.basis import KernelBasis, kernel_basis
from intertwine.kernels.plans import KernelTable, bilinear_plan, kernel_table, linear_plan
from intertwine.kernels.products import (
    MODES,
    Instruction,
    Mode,
    Normalisation,
    ProductPlan,
    channelwise,
    every_path,
    in_irreps,
    irrep_terms,
    product,
)

__all__ = [
    "MODES",
    "Instruction",
    "KernelBasis",
    "KernelTable",
    "Mode",
    "Normalisation",
    "ProductPlan",
    "bilinear_plan",
    "channelwise",
    "every_path",
    "in_irreps",
    "irrep_terms",
    "kernel_basis",
    "kernel_table",
    "linear_plan",
    "product",
]
