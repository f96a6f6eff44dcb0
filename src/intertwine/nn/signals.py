"""Signals on the sphere and on groups, as features: values, peaks, samples, correlations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups import Group
from intertwine.groups.grids import sphere_grid
from intertwine.nn.edge_frame import edge_turns
from intertwine.nn.sphere_transform import SphereTransform, row_grid
from intertwine.ops import TableModule
from intertwine.reps import Irrep, Rep
from intertwine.reps.fourier_grids import group_grid, matrix_columns
from intertwine.reps.harmonics import harmonics_rep, spherical_harmonics, unit_vectors

WITH_ROWS = ("gauss", "longlat")
"""The kinds of grids with rows of equally spaced points: transforms take one angle after the other."""

EXACT_TO = {"gauss": 0, "longlat": 1, "lebedev": 0, "design": 0}
"""By how much the n of a kind of grid is more than the degree to which it is exact."""


class SphereSignals(TableModule):
    """Signals on the sphere up to a degree L: features to values on a grid, and back, and what one does with signals.

    A signal is a feature x of `rep`, the harmonics 0e + 1o + 2e + … , and its value in the direction p is
    `f(p) = Σ x · Y(p) / √dim`, with the harmonics Y of `intertwine.reps.spherical_harmonics`. So components of unit
    variance give values of unit variance, and the mean of f² is |x|²/dim. (Coefficients of harmonics that are
    orthonormal over the sphere, "integral", are those here times √(4π/dim).) Under a rotation or mirror g, f(p) becomes
    f(g⁻¹ p), and x becomes `rep.evaluate(g) @ x`. All is differentiable, and exact for every signal up to L.

    For functions of the values see `FourierActivation`, which bounds its error; for products `GauntProduct`.

    Args:
        group: SO(3) or O(3).
        degree: L.
        kind: the kind of grid: "gauss", "longlat" (equal steps of both angles), "lebedev" or another of
            `intertwine.groups.grids.sphere_grid`, with the poles at ±y. The first two cost L³, others L⁴.
        n: how fine it is, as for `sphere_grid`; default the coarsest that is exact: averages of degree 2 L.

    Attributes:
        rep: how signals transform.
        shape: (rows, columns) of a grid with rows, the points from +y to −y, from +z towards +x; else (points,).

    Raises `ArgumentError` for another group, and a grid that is too coarse.

    >>> from intertwine.catalog import O3
    >>> signals = SphereSignals(O3, 4)
    >>> x = signals.diracs(torch.eye(3), torch.ones(3))
    >>> signals.values(x).shape, signals.shape
    (torch.Size([45]), (5, 9))
    >>> torch.allclose(signals.coefficients(signals.values(x)), x, atol=1e-5)
    True
    """

    points: Tensor
    functions: Tensor
    averages: Tensor

    def __init__(self, group: Group, degree: int, kind: str = "gauss", n: int | None = None) -> None:
        super().__init__()
        if group.is_finite or not group.is_full or group.dim != 3:
            raise ArgumentError(f"Signals on the sphere are features of SO(3) or O(3), but got the group {group}.")
        self.rep, self.degree = harmonics_rep(group.defining, degree), degree
        if n is None and kind in EXACT_TO:
            n = 2 * degree + EXACT_TO[kind]
        grid = sphere_grid(kind, n)
        if grid.degree < 2 * degree:
            raise ArgumentError(
                f"Signals up to degree {degree} take a grid that averages degree {2 * degree} exactly, but got {grid}. "
                "Leave n out, or take a finer one."
            )
        places = np.roll(grid.points, -1, 1)  # the poles of the grid are ±z, those of the harmonics ±y
        self.register_table("points", places)
        rows = row_grid(kind, n) if kind in WITH_ROWS and n is not None else None
        self.transform = None if rows is None else SphereTransform(degree, *rows)
        self.shape: tuple[int, ...] = (len(grid),)
        if self.transform is not None:
            self.shape = (len(grid) // self.transform.columns, self.transform.columns)
        else:
            functions = spherical_harmonics(range(degree + 1), places) / math.sqrt(self.rep.dim)
            self.register_table("functions", functions)
            self.register_table("averages", functions.T * grid.weights * self.rep.dim)

    def values(self, x: Tensor) -> Tensor:
        """The values `(..., points)` on the grid of signals `(..., dim)`."""
        self._check(x)
        if self.transform is None:
            return x @ self.functions.to(x.dtype).T
        return self.transform.to_values(x[..., None])[..., 0].mT.flatten(-2)

    def coefficients(self, f: Tensor) -> Tensor:
        """The signals `(..., dim)` of values `(..., points)` on the grid; of any function, its part up to degree L."""
        if plain_shape(f)[-1:] != (len(self.points),):
            raise ShapeError(f"Values lie on {len(self.points)} points, the last axis, but got {plain_shape(f)}.")
        if self.transform is None:
            return torch.matmul(f, self.averages.to(f.dtype).T)
        return self.transform.to_coefficients(f.unflatten(-1, self.shape).mT[..., None])[..., 0]

    def at(self, x: Tensor, directions: Tensor) -> Tensor:
        """The values `(..., n)` of signals `(..., dim)` in directions `(n, 3)` of any length."""
        self._check(x)
        return x @ self._basis(directions.to(x.dtype)).mT

    def diracs(self, directions: Tensor, heights: Tensor) -> Tensor:
        """The signals `(..., dim)` of peaks in directions `(..., n, 3)`, as sharp as the degree allows.

        Each is a Dirac up to degree L, scaled to its height `(..., n)` where it peaks; they add up.
        """
        return (heights[..., None] * self._basis(directions)).sum(-2)

    def through(self, directions: Tensor, heights: Tensor) -> Tensor:
        """The smallest signals `(..., dim)` with given values `(..., n)` in directions `(..., n, 3)`.

        Where there are more directions than the degrees can serve, the nearest in the sense of least squares.
        """
        found: Tensor = torch.linalg.pinv(self._basis(directions)) @ heights[..., None]
        return found[..., 0]

    def power(self, x: Tensor) -> Tensor:
        """The part `(..., L + 1)` of the mean of f² that each degree holds."""
        self._check(x)
        parts = x.square().split([2 * l + 1 for l in range(self.degree + 1)], -1)
        return torch.stack([part.sum(-1) for part in parts], -1) / self.rep.dim

    def find_peaks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The directions `(n, 3)` of all maxima of one signal `(dim,)` and the values there `(n,)`, the highest first.

        Points of a fine grid that are higher than those about them, moved to the top by Newton's method. Of maxima that
        form a line there are some, and of a constant none.
        """
        from scipy.spatial import cKDTree

        self._check_one(x)
        points = np.array(sphere_grid("fibonacci", 60 * (self.degree + 1) ** 2).points)
        with torch.no_grad():
            f = self.at(x, torch.from_numpy(points).to(x)).cpu().double().numpy()
        around = cKDTree(points).query(points, k=8)[1][:, 1:]
        higher = f > f[around].max(1) + 1e-9 * np.abs(f).max(initial=0)
        starts = torch.from_numpy(points[higher]).to(x)

        def move(p: Tensor, step: Tensor) -> Tensor:
            moved: Tensor = unit_vectors(p + edge_turns(p)[:, ::2] @ step)
            return moved

        places, values = _climb(lambda p: self.at(x, p[None])[0], move, starts, 2, 1 / (2 * self.degree + 2))
        order = values.argsort(descending=True).tolist()
        kept: list[int] = []
        for n in order:  # two starts may have climbed one peak
            if all((places[n] - places[m]).norm() > 1e-3 / (self.degree + 1) for m in kept):
                kept.append(n)
        return places[kept], values[kept]

    def sample(self, x: Tensor, number: int, generator: torch.Generator | None = None) -> Tensor:
        """Random directions `(number, 3)` whose density is one signal `(dim,)` where it is positive, and 0 elsewhere.

        Exact: uniform directions, each kept with the probability f/M. M bounds f by its values on a grid (Ehlich and
        Zeller 1964, doi:10.1007/BF01111276: a wave up to degree L is nowhere more than 1/cos(π L/N) times as large as
        the largest of N equally spaced values), along the meridians and then along the circles about the axis.

        Raises `ArgumentError` for a signal that is positive nowhere.
        """
        self._check_one(x)
        rows = 8 * (self.degree + 1)
        with torch.no_grad():
            fine = SphereSignals(self.rep.group, self.degree, "longlat", rows).to(x).values(x)
            bound = float(fine.abs().max()) / math.cos(math.pi * self.degree / (2 * rows)) ** 2
            if not float(fine.max()) > 1e-6 * bound:
                raise ArgumentError("A density is positive somewhere, but this signal is not. Pass one that is.")
            found: list[Tensor] = [x.new_zeros(0, 3)]
            while sum(map(len, found)) < number:
                tried = torch.randn(max(64, 4 * number), 3, generator=generator, dtype=x.dtype, device=x.device)
                lots = torch.rand(len(tried), generator=generator, dtype=x.dtype, device=x.device)
                found.append(tried[lots * bound < self.at(x, tried)])
            directions: Tensor = unit_vectors(torch.cat(found)[:number])
            return directions

    def __repr__(self) -> str:
        """One line: the rep and the grid."""
        return f"SphereSignals({self.rep}, {self.rep.group}, grid={'×'.join(map(str, self.shape))})"

    def _basis(self, directions: Tensor) -> Tensor:
        """The functions `(..., n, dim)` whose values coefficients multiply."""
        functions: Tensor = spherical_harmonics(range(self.degree + 1), directions) / math.sqrt(self.rep.dim)
        return functions

    def _check(self, x: Tensor) -> None:
        if plain_shape(x)[-1:] != (self.rep.dim,):
            raise ShapeError(f"Signals up to degree {self.degree} are (..., {self.rep.dim}), but got {plain_shape(x)}.")

    def _check_one(self, x: Tensor) -> None:
        if plain_shape(x) != (self.rep.dim,):
            raise ShapeError(f"One signal ({self.rep.dim},) is looked at here, but got {plain_shape(x)}.")


