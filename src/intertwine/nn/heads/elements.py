"""Heads that recognise which element of the group moved an input."""

from __future__ import annotations

from abc import ABC

from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.nn.heads.closest import Closest, ClosestListed, Projection, closest_in, confidence, remembering, rows
from intertwine.nn.module import EquivariantModule
from intertwine.nn.precision import in_full_precision, own_precision
from intertwine.reps import Irrep, Rep


class Head(EquivariantModule, ABC):
    """What heads share: n vectors of the defining rep are the columns of a matrix M, and some element is closest to it.

    Args:
        group: the group.
        rep_out: the rep of the output.
        closest: the way to the closest element.
    """

    def __init__(self, group: Group, rep_out: Rep | Irrep, closest: Closest) -> None:
        super().__init__(group.dim * group.defining, rep_out)
        self.n, self.closest = group.dim, closest

    def matrix(self, x: Tensor) -> Tensor:
        """The matrix M `(..., n, n)` whose columns are the vectors in features `(..., n · n)`."""
        self.check(x, self.rep_in)
        return x.reshape((*x.shape[:-1], self.n, self.n))

    def confidence(self, x: Tensor) -> Tensor:
        """How far `(...)` the element g is ahead of all others, relative to M: 0 for a tie, 1 where M is an element.

        `min over h ≠ g of (tr(gᵀ M) − tr(hᵀ M)) / (n − tr(gᵀ h)) / s_1`, with s the singular values of M, largest
        first. In O(n) that is `s_n / s_1`, in SO(n) `(s_(n−1) + sign(det M) s_n) / (2 s_1)`. For SO(n) by
        `gram_schmidt`: the smallest singular value of the first n − 1 columns over s_1.
        """
        return confidence(self.closest, self.matrix(x))

    def degenerate(self, x: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where `(...)` the element is undefined or nearly so: the confidence is below a threshold."""
        return ~(self.confidence(x) > threshold)


class GroupElement(Head):
    """Vectors to an element of a group, equivariantly: `f(g x) = g f(x)`.

    n vectors of the defining rep are the columns of a matrix M, and the element g with the largest `tr(gᵀ M)` is
    taken: the one closest to M.

    - In O(n) and SO(n) that is the polar factor, from the singular value decomposition (or take `gram_schmidt`). In
      O(n) the determinant of M is the flip; in SO(n) it is always a rotation.
    - In a continuous group about z (Cinf, Cinfv, Cinfh, Dinf, Dinfh as 3 × 3 matrices, such as `tw.group("Cinfv")`) it
      is a rotation about z by the polar factor of a 2 × 2 block, times the flip that fits best.
    - In a finite group all elements are tried. The output is an exact element, and so piecewise constant: its gradient
      is not a derivative but, straight through, that of the mean element under a softmax of the scores.

    Where the element is the target, train with `PoseLoss`, which sees M too: of the element alone there is no gradient
    that leads from rotations to flips. (In a finite group, `ElementScores` and cross-entropy do as well.)

    Some M have no single closest element: singular ones in O(n), those whose closest rotation is not unique in SO(n),
    ties in a finite group. No continuous head can do better. `degenerate(x)` says where that is; values and gradients
    stay finite there, but `f(g x) = g f(x)` cannot hold. Inputs with a symmetry end there: see
    `tw.symmetry.recognisable`. The lengths of the vectors do not matter, until all of them are below 1e-24 (in float64
    1e-276), which counts as zero.

    Args:
        group: SO(2), O(2), SO(3), O(3), a finite group, or a continuous group about z.
        projection: for SO(n) and O(n), `polar` or `gram_schmidt`, or a function of `(..., n, n)` matrices and whether
            to return rotations.
        temperature: of the softmax behind the gradient of a finite group, for scores between −1 and 1.

    The input is `head.rep_in`, n copies of the defining rep; the output elements `(..., n, n)`.

    Raises `ArgumentError` for other groups.

    Source: Levinson et al. 2020 (arXiv:2006.14616), Zhou et al. 2019 (arXiv:1812.07035); straight-through gradients:
    Bengio et al. 2013 (arXiv:1308.3432).

    >>> import torch
    >>> from intertwine.catalog import O2, point_group
    >>> head = GroupElement(O2)
    >>> head(head.rep_in.join([torch.tensor([[0.0, 2.0], [1.0, 0.0]])]))  # vectors (0, 2) and (1, 0): flip
    tensor([[0., 1.],
            [1., 0.]])
    >>> GroupElement(point_group("Oh"))(torch.tensor([[0.1, -2.0, 0.0, 0.9, 0.3, 0.0, 0.0, 0.2, -1.0]])).int().tolist()
    [[[0, -1, 0], [1, 0, 0], [0, 0, -1]]]
    """

    def __init__(self, group: Group, projection: Projection | None = None, temperature: float = 0.1) -> None:
        closest = closest_in(group, projection, temperature)
        super().__init__(group, group.dim * group.defining, closest)

    def forward(self, x: Tensor) -> Tensor:
        """The elements `(..., n, n)` for features `(..., n · n)` of `rep_in`."""
        m = in_full_precision(self.matrix(x))
        with own_precision(m):
            return remembering(self.closest(m).to(x.dtype), m, self.closest)


class ElementScores(Head):
    """Vectors to a score for each element of a finite group: which of them moved the input?

    n vectors of the defining rep are the columns of a matrix M; the score of g is `tr(gᵀ M)`, largest for the element
    closest to M. Scores move as the regular rep does, `f(h x)[g] = f(x)[h⁻¹ g]`, so that an input moved by h has its
    scores moved along. Train with cross-entropy against the number of the element in `group.elements()`; read the
    answer with `element`.

    Args:
        group: a finite group.

    Raises `ArgumentError` for a continuous group, whose elements `GroupElement` gives.

    >>> import torch
    >>> from intertwine.catalog import cyclic
    >>> head = ElementScores(cyclic(4))
    >>> head.element(torch.tensor([[0.1, -1.0, 1.0, 0.2]])).round().int()[0].tolist()  # a quarter turn
    [[0, -1], [1, 0]]
    """

    closest: ClosestListed

    def __init__(self, group: Group) -> None:
        if not isinstance(group, Group) or not group.is_finite:
            raise ArgumentError(f"ElementScores tells elements of a finite group, but got {group}. Call GroupElement.")
        super().__init__(group, group.regular, ClosestListed(group, temperature=1.0))  # type: ignore[attr-defined]

    @property
    def elements(self) -> Tensor:
        """The elements `(order, n, n)` that the scores belong to."""
        return self.closest.elements

    def forward(self, x: Tensor) -> Tensor:
        """The scores `(..., order)` for features `(..., n · n)` of `rep_in`."""
        return self.closest.scores(self.matrix(x))

    def element(self, x: Tensor) -> Tensor:
        """The elements `(..., n, n)` with the largest scores."""
        return rows(self.elements.to(x.dtype), self.forward(x).argmax(-1))
