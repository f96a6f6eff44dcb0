"""Wigner's matrices and symbols as e3nn writes them, in the basis that both libraries share: polar axis y."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog import SO3
from intertwine.interop.e3nn.defaults import sign_of
from intertwine.interop.e3nn.o3.rotation import angles_to_matrix
from intertwine.reps import Irrep
from intertwine.reps.clebsch_gordan import wigner_3j as invariant_tensor
from intertwine.reps.wigner import harmonic_matrix


def wigner_D(l: int, alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """The matrices `(..., 2l+1, 2l+1)` of rotations by Euler angles, of any degree."""
    alpha, beta, gamma = torch.broadcast_tensors(*(torch.as_tensor(x) for x in (alpha, beta, gamma)))
    found: Tensor = harmonic_matrix(l, angles_to_matrix(alpha, beta, gamma))
    return found


def wigner_3j(
    l1: int, l2: int, l3: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """The invariant tensor `(2l1+1, 2l2+1, 2l3+1)` of norm 1, with the signs of the convention that is chosen."""
    table = invariant_tensor(l1, l2, l3) * sign_of(l1, l2, l3)
    return torch.tensor(table, dtype=dtype or torch.get_default_dtype(), device=device)


def su2_generators(j: float) -> Tensor:
    """The generators `(3, 2j+1, 2j+1)` of SU(2) in the basis of −j … j, complex: about x, z and −y.

    They satisfy `[X_0, X_1] = X_2` and its cyclic permutations, and their eigenvalues are i m.
    """
    m = np.arange(-j, j)
    up = np.diag(-np.sqrt(j * (j + 1) - m * (m + 1)), k=-1)
    down = np.diag(np.sqrt(j * (j + 1) - (m + 1) * m), k=1)
    z = np.diag(1j * np.arange(-j, j + 1))
    found = [0.5 * (up + down), z, -0.5j * (up - down)]
    return torch.tensor(np.stack(found), dtype=_complex())


@cache
def _real_to_complex(l: int) -> np.ndarray:
    q = np.zeros((2 * l + 1, 2 * l + 1), complex)
    for m in range(1, l + 1):
        q[l - m, l + m], q[l - m, l - m] = 1 / math.sqrt(2), -1j / math.sqrt(2)
        q[l + m, l + m], q[l + m, l - m] = (-1) ** m / math.sqrt(2), 1j * (-1) ** m / math.sqrt(2)
    q[l, l] = 1
    return np.asarray((-1j) ** l * q)


def change_basis_real_to_complex(
    l: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """The unitary matrix `(2l+1, 2l+1)` from the real basis to the complex one of −l … l."""
    complex_dtype = {torch.float64: torch.complex128, torch.float32: torch.complex64}.get(dtype, dtype or _complex())  # type: ignore[arg-type]
    return torch.tensor(_real_to_complex(l), dtype=complex_dtype, device=device)


def so3_generators(l: int) -> Tensor:
    """The generators `(3, 2l+1, 2l+1)` of rotations about x, y and z."""
    irrep = Irrep(SO3, str(l))
    found = np.stack([irrep.lie_matrix(x) for x in SO3.lie_generators])
    return torch.tensor(found, dtype=torch.get_default_dtype())


def _complex() -> torch.dtype:
    return torch.complex128 if torch.get_default_dtype() == torch.float64 else torch.complex64
