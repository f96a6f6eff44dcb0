"""Rotation matrices and their other descriptions: round trips, scipy's numbers, and the places where others break."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation
from torch.func import hessian, jacfwd, jacrev, vmap

from intertwine import rotations as rot
from intertwine.errors import ArgumentError, ElementError, ShapeError
from tests.registry import close, directions, seeds

PI = np.pi
LETTERS = ["".join(axes) for axes in product("xyz", repeat=3) if axes[0] != axes[1] != axes[2]]
CONVENTIONS = LETTERS + [letters.upper() for letters in LETTERS]
each_convention = pytest.mark.parametrize("convention", CONVENTIONS)

Function = Callable


def euler(convention: str) -> tuple[Function, Function, int]:
    return lambda a: rot.from_euler(a, convention), lambda R: rot.to_euler(R, convention), 3


def joined(axis_angle: tuple) -> np.ndarray | torch.Tensor:
    """Axis and angle as four numbers."""
    axis, angle = axis_angle
    return (torch if isinstance(axis, torch.Tensor) else np).concatenate([axis, angle[..., None]], -1)


# From numbers, to numbers, how many.
PAIRS: dict[str, tuple[Function, Function, int]] = {
    "quaternion": (rot.from_quaternion, rot.to_quaternion, 4),
    "axis_angle": (
        lambda x: rot.from_axis_angle(x[..., :3], x[..., 3]),
        lambda R: joined(rot.to_axis_angle(R)),
        4,
    ),
    "rotation_vector": (rot.from_rotation_vector, rot.to_rotation_vector, 3),
    "6d": (rot.from_6d, rot.to_6d, 6),
    **{convention: euler(convention) for convention in CONVENTIONS},
}
each_pair = pytest.mark.parametrize(("there", "back", "size"), PAIRS.values(), ids=PAIRS)
few = {name: PAIRS[name] for name in ("quaternion", "axis_angle", "rotation_vector", "6d", "ZYX", "yxy")}
few_pairs = pytest.mark.parametrize(("there", "back", "size"), few.values(), ids=few)

# Angles where something degenerates, and their neighbours.
EDGES = [0, PI / 2, -PI / 2, PI]
NEAR = [edge + sign * step for edge in EDGES for step in (0, 1e-300, 1e-15, 1e-9, 1e-6, 1e-3) for sign in (1, -1)]


def random(seed: int = 0, count: int = 5) -> np.ndarray:
    return rot.from_quaternion(np.random.default_rng(seed).normal(size=(count, 4)))


def special() -> np.ndarray:
    """The identity, half-turns and quarter-turns, gimbal lock of every convention, and what is nearly one of these."""
    lengths = np.array(NEAR)[:, None]
    about = [rot.from_rotation_vector(lengths * np.array(v)) for v in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0.6, -0.8])]
    grid = np.array([(first, middle, last) for first in (0, 0.3) for middle in NEAR for last in (0, 2.5)])
    return np.concatenate([*about, *(rot.from_euler(grid, letters) for letters in LETTERS)])


def exactly_special() -> np.ndarray:
    """The places themselves, as matrices of 0 and ±1, and half-turns about other axes."""
    signs = [np.diag(d) for d in ([1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1])]
    cube = [np.eye(3)[list(p)] @ sign for p in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) for sign in signs]
    axes = np.array([[0.6, 0.8, 0], [0.6, -0.8, 0], [0, 0.6, -0.8], [2 / 3, 1 / 3, -2 / 3]])
    return np.concatenate([cube, -np.array(cube)[:, [1, 0, 2]], 2 * axes[:, :, None] * axes[:, None] - np.eye(3)])


# round trips ----------------------------------------------------------------------------------------------------------


@each_pair
@given(seed=seeds)
def test_numbers_give_the_rotation_back(there: Function, back: Function, size: int, seed: int) -> None:
    close(there(back(random(seed))), random(seed), 1e-14)


@each_pair
def test_they_do_so_where_something_degenerates(there: Function, back: Function, size: int) -> None:
    for R in (special(), exactly_special()):
        close(there(back(R)), R, 1e-14)


@given(directions(), st.floats(1e-3, PI - 1e-3))
def test_rotations_give_the_numbers_back(axis: tuple[float, ...], angle: float) -> None:
    unit = np.array(axis) / np.linalg.norm(axis)
    R = rot.from_axis_angle(axis, angle)
    close(joined(rot.to_axis_angle(R)), np.append(unit, angle), 1e-12)
    close(rot.to_rotation_vector(R), angle * unit, 1e-12)
    close(rot.to_quaternion(R), np.append(np.cos(angle / 2), np.sin(angle / 2) * unit), 1e-12)
    close(rot.from_6d(np.append(3 * R[:, 0], R[:, 1] - 7 * R[:, 0])), R, 1e-13)


@each_convention
def test_rotations_give_the_angles_back(convention: str) -> None:
    """Near gimbal lock too: there the first angle is read from small numbers that are exact."""
    middles = np.array([1e-9, 1e-5, 1, 2, PI - 1e-5]) - (0 if convention[0] == convention[2] else PI / 2)
    for first, middle, last in product((-3.0, 0.4), middles, (-2.0, 0.1)):
        angles = np.array([first, middle, last])
        close(rot.to_euler(rot.from_euler(angles, convention), convention), angles, 1e-14)


# other people's numbers -----------------------------------------------------------------------------------------------


@each_convention
@given(seed=seeds)
def test_euler_angles_are_those_of_scipy(convention: str, seed: int) -> None:
    angles = np.random.default_rng(seed).uniform(-7, 7, size=(5, 3))
    R = Rotation.from_euler(convention, angles)
    close(rot.from_euler(angles, convention), R.as_matrix(), 1e-14)
    close(rot.to_euler(R.as_matrix(), convention), R.as_euler(convention), 1e-10)


@given(seeds)
def test_quaternions_and_rotation_vectors_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, v = rng.normal(size=(5, 4)), 3 * rng.normal(size=(5, 3))
    R = Rotation.from_quat(q, scalar_first=True)
    close(rot.from_quaternion(q), R.as_matrix(), 1e-14)
    close(rot.to_quaternion(R.as_matrix()), R.as_quat(canonical=True, scalar_first=True), 1e-14)
    close(rot.from_rotation_vector(v), Rotation.from_rotvec(v).as_matrix(), 1e-14)
    close(rot.to_rotation_vector(R.as_matrix()), R.as_rotvec(), 1e-13)


def test_the_letters_name_matrices_from_left_to_right() -> None:
    """e3nn's angles are R_y(α) R_x(β) R_y(γ): "YXY"."""
    x, y, z = (lambda angle, e=e: rot.from_axis_angle(e, angle) for e in np.eye(3))
    close(rot.from_euler([0.1, 0.2, 0.3], "YXY"), y(0.1) @ x(0.2) @ y(0.3))
    close(rot.from_euler([0.1, 0.2, 0.3], "zyx"), x(0.3) @ y(0.2) @ z(0.1))


