"""Rotations as e3nn writes them: Euler angles about y, x and y, quaternions (w, x, y, z), axes and angles.

Everything is `intertwine.rotations`, so half-turns, the identity and the poles are safe, and gradients finite there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine import rotations

Angles = tuple[Tensor, Tensor, Tensor]


def _about(axis: int, angle: Tensor) -> Tensor:
    unit = torch.eye(3, dtype=angle.dtype, device=angle.device)[axis]
    return rotations.from_axis_angle(unit, angle)  # type: ignore[no-any-return]


# matrices -------------------------------------------------------------------------------------------------------------


def matrix_x(angle: Tensor) -> Tensor:
    """The rotation about x."""
    return _about(0, angle)


def matrix_y(angle: Tensor) -> Tensor:
    """The rotation about y."""
    return _about(1, angle)


def matrix_z(angle: Tensor) -> Tensor:
    """The rotation about z."""
    return _about(2, angle)


def angles_to_matrix(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """`R_y(α) R_x(β) R_y(γ)`: γ comes first."""
    angles = torch.stack(torch.broadcast_tensors(alpha, beta, gamma), -1)
    return rotations.from_euler(angles, "YXY")  # type: ignore[no-any-return]


def matrix_to_angles(R: Tensor) -> Angles:
    """The Euler angles of rotations."""
    return rotations.to_euler(R, "YXY").unbind(-1)  # type: ignore[no-any-return]


def quaternion_to_matrix(q: Tensor) -> Tensor:
    """The rotations of quaternions."""
    return rotations.from_quaternion(q)  # type: ignore[no-any-return]


def matrix_to_quaternion(R: Tensor) -> Tensor:
    """The quaternions of rotations, w ≥ 0."""
    return rotations.to_quaternion(R)  # type: ignore[no-any-return]


def axis_angle_to_matrix(axis: Tensor, angle: Tensor) -> Tensor:
    """The rotations by angles about axes, which need not be unit vectors."""
    return rotations.from_axis_angle(axis, angle)  # type: ignore[no-any-return]


def matrix_to_axis_angle(R: Tensor) -> tuple[Tensor, Tensor]:
    """The axes and the angles of rotations."""
    return rotations.to_axis_angle(R)


# from one to another --------------------------------------------------------------------------------------------------


def angles_to_quaternion(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """The quaternions of Euler angles."""
    return matrix_to_quaternion(angles_to_matrix(alpha, beta, gamma))


def axis_angle_to_quaternion(xyz: Tensor, angle: Tensor) -> Tensor:
    """The quaternions of axes and angles."""
    half = angle[..., None] / 2
    return torch.cat([half.cos(), torch.nn.functional.normalize(xyz, dim=-1) * half.sin()], -1)


def quaternion_to_axis_angle(q: Tensor) -> tuple[Tensor, Tensor]:
    """The axes and the angles of quaternions."""
    return matrix_to_axis_angle(quaternion_to_matrix(q))


def angles_to_axis_angle(alpha: Tensor, beta: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    """The axes and the angles of Euler angles."""
    return matrix_to_axis_angle(angles_to_matrix(alpha, beta, gamma))


def quaternion_to_angles(q: Tensor) -> Angles:
    """The Euler angles of quaternions."""
    return matrix_to_angles(quaternion_to_matrix(q))


def axis_angle_to_angles(axis: Tensor, angle: Tensor) -> Angles:
    """The Euler angles of axes and angles."""
    return matrix_to_angles(axis_angle_to_matrix(axis, angle))


def angles_to_xyz(alpha: Tensor, beta: Tensor) -> Tensor:
    """Points of the sphere: `R_y(α) R_x(β) e_y`."""
    alpha, beta = torch.broadcast_tensors(alpha, beta)
    return torch.stack([beta.sin() * alpha.sin(), beta.cos(), beta.sin() * alpha.cos()], -1)


def xyz_to_angles(xyz: Tensor) -> tuple[Tensor, Tensor]:
    """The angles (α, β) of directions; at the poles α is 0 and has no gradient."""
    x, y, z = xyz.unbind(-1)
    squared = x * x + z * z
    at_pole = squared == 0
    away = torch.where(at_pole, torch.ones_like(z), z)
    radius = torch.where(at_pole, squared, torch.where(at_pole, torch.ones_like(squared), squared).sqrt())
    return torch.atan2(x, away), torch.atan2(radius, y)


# composition ----------------------------------------------------------------------------------------------------------


def compose_angles(a1: Tensor, b1: Tensor, c1: Tensor, a2: Tensor, b2: Tensor, c2: Tensor) -> Angles:
    """The Euler angles of the second rotation followed by the first."""
    return matrix_to_angles(angles_to_matrix(a1, b1, c1) @ angles_to_matrix(a2, b2, c2))


def inverse_angles(a: Tensor, b: Tensor, c: Tensor) -> Angles:
    """The Euler angles of inverse rotations."""
    return -c, -b, -a


def compose_quaternion(q1: Tensor, q2: Tensor) -> Tensor:
    """Hamilton's product: the second rotation followed by the first."""
    w1, v1, w2, v2 = q1[..., :1], q1[..., 1:], q2[..., :1], q2[..., 1:]
    v1, v2 = torch.broadcast_tensors(v1, v2)
    w = w1 * w2 - (v1 * v2).sum(-1, keepdim=True)
    return torch.cat([w, w1 * v2 + w2 * v1 + torch.linalg.cross(v1, v2)], -1)


