"""Rotations of space: 3 × 3 matrices to and from quaternions, axes and angles, rotation vectors, Euler angles and 6d.

A rotation R moves vectors, `r → R r`, right-handed for positive angles. Angles are in radians. Everything is batched,
runs on numpy arrays and torch tensors and keeps their dtype. Gradients are finite everywhere: at the identity, at
half-turns and at gimbal lock too. A function of R is defined on rotations only, so only its derivatives along them have
a meaning.

Arrays of other shapes raise `ShapeError`. Compiled code, `vmap` and tensors without values cannot be looked at: there
bad numbers pass unnoticed, and zero vectors give NaN.

>>> turn = from_axis_angle([0, 0, 1], np.pi / 2)
>>> to_quaternion(turn).round(4), to_euler(turn, "YXY").round(4)
(array([0.7071, 0.    , 0.    , 0.7071]), array([-1.5708,  1.5708,  1.5708]))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb, factorial, inf, sqrt

import numpy as np

from intertwine._arrays import Array, as_array, epsilon, is_torch, like, namespace
from intertwine.errors import ArgumentError, ElementError, ShapeError

__all__ = [
    "angle_between",
    "from_6d",
    "from_axis_angle",
    "from_euler",
    "from_quaternion",
    "from_rotation_vector",
    "to_6d",
    "to_axis_angle",
    "to_euler",
    "to_quaternion",
    "to_rotation_vector",
]

# Taylor coefficients in h = x² of cos x, sin x / x and arcsin x / x
_COS = [(-1) ** n / factorial(2 * n) for n in range(10)]
_SINC = [(-1) ** n / factorial(2 * n + 1) for n in range(10)]
_ARCSINC = [comb(2 * n, n) / 4**n / (2 * n + 1) for n in range(10)]


# quaternions ----------------------------------------------------------------------------------------------------------


def from_quaternion(q: Array) -> Array:
    """The rotations `(..., 3, 3)` of quaternions w + xi + yj + zk `(..., 4)`, w first, which are normalised first.

    `R = (w² − |u|²) 1 + 2 u uᵀ + 2 w [u]×` with u = (x, y, z). R(p q) = R(p) R(q), and R(−q) = R(q). Raises
    `ArgumentError` for a zero quaternion, NaN and infinity.

    >>> from_quaternion([0, 2, 0, 0]).diagonal()
    array([ 1., -1., -1.])
    """
    unit = _unit(_shaped(q, (4,), "Quaternions"), "quaternions")
    return _matrix(unit[..., :1], unit[..., 1:])


def to_quaternion(R: Array) -> Array:
    """The unit quaternions `(..., 4)`, w first and w ≥ 0, of rotations `(..., 3, 3)`.

    `w = cos(θ/2)` and `(x, y, z) = sin(θ/2) axis`. For half-turns the first of x, y, z that is not 0 is positive.
    The matrix 4 q qᵀ is linear in R, and its row with the largest diagonal element is parallel to q. Raises
    `ElementError` for matrices that are no rotations.

    Source: Markley 2008, doi:10.2514/1.31730.

    >>> to_quaternion(np.diag([1.0, -1.0, -1.0]))
    array([0., 1., 0., 0.])
    """
    R = _rotations(R)
    xp = namespace(R)
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = [[R[..., i, j] for j in range(3)] for i in range(3)]
    rows = [
        [1 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx],
        [xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy],
        [yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz],
    ]
    square = xp.stack([xp.stack(row, -1) for row in rows], -2)
    largest = xp.argmax(xp.diagonal(square, 0, -2, -1), -1)
    chosen = (like([0.0, 1.0, 2.0, 3.0], R) == largest[..., None])[..., None]
    row = xp.where(chosen, square, xp.zeros_like(square)).sum(-2)
    return _canonical(row / xp.sqrt((row * row).sum(-1))[..., None])


def _canonical(q: Array) -> Array:
    """q or −q: the one whose first number that is not 0 is positive."""
    xp = namespace(q)
    w, x, y, z = (q[..., i] for i in range(4))
    first = xp.where(w != 0, w, xp.where(x != 0, x, xp.where(y != 0, y, z)))
    return xp.where((first < 0)[..., None], -q, q)


def _matrix(w: Array, u: Array) -> Array:
    """The rotation of a unit quaternion with the real part `(..., 1)` and the imaginary part `(..., 3)`."""
    identity = _identity(u)
    w, column, row = w[..., None], u[..., :, None], u[..., None, :]
    diagonal = w * w - (row * row).sum(-1)[..., None]
    return diagonal * identity + 2 * column * row + 2 * w * _cross(identity, row)  # the rows of [u]× are e_i × u


# axes, angles, rotation vectors ---------------------------------------------------------------------------------------


def from_axis_angle(axis: Array, angle: Array | float) -> Array:
    """The rotations `(..., 3, 3)` about axes `(..., 3)` of any length by angles `(...)`, which broadcast.

    Counter-clockwise where the axis points at the viewer: `R = cos θ 1 + (1 − cos θ) n nᵀ + sin θ [n]×` with the unit
    vector n along the axis. Raises `ArgumentError` for a zero axis, NaN and infinity.

    >>> from_axis_angle([1, 1, 1], 2 * np.pi / 3).round(12) @ [1, 2, 3]
    array([3., 1., 2.])
    """
    axis, angle = _beside(axis, angle), _beside(angle, axis)
    xp, axis = namespace(axis), _shaped(axis, (3,), "Axes")
    _require_broadcast(axis.shape[:-1], angle.shape, "Axes and angles", angle)
    half = _finite(angle, "angles")[..., None] / 2
    return _matrix(xp.cos(half), xp.sin(half) * _unit(axis, "axes"))


def to_axis_angle(R: Array) -> tuple[Array, Array]:
    """The axes, unit vectors `(..., 3)`, and the angles `(...)` in [0, π] of rotations `(..., 3, 3)`.

    The identity gets the axis z. Of the two axes of a half-turn, the one whose first number that is not 0 is positive.
    The angle has a kink at the identity; its gradient there is 0. Raises `ElementError` for matrices that are no
    rotations.

    >>> to_axis_angle(np.diag([-1.0, 1.0, -1.0]))[0]
    array([0., 1., 0.])
    """
    q = to_quaternion(R)
    xp, w, u = namespace(q), q[..., 0], q[..., 1:]
    length = _length(u)
    still = length == 0
    axis = xp.where(still, like([0.0, 0.0, 1.0], q), u / xp.where(still, xp.ones_like(length), length))
    return axis, 2 * xp.arctan2(length[..., 0], w)


def from_rotation_vector(v: Array) -> Array:
    """The rotations `(..., 3, 3)` about vectors v `(..., 3)` by angles |v| in radians: exponentials of [v]×.

    Smooth everywhere, at v = 0 by its Taylor series. Raises `ArgumentError` for NaN and infinity.

    Source: Grassia 1998, doi:10.1080/10867651.1998.10487493.

    >>> from_rotation_vector([0, 0, np.pi]).round(12).diagonal()
    array([-1., -1.,  1.])
    """
    half = _finite(_shaped(v, (3,), "Rotation vectors"), "rotation vectors") / 2
    xp, squared = namespace(half), (half * half).sum(-1)[..., None]
    w = _even(squared, _COS, xp.cos)
    return _matrix(w, half * _even(squared, _SINC, lambda x: xp.sin(x) / x))


def to_rotation_vector(R: Array) -> Array:
    """Axis times angle `(..., 3)`, at most π radians long, of rotations `(..., 3, 3)`.

    Of the two vectors of a half-turn, the one whose first number that is not 0 is positive. Raises `ElementError` for
    matrices that are no rotations.

    >>> to_rotation_vector(from_axis_angle([0, 3, 0], 0.5)).round(12)
    array([0. , 0.5, 0. ])
    """
    q = to_quaternion(R)
    xp, w, u = namespace(q), q[..., :1], q[..., 1:]
    return 2 * u * _even((u * u).sum(-1)[..., None], _ARCSINC, lambda x: xp.arctan2(x, w) / x)


def _even(squared: Array, series: list[float], function: Callable[[Array], Array]) -> Array:
    """An even function of x from x², by its Taylor series near 0, where the square root has no derivative."""
    xp = namespace(squared)
    near = squared < 1 / 64
    h, total = xp.where(near, squared, xp.zeros_like(squared)), xp.zeros_like(squared)
    for coefficient in reversed(series):
        total = total * h + coefficient
    return xp.where(near, total, function(xp.sqrt(xp.where(near, xp.ones_like(squared), squared))))


def angle_between(R: Array, S: Array) -> Array:
    """The angles `(...)` in [0, π] of the rotations RᵀS that lead from R to S, `(..., 3, 3)`: their distances.

    Accurate to rounding everywhere, where the arccos of the trace loses half of the digits near 0 and π. The kink at
    R = S has the gradient 0. Raises `ElementError` for matrices that are no rotations.

    >>> float(angle_between(from_axis_angle([1, 2, 2], 0.25), np.eye(3)).round(12))
    0.25
    """
    R, S = _rotations(_beside(R, S)), _rotations(_beside(S, R))
    _require_broadcast(R.shape[:-2], S.shape[:-2], "Rotations", R)
    return to_axis_angle(_times(R.swapaxes(-1, -2), S))[1]


# Euler angles ---------------------------------------------------------------------------------------------------------


def from_euler(angles: Array, convention: str) -> Array:
    """The rotations `(..., 3, 3)` of Euler angles `(..., 3)` in radians, in any of the 24 conventions.

    Three letters name the axes of the turns in their order, as in scipy and escnn: upper case for axes that turn along
    (intrinsic), lower case for axes that stay (extrinsic). "ZYX" with (α, β, γ) is `R_z(α) R_y(β) R_x(γ)`, "zyx" is
    `R_x(γ) R_y(β) R_z(α)`. e3nn's angles are "YXY". Neighbouring letters differ. Raises `ArgumentError` for other
    conventions, NaN and infinity.

    >>> from_euler([np.pi / 2, 0, np.pi / 2], "ZYX").round(12) @ [0, 1, 0]
    array([0., 0., 1.])
    """
    axes, intrinsic = _parse(convention)
    angles = _finite(_shaped(angles, (3,), "Euler angles"), "Euler angles")
    first, middle, last = (_turn(axis, angles[..., i]) for i, axis in enumerate(axes))
    return _times(first, _times(middle, last)) if intrinsic else _times(last, _times(middle, first))


def to_euler(R: Array, convention: str) -> Array:
    """The Euler angles `(..., 3)` of rotations `(..., 3, 3)`, in any of the 24 conventions of `from_euler`.

    The first and last angle are in [−π, π]; the middle one is in [−π/2, π/2] for three different axes, and in [0, π]
    when the first axis comes again. At gimbal lock only a sum of the first and last angle counts: then the last one of
    the intrinsic convention is 0 (the first one of an extrinsic convention). The middle angle has a kink there; its
    gradient is 0. The angles give R back up to rounding everywhere: the last one is what the first two leave over.
    Raises `ElementError` for matrices that are no rotations, and `ArgumentError` for other conventions.

    Source: Mike Day, Extracting Euler Angles from a Rotation Matrix, Insomniac Games.

    >>> to_euler(from_euler([0.1, 0.2, 0.3], "xyz"), "ZYX").round(12)
    array([0.3, 0.2, 0.1])
    """
    axes, intrinsic = _parse(convention)
    angles = _intrinsic_angles(_rotations(R), *(axes if intrinsic else axes[::-1]))
    return namespace(angles[0]).stack(angles if intrinsic else angles[::-1], -1)


def _intrinsic_angles(R: Array, i: int, j: int, last: int) -> list[Array]:
    """The angles of `R = R_i(α) R_j(β) R_last(γ)`."""
    xp, k, sign, again = namespace(R), 3 - i - j, _handedness(i, j), last == i
    image = [R[..., axis, last] for axis in range(3)]  # R_i(α) R_j(β) e_last
    squared = image[j] * image[j] + image[k] * image[k]
    locked = squared <= (16 * epsilon(R)) ** 2
    none, one = xp.zeros_like(squared), xp.ones_like(squared)
    across = xp.where(locked, none, xp.sqrt(xp.where(locked, one, squared)))
    sine, cosine = (image[j], -sign * image[k]) if again else (-sign * image[j], image[k])
    alpha = xp.arctan2(xp.where(locked, sign * R[..., k, j], sine), xp.where(locked, R[..., j, j], cosine))
    beta = xp.arctan2(across, image[i]) if again else xp.arctan2(sign * image[i], across)
    # R_last(γ) leads from the middle axis R_i(α) e_j to these components of it as R sees it
    middle = [xp.cos(alpha) * R[..., j, axis] + sign * xp.sin(alpha) * R[..., k, axis] for axis in range(3)]
    gamma = xp.arctan2(-_handedness(last, j) * middle[3 - j - last], middle[j])
    return [alpha, beta, xp.where(locked, none, gamma)]


def _handedness(i: int, j: int) -> int:
    """1 where the axes i, j and the remaining one are right-handed, −1 where they are left-handed."""
    return 1 if (j - i) % 3 == 1 else -1


def _parse(convention: str) -> tuple[list[int], bool]:
    """The axes of an Euler convention, and whether they turn along."""
    letters = str(convention)
    axes = ["xyz".find(letter) for letter in letters.lower()]
    if len(axes) != 3 or min(axes) < 0 or axes[1] in axes[::2] or not (letters.isupper() or letters.islower()):
        raise ArgumentError(
            f"{convention!r} is no convention of Euler angles. Pass three letters of x, y and z, neighbours different, "
            "such as 'ZYX' or 'YXY': upper case for axes that turn along (intrinsic), lower case for axes that stay."
        )
    return axes, letters.isupper()


def _turn(axis: int, angle: Array) -> Array:
    """Rotations about a coordinate axis, with exact zeros and ones."""
    xp, c, s = namespace(angle), namespace(angle).cos(angle), namespace(angle).sin(angle)
    none, one = xp.zeros_like(c), xp.ones_like(c)
    about_x = [[one, none, none], [none, c, -s], [none, s, c]]
    rows = [[about_x[(i - axis) % 3][(j - axis) % 3] for j in range(3)] for i in range(3)]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


# two vectors ----------------------------------------------------------------------------------------------------------


def from_6d(x: Array) -> Array:
    """The rotations `(..., 3, 3)` that Gram–Schmidt makes of two vectors each `(..., 6)`: a continuous map onto them.

    The first column is along the first vector, the second in the plane of both, the third is their cross product.
    PyTorch3D fills rows instead: its rotation is the transpose. Raises `ArgumentError` for vectors that are parallel or
    zero, NaN and infinity.

    Source: Zhou et al. 2019, arXiv:1812.07035.

    >>> from_6d([2, 0, 0, 5, 3, 0]).diagonal()
    array([1., 1., 1.])
    """
    x = _shaped(x, (6,), "Pairs of vectors")
    xp, pairs = namespace(x), _unit(x.reshape((*x.shape[:-1], 2, 3)), "vectors")
    a, b = pairs[..., 0, :], pairs[..., 1, :]
    across = b - (a * b).sum(-1)[..., None] * a
    length = _length(across)
    _require(length > 16 * epsilon(x), "pairs of vectors are parallel. Pass vectors in different directions.")
    b = across / length
    b = b - (a * b).sum(-1)[..., None] * a  # again, for vectors that are nearly parallel
    return xp.stack([a, b / _length(b), _cross(a, b / _length(b))], -1)


def to_6d(R: Array) -> Array:
    """The first two columns `(..., 6)`, one after the other, of rotations `(..., 3, 3)`.

    Raises `ElementError` for matrices that are no rotations.

    >>> to_6d(np.eye(3))
    array([1., 0., 0., 0., 1., 0.])
    """
    R = _rotations(R)
    return namespace(R).concatenate([R[..., 0], R[..., 1]], -1)


# arrays ---------------------------------------------------------------------------------------------------------------


def _identity(x: Array) -> Array:
    """The identity (3, 3) with the kind, dtype and device of `x`."""
    return like([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], x).reshape((3, 3))


def _times(A: Array, B: Array) -> Array:
    """A @ B, in full precision on every device and for every dtype."""
    return (A[..., :, :, None] * B[..., None, :, :]).sum(-2)


def _cross(a: Array, b: Array) -> Array:
    """The cross product of vectors `(..., 3)`."""
    xp = namespace(a)
    return xp.roll(a * xp.roll(b, -1, -1) - xp.roll(a, -1, -1) * b, -1, -1)


def _length(v: Array) -> Array:
    """|v| `(..., 1)` of vectors; gradient 0 at v = 0, exact for tiny and large vectors."""
    xp = namespace(v)
    largest = xp.amax(abs(v), -1)[..., None]
    zero = largest == 0
    scale = xp.where(zero, xp.ones_like(largest), largest)
    squared = ((v / scale) ** 2).sum(-1)[..., None]
    return xp.where(zero, xp.zeros_like(scale), scale * xp.sqrt(xp.where(zero, xp.ones_like(squared), squared)))


def _beside(x: Array, other: Array) -> Array:
    """`x` as an array; a plain number, or numpy beside torch, takes the kind and dtype of the other."""
    other = as_array(other)
    foreign = is_torch(other) and not is_torch(x)
    return like(x, other) if foreign or not hasattr(x, "dtype") else as_array(x)


# checks ---------------------------------------------------------------------------------------------------------------


def _compiling(x: Array) -> bool:
    return is_torch(x) and namespace(x).compiler.is_compiling()


def _holds(fine: Array) -> bool:
    """Whether a condition holds everywhere; true where nobody may look: in compiled code, in vmap, without values."""
    try:
        return _compiling(fine) or bool(fine.all())  # one look, since on a GPU each look waits for all work before it
    except RuntimeError:
        return True


def _require(fine: Array, sentence: str, error: type[ArgumentError] = ArgumentError) -> None:
    """Raise `error` with a sentence that begins with how many of how many are not fine."""
    if not _holds(fine):
        raise error(f"{int((~fine).sum())} of {int(np.prod(fine.shape))} {sentence}")


def _require_broadcast(one: Sequence[int], other: Sequence[int], names: str, x: Array) -> None:
    try:
        if not _compiling(x):
            np.broadcast_shapes(tuple(one), tuple(other))
    except ValueError as error:
        raise ShapeError(
            f"{names} broadcast over their leading axes, but those are {tuple(one)} and {tuple(other)}. "
            "Make them alike, or of size 1."
        ) from error


def _shaped(x: Array, shape: tuple[int, ...], what: str) -> Array:
    """`x` as an array, if it has real numbers and the right last axes."""
    x = as_array(x)
    if tuple(x.shape[-len(shape) :]) != shape or "complex" in str(x.dtype):
        raise ShapeError(
            f"{what} are arrays of real numbers of shape (..., {', '.join(map(str, shape))}), but got {x.dtype} of "
            f"shape {tuple(x.shape)}."
        )
    return x


def _finite(x: Array, what: str) -> Array:
    """`x` itself, if it holds no NaN and no infinity."""
    _require(namespace(x).isfinite(x), f"numbers are NaN or infinite. Pass finite {what}, in radians.")
    return x


def _unit(v: Array, what: str) -> Array:
    """v / |v|."""
    length = _length(v)
    _require(
        (length > 0) & (length < inf), f"{what} are zero or hold NaN or infinity. Pass finite ones with a direction."
    )
    return v / length


def _rotations(R: Array) -> Array:
    """`R` as an array, if all of it are rotations up to the square root of the rounding unit (float64: 1e-7)."""
    R = _shaped(R, (3, 3), "Rotations")
    defect = namespace(R).amax(abs(_times(R.swapaxes(-1, -2), R) - _identity(R)), (-2, -1))
    orthogonal = defect <= max(sqrt(epsilon(R)), 1e-7)
    proper = (R[..., 2] * _cross(R[..., 0], R[..., 1])).sum(-1) > 0
    if not _holds(orthogonal & proper):
        worst = f"the largest entry of |RᵀR − 1| is {float(defect.max()):.1e}"
        advice = "from_6d makes rotations of their first two columns."
        _require(orthogonal, f"matrices are not orthogonal, and so no rotations: {worst}. {advice}", ElementError)
        advice = "Convert det(g) * g, which is a rotation, and keep the sign det(g) apart."
        _require(proper, f"matrices have determinant −1: they hold a mirror or the inversion. {advice}", ElementError)
    return R
