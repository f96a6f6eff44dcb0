"""Matrices of the irreps of SO(3): e3nn's numbers, any degree, any dtype."""

import numpy as np
import pytest
import torch
from hypothesis import given

from intertwine.catalog import O2, O3, SO3
from intertwine.catalog.spatial import axis_rotation
from intertwine.reps import circular_harmonics, spherical_harmonics
from intertwine.reps.wigner import circular_matrix, complex_power, harmonic_matrix, wigner_matrices
from tests.registry import close, seeds, some
from tests.reps.reference import REFERENCE


@pytest.mark.parametrize("degree", range(7))
def test_they_are_those_of_e3nn(degree: int) -> None:
    expected = REFERENCE[f"wigner_D_{degree}"]
    close(SO3.irrep(str(degree)).matrix(REFERENCE["rotations"]), expected)
    close(O3.irrep(f"{degree}{'eo'[degree % 2]}").matrix(REFERENCE["rotations"]), expected)


@given(seeds)
def test_degree_one_is_the_vector(seed: int) -> None:
    g = some(O3, seed)
    close(wigner_matrices((1,), g)[1], g, 0.0)


@pytest.mark.parametrize("degree", [5, 17, 30])
def test_high_degrees_are_exact(degree: int) -> None:
    a, b = SO3.sample(2, 0)
    at_a, at_b, at_product = wigner_matrices((degree,), np.stack([a, b, a @ b]))[degree]
    close(at_a @ at_a.T, np.eye(2 * degree + 1))
    close(at_a @ at_b, at_product)
    r = np.random.default_rng(0).normal(size=(6, 3))
    close(spherical_harmonics(degree, r @ a.T), spherical_harmonics(degree, r) @ at_a.T)


def test_the_character_in_closed_form() -> None:
    """sin((2l + 1) θ/2) / sin(θ/2) for a rotation by θ about any axis."""
    angle = 0.7
    for axis in range(3):
        g = axis_rotation(axis, angle)
        for degree in range(9):
            expected = np.sin((2 * degree + 1) * angle / 2) / np.sin(angle / 2)
            close(SO3.irrep(str(degree)).character(g), expected)


def test_inversion_gives_the_natural_parity() -> None:
    matrices = wigner_matrices((3, 0, 2), -np.eye(3))
    assert [*matrices] == [3, 0, 2]
    for degree, matrix in matrices.items():
        close(matrix, (-1) ** degree * np.eye(2 * degree + 1))


def test_torch_agrees_and_has_two_derivatives() -> None:
    g = torch.as_tensor(SO3.sample(2, 0)).requires_grad_()
    for degree, matrix in wigner_matrices((0, 1, 2, 3), g).items():
        close(matrix.detach(), wigner_matrices((degree,), g.detach().numpy())[degree])
    assert torch.autograd.gradcheck(lambda x: wigner_matrices((3,), x)[3], g)
    assert torch.autograd.gradgradcheck(lambda x: wigner_matrices((2,), x)[2], g)
    assert wigner_matrices((4,), g.float())[4].dtype == torch.float32


@pytest.mark.parametrize("exponent", [0, 1, 2, 5, 12, 31])
def test_powers_of_complex_numbers(exponent: int) -> None:
    z = np.exp(1j * np.random.default_rng(0).normal(size=4))
    real, imag = complex_power(z.real, z.imag, exponent)
    close(real + 1j * imag, z**exponent)


def test_circular_matrices_move_circular_harmonics() -> None:
    g, r = some(O2), np.random.default_rng(0).normal(size=(5, 2))
    for degree in range(5):
        moved = circular_harmonics(degree, r @ g.swapaxes(-1, -2))
        close(moved, circular_harmonics(degree, r) @ harmonic_matrix(degree, g).swapaxes(-1, -2))
    rotations = g * np.stack([np.ones(len(g)), np.linalg.det(g)], -1)[:, None]
    close(circular_matrix(2, rotations, mirrors=False), circular_matrix(2, rotations))