def inverse_quaternion(q: Tensor) -> Tensor:
    """The conjugates."""
    return torch.cat([q[..., :1], -q[..., 1:]], -1)


def compose_axis_angle(axis1: Tensor, angle1: Tensor, axis2: Tensor, angle2: Tensor) -> tuple[Tensor, Tensor]:
    """The axis and the angle of the second rotation followed by the first."""
    return matrix_to_axis_angle(axis_angle_to_matrix(axis1, angle1) @ axis_angle_to_matrix(axis2, angle2))


# identities and random rotations, uniform in Haar's measure -----------------------------------------------------------


def rand_quaternion(*shape: int, requires_grad: bool = False, **options: Any) -> Tensor:
    """Random quaternions."""
    q = torch.nn.functional.normalize(torch.randn(*shape, 4, **options), dim=-1)
    return q.requires_grad_(requires_grad)


def rand_matrix(*shape: int, requires_grad: bool = False, **options: Any) -> Tensor:
    """Random rotations."""
    return quaternion_to_matrix(rand_quaternion(*shape, **options)).requires_grad_(requires_grad)


def rand_angles(*shape: int, requires_grad: bool = False, **options: Any) -> Angles:
    """Euler angles of random rotations."""
    alpha, gamma = (2 * torch.pi * torch.rand(shape, **options) for _ in range(2))
    beta = torch.acos(2 * torch.rand(shape, **options) - 1)
    return tuple(x.requires_grad_(requires_grad) for x in (alpha, beta, gamma))  # type: ignore[return-value]


def rand_axis_angle(*shape: int, requires_grad: bool = False, **options: Any) -> tuple[Tensor, Tensor]:
    """Axes and angles of random rotations."""
    axis, angle = matrix_to_axis_angle(rand_matrix(*shape, **options))
    return axis.requires_grad_(requires_grad), angle.requires_grad_(requires_grad)


def identity_angles(*shape: int, requires_grad: bool = False, **options: Any) -> Angles:
    """Euler angles of the identity."""
    return tuple(torch.zeros(shape, **options).requires_grad_(requires_grad) for _ in range(3))  # type: ignore[return-value]


def identity_quaternion(*shape: int, requires_grad: bool = False, **options: Any) -> Tensor:
    """Quaternions of the identity."""
    q = torch.zeros(*shape, 4, **options)
    q[..., 0] = 1
    return q.requires_grad_(requires_grad)