class GroupSignals(TableModule):
    """Signals on a group up to a degree, such as on SO(3): features to values on a grid of elements, and back.

    A signal is a feature x of `rep`, that of `intertwine.reps.group_grid`, and its value at the element g is
    `f(g) = Σ_σ √dim(σ) Σ_ij x^σ_ij σ_ij(g) / √dim`: matrix elements of all irreps. Under an element h, f(g) becomes
    f(h⁻¹ g), and x becomes `rep.evaluate(h) @ x`.

    Args:
        group: any compact group.
        degree: the largest degree L.
        samples: averages are exact up to the degree samples − 1; default 2 L + 1, the fewest for an exact way back.

    Attributes:
        rep: how signals transform.
        elements: the grid `(points, n, n)`.

    >>> from intertwine.catalog import SO3
    >>> signals = GroupSignals(SO3, 2)
    >>> signals.rep, signals.values(torch.randn(35)).shape
    (tw.SO3.rep('1x0 + 3x1 + 5x2'), torch.Size([75]))
    """

    elements: Tensor
    synthesis: Tensor
    analysis: Tensor

    def __init__(self, group: Group, degree: int, samples: int | None = None) -> None:
        super().__init__()
        grid = group_grid(group, degree, 2 * degree + 1 if samples is None else samples)
        self.rep, self.degree = grid.rep, degree
        for name in ("elements", "synthesis", "analysis"):
            self.register_table(name, getattr(grid, name))

    def values(self, x: Tensor) -> Tensor:
        """The values `(..., points)` on the grid of signals `(..., dim)`."""
        self._check(x)
        return x @ self.synthesis.to(x.dtype).T

    def coefficients(self, f: Tensor) -> Tensor:
        """The signals `(..., dim)` of values `(..., points)` on the grid; of others, their part up to the degree."""
        if plain_shape(f)[-1:] != (len(self.elements),):
            raise ShapeError(f"Values lie on {len(self.elements)} elements, the last axis, but got {plain_shape(f)}.")
        return f @ self.analysis.to(f.dtype).T

    def at(self, x: Tensor, elements: Tensor) -> Tensor:
        """The values `(..., n)` of signals `(..., dim)` at group elements `(n, d, d)`."""
        self._check(x)
        columns = []
        for _, irrep in self._irreps():
            matrices = irrep.evaluate(elements.to(x.dtype))
            columns.append((matrices @ torch.from_numpy(matrix_columns(irrep)).to(x)).flatten(-2))
        return x @ torch.cat(columns, -1).mT / math.sqrt(self.rep.dim)

    def correlation(self, rep: Rep, x: Tensor, y: Tensor) -> Tensor:
        """How well y, moved by g, agrees with x: the signal `(..., dim)` with the values `x · ρ(g) y`.

        Args:
            rep: ρ, a rep whose terms are irreps up to the degree, each without other endomorphisms than multiples.
            x, y: features `(..., rep.dim)`.

        Raises `ArgumentError` for another rep.
        """
        found = {irrep: 0.0 * x[..., :1, None] for _, irrep in self._irreps()}
        terms = [irrep for _, irrep in rep.terms if isinstance(irrep, Irrep) and irrep in found]
        if len(terms) < len(rep.terms) or any(len(irrep.endomorphisms) > 1 for irrep in terms):
            raise ArgumentError(
                f"Correlations are of features whose terms are irreps of real type of {self.rep.group} up to degree "
                f"{self.degree}, but got {rep} of {rep.group}."
            )
        for irrep, a, b in zip(terms, rep.split(x), rep.split(y), strict=True):
            columns = torch.from_numpy(matrix_columns(irrep)).to(x) * (math.sqrt(self.rep.dim) / irrep.dim)
            found[irrep] = found[irrep] + a.mT @ (b @ columns)
        shape = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        parts = [found[irrep].expand(*shape, irrep.dim, m).flatten(-2) for m, irrep in self._irreps()]
        return torch.cat(parts, -1)

    def highest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The element `(d, d)` at which one signal `(dim,)` is largest, and its value there.

        The highest of the grid's points, moved to the top by Newton's method where the group is continuous.
        """
        if plain_shape(x) != (self.rep.dim,):
            raise ShapeError(f"One signal ({self.rep.dim},) is looked at here, but got {plain_shape(x)}.")
        with torch.no_grad():
            best = self.values(x).topk(min(8, len(self.elements))).indices
        starts = self.elements[best].to(x.dtype)
        algebra = torch.from_numpy(np.array(self.rep.group.lie_generators)).to(x)

        def move(g: Tensor, step: Tensor) -> Tensor:
            moved: Tensor = g @ torch.linalg.matrix_exp(torch.einsum("k,kij->ij", step, algebra))
            return moved

        if not len(algebra):
            return starts[0], self.at(x, starts[:1])[0]
        places, values = _climb(lambda g: self.at(x, g[None])[0], move, starts, len(algebra), 1 / (2 * self.degree + 2))
        return places[values.argmax()], values.max()

    def extra_repr(self) -> str:
        """The rep and the number of points."""
        return f"{self.rep}, {self.rep.group}, {len(self.elements)} samples"

    def _irreps(self) -> list[tuple[int, Irrep]]:
        return [(m, irrep) for m, irrep in self.rep.terms if isinstance(irrep, Irrep)]

    def _check(self, x: Tensor) -> None:
        if plain_shape(x)[-1:] != (self.rep.dim,):
            raise ShapeError(f"Signals up to degree {self.degree} are (..., {self.rep.dim}), but got {plain_shape(x)}.")


def _climb(
    f: Callable[[Tensor], Tensor], move: Callable[[Tensor, Tensor], Tensor], starts: Tensor, axes: int, reach: float
) -> tuple[Tensor, Tensor]:
    """Maxima near some places, and the values there: Newton's steps where f is concave, else uphill, none too long.

    Args:
        f: a function of a place.
        move: a place and a step `(axes,)` along its tangents to a place.
        starts: `(n, ...)`.
        axes: the number of tangents.
        reach: the longest step.
    """
    if not len(starts):
        return starts, starts.new_zeros(0)
    none = starts.new_zeros(axes)

    def local(p: Tensor, step: Tensor) -> Tensor:
        return f(move(p, step))

    each, slopes = torch.func.vmap(local), torch.func.vmap(torch.func.grad(local, 1), (0, None))
    curvatures, moved = torch.func.vmap(torch.func.hessian(local, 1), (0, None)), torch.func.vmap(move)
    places, values = starts, each(starts, none.expand(len(starts), -1))
    for _ in range(12):
        sizes, tangents = torch.linalg.eigh(curvatures(places, none))
        along = tangents.mT @ slopes(places, none)[..., None] / sizes.abs().clamp(min=1e-12)[..., None]
        step = (tangents @ along)[..., 0]
        step = step * (reach / step.norm(dim=-1, keepdim=True).clamp(min=reach))
        found = each(places, step)
        better = (found >= values) | (step.norm(dim=-1) < 1e-4)  # at the top, values no longer tell
        places = torch.where(better.reshape(-1, *[1] * (places.ndim - 1)), moved(places, step), places)
        values = torch.where(better, found, values)
    return places.detach(), values.detach()
