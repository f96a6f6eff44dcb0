"""Any network made equivariant: by bringing its inputs into a standard pose, or by averaging over poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Group
from intertwine.nn.action import ElementAction
from intertwine.nn.frames import Frames
from intertwine.nn.module import EquivariantModule
from intertwine.nn.sequential import Sequential
from intertwine.reps import Irrep, Rep, as_rep

RepsIn = Rep | Irrep | Sequence[Rep | Irrep | None]


class Poses(EquivariantModule):
    """What canonicalisation and frame averaging share: a backbone, and how inputs and outputs move.

    Args:
        backbone: any torch module, of as many inputs as there are reps.
        rep_in: the rep of the input, or one per input, None for one that the group leaves alone.
        rep_out: the rep of the output.

    Raises `ArgumentError` for a backbone that is no module and without an input that moves, `RepMismatchError` for reps
    of different groups.
    """

    def __init__(self, backbone: nn.Module, rep_in: RepsIn, rep_out: Rep | Irrep) -> None:
        listed = [rep_in] if isinstance(rep_in, Rep | Irrep) else list(rep_in)
        reps, out = tuple(None if rep is None else as_rep(rep) for rep in listed), as_rep(rep_out)
        first = next((rep for rep in reps if rep is not None), None)
        if first is None or not isinstance(backbone, nn.Module):
            raise ArgumentError(
                f"{type(self).__name__} takes a torch module as its backbone and at least one input that moves, but "
                f"got {type(backbone).__name__} and {rep_in!r}."
            )
        for rep in reps:
            if rep is not None and rep.group != out.group:
                raise RepMismatchError(
                    f"{type(self).__name__} is equivariant under one group, but got {rep} of {rep.group} and {out} of "
                    f"{out.group}. Call rep.restrict(subgroup) to bring them to one."
                )
        super().__init__(first, out)
        self.backbone, self._reps_in = backbone, reps
        self.actions = nn.ModuleList(nn.Identity() if rep is None else ElementAction(rep) for rep in reps)
        self.action_out = ElementAction(out)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of all inputs; None for one that the group leaves alone."""
        return self._reps_in

    @property
    def group(self) -> Group:
        """The group that the module is equivariant under."""
        return self.rep_out.group

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise `ArgumentError` for another number of inputs, `ShapeError` for a size that is not that of its rep."""
        if len(inputs) != len(self._reps_in):
            raise ArgumentError(f"{type(self).__name__} takes {len(self._reps_in)} inputs, but got {len(inputs)}.")
        for x, rep in zip(inputs, self._reps_in, strict=True):
            if rep is not None:
                self.check(x, rep)

    def extra_repr(self) -> str:
        """The reps of inputs and output."""
        shown = ", ".join("·" if rep is None else str(rep) for rep in self._reps_in)
        return f"{shown} → {self.rep_out}, {self.group}"

    def __repr__(self) -> str:
        return nn.Module.__repr__(self)  # with the backbone


class Canonicalize(Poses):
    """Any network made equivariant by a frame: `y = ρ_out(Q) f(ρ_in(Q)⁻¹ x)`, `Q = frame(x)`.

    The backbone f sees every input in its standard pose: since `frame(g x) = g frame(x)`, inputs x and g x look the
    same to it, and its output is moved back. f is any torch module and knows no group. Equivariance is exact, under
    mirrors too if the frame has them: each sample is moved back by its own Q. Gradients flow through f and the frame.

    A single frame cannot exist for an input with a symmetry h x = x, since h Q = Q would follow. There
    `degenerate(x)` says True, and y is some output, finite, that is not equivariant; near it the output jumps. No
    continuous canonicalisation escapes that: `FrameAveraging` does.

    Args:
        backbone: f, any torch module from the inputs, one for each rep of `rep_in`, to `(..., rep_out.dim)`.
        frame: an equivariant module of the same inputs that gives elements `(..., n, n)`, such as `nn.Sequential` with
            `nn.heads.GroupElement` at its end, and `rep_out` n copies of the defining rep.
        rep_in: the rep of the input, or one per input, None for one that the group leaves alone.
        rep_out: the rep of the output.

    Inputs are `(*batch, ..., dim)` for elements `(*batch, n, n)`: one element may move a cloud of points, features
    `(B, N, dim)` and positions `(B, N, n)`. To make it invariant under translations too, see `Centred`.

    Raises `ArgumentError` for a backbone that is no module and for a frame that gives no elements, `RepMismatchError`
    for reps of other groups and a frame of other inputs.

    Source: Kaba et al. 2023 (arXiv:2211.06489).

    >>> from intertwine.catalog import O3
    >>> from intertwine.nn import Linear
    >>> from intertwine.nn.heads import GroupElement
    >>> from intertwine.testing import equivariance_error
    >>> rep = O3.rep("2x0e + 4x1o")
    >>> frame = Sequential(Linear(rep, 3 * O3.defining), GroupElement(O3))
    >>> backbone = nn.Sequential(nn.Linear(14, 32), nn.SiLU(), nn.Linear(32, 5))
    >>> net = Canonicalize(backbone, frame, rep, O3.rep("1x2e")).double()
    >>> equivariance_error(net) < 1e-10
    True
    """

    def __init__(self, backbone: nn.Module, frame: nn.Module, rep_in: RepsIn, rep_out: Rep | Irrep) -> None:
        super().__init__(backbone, rep_in, rep_out)
        defining, given = self.group.defining, getattr(frame, "rep_out", None)
        if given is None or given.group != self.group or given != self.group.dim * defining:
            of = "" if given is None else f" of {given.group}"
            raise ArgumentError(
                f"A frame of {self.group} gives elements of it, so its rep_out is {self.group.dim * defining}, but "
                f"{type(frame).__name__} has the rep_out {given}{of}. End it with nn.heads.GroupElement."
            )
        taken = getattr(frame, "reps_in", None)
        if taken is not None and tuple(taken) != self.reps_in:
            raise RepMismatchError(
                f"The frame takes the same inputs as the module, {self.extra_repr()}, but its own are "
                f"{', '.join(map(str, taken))}. Make both the same."
            )
        self.frame = frame

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The output `(*batch, ..., rep_out.dim)` for features `(*batch, ..., dim)`, and more inputs if there are."""
        inputs = (x, *others)
        self.check_inputs(inputs)
        q = self.frame(*inputs)
        y = self.backbone(*self.standard(q, inputs))
        return self.action_out(q, y)  # type: ignore[no-any-return]

    def standard(self, q: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The inputs moved by the inverse of elements `(*batch, n, n)`: what the backbone sees for the frame's own."""
        rows = zip(self.actions, self._reps_in, inputs, strict=True)
        return [x if rep is None else action(q, x, True) for action, rep, x in rows]

    def degenerate(self, x: Tensor, *others: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where `(*batch)` the frame is undefined or nearly so: as the frame, or the last part of it, says.

        Raises `ArgumentError` for a frame that cannot tell.
        """
        frame, inputs = self.frame, (x, *others)
        while isinstance(frame, Sequential):
            for layer in list(frame)[:-1]:
                inputs = (layer(*inputs),)
            frame = frame[-1]
        if not hasattr(frame, "degenerate"):
            raise ArgumentError(
                f"{type(frame).__name__} has no method degenerate(x) and cannot tell where it is undefined. End the "
                "frame with nn.heads.GroupElement, or give it such a method."
            )
        return frame.degenerate(*inputs, threshold=threshold)  # type: ignore[operator, no-any-return]


class FrameAveraging(Poses):
    """Any network made equivariant by averaging: `y = Σ_k w_k ρ_out(Q_k) f(ρ_in(Q_k)⁻¹ x)` over frames of x.

    The elements Q_k move along with x, as a set: so the average is equivariant although no single one of them could
    be, on inputs with a symmetry for instance. The backbone is evaluated for all of them, as one larger batch.

    Args:
        backbone: f, any torch module from the inputs to `(..., rep_out.dim)`. It sees inputs with one batch axis, in
            which the k poses of all samples stand: `(batch · k, ..., dim)`.
        frames: `nn.frames.WholeGroup` (finite groups), `nn.frames.PCA`, `nn.frames.Weighted`, or `nn.frames.Frames` of
            your own.
        rep_in: the rep of the input, or one per input, None for one that the group leaves alone. The first axes of
            every input are the batch.
        rep_out: the rep of the output.

    Raises `ArgumentError` for a backbone that is no module and for what is no `Frames`, `RepMismatchError` for reps and
    frames of different groups.

    Source: Puny et al. 2022 (arXiv:2110.03336), Dym et al. 2024 (arXiv:2402.16077).

    >>> from intertwine.catalog import O2
    >>> from intertwine.nn.frames import Weighted
    >>> from intertwine.testing import equivariance_error
    >>> rep = O2.rep("5x1")
    >>> net = FrameAveraging(nn.Linear(10, 3), Weighted(O2, rep), rep, O2.rep("1x0o + 1x2")).double()
    >>> equivariance_error(net) < 1e-10
    True
    """

    def __init__(self, backbone: nn.Module, frames: Frames, rep_in: RepsIn, rep_out: Rep | Irrep) -> None:
        super().__init__(backbone, rep_in, rep_out)
        if not isinstance(frames, Frames):
            raise ArgumentError(
                f"FrameAveraging takes frames such as nn.frames.PCA(group), but got {type(frames).__name__}. "
                "Call nn.Canonicalize for a module that gives one element."
            )
        read = frames.rep
        if frames.group != self.group or (read is not None and read != self.reps_in[0]):
            raise RepMismatchError(
                f"The frames are those of {frames.group}{'' if read is None else f' for features of {read}'}, but the "
                f"module maps {self.extra_repr()}. Make frames of the same group and first input."
            )
        self.frames = frames

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The output `(*batch, ..., rep_out.dim)` for features `(*batch, ..., dim)`, and more inputs if there are."""
        inputs = (x, *others)
        self.check_inputs(inputs)
        elements, weights = self.frames(*inputs)
        batch = weights.ndim - 1
        rows = zip(self.actions, self._reps_in, inputs, strict=True)
        seen = self.backbone(*(_posed(*row, elements).flatten(0, batch) for row in rows))
        y: Tensor = self.action_out(elements, seen.unflatten(0, weights.shape))
        weighed: Tensor = weights.to(y.dtype).reshape((*weights.shape, *(1,) * (y.ndim - batch - 1))) * y
        return weighed.sum(batch)

    def degenerate(self, x: Tensor, *others: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where `(*batch)` the frames are undefined or nearly so."""
        return self.frames.degenerate(x, *others, threshold=threshold)


def _posed(action: nn.Module, rep: Rep | None, x: Tensor, elements: Tensor) -> Tensor:
    """An input in all its poses, `(*batch, k, ..., dim)`."""
    batch = elements.ndim - 3
    x = x.unsqueeze(batch)
    if rep is None:
        return x.expand((*elements.shape[:-2], *x.shape[batch + 1 :]))
    return action(elements, x, True)  # type: ignore[no-any-return]


class Centred(nn.Module):
    """A module of clouds that is told positions about their centroid: `f(…, r − mean r)`.

    With a module that is equivariant under rotations (and mirrors), it is equivariant under rotations and invariant
    under translations of the positions, which are its last input, `(..., N, n)`. Outputs that are positions
    themselves are about the centroid too.

    Args:
        module: a module with the attributes `reps_in` and `rep_out`, such as `Canonicalize` or `FrameAveraging`.

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> from intertwine.nn.frames import PCA
    >>> average = FrameAveraging(nn.Linear(3, 3), PCA(O3), O3.defining, O3.defining)
    >>> net, r = Centred(average.double()), torch.randn(2, 7, 3, dtype=torch.float64)
    >>> torch.allclose(net(r + 5.0), net(r))
    True
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.reps_in: Any = getattr(module, "reps_in", None)
        self.rep_out: Any = getattr(module, "rep_out", None)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The module's output; the last input is positions `(..., N, n)`."""
        return self.module(*inputs[:-1], _centred(inputs[-1]))  # type: ignore[no-any-return]

    def degenerate(self, *inputs: Tensor, threshold: float = 1e-3) -> Tensor:
        """Where the module's frames are undefined or nearly so."""
        return self.module.degenerate(*inputs[:-1], _centred(inputs[-1]), threshold=threshold)  # type: ignore[operator, no-any-return]


def _centred(positions: Tensor) -> Tensor:
    """Positions `(..., N, n)` about their centroid."""
    return positions - positions.mean(-2, keepdim=True)
