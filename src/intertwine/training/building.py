"""The potential that a configuration describes, at the start of its training."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch
from ase.data import atomic_numbers

from intertwine.catalog import group as group_of_name
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, UnreachableWarning
from intertwine.models import Electrostatics, EnergyTerm, Potential, Repulsion, Target, load_potential
from intertwine.models.atoms.charges import LATENT
from intertwine.models.atoms.files import NETWORKS
from intertwine.training.configuration import ModelSection, TargetSection
from intertwine.training.statistics import LabelStatistics

NAMED_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def new_potential(section: ModelSection, told: LabelStatistics, seed: int = 0) -> Potential:
    """A potential with random weights, for the elements of some frames.

    Args:
        section: what it is made of.
        told: references, scale and neighbours of the frames to learn from.
        seed: the seed of the weights.

    Raises `ArgumentError` for networks and options that are not there, naming those that are.
    """
    kind = NETWORKS.get(section.network)
    if kind is None:
        raise ArgumentError(f"There is no network {section.network!r}. Networks are {', '.join(NETWORKS)}.")
    group = group_of_name(section.group)
    targets = targets_of(section)
    if section.long_range and LATENT not in targets:
        targets[LATENT] = Target(group.rep(f"1x{group.trivial}"), total=False)
    rep_out = group.rep(f"1x{group.trivial}")
    for target in targets.values():
        rep_out = rep_out + target.rep
    own = inspect.signature(kind).parameters
    options = {**section.options, "rep_out": rep_out}
    if "neighbours" in own:
        options.setdefault("neighbours", told.average_neighbours)
    unknown = [name for name in options if name not in own]
    if unknown:
        raise ArgumentError(f"{section.network} has no option {unknown[0]!r}. Its options are {', '.join(own)}.")
    given = {name: _option(value, own[name].annotation, group) for name, value in options.items()}
    terms: list[EnergyTerm] = [Repulsion(told.elements)] if section.repulsion else []
    terms += [Electrostatics()] if section.long_range else []
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("error", UnreachableWarning)  # outputs that stay zero are no model of anything
        torch.manual_seed(seed)
        try:
            network = kind(len(told.elements), section.cutoff, **given)
        except UnreachableWarning as error:
            raise ArgumentError(f"{section.network} cannot give all that is wanted of it. {error}") from error
    references = list(told.references.energies.values())
    return Potential(network, told.elements, references, told.scale, targets=targets, terms=terms)


def started_potential(section: ModelSection, elements: set[int]) -> Potential:
    """The potential on disk that a training goes on from; raises `ArgumentError` unless it knows the elements."""
    model = load_potential(str(section.start))
    if unknown := sorted(elements - {*model.elements}):
        raise ArgumentError(
            f"The model to go on from knows the elements with the atomic numbers {list(model.elements)}, but frames "
            f"hold {unknown} as well. Leave these frames out, or train a new model."
        )
    return model.train()


def targets_of(section: ModelSection) -> dict[str, Target]:
    """The targets of a model, by name; raises `ArgumentError` where a rep and a formula do not agree."""
    group = group_of_name(section.group)
    return {name: _target(told, group) for name, told in section.targets.items()}


def atomic_number(symbol: str) -> int:
    """The atomic number of an element's symbol; raises `ArgumentError` for another word."""
    if symbol not in atomic_numbers:
        raise ArgumentError(f"Elements are named by their symbols, such as 'Si', but got {symbol!r}.")
    return int(atomic_numbers[symbol])


def _target(section: TargetSection, group: CatalogGroup) -> Target:
    if section.rep is None and section.tensor is None:
        raise ArgumentError(
            'A target has a rep, such as rep = "1x1o", or is a tensor by a formula, such as tensor = "ij=ji".'
        )
    if section.rep is None:
        return Target.tensor(str(section.tensor), group, section.total, section.mean)
    return Target(group.rep(section.rep), section.total, section.tensor, section.mean)


def _option(value: Any, annotation: Any, group: CatalogGroup) -> Any:
    """An option as the network takes it: reps from words."""
    if "Rep" in str(annotation):
        if isinstance(value, str):
            return group.rep(value)
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return [group.rep(part) for part in value]
    return value