# laws -----------------------------------------------------------------------------------------------------------------


def quaternion_product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    real = p[0] * q[0] - p[1:] @ q[1:]
    return np.append(real, p[0] * q[1:] + q[0] * p[1:] + np.cross(p[1:], q[1:]))


@given(seeds)
def test_products_of_quaternions_are_products_of_rotations(seed: int) -> None:
    p, q = np.random.default_rng(seed).normal(size=(2, 4))
    close(rot.from_quaternion(quaternion_product(p, q)), rot.from_quaternion(p) @ rot.from_quaternion(q), 1e-14)
    close(rot.from_quaternion(-q), rot.from_quaternion(q), 0.0)
    close(rot.from_quaternion(1e-200 * q), rot.from_quaternion(q), 1e-14)


@given(seeds, st.floats(0, 10))
def test_rotation_vectors_are_exponentials(seed: int, angle: float) -> None:
    v = np.random.default_rng(seed).normal(size=3)
    v *= angle / np.linalg.norm(v)
    generator = np.cross(np.eye(3), v)
    close(rot.from_rotation_vector(v), expm(generator), 1e-12)
    close(rot.from_axis_angle(v + 1e-300, angle), rot.from_rotation_vector(v), 1e-14)


def test_a_turn_is_right_handed_and_keeps_its_axis() -> None:
    close(rot.from_axis_angle([0, 0, 5], PI / 2) @ [1, 0, 0], np.array([0, 1, 0]))
    close(rot.from_axis_angle([1, 2, 3], 0.7) @ [1, 2, 3], np.array([1, 2, 3]))


