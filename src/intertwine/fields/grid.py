"""Fields on the pixels of an image or the voxels of a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from intertwine._arrays import plain_shape, read_only
from intertwine.errors import RepMismatchError, ShapeError
from intertwine.fields.cloud import as_action
from intertwine.fields.field_type import FieldType, require_channels
from intertwine.groups import Group, Subgroup
from intertwine.groups.finite import closure
from intertwine.groups.rotations import exponential
from intertwine.reps import Irrep, Rep, as_rep

_EQUAL = 1e-9  # how near a matrix of an action is to a signed permutation that it is meant to be


@dataclass(frozen=True, repr=False)
class GridField(FieldType):
    """A field on a grid: `(g f)(r) = ρ(g) f(A(g)⁻¹ r)` about the middle of the grid.

    Images are `(B, C, −y, x)` and volumes `(B, C, −z, −y, x)`, rows run down as on a screen, with C = rep.dim. Where
    A(g) maps the grid to itself (quarter turns, mirrors), pixels change places, exactly. For all other elements values
    between pixels are interpolated linearly, with zeros outside: that error is of the pixels, not of a model.

    Args:
        rep: ρ, the rep of the channels.
        action: A, a rep of dimension 2 or 3 of the same group; default its defining rep.

    Raises `ArgumentError` for an action of another dimension, and `RepMismatchError` for one of another group.

    >>> from intertwine.catalog import O2
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> GridField(O2.rep("1x0e")).act(np.array([[0.0, -1.0], [1.0, 0.0]]), image)  # a quarter turn, counterclockwise
    tensor([[[[2., 4.],
              [1., 3.]]]])
    """

    rep: Rep
    action: Rep

    def __init__(self, rep: Rep | Irrep, action: Rep | Irrep | None = None) -> None:
        object.__setattr__(self, "rep", rep := as_rep(rep))
        object.__setattr__(self, "action", action := as_action(rep.group.defining if action is None else action))
        if action.group != rep.group:
            raise RepMismatchError(
                f"One group moves the channels and the grid, but got {rep} of {rep.group} and the action {action} of "
                f"{action.group}. Call rep.restrict(subgroup) to bring them to one."
            )

    @property
    def n(self) -> int:
        """The dimension of the grid, 2 or 3."""
        return self.action.dim

    def act(self, g: np.ndarray, x: Tensor) -> Tensor:
        """`ρ(g) f(A(g)⁻¹ r)`: pixels change places where g maps the grid to itself, else values are interpolated."""
        matrix = torch.tensor(self.rep.matrix(g), dtype=torch.float64, device=x.device)
        moved = self._exchanged(g, x) if self.is_exact(g, plain_shape(x)) else self._interpolated(g, x)
        return torch.einsum("cd,bd...->bc...", matrix, moved.double()).to(x.dtype)

    def is_exact(self, g: np.ndarray, shape: tuple[int, ...]) -> bool:
        """Whether g maps a grid of this shape `(B, C, …)` to itself, pixel to pixel."""
        return _keeps_grid(self._index_matrix(g), shape[-self.n :])

    def exact_elements(self, shape: tuple[int, ...]) -> np.ndarray:
        """The elements `(k, n, n)` that map a grid of this shape to itself, pixel to pixel."""
        candidates = _candidates(self.rep.group)
        found = candidates[[self.is_exact(g, shape) for g in candidates]]
        return found if self.rep.group.is_finite else closure(found)

    def restrict(self, subgroup: Subgroup) -> GridField:
        """The same field as a subgroup moves it."""
        return GridField(self.rep.restrict(subgroup), self.action.restrict(subgroup))

    def moved_axes(self, sizes: Sequence[int]) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """The axes of space, from 0, that some element reverses, and the pairs of axes that some element exchanges.

        Elements are those that map a grid of the sizes `(n,)` to itself.

        >>> from intertwine.catalog import dihedral
        >>> field = GridField(dihedral(4).rep("1x0e"))
        >>> field.moved_axes((5, 5)), field.moved_axes((5, 7))
        (((0, 1), ((0, 1),)), ((0, 1), ()))
        """
        return _moved_axes(self.action, tuple([*sizes].index(size) for size in sizes))

    def check(self, x: Any, what: str = "The input") -> None:
        """Raise `ShapeError` unless x is `(B, rep.dim, …)` with n axes of space."""
        if isinstance(x, Tensor) and x.ndim != 2 + self.n:
            form = "images (B, C, −y, x)" if self.n == 2 else "volumes (B, C, −z, −y, x)"
            raise ShapeError(
                f"{what} holds {form}, but got a tensor of shape {plain_shape(x)}. Call x[None] for a grid without a "
                "batch; pass the rep alone for features on the last axis, and an action of as many axes as space has."
            )
        require_channels(x, self.rep, 1, what)

    def _index_matrix(self, g: np.ndarray) -> np.ndarray:
        """A(g)⁻¹ on indices counted from the middle of the grid: axes of space in reverse order, all but x negative."""
        signs = np.where(np.arange(self.n) == self.n - 1, 1.0, -1.0)
        inverse = self.action.matrix(g).T[::-1, ::-1]
        return np.asarray(signs[:, None] * inverse * signs)

    def _exchanged(self, g: np.ndarray, x: Tensor) -> Tensor:
        """Pixels in other places: `out[u] = x[M u]` for a signed permutation M."""
        matrix = np.rint(self._index_matrix(g))
        sources = [int(np.flatnonzero(column)[0]) for column in matrix.T]
        flipped = [2 + axis for axis in range(self.n) if matrix[axis].sum() < 0]
        return x.flip(flipped).permute(0, 1, *(2 + axis for axis in sources))

    def _interpolated(self, g: np.ndarray, x: Tensor) -> Tensor:
        """Values between pixels, by `grid_sample`: its coordinates run from −1 to 1 over the grid, x first."""
        sizes = plain_shape(x)[2:]
        axes = [torch.arange(s, dtype=torch.float64, device=x.device) - (s - 1) / 2 for s in sizes]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        matrix = torch.tensor(self._index_matrix(g), dtype=torch.float64, device=x.device)
        sources = 2 * (places @ matrix.T) / torch.tensor(sizes, dtype=torch.float64, device=x.device)
        grid = sources.flip(-1).expand(len(x), *sources.shape)
        return F.grid_sample(x.double(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def __str__(self) -> str:
        space = "an image" if self.n == 2 else "a volume"
        return f"features of {self.rep} of {self.rep.group} on {space}"

    def __repr__(self) -> str:
        action = "" if self.action == self.rep.group.defining else f", {self.action!r}"
        return f"tw.fields.GridField({self.rep!r}{action})"


def _keeps_grid(matrix: np.ndarray, sizes: tuple[int, ...]) -> bool:
    """Whether a matrix on indices is a signed permutation of axes of equal sizes."""
    whole = np.rint(matrix)
    if not np.allclose(matrix, whole, atol=_EQUAL) or not (np.abs(whole).sum(0) == 1).all():
        return False
    return tuple(abs(whole) @ sizes) == tuple(sizes)


@cache
def _moved_axes(action: Rep, pattern: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """As `GridField.moved_axes`, where axes are of equal sizes if the pattern has equal numbers."""
    field = GridField(action, action)
    elements = field.exact_elements((1, action.dim, *(3 + number for number in pattern)))
    matrices = np.rint([field._index_matrix(g) for g in elements])
    back = tuple(axis for axis in range(action.dim) if (matrices[:, axis] < 0).any())
    return back, tuple((a, b) for a, b in combinations(range(action.dim), 2) if matrices[:, a, b].any())


@cache
def _candidates(group: Group) -> np.ndarray:
    """Elements among which those that map a grid to itself are found: all of a finite group.

    Of a continuous one its generators and its turns by multiples of 15° about each axis, quarter turns for actions of
    small degree; those that are exact then generate the others.
    """
    if group.is_finite:
        return group.elements()
    speeds = [abs(np.linalg.eigvals(x)).max() for x in group.lie_generators]
    turns = [
        exponential(np.pi / 12 * k * x / speed)
        for x, speed in zip(group.lie_generators, speeds, strict=True)
        for k in range(1, 24)
    ]
    return read_only(np.concatenate([group.generators, turns]))
