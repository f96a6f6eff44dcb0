"""How sure a potential is: by several that were trained apart, or by what its last layer has seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.models.atoms.graph import AtomGraph
from intertwine.models.atoms.potential import Potential
from intertwine.models.atoms.spread import EnergySpread


class Committee(nn.Module):
    """Potentials that were trained apart: their mean, and how far they are from each other.

    It is called as a potential is, and gives `energy_uncertainty` `(B,)`, eV, and `forces_uncertainty` `(N,)`, eV/Å,
    besides: standard deviations over the members, of forces the root mean square of the vectors' deviations.

    Args:
        members: two potentials or more, with the same elements and cut-off.

    Raises `ArgumentError` for fewer, and for potentials that differ in these.

    Source: Seung, Opper, Sompolinsky 1992, doi:10.1145/130385.130417.
    """

    def __init__(self, members: Sequence[Potential]) -> None:
        super().__init__()
        kinds = {(member.elements, member.cutoff, tuple(member.targets)) for member in members}
        if len(members) < 2 or len(kinds) > 1:
            raise ArgumentError(
                "A committee has two potentials or more, with the same elements, cut-off and targets, but got "
                f"{len(members)} with {kinds}."
            )
        self.members = nn.ModuleList(members)
        self.elements, self.cutoff, self.targets = members[0].elements, members[0].cutoff, members[0].targets

    @property
    def references(self) -> Tensor:
        """The references of the first member."""
        return cast(Potential, self.members[0]).references

    def forward(self, graph: AtomGraph, **asked: Any) -> dict[str, Tensor]:
        """The means of what the members give, and the deviations of energies and forces from them."""
        found = [member(graph, **asked) for member in self.members]
        shared = [name for name in found[0] if all(name in one for one in found)]  # some may know how sure they are
        each = {name: torch.stack([one[name] for one in found]) for name in shared}
        out = {name: values.mean(0) for name, values in each.items()}
        out["energy_uncertainty"] = each["energy"].std(0)
        if "forces" in each:
            out["forces_uncertainty"] = (each["forces"] - out["forces"]).square().sum(2).mean(0).sqrt()
        return out


def last_features(model: Potential, graph: AtomGraph) -> Tensor:
    """The features that the last linear map makes energies of, summed over the atoms of each structure, `(B, size)`."""
    with torch.no_grad():
        found = model.with_features(graph)[1]
    return found


def fitted_spread(
    model: Potential, seen: Iterable[AtomGraph], apart: Iterable[tuple[AtomGraph, Tensor]], ridge: float = 1e-6
) -> EnergySpread:
    """The spread of a trained potential.

    Args:
        model: the potential.
        seen: the frames that it learned from.
        apart: frames that it did not, with the errors of their energies, `(B,)`, eV.
        ridge: ς², in units of the mean of the squares of the features.

    Raises `ArgumentError` where there are no frames apart.
    """
    grams = [features.T @ features for features in (last_features(model, graph).cpu() for graph in seen)]
    if not grams:
        raise ArgumentError("A spread comes of frames that were learned from, but there are none.")
    gram = torch.stack(grams).sum(0)
    size = len(gram)
    spread = EnergySpread(size)
    gram += ridge * gram.trace() / size * torch.eye(size, dtype=torch.float64)
    spread.inverse.copy_(torch.linalg.inv(gram))
    ratios = [errors.cpu().double() / spread(last_features(model, graph).cpu()) for graph, errors in apart]
    if not ratios:
        raise ArgumentError("The size of a spread is taken from frames that were not learned from, but there are none.")
    spread.alpha.copy_(torch.cat(ratios).square().mean().sqrt())
    return spread