@pytest.mark.parametrize("spread", [1, 1e-4, 1e-8, 1e-12])
def test_two_vectors_span_the_first_two_columns(spread: float) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 20, 3))
    b = a + spread * b
    R = rot.from_6d(np.concatenate([a, b], -1))
    close(R.swapaxes(-1, -2) @ R, np.broadcast_to(np.eye(3), (20, 3, 3)), 1e-14)
    seen = np.stack([a, b], -2) @ R  # (a, b) in the new frame
    close(seen[:, 0], np.linalg.norm(a, axis=-1)[:, None] * np.array([1, 0, 0]), 1e-13)
    close(seen[:, 1, 2], 0.0, 1e-14)
    assert (seen[:, 1, 1] > 0).all()


@pytest.mark.parametrize("angle", [0, 1e-300, 1e-17, 1e-9, 1e-3, 1, 3, PI - 1e-3, PI - 1e-9, PI])
def test_angles_are_exact_at_both_ends(angle: float) -> None:
    axis = np.array([0.48, -0.6, 0.64])
    R, S = rot.from_axis_angle(axis, angle), random(0, 1)[0]
    np.testing.assert_allclose(rot.to_axis_angle(R)[1], angle, rtol=1e-14)
    close(rot.to_axis_angle(R)[0], axis if angle else np.array([0, 0, 1]), 1e-14)
    close(rot.to_rotation_vector(R), angle * axis, 1e-14)
    np.testing.assert_allclose(rot.angle_between(S, R @ S), angle, rtol=0, atol=1e-14)


@given(seeds)
def test_the_angle_between_rotations_is_a_distance(seed: int) -> None:
    R, S, T = random(seed, 3)
    distance = float(rot.angle_between(R, S))
    close(rot.angle_between(S, R), distance, 1e-14)
    close(rot.angle_between(T @ R, T @ S), distance, 1e-14)
    close(rot.angle_between(R @ T, S @ T), distance, 1e-14)
    assert distance <= rot.angle_between(R, T) + rot.angle_between(T, S) + 1e-14
    close(np.cos(distance), (np.trace(R.T @ S) - 1) / 2)
    assert rot.angle_between(R, R) == 0


def test_half_turns_have_a_first_positive_number() -> None:
    for axis in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, -0.8, 0], [0, 0.6, -0.8]):
        R = 2 * np.outer(axis, axis) - np.eye(3)
        close(rot.to_quaternion(R), np.array([0, *axis]), 1e-14)
        close(rot.to_rotation_vector(R), PI * np.array(axis), 1e-14)


@each_convention
def test_at_gimbal_lock_the_last_angle_that_turns_along_is_zero(convention: str) -> None:
    for middle in (0, PI) if convention[0] == convention[2] else (-PI / 2, PI / 2):
        R = rot.from_euler([0.3, middle, 0.5], convention)
        angles = rot.to_euler(R, convention)
        assert angles[2 if convention.isupper() else 0] == 0
        close(angles[1], middle, 1e-14)
        close(rot.from_euler(angles, convention), R, 1e-14)


# gradients ------------------------------------------------------------------------------------------------------------


def finite_gradients(function: Function, x: torch.Tensor) -> bool:
    """Whether the gradients of all outputs exist."""
    return bool(torch.isfinite(vmap(jacrev(function))(x)).all())


@each_pair
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradients_are_finite_everywhere(there: Function, back: Function, size: int, dtype: torch.dtype) -> None:
    R = torch.as_tensor(exactly_special()).to(dtype)
    assert finite_gradients(back, R)
    assert finite_gradients(there, back(R))
    assert finite_gradients(back, torch.as_tensor(special()).to(dtype)[::7])
    assert finite_gradients(lambda S: rot.angle_between(S, S.detach()), R)
    assert finite_gradients(lambda S: rot.angle_between(S, torch.eye(3, dtype=dtype)), R)


