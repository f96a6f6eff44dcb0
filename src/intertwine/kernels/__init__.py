"""The Wigner–Eckart table: which kernels exist for an action and two reps, as plans and as dense bases."""

from intertwine.kernels.basis import KernelBasis, kernel_basis
from intertwine.kernels.plans import KernelTable, bilinear_plan, kernel_table, linear_plan

__all__ = ["KernelBasis", "KernelTable", "bilinear_plan", "kernel_basis", "kernel_table", "linear_plan"]
