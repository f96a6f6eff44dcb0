"""What can be recognised of the pose of an input: nothing that its own symmetry leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import for_json
from intertwine.catalog.base import CatalogGroup
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.words.identify import element_name


@dataclass(frozen=True, eq=False)
class Recognisable:
    """What an equivariant map can say of the group element that moved an input.

    Args:
        symmetry: the stabiliser of the input: elements are known up to it.
        rotation: whether the rotation can be told.
        flip: whether it can be told if the input was flipped; None for groups without flips.
    """

    symmetry: Stabiliser
    rotation: bool
    flip: bool | None

    @property
    def everything(self) -> bool:
        """Whether the element is determined."""
        return self.rotation and self.flip is not False

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return for_json(self, "rotation", "flip", "symmetry")

    def __str__(self) -> str:
        known = self.symmetry.subgroup  # of a crystal the point group: translations leave its pose as it is
        size = "infinitely many" if self.symmetry.continuous else str(int(known.group.order))
        turned = "yes" if self.rotation else f"no: up to {known.name} only ({size} elements look alike)"
        lines = [f"rotation: {turned}"]
        if self.flip is not None:
            flips = self.symmetry.elements[np.linalg.det(self.symmetry.elements) < 0]
            simplest = "".join(f", {name}" for name in sorted(map(element_name, flips), key=len)[:1])
            no = f"no: the input equals its own mirror image{simplest}, so the determinant is undefined"
            lines.append(f"flip: {'yes' if self.flip else no}")
        return "\n".join(lines)


def recognisable(
    x: np.ndarray,
    labels: Sequence[int] | np.ndarray | None = None,
    tensors: np.ndarray | None = None,
    rep: Rep | Irrep | None = None,
    *,
    group: CatalogGroup | None = None,
    tolerance: float = 1e-6,
) -> Recognisable:
    """What a head such as `nn.heads.GroupElement` can tell of an input's pose, and what no equivariant map can.

    If f(x) is a group element with `f(g x) = g f(x)`, then `h f(x) = f(h x) = f(x)` for a symmetry h of x: so h = 1. An
    input with symmetry determines its pose up to that only, and a mirror-symmetric one has no handedness.

    Arguments are those of `stabiliser`.

    >>> from intertwine.catalog import O2
    >>> achiral = np.array([1.0, 0.0, 0.3, 0.0])  # frequencies 1 and 2, both along x
    >>> print(recognisable(achiral, rep=O2.rep("1x1 + 1x2")))
    rotation: yes
    flip: no: the input equals its own mirror image, the mirror y → −y, so the determinant is undefined
    """
    found = stabiliser(x, labels, tensors, rep, group=group, tolerance=tolerance)
    proper = np.linalg.det(found.elements) > 0
    moving = np.abs(found.elements - np.eye(found.group.dim)).max((-1, -2)) > 1e-6
    turns = bool((proper & moving).any()) or found.continuous
    flip = None if found.group.is_proper else not bool((~proper).any())
    return Recognisable(found, not turns, flip)