def test_gradients_are_finite_where_vectors_vanish() -> None:
    zero = torch.zeros(1, 3, dtype=torch.float64)
    for there in (rot.from_rotation_vector, lambda v: rot.from_axis_angle([1, 2, 3], v[..., 0])):
        assert finite_gradients(there, zero)
        assert torch.isfinite(hessian(there)(zero)).all()


def test_gradients_are_finite_for_tiny_and_large_vectors() -> None:
    assert finite_gradients(rot.from_rotation_vector, torch.full((1, 3), 1e4))
    for there, size in ((rot.from_quaternion, 4), (rot.from_6d, 6)):
        x = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        for scale in (1e-250, 1e-160, 1e160, 1e250):
            close(scale * jacrev(there)(scale * x), jacrev(there)(x), 1e-14)


@few_pairs
def test_two_derivatives_are_right(there: Function, back: Function, size: int) -> None:
    """R is described by a rotation vector: off the rotations the derivatives have no meaning."""
    torch.manual_seed(0)
    x = torch.randn(3, size, dtype=torch.float64, requires_grad=True)
    v = (torch.randn(3, 3, dtype=torch.float64)).requires_grad_()
    for function, at in ((there, x), (lambda v: back(rot.from_rotation_vector(v)), v)):
        assert torch.autograd.gradcheck(function, at)
        assert torch.autograd.gradgradcheck(function, at)


@pytest.mark.parametrize("length", [0, 1e-9, 1e-3, 0.249, 0.251, 3])
def test_rotation_vectors_go_through_with_derivatives(length: float) -> None:
    """There and back is the identity: its derivatives are 1 and 0, on both sides of where the Taylor series ends."""
    v = length * torch.tensor([0.6, 0, -0.8], dtype=torch.float64)

    def through(v: torch.Tensor) -> torch.Tensor:
        return rot.to_rotation_vector(rot.from_rotation_vector(v))

    close(jacrev(through)(v), np.eye(3), 1e-13)
    close(hessian(through)(v), 0.0, 1e-10)


def test_the_angle_between_rotations_has_derivatives() -> None:
    v = torch.tensor([0.3, -0.4, 1.2], dtype=torch.float64, requires_grad=True)
    S = torch.as_tensor(random(0, 1)[0])
    assert torch.autograd.gradcheck(lambda v: rot.angle_between(rot.from_rotation_vector(v), S), v)
    assert torch.autograd.gradgradcheck(lambda v: rot.angle_between(rot.from_rotation_vector(v), S), v)


# arrays ---------------------------------------------------------------------------------------------------------------


@each_pair
def test_torch_agrees_with_numpy(there: Function, back: Function, size: int) -> None:
    R = random()
    close(back(torch.as_tensor(R)), back(R), 1e-14)
    close(there(torch.as_tensor(back(R))), R, 1e-14)


@few_pairs
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, np.float16, np.float32], ids=str)
def test_the_dtype_stays(there: Function, back: Function, size: int, dtype: torch.dtype | type) -> None:
    is_torch = isinstance(dtype, torch.dtype)
    tolerance = 8 * float((torch if is_torch else np).finfo(dtype).eps)
    for R in (random(), random()[0]):
        cast = torch.as_tensor(R).to(dtype) if is_torch else R.astype(dtype)
        numbers = back(cast)
        assert numbers.dtype == there(numbers).dtype == rot.angle_between(cast, np.eye(3).tolist()).dtype == dtype
        close(np.asarray(torch.as_tensor(there(numbers)).double()), R, tolerance)


@few_pairs
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 1, 4)])
def test_batches_of_any_shape(there: Function, back: Function, size: int, shape: tuple[int, ...]) -> None:
    R = random(0, int(np.prod(shape))).reshape((*shape, 3, 3))
    for matrices in (R, torch.as_tensor(R)):
        assert tuple(back(matrices).shape) == (*shape, size)
        assert tuple(there(back(matrices)).shape) == (*shape, 3, 3)
        assert tuple(rot.angle_between(matrices, matrices).shape) == shape
        assert tuple(rot.angle_between(matrices, np.eye(3)).shape) == shape


