"""Living with several equally good answers: inputs that choose one, losses that accept any, a law that allows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import to_numpy
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups import Subgroup
from intertwine.groups.group import Seed, generator
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.inputs.isotropy_group import moved
from intertwine.symmetry.inputs.normaliser import ideal_exists, pair_normaliser
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.limits.curie import CurieReport, resolution
from intertwine.symmetry.limits.orbit import Orbit, nearest_images
from intertwine.symmetry.limits.order_parameters import OrderParameter

# inputs that choose ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BreakingInputs:
    """The vectors that an order parameter becomes under the input's symmetry H: one for each equally good answer.

    Args:
        irrep: their irrep.
        vectors: the different vectors `(k, irrep.dim)`, or fields on the points `(k, N, irrep.dim)`, the order
            parameter first; only that one where there are infinitely many.
        answers: the target that each of them chooses, `(k, *target.shape)`.
        normaliser: what a set has to be closed under that depends on the input's symmetry alone: the elements of
            N_G(H) that take K to a conjugate. A field on the points belongs to one input: there it is H itself.
        closed: whether these vectors are closed under it.
        ideal: whether a closed set of just |H : K| vectors exists.
        why: why it does or does not, in words.
        orbit: the vectors as an orbit of H.
        targets: the answers as an orbit of H.
    """

    irrep: Irrep
    vectors: np.ndarray
    answers: np.ndarray
    normaliser: Subgroup
    closed: bool
    ideal: bool
    why: str
    orbit: Orbit
    targets: Orbit

    @property
    def size(self) -> float:
        """How many vectors there are; infinite for some continuous symmetries."""
        return self.orbit.size

    @property
    def bits(self) -> float:
        """log₂ of their number: the randomness that decides."""
        return math.log2(self.size)

    def sample(self, n: int, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
        """n of the vectors and their answers at random, uniform over H: log₂ k bits, the least that decides."""
        if self.orbit.finite:
            chosen = generator(seed).integers(len(self.vectors), size=n)
            return self.vectors[chosen], self.answers[chosen]
        elements, permutations = self.orbit.sample(n, seed)
        vectors, targets = (moved(o.y, o.rep, elements, permutations) for o in (self.orbit, self.targets))
        return vectors, targets

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        finite = self.orbit.finite
        return {
            "irrep": self.irrep.label,
            "vectors": self.vectors.tolist(),
            "answers": self.answers.tolist(),
            "size": int(self.size) if finite else None,
            "bits": self.bits if finite else None,
            "normaliser": self.normaliser.name,
            "closed": self.closed,
            "ideal": self.ideal,
            "why": self.why,
        }

    def __str__(self) -> str:
        bits = f"{self.bits:.3g} bit{'' if self.bits == 1 else 's'}" if self.orbit.finite else ""
        count = f"{int(self.size)} inputs ({bits})" if self.orbit.finite else "infinitely many inputs"
        field = " at the points" if self.orbit.y.ndim == 2 else ""
        under = "closed" if self.closed else "not closed"
        return (
            f"{count}: {self.irrep.label} vectors{field}, the orbit of the order parameter under {self.orbit.H.name}\n"
            f"{under} under {self.normaliser.name}. {self.why}"
        )


def breaking_inputs(report: CurieReport, parameter: OrderParameter) -> BreakingInputs:
    """The set of inputs that break an input's symmetry, closed under it: feed one of them, fixed or at random.

    An equivariant network that answers `y` to the order parameter w answers `h y` to `h w`; so with w drawn from the
    orbit of w under H, it draws from the equally good answers (Lawrence et al. 2025; Xie & Smidt 2024). A continuous H
    may leave finitely many vectors (the two directions of an axis), or infinitely many, which are sampled.

    Args:
        report: what `curie_check` said.
        parameter: a working one of `order_parameters(report)`.

    Raises `ArgumentError` for an order parameter that leaves a floor.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check, order_parameters
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> print(breaking_inputs(report, order_parameters(report)[0]))  # ±(x² − y²)
    2 inputs (1 bit): 2e vectors, the orbit of the order parameter under D4h
    closed under D4h. An ideal set exists, and this is one: as many inputs as there are answers, 2.
    """
    if not report.reaches(parameter.floor):
        raise ArgumentError(
            f"The order parameter {parameter.polynomial} leaves a floor of {parameter.floor:.3g}. Choose one of "
            "order_parameters(report).working."
        )
    H, K = report.H, report.K
    orbit = Orbit(H, np.asarray(parameter.vector), parameter.irrep.irreps)
    targets = Orbit(H, report.y, report.rep_out)
    chosen = orbit.distinct if orbit.finite else orbit.distinct[:1]
    where = None if H.permutations is None else H.permutations[chosen]
    field = orbit.y.ndim == 2
    whole = H.subgroup if field else pair_normaliser(H.subgroup, K.subgroup)
    ideal = field or ideal_exists(H.subgroup, K.subgroup)
    closed = field or _closed(orbit, whole)
    return BreakingInputs(
        irrep=parameter.irrep,
        vectors=moved(orbit.y, orbit.rep, H.elements[chosen], where),
        answers=moved(report.y, report.rep_out, H.elements[chosen], where),
        normaliser=whole,
        closed=closed,
        ideal=ideal,
        why=_why(report, orbit, whole, ideal, closed),
        orbit=orbit,
        targets=targets,
    )


def _closed(orbit: Orbit, whole: Subgroup) -> bool:
    """Whether the generators of a group that normalises H move an orbit of H to itself."""
    images = orbit.rep.evaluate(whole.embed(whole.group.generators)) @ orbit.y
    return bool(orbit.distances(images).max(initial=0.0) <= 1e-6 * np.abs(orbit.y).max())


def _why(report: CurieReport, orbit: Orbit, whole: Subgroup, ideal: bool, closed: bool) -> str:
    """Why an ideal set exists or not, and whether this is one."""
    H, K = report.H.subgroup.name, report.K.subgroup.name
    if orbit.y.ndim == 2:
        return "A field on the points belongs to this one input, so the orbit under its symmetry is all that is needed."
    if not ideal:
        reason = f"no subgroup of {whole.name} meets {H} in {K} and makes up {whole.name} with it"
        if not whole.group.is_finite:
            reason = f"what all rotations of the connected {whole.name} keep, the rotations of {H} keep too"
        return f"No ideal set exists: {reason}. Choose a set for each input, not for each symmetry."
    exact = orbit.size == report.answers
    if closed and exact:
        count = f", {int(orbit.size)}" if orbit.finite else ""
        return f"An ideal set exists, and this is one: as many inputs as there are answers{count}."
    fault = "it breaks more than needed" if closed else f"{whole.name} moves it to another set"
    return f"An ideal set exists, but this is not one: {fault}."


# losses that accept any -----------------------------------------------------------------------------------------------


class OrbitLoss(torch.nn.Module):
    """The smallest mean squared error to any of the equally good answers h y, h in H.

    For targets that pick one of |H : K| equivalent answers at random, where the mean squared error would teach their
    mean. Gradients are those of the nearest answer.

    Where H is continuous and the answers infinitely many, the nearest one is found by Newton steps from the best of a
    fine net of them; `excess` bounds what a wrong start can cost.

    Args:
        report: what `curie_check` said.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> loss = OrbitLoss(report)
    >>> float(loss(torch.tensor(square * [0.5, -0.5, 0])))  # the other rectangle is as good
    0.0
    """

    answers: Tensor
    tangents: Tensor

    def __init__(self, report: CurieReport) -> None:
        super().__init__()
        orbit = Orbit(report.H, report.y, report.rep_out)
        self.register_buffer("answers", torch.tensor(orbit.images), persistent=False)
        self.register_buffer("tangents", torch.tensor(orbit.tangents), persistent=False)
        self._degree = 0 if orbit.finite else orbit.degree
        self._rep_degree = report.rep_out.degree

    @property
    def excess(self) -> float:
        """How much larger than the true minimum the loss may be, over |prediction| |target| / numbers; 0 if exact.

        The inner product that is maximised has second derivatives of at most L² |p| |y| along the orbit, for degree L,
        and a point of the net lies within half a step, π / (degree + 1) for each angle, of its maximum.
        """
        return (len(self.tangents) * self._rep_degree * np.pi / (self._degree + 1)) ** 2 if self._degree else 0.0

    def forward(self, prediction: Tensor) -> Tensor:
        """The loss of a prediction of the target's shape, or of a batch `(..., *target.shape)`, averaged."""
        shape = self.answers.shape[1:]
        if tuple(prediction.shape[prediction.ndim - len(shape) :]) != tuple(shape):
            raise ShapeError(f"The target has the shape {tuple(shape)}, but got predictions {tuple(prediction.shape)}.")
        nearest = nearest_images(prediction.detach().double(), self.answers.double(), self.tangents.double())
        return ((prediction - nearest.to(prediction)) ** 2).mean()


