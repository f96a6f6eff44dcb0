"""The orbit of a target under the symmetry of an input: all equally good answers, and the nearest of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from intertwine.groups.group import Seed, generator
from intertwine.reps import Rep
from intertwine.symmetry.inputs.isotropy_group import Stabiliser, moved, some
from intertwine.symmetry.inputs.normaliser import lie_algebra
from intertwine.symmetry.inputs.tolerances import KEPT, SHARP

_FINE = 16  # degrees of the quadrature per degree of the rep from which the nearest answer is searched, about one axis
_SPARSE = 4  # the same for all rotations of space, of which there are many more
_BEST = 8  # the best images that Newton steps start from
_STEPS = 8  # newton steps to the nearest answer: they converge quadratically


@dataclass(frozen=True, eq=False)
class Orbit:
    """The images h y of a vector, or of vectors at points, under the symmetries h of an input.

    Args:
        H: the symmetries.
        y: the vector `(rep.dim,)`, or the vectors `(N, rep.dim)`, which move from point to point as well.
        rep: its rep.
    """

    H: Stabiliser
    y: np.ndarray
    rep: Rep

    @cached_property
    def tangents(self) -> np.ndarray:
        """The matrices `(d, rep.dim, rep.dim)` of the infinitesimal symmetries; none where they leave y as it is."""
        matrices = np.array([self.rep.lie_matrix(x) for x in lie_algebra(self.H.subgroup)])
        matrices = matrices.reshape(-1, self.rep.dim, self.rep.dim)
        off = max((float(np.linalg.norm(self.y @ x.T)) for x in matrices), default=0.0)
        still = off <= max(KEPT * self.H.tolerance, SHARP) * float(np.linalg.norm(self.y))
        return matrices[:0] if still else matrices

    @property
    def finite(self) -> bool:
        """Whether there are finitely many images."""
        return not len(self.tangents)

    @property
    def size(self) -> float:
        """How many different images there are."""
        return float(len(self.images)) if self.finite else float("inf")

    @cached_property
    def distinct(self) -> np.ndarray:
        """The places in `H.elements` of the first elements that give different images."""
        return first_distinct(moved(self.y, self.rep, self.H.elements, self.H.permutations))

    @cached_property
    def images(self) -> np.ndarray:
        """The different images `(k, *y.shape)`, y first; of infinitely many, those of a fine quadrature."""
        if self.finite:
            few = some(self.H.permutations, self.distinct)
            return moved(self.y, self.rep, self.H.elements[self.distinct], few)
        return self.H.averaging(self.degree).moved(self.y, self.rep)

    @property
    def degree(self) -> int:
        """The degree of the quadrature for infinitely many images."""
        return (_FINE if len(self.tangents) == 1 else _SPARSE) * (self.rep.degree + 1)

    def sample(self, n: int, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """n random symmetries and their permutations, uniform in the Haar measure."""
        return self.H.sample(n, generator(seed))

    def nearest(self, predictions: np.ndarray) -> np.ndarray:
        """The image nearest to each of some predictions `(..., *y.shape)`."""
        images, tangents = torch.as_tensor(np.array(self.images)), torch.as_tensor(np.array(self.tangents))
        found = nearest_images(torch.as_tensor(np.asarray(predictions, dtype=np.float64)), images, tangents)
        return np.asarray(found.numpy())

    def distances(self, predictions: np.ndarray) -> np.ndarray:
        """The root mean square difference `(...)` of predictions `(..., *y.shape)` to the nearest image."""
        off = predictions - self.nearest(predictions)
        return np.asarray(np.sqrt(np.mean(off**2, axis=tuple(range(-self.y.ndim, 0)))))


def first_distinct(rows: np.ndarray) -> np.ndarray:
    """The places of the first occurrences of different rows `(k, ...)`, in order."""
    flat = rows.reshape(len(rows), -1)
    close = 1e-6 * max(1e-300, float(np.abs(flat).max(initial=0.0)))
    found: list[int] = []
    for i, row in enumerate(flat):
        if not found or np.abs(flat[found] - row).max(1).min() > close:
            found.append(i)
    return np.array(found)


@torch.no_grad()
def nearest_images(predictions: Tensor, images: Tensor, tangents: Tensor) -> Tensor:
    """The point of an orbit nearest to each prediction: the best images, and Newton steps from there.

    All images have one length, so the nearest one has the largest inner product `⟨p, exp(Σ θₐ Xₐ) y⟩`.

    Args:
        predictions: `(..., *shape)`, where shape is `(dim,)` or `(N, dim)`.
        images: `(k, *shape)`: all of a finite orbit, a fine net of an infinite one.
        tangents: the infinitesimal symmetries `(d, dim, dim)`; d = 0 for a finite orbit.
    """
    shape, flat = predictions.shape, predictions.reshape(-1, images[0].numel())
    scores = flat @ images.flatten(1).T
    if not len(tangents):
        return images[scores.argmax(1)].reshape(shape)
    count = min(_BEST, len(images))
    best = images[scores.topk(count).indices.flatten()]
    wanted = flat.repeat_interleave(count, 0).reshape(best.shape)
    squares = (tangents[:, None] @ tangents + tangents @ tangents[:, None]) / 2
    for _ in range(_STEPS):
        turn = torch.linalg.matrix_exp(torch.einsum("bx,xij->bij", _ascent(wanted, best, tangents, squares), tangents))
        best = torch.einsum("bij,b...j->b...i", turn, best)
    winners = (wanted * best).flatten(1).sum(1).reshape(-1, count).argmax(1)
    return best.reshape(-1, count, *images.shape[1:])[torch.arange(len(flat)), winners].reshape(shape)


def _ascent(p: Tensor, y: Tensor, tangents: Tensor, squares: Tensor) -> Tensor:
    """Newton steps `(batch, d)` that raise ⟨p, exp(θ X) y⟩; against the sign of what curves upwards, and short."""
    slope = torch.einsum("b...i,xij,b...j->bx", p, tangents, y)
    curve = torch.einsum("b...i,xyij,b...j->bxy", p, squares, y)
    values, vectors = torch.linalg.eigh(curve)
    small = 1e-12 * values.abs().amax(-1, keepdim=True) + torch.finfo(p.dtype).tiny
    along = (vectors.mT @ slope[..., None])[..., 0] / values.abs().clamp(min=small)
    step = (vectors @ along[..., None])[..., 0]
    short: Tensor = step / (step.norm(dim=-1, keepdim=True) / 0.1).clamp(min=1.0)
    return short
