"""From reps to plans: the Wigner–Eckart table of kernels, linear maps, products in every mode, polynomials."""

from intertwine.kernels.basis import KernelBasis, kernel_basis
from intertwine.kernels.filter_bank import FilterBank, filter_bank
from intertwine.kernels.index_symmetry import TensorSpace, tensor_space
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
from intertwine.kernels.symmetric import SymmetricPlan, symmetric_contraction
from intertwine.kernels.taps import BandLimited, Complete, Filters, Rings, TapFunctions, Taps

__all__ = [
    "MODES",
    "BandLimited",
    "Complete",
    "FilterBank",
    "Filters",
    "Instruction",
    "KernelBasis",
    "KernelTable",
    "Mode",
    "Normalisation",
    "ProductPlan",
    "Rings",
    "SymmetricPlan",
    "TapFunctions",
    "Taps",
    "TensorSpace",
    "bilinear_plan",
    "channelwise",
    "every_path",
    "filter_bank",
    "in_irreps",
    "irrep_terms",
    "kernel_basis",
    "kernel_table",
    "linear_plan",
    "product",
    "symmetric_contraction",
    "tensor_space",
]