def test_axes_and_angles_broadcast_and_may_be_of_two_kinds() -> None:
    axes, angles = np.eye(3), np.linspace(0, 1, 4)
    R = rot.from_axis_angle(axes[:, None], angles)
    assert R.shape == (3, 4, 3, 3)
    close(R[1, 2], rot.from_axis_angle([0, 1, 0], angles[2]))
    close(rot.from_axis_angle(axes[:, None], torch.as_tensor(angles)), R)
    close(rot.from_axis_angle(torch.as_tensor(axes)[:, None], angles), R)
    assert rot.from_axis_angle(torch.ones(3), 1).dtype == torch.float32
    assert rot.from_axis_angle([1, 1, 1], torch.tensor(1.0)).dtype == torch.float32
    assert rot.from_axis_angle(np.ones(3, np.float32), 1).dtype == np.float32


@few_pairs
def test_transforms_of_functions(there: Function, back: Function, size: int) -> None:
    R = torch.as_tensor(random())
    x = back(R)
    for function, at in ((back, R), (there, x)):
        close(vmap(function)(at), function(at), 1e-14)
        close(vmap(jacrev(function))(at), vmap(jacfwd(function))(at), 1e-13)
        assert function(at.to("meta")).shape == function(at).shape
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        close(compiled(at), function(at), 1e-14)


# errors ---------------------------------------------------------------------------------------------------------------

TO = [back for name, (_, back, _) in few.items()] + [lambda R: rot.angle_between(np.eye(3), R)]


@pytest.mark.parametrize("to", TO)
def test_only_rotations_are_taken(to: Function) -> None:
    mirrored = random() * np.array([1, -1, 1, 1, -1])[:, None, None]
    for kind in (np.asarray, torch.as_tensor):
        with pytest.raises(ElementError, match=r"2 of 5 matrices have determinant −1.*Convert det\(g\) \* g"):
            to(kind(mirrored))
        with pytest.raises(ElementError, match=r"1 of 1 matrices are not orthogonal.*\|RᵀR − 1\| is 2.1e-01.*from_6d"):
            to(kind(1.1 * np.eye(3)))
        with pytest.raises(ElementError, match="is nan"):
            to(kind(np.full((3, 3), np.nan)))
        with pytest.raises(ShapeError, match=r"of shape \(..., 3, 3\), but got .*float64 of shape \(2, 2\)"):
            to(kind(np.eye(2)))


@few_pairs
def test_only_finite_numbers_of_the_right_count_are_taken(there: Function, back: Function, size: int) -> None:
    with pytest.raises(ArgumentError, match=r"1 of .* Pass finite"):
        there(np.append(np.arange(size - 1.0), np.nan))
    if there is not PAIRS["axis_angle"][0]:
        with pytest.raises(ShapeError, match=rf"of shape \(..., {size}\), but got float64 of shape \(2,\)"):
            there([1, 2])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: rot.from_quaternion(np.zeros((2, 4))), "2 of 2 quaternions are zero or hold NaN or infinity"),
        (lambda: rot.from_axis_angle([0, 0, 0], 1), "1 of 1 axes are zero"),
        (lambda: rot.from_axis_angle([1, 0], 1), r"Axes are arrays of real numbers of shape \(..., 3\)"),
        (lambda: rot.from_axis_angle(np.ones((2, 3)), np.ones(3)), r"those are \(2,\) and \(3,\). Make them alike"),
        (lambda: rot.angle_between(random(0, 2), random(0, 3)), r"Rotations broadcast .* \(2,\) and \(3,\)"),
        (lambda: rot.from_6d([1, 2, 3, 0, 0, 0]), "1 of 2 vectors are zero"),
        (lambda: rot.from_6d([1, 2, 3, -2, -4, -6]), "1 of 1 pairs of vectors are parallel"),
        (lambda: rot.from_quaternion([1j, 0, 0, 0]), "Quaternions are arrays of real numbers .* complex128"),
    ],
)
def test_what_cannot_be_used_is_said(call: Function, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        call()


@pytest.mark.parametrize("convention", ["zzx", "zxx", "ZyX", "xy", "xyzx", "abc", "", 123])
def test_other_conventions_are_refused(convention: str) -> None:
    for call in (lambda: rot.from_euler([0, 0, 0], convention), lambda: rot.to_euler(np.eye(3), convention)):
        with pytest.raises(ArgumentError, match=r"is no convention of Euler angles\. Pass three letters"):
            call()
