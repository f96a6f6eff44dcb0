"""What was found out about the equivariance of a model, and how it is said."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch

from intertwine._arrays import as_json
from intertwine.symmetry.diagnosis.layers import LayerError
from intertwine.symmetry.diagnosis.measures import Resampling
from intertwine.symmetry.diagnosis.resolution import ResolutionLadder

EXACT = 1e-9
"""In float64, an error below this is rounding."""
SINGLE = 3e-7
"""In float64, an error below this, and not exact, is of the size that rounding to float32 makes."""
VANISHING = "look for roots, norms and quotients of what may be 0"
MUCH_LARGER = 30.0
"""One kind of error is told from another, or precisions from one another, where it is so many times larger."""
PRECISIONS = 1e6
"""An error that is so many times larger in float32 is rounding there, and rounding in float64."""


def tolerance_of(dtype: torch.dtype, depth: int = 1) -> float:
    """The error up to which a model of some depth may be put down to rounding: `100 · depth · ε`, within [1e-9, 0.1].

    >>> tolerance_of(torch.float64, 10), round(tolerance_of(torch.float32, 10), 5)
    (1e-09, 0.00012)
    """
    return min(max(EXACT, 100 * max(depth, 1) * torch.finfo(dtype).eps), 0.1)


@dataclass(frozen=True, repr=False)
class EquivarianceReport:
    """What `equivariance_report` measured: relative errors, `max |f(g x) − g f(x)| / max |f(x)|`.

    Args:
        model: the model's class.
        group: the group's name.
        dtype: the precision of all numbers but `single`: float64, where the model runs in it.
        limits: by precision in use, the error up to which it is put down to rounding.
        error: the largest error of all moves.
        single: the largest error of the same moves in float32; the same size means that the error is real, not
            rounding.
        irreps: the error in each irrep of the output.
        elements: the error for each kind of move: of elements, relabelled points, translations, all combined.
        lie: for each generator of the Lie algebra `|J_f(x) dρ_in(X) x − dρ_out(X) f(x)| / |f(x)|`.
        gradients: for each input the error of the gradient, which must move as the input does.
        worst: the move with the largest error, in words.
        simplest: the simplest move that fails too, in words, or None.
        holds: moves as simple, or simpler, under which it is equivariant.
        symmetric: the error on symmetric inputs, by the symmetry's name, or the cloud's, where the model ran on it:
            outputs must be as symmetric, and follow random elements. Ties in sorting, top-k and neighbour lists show
            only here.
        layers: the errors of the parts that state their reps, in the order in which they are called.
        resolution: the first part that fails, at other numbers of samples, where it has such a number.
        resampling: of grids, which elements the errors are about, and what happens between the pixels.
        chance: how much a second call on the same inputs differs.
        notes: what was not tried, and what makes these numbers worth less, in words.
    """

    model: str
    group: str
    dtype: str
    limits: dict[str, float]
    error: float
    single: float | None
    irreps: dict[str, float]
    elements: dict[str, float]
    lie: dict[str, float]
    gradients: dict[str, float]
    worst: str
    simplest: str | None
    holds: tuple[str, ...]
    symmetric: dict[str, float]
    layers: tuple[LayerError, ...]
    resolution: ResolutionLadder | None
    resampling: Resampling | None
    chance: float
    notes: tuple[str, ...]

    @property
    def bound(self) -> float:
        """The error below which all of this is rounding."""
        return self.limits[self.dtype]

    @property
    def largest(self) -> dict[str, float]:
        """The largest error of each kind of question: moves, derivatives, gradients, symmetric inputs."""
        several = {"derivatives": self.lie, "gradients": self.gradients, "symmetric inputs": self.symmetric}
        return {"moves": self.error} | {name: max(errors.values(), default=0.0) for name, errors in several.items()}

    def accepted(self, kind: str) -> float:
        """The error of a kind of question that is rounding."""
        if kind == "derivatives":
            return 50 * self.bound  # by which finite differences enlarge it
        if kind == "symmetric inputs":  # where much vanishes, and roots of it are taken
            return max(self.bound, 30 * math.sqrt(torch.finfo(getattr(torch, self.dtype)).eps))
        return self.bound

    @property
    def exact(self) -> bool:
        """Whether the errors are those of rounding, for all that was tried."""
        return all(error < self.accepted(kind) for kind, error in self.largest.items())

    @property
    def causes(self) -> tuple[str, ...]:
        """Where errors come from, the largest first.

        They are "rounding", "chance", "float32 rounding", "ties", "backward pass", "aliasing", or "real". Ties and
        backward passes are told by errors far above rounding and far above those of other inputs.
        """
        if self.exact:
            return ("rounding",)
        if not self.chance < self.bound:
            return ("chance",) if math.isfinite(self.chance) else ("real",)
        largest, small = self.largest, SINGLE if self.dtype == "float64" else 0.0
        plain = next((largest[k] for k in ("moves", "derivatives") if not largest[k] < self.accepted(k)), 0.0)
        found = {
            name: largest[kind]
            for kind, name in (("symmetric inputs", "ties"), ("gradients", "backward pass"))
            if largest[kind] > max(MUCH_LARGER * plain, self.accepted(kind), small)
        }
        if plain or not found:
            found[self._plain_cause(plain or max(largest.values()))] = plain
        return tuple(sorted(found, key=lambda name: -found[name]))

    def _plain_cause(self, error: float) -> str:
        small = self.dtype == "float64" and error < SINGLE
        if self.single is not None and error * PRECISIONS < self.single < math.inf:
            return "rounding"
        if self.resolution is not None and self.resolution.aliasing:
            return "aliasing"
        return "float32 rounding" if small else "real"

    @property
    def cause(self) -> str:
        """The first of the causes."""
        return self.causes[0]

    @property
    def moves(self) -> str:
        """The group, and what else inputs were moved by."""
        others = tuple(kind for kind in ("translations", "relabelled points") if kind in self.elements)
        partly = self.resampling is not None and not self.resampling.is_whole
        group = f"{self.group}, as far as it maps the grid to itself" if partly else self.group
        return f"{group} with {_and(others)}" if others else group

    @property
    def first_offender(self) -> str | None:
        """The name of the first part that is not equivariant by itself."""
        return next((layer.name for layer in self.layers if not layer.error < self.bound), None)

    def complaint(self, tolerance: float | None = None) -> str | None:
        """One sentence about what exceeds a tolerance (default: what rounding explains); None if nothing does."""
        subject = f"{self.model} is not equivariant under {self.moves}"
        first = {"ties": "symmetric inputs", "backward pass": "gradients"}.get(self.cause)
        for kind, error in sorted(self.largest.items(), key=lambda item: item[0] != first):
            accepted = self.accepted(kind) if tolerance is None else tolerance
            if not error <= accepted:
                random = f" Two calls on the same inputs differ by {self.chance:.1e}." if self.cause == "chance" else ""
                where = f"{self._where(kind)}, accepted {accepted:.1e} in {self.dtype}"
                return f"{subject}: error {error:.1e} {where}.{random}"
        limit = self.limits.get("float32", math.inf)
        if tolerance is None and self.single is not None and not self.single <= limit:
            return (
                f"{subject}: error {self.single:.1e} in float32, accepted {limit:.1e} there; float64 has {error:.1e}."
            )
        return None

    def _where(self, kind: str) -> str:
        """Where the largest error of a kind was met, in words."""
        if kind == "moves":
            simpler = "" if self.simplest in (None, self.worst) else f" (simpler, and failing too: {self.simplest})"
            return f"for {self.worst}{simpler}"
        errors = {"derivatives": self.lie, "gradients": self.gradients}.get(kind, self.symmetric)
        worst = max(errors, key=lambda name: errors[name])
        said = {"derivatives": "in the Lie derivative", "gradients": "in the gradient of"}
        return f"{said[kind]} {worst}" if kind in said else f"on a symmetric input ({worst})"

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON; infinite errors, from NaN, are None."""
        derived = {"exact": self.exact, "cause": self.cause, "first_offender": self.first_offender}
        return as_json({**asdict(self), "resolution": self.resolution, **derived})  # type: ignore[no-any-return]

    def __str__(self) -> str:
        lines = [self._title(), *self._breakdown()]
        if not self.exact:
            lines += self._reasons()
        return "\n".join([*lines, *(f"note        {note}" for note in self.notes)])

    def _title(self) -> str:
        verdict = "is equivariant up to rounding" if self.exact else "is NOT equivariant"
        text = f"{self.model} {verdict} under {self.moves}: error {self.error:.1e} in {self.dtype}"
        return text if self.single is None else f"{text}, {self.single:.1e} in float32{self._compared(self.single)}"

    def _compared(self, single: float) -> str:
        """What the errors in two precisions say together."""
        falls, rises = single > self.error * MUCH_LARGER, self.error > single * MUCH_LARGER
        if self.error < self.bound or {"chance", "rounding"} & {*self.causes}:
            lost = self.error < self.bound and not single <= self.limits.get("float32", math.inf)
            more = ", but float32 loses more than rounding does" if lost else ""
            return f"; it falls with the precision{more}" if falls else ""
        if falls:
            return "; it falls with the precision, but not to rounding"
        if self.error < SINGLE:
            return "; of the size of rounding in float32"
        real = "real" if "real" in self.causes else "no rounding"
        return "; it shows in float64 only" if rises else f"; the same in both, so it is {real}"

    def _breakdown(self) -> list[str]:
        lie = {"Lie derivatives": self.largest["derivatives"]} if self.lie else {}
        holds = f"; but {_and(self.holds[:4])} {'holds' if len(self.holds) == 1 else 'hold'}" if self.holds else ""
        lines = {
            "by irrep    ": _listed(self.irreps),
            "by element  ": _listed(self.elements | lie),
            "worst       ": self.worst if self.error >= self.bound else "",
            "simplest    ": f"{self.simplest}{holds}" if self.simplest is not None else "",
            "gradients   ": _listed(self.gradients),
            "the grid    ": "" if self.resampling is None else str(self.resampling),
            "symmetric inputs, whose outputs must be as symmetric: ": _listed(self.symmetric),
        }
        return [f"{name}{text}" for name, text in lines.items() if text]

    def _reasons(self) -> list[str]:
        lines, causes, largest = [], self.causes, self.largest
        if not math.isfinite(largest["moves"]):
            lines.append("outputs hold NaN or infinity")
        elif not math.isfinite(largest["symmetric inputs"]):
            lines.append(f"outputs on symmetric inputs hold NaN or infinity: {VANISHING}")
        if not math.isfinite(largest["gradients"]):
            lines.append(f"gradients hold NaN or infinity: {VANISHING}")
        if "rounding" in causes:
            lines.append("it falls with the precision as rounding does: look for large numbers that cancel")
        if "chance" in causes:
            lines.append(f"two calls on the same inputs differ by {self.chance:.1e}: it is random, or keeps a state")
        if "ties" in causes and any(self.accepted("symmetric inputs") < e < math.inf for e in self.symmetric.values()):
            only = "" if set(causes) - {"ties"} else " only"
            where = "ties in argmax, top-k, sorting or neighbours, or in a frame"
            lines.append(f"it fails on symmetric inputs{only}: look for {where}")
        if "backward pass" in causes and math.isfinite(largest["gradients"]):
            much = "outputs are equivariant and gradients are not" if self.error < self.bound else "gradients are worse"
            lines.append(f"{much}: look for NaN and for backward passes of your own")
        if "float32 rounding" in causes:
            where = "look for constants in float32, and for what is cast to it on its way"
            lines.append(f"float32 rounding makes errors of this size: {where}; keep tables in float64")
        layer = next((layer for layer in self.layers if layer.name == self.first_offender), None)
        if layer is not None:
            lines.append(f"the first part that is not equivariant: {layer.name} ({layer.kind}), {layer.error:.1e}")
        elif self.layers and self.error >= self.bound:
            lines.append("each part that states its reps is equivariant: the error comes from what is between them")
        if self.resolution is not None:
            lines.append(f"its samples: {self.resolution}")
        return lines

    def __repr__(self) -> str:
        return f"<EquivarianceReport of {self.model}: {self.error:.1e}>"


def _listed(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {error:.1e}" for name, error in errors.items())


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
