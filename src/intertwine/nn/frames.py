"""Frames: finitely many group elements for each input, with weights, that move along with it."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Group
from intertwine.nn.heads.projections import gram_schmidt
from intertwine.nn.precision import in_full_precision, own_precision
from intertwine.ops import TableModule
from intertwine.reps import Rep

__all__ = ["PCA", "Frames", "Weighted", "WholeGroup"]


class Frames(TableModule, ABC):
    """Elements and weights for each input, `{(Q_k, w_k)}(g x) = {(g Q_k, w_k)}(x)` as a set, for `nn.FrameAveraging`.

    Args:
        group: the group that the elements are in.
        rep: the rep of the first input, where the frames are read off its features.
    """

    def __init__(self, group: Group, rep: Rep | None = None) -> None:
        super().__init__()
        self.group, self.rep = group, rep

    @abstractmethod
    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The elements `(*batch, k, n, n)` and their weights `(*batch, k)`, which sum to 1, for a batch of inputs.

        The inputs are those of the module that is averaged; their first axes are the batch.
        """

    @abstractmethod
    def degenerate(self, *inputs: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where `(*batch)` the frames are undefined or nearly so, and averages over them not equivariant."""


class WholeGroup(Frames):
    """All elements of a finite group with equal weights: averages over them are exact for every input.

    The average is the operator of Reynolds. It never degenerates, at the price of one evaluation of the backbone per
    element.

    Args:
        group: a finite group.
        axes: how many axes of an input belong to one sample: 1 for features `(..., dim)`, 2 for features of a cloud
            `(..., N, dim)`.

    Raises `ArgumentError` for a continuous group.

    >>> from intertwine.catalog import dihedral
    >>> elements, weights = WholeGroup(dihedral(4))(torch.zeros(5, 2))
    >>> elements.shape, float(weights.sum())
    (torch.Size([5, 8, 2, 2]), 5.0)
    """

    elements: Tensor

    def __init__(self, group: Group, axes: int = 1) -> None:
        if not isinstance(group, Group) or not group.is_finite:
            raise ArgumentError(f"WholeGroup averages over a finite group, but got {group}. Call PCA or Weighted.")
        super().__init__(group)
        self.axes = axes
        self.register_table("elements", group.elements())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The elements `(*batch, order, n, n)`, the same for each sample, and weights `(*batch, order)`."""
        batch, order = inputs[0].shape[: inputs[0].ndim - self.axes], plain_shape(self.elements)[0]
        elements = self.elements.to(inputs[0].dtype)
        return elements.expand((*batch, *elements.shape)), elements.new_full((*batch, order), 1 / order)

    def degenerate(self, *inputs: Tensor, threshold: float = 1e-3) -> Tensor:  # noqa: ARG002 (it never is)
        """False everywhere."""
        return inputs[0].new_zeros(inputs[0].shape[: inputs[0].ndim - self.axes], dtype=torch.bool)


class VectorFrames(Frames, ABC):
    """Frames of SO(n) or O(n), n = 2 or 3, from vectors: those in a feature, or the positions of points.

    Args:
        group: SO(2), O(2), SO(3) or O(3).
        rep: the rep of the (first) input, features `(..., rep.dim)`, whose copies of the defining rep are the vectors.
            Default: the last input holds vectors `(..., N, n)`, such as positions about their centroid.

    Raises `ArgumentError` for another group or a rep without vectors, `RepMismatchError` for a rep of another group,
    and `ShapeError`, when called, for fewer than n − 1 vectors.
    """

    def __init__(self, group: Group, rep: Rep | None = None) -> None:
        name = type(self).__name__
        if not isinstance(group, Group) or group.is_finite or not group.is_full or group.dim not in (2, 3):
            raise ArgumentError(
                f"{name} makes frames of SO(2), O(2), SO(3) or O(3), but got {group}. Call WholeGroup for a finite "
                "group, or nn.Canonicalize with nn.heads.GroupElement."
            )
        if rep is not None and rep.group != group:
            raise RepMismatchError(f"{name} of {group} takes features of a rep of it, but got {rep} of {rep.group}.")
        super().__init__(group, rep)
        self.n, self.proper = group.dim, group.is_proper
        vector = group.defining.terms[0][1]
        terms = [] if rep is None else zip(rep.terms, rep.slices, strict=True)
        self.places = [(where, m) for (m, block), where in terms if block == vector]
        if rep is not None and not self.places:
            raise ArgumentError(f"{name} makes frames of the vectors in a feature, but {rep} holds no {vector.name}.")

    def vectors(self, *inputs: Tensor) -> Tensor:
        """The vectors `(*batch, m, n)` in the inputs."""
        if self.rep is None:
            if inputs[-1].ndim < 2 or plain_shape(inputs[-1])[-1] != self.n:
                raise ShapeError(
                    f"{type(self).__name__} of {self.group} takes vectors (..., N, {self.n}) as the last input, but "
                    f"got a tensor of shape {plain_shape(inputs[-1])}. Pass rep=… for frames of vectors in features."
                )
            return inputs[-1]
        x = inputs[0]
        parts = [x[..., where].reshape((*x.shape[:-1], self.n, m)) for where, m in self.places]
        return torch.cat(parts, -1).transpose(-1, -2)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The elements `(*batch, k, n, n)` and weights `(*batch, k)`."""
        vectors = self.vectors(*inputs)
        if plain_shape(vectors)[-2] < self.n - 1:
            raise ShapeError(
                f"{type(self).__name__} of {self.group} takes {self.n - 1} vectors or more, but got "
                f"{vectors.shape[-2]}. Pass more vectors, or call nn.Canonicalize with a frame that makes them."
            )
        scaled = in_full_precision(vectors)
        with own_precision(scaled):
            elements, weights = self.of(scaled)
        return elements.to(vectors.dtype), weights.to(vectors.dtype)

    @abstractmethod
    def of(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The elements and weights for vectors `(*batch, m, n)` of size 1."""


class PCA(VectorFrames):
    """The principal axes of the vectors with all signs: 2ⁿ elements in O(n), 2ⁿ⁻¹ in SO(n), with equal weights.

    The columns of `Q_k` are the eigenvectors of `Σ v vᵀ`, smallest eigenvalue first, times signs ±1. Exact wherever the
    eigenvalues differ, on inputs with mirrors and half-turns too. Where two of them meet, as for a square, a cube or
    parallel vectors in space, the axes are undefined: `degenerate(x)` says so, averages jump there and are not
    equivariant. `Weighted` and `WholeGroup` have no such places, or fewer.

    Args:
        group: SO(2), O(2), SO(3) or O(3).
        rep: the rep of features whose vectors are taken. Default: the last input, vectors `(..., N, n)`.

    Source: Puny et al. 2022 (arXiv:2110.03336).

    >>> from intertwine.catalog import O2
    >>> elements, _ = PCA(O2)(torch.tensor([[2.0, 0.0], [0.0, 1.0], [-2.0, -1.0]]))
    >>> elements.shape
    torch.Size([4, 2, 2])
    """

    signs: Tensor

    def __init__(self, group: Group, rep: Rep | None = None) -> None:
        super().__init__(group, rep)
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=self.n)))
        self.register_table("signs", signs[signs.prod(1) > 0] if self.proper else signs)

    def of(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The signed eigenvectors, right-handed in SO(n)."""
        axes = eigenvectors(vectors.transpose(-1, -2) @ vectors)
        if self.proper:
            hand = torch.linalg.det(axes.detach()).sign()[..., None, None]
            axes = torch.cat([axes[..., :-1], axes[..., -1:] * hand], -1)
        signs = self.signs.to(axes.dtype)
        elements = axes[..., None, :, :] * signs[:, None, :]
        return elements, elements.new_full(elements.shape[:-2], 1 / plain_shape(signs)[0])

    def degenerate(self, *inputs: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where the smallest distance between eigenvalues, relative to the largest of them, is below a threshold."""
        vectors = in_full_precision(self.vectors(*inputs))
        values = torch.linalg.eigvalsh(vectors.transpose(-1, -2) @ vectors)
        gaps: Tensor = values.diff(dim=-1).amin(-1)
        return torch.logical_not(gaps > threshold * values[..., -1])


class Weighted(VectorFrames):
    """An element for each vector in the plane or ordered pair in space, with weights that make averages continuous.

    In the plane `Q_i` has the direction of v_i as its first column, and weighs `|v_i|² / Σ |v|²`. In space `Q_ij` is
    Gram–Schmidt of v_i and v_j, and weighs `|v_i|² / Σ |v|²` times `|v_i × v_j|² / Σ_k |v_i × v_k|²`. With mirrors, in
    O(n), each comes twice, with its last column reversed too. An element that is about to become undefined, because its
    vector vanishes or its pair becomes parallel, has a weight that vanishes first: so averages are continuous, also
    where eigenvalues meet and `PCA` jumps, and they are exact on symmetric inputs. Undefined are only zero vectors in
    the plane, and in space vectors that are all parallel: see `degenerate`. (Even there an invariant output is
    continuous and exact, if the input holds nothing but these vectors.)

    The number of elements is m vectors, in space m (m − 1) pairs, twice that in O(n).

    Args:
        group: SO(2), O(2), SO(3) or O(3).
        rep: the rep of features whose vectors are taken. Default: the last input, vectors `(..., N, n)`.

    Source: weighted frames are those of Dym et al. 2024 (arXiv:2402.16077).

    >>> from intertwine.catalog import O3
    >>> elements, weights = Weighted(O3, O3.rep("1x0e + 3x1o"))(torch.randn(5, 10))
    >>> elements.shape, weights.shape
    (torch.Size([5, 12, 3, 3]), torch.Size([5, 12]))
    """

    def of(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The frames of single vectors or ordered pairs."""
        elements, weights = self._rotations(vectors, shares(vectors.square().sum(-1)))
        if self.proper:
            return elements, weights
        mirrored = torch.cat([elements[..., :-1], -elements[..., -1:]], -1)
        return torch.cat([elements, mirrored], -3), torch.cat([weights, weights], -1) / 2

    def _rotations(self, vectors: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Gram–Schmidt, which does not read the last of the columns, and the weights, given those of single vectors."""
        if self.n == 2:
            return gram_schmidt(torch.stack([vectors, vectors], -1), True), weights
        i, j = _pairs(vectors.shape[-2], vectors.device)
        second = vectors[..., j, :]
        elements = gram_schmidt(torch.stack([vectors[..., i, :], second, second], -1), True)
        heights = torch.linalg.cross(elements[..., 0], second).square().sum(-1)  # not of v_i: no overflow where it is 0
        given = shares(heights.unflatten(-1, (vectors.shape[-2], -1)))
        return elements, (weights[..., None] * given).flatten(-2)

    def degenerate(self, *inputs: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where all vectors vanish or, in space, are parallel: the second singular value is far below the first."""
        values = torch.linalg.svdvals(in_full_precision(self.vectors(*inputs)))
        return torch.logical_not(values[..., self.n - 2] > threshold * values[..., 0])


def shares(x: Tensor) -> Tensor:
    """x `(..., m)` over its sum, all numbers at least 0; equal shares where all are 0."""
    total = x.sum(-1, keepdim=True)
    none = total == 0
    return torch.where(none, torch.full_like(x, 1 / x.shape[-1]), x / torch.where(none, torch.ones_like(total), total))


def _pairs(m: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The ordered pairs of different numbers below m: the first ones, and the second ones, grouped by the first."""
    number = torch.arange(m * (m - 1), device=device)
    i, j = number // (m - 1), number % (m - 1)
    return i, j + (j >= i)


def eigenvectors(c: Tensor) -> Tensor:
    """The eigenvectors, as columns, of symmetric matrices `(..., n, n)`, smallest eigenvalue first.

    Their signs are arbitrary: use them in ways that do not depend on these. Where eigenvalues meet, the gradient, which
    is infinite, is set to 0 in those directions.
    """
    function = _Eigenvectors if torch.compiler.is_compiling() else _EigenvectorsBothWays  # compile refuses a jvp
    vectors: Tensor = function.apply(c)  # type: ignore[no-untyped-call]
    return vectors


class _Eigenvectors(torch.autograd.Function):
    """Eigenvectors U with the derivative `dU = U (F ∘ Uᵀ dC U)`, `F_ij = 1 / (λ_j − λ_i)`, 0 where that is infinite.

    It holds differentiable operations of C and U only, so that it serves all orders of derivatives.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(c: Tensor) -> Tensor:
        vectors: Tensor = torch.linalg.eigh(c)[1]
        return vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        c, u = ctx.saved_tensors
        with own_precision(c):
            full: Tensor = u @ (_inverse_gaps(c, u) * (u.transpose(-1, -2) @ gradient)) @ u.transpose(-1, -2)
            return (full + full.transpose(-1, -2)) / 2


class _EigenvectorsBothWays(_Eigenvectors):
    """The same, with derivatives in forward mode too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        _Eigenvectors.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        # torch calls this with forward mode off, in which an outer level's tangents would be lost without a word.
        with forward_ad._set_fwd_grad_enabled(True):
            c, u = (forward_ad.unpack_dual(x).primal for x in ctx.saved_tensors)
            with own_precision(c):
                change = (tangent + tangent.transpose(-1, -2)) / 2
                return torch.matmul(u, _inverse_gaps(c, u) * (u.transpose(-1, -2) @ change @ u))


def _inverse_gaps(c: Tensor, u: Tensor) -> Tensor:
    """`1 / (λ_j − λ_i)` for the eigenvalues λ of C, 0 where they meet."""
    values = (u * (c @ u)).sum(-2)
    gaps = values[..., None, :] - values[..., :, None]
    size = values.detach().abs().amax(-1)[..., None, None]
    null = gaps.abs() <= 10 * torch.finfo(c.dtype).eps * size
    return torch.where(null, torch.zeros_like(gaps), 1 / torch.where(null, torch.ones_like(gaps), gaps))