# a law that allows it -------------------------------------------------------------------------------------------------


def relaxed_equivariance_error(
    model: Callable[[Points | np.ndarray], np.ndarray | Tensor],
    x: Points | np.ndarray,
    rep_in: Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    *,
    samples: int = 8,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> float:
    """How far a model is from relaxed equivariance at an input: f(g x) = g h f(x) for some symmetry h of x.

    A map that breaks the symmetry of x, by a random or by a fixed choice, cannot be equivariant. It can be this: the
    orbit of its answers moves with x. `max_g min_h |f(g x) − g h f(x)| / |f(x)|`, tried on the generators of the group
    and on random elements. Rounding for a right model; for an input without symmetry the equivariance error.

    Args:
        model: takes what x is (a cloud as `Points`, or a vector) to the output at each point `(N, rep_out.dim)`, or
            to one output `(rep_out.dim,)`.
        x: a cloud, or a vector of `rep_in`.
        rep_in: the rep of a vector x, or of the features of a cloud.
        rep_out: the rep of the output.
        samples: the number of random elements.
        seed: for them.
        tolerance: as for `stabiliser`.

    Raises `ArgumentError` and `ShapeError` for inputs and outputs that do not fit.

    Source: Kaba & Ravanbakhsh 2023, arXiv:2312.09016.

    >>> from intertwine.catalog import O3
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> def corner(cloud: Points) -> np.ndarray:  # whichever is farthest along x: a choice
    ...     return cloud.positions[cloud.positions[:, 0].argmax()]
    >>> relaxed_equivariance_error(corner, square, rep_out=O3.rep("1x1o")) < 1e-12
    True
    """
    if rep_out is None:
        raise ArgumentError("The rep of the output is needed to know how symmetries move it: pass rep_out=….")
    out, found_in = as_rep(rep_out), None if rep_in is None else as_rep(rep_in)
    cloud = Points(to_numpy(x)) if not isinstance(x, Points) and np.ndim(x) == 2 else x
    if found_in is None and not isinstance(cloud, Points):
        raise ArgumentError("The rep of the input is needed to know how symmetries move it: pass rep_in=….")
    H = stabiliser(cloud, rep=found_in, group=out.group, tolerance=tolerance)  # type: ignore[arg-type]
    answer = _answer(model, cloud)
    y, zero = to_numpy(answer), resolution(answer, cloud)
    count = None if H.permutations is None else H.permutations.shape[1]
    if y.shape != (out.dim,) and y.shape != (count, out.dim):
        raise ShapeError(f"The model gave an output of shape {y.shape}, which is no output of {out} for this input.")
    orbit, worst = Orbit(H, y, out), 0.0
    for g in np.concatenate([out.group.generators, out.group.sample(samples, seed)]):
        pulled = to_numpy(_answer(model, _moved_input(cloud, found_in, g))) @ out.evaluate(g[None])[0]  # ρ(g)⁻¹ f(g x)
        worst = max(worst, float(orbit.distances(pulled)))
    size = float(np.sqrt(np.mean(y**2)))
    return 0.0 if max(size, worst) <= zero else worst / size if size else worst


def _answer(model: Callable[[Points | np.ndarray], np.ndarray | Tensor], x: Points | np.ndarray) -> np.ndarray | Tensor:
    with torch.no_grad():
        return model(x)


def _moved_input(x: Points | np.ndarray, rep: Rep | None, g: np.ndarray) -> Points | np.ndarray:
    """The input moved by an element."""
    matrix = None if rep is None else rep.evaluate(g[None])[0]
    if not isinstance(x, Points):
        return np.asarray(matrix @ to_numpy(x))
    features = x.features if matrix is None or x.features is None else to_numpy(x.features) @ matrix.T
    cell = None if x.cell is None else to_numpy(x.cell) @ g.T
    return replace(x, positions=to_numpy(x.positions) @ g.T, features=features, cell=cell)
