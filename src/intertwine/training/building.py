"""The potential that a configuration describes, at the start of its training."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch

from intertwine.catalog import group as group_of_name
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, UnreachableWarning
from intertwine.models import Electrostatics, EnergyTerm, Potential, Repulsion, Target, load_potential
from intertwine.models.atoms.charges import LATENT
from intertwine.models.atoms.files import NETWORKS
from intertwine.models.atoms.network import AtomNetwork
from intertwine.models.atoms.potential import check_target_names
from intertwine.reps import Rep
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
    group = group_of_name(section.group)
    targets = targets_of(section)
    if section.long_range and LATENT not in targets:
        targets[LATENT] = Target(group.rep(f"1x{group.trivial}"), total=False)
    rep_out = group.rep(f"1x{group.trivial}")
    for target in targets.values():
        rep_out = rep_out + target.rep
    options = {"neighbours": told.average_neighbours, "hidden": _usual_features(group), **section.options}
    made = _network(section, {**options, "rep_out": rep_out}, len(told.elements), group, seed)
    terms: list[EnergyTerm] = [Repulsion(told.elements)] if section.repulsion else []
    terms += [Electrostatics()] if section.long_range else []
    references = list(told.references.bound.values())
    return Potential(made, told.elements, references, told.scale, targets=targets, terms=terms)


def _network(
    section: ModelSection, options: dict[str, Any], species: int, group: CatalogGroup, seed: int
) -> AtomNetwork:
    """The network of a section; raises `ArgumentError` for one that is not there, and for options it does not take."""
    kind = NETWORKS.get(section.network)
    if kind is None:
        raise ArgumentError(f"There is no network {section.network!r}. Networks are {', '.join(NETWORKS)}.")
    own = inspect.signature(kind).parameters
    free = [name for name in own if name not in ("species", "cutoff", "rep_out")]
    for name in section.options:
        if name not in own:
            raise ArgumentError(f"{section.network} has no option {name!r}. Its options are {', '.join(free)}.")
        if name not in free:
            raise ArgumentError(
                f"{name!r} is no option of {section.network} here: it follows from the data, from [model] cutoff and "
                f"from [model.targets]. Its options are {', '.join(free)}."
            )
    given = {name: _option(value, own[name].annotation, group) for name, value in options.items() if name in own}
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("error", UnreachableWarning)  # outputs that stay zero are no model of anything
        torch.manual_seed(seed)
        try:
            return kind(species, section.cutoff, **given)
        except UnreachableWarning as error:
            raise ArgumentError(
                f"{section.network} cannot give all that is wanted of it. {error} Its inputs follow from "
                "[model.options] hidden and layers."
            ) from error
        except (TypeError, RuntimeError) as error:  # numbers where reps are meant, words where numbers are
            kinds = ", ".join(f"{name}: {own[name].annotation}" for name in free)
            raise ArgumentError(
                f"{section.network} cannot be made with the options {section.options}: {error}. They are {kinds}."
            ) from error


def _usual_features(group: CatalogGroup) -> Rep:
    """Features that are enough for a first potential: 32 of each harmonic of degree 0 and 1."""
    return group.rep(" + ".join(f"32x{irrep}" for _, irrep in group.harmonics(1).isotypic))


def started_potential(section: ModelSection, elements: set[int]) -> Potential:
    """The potential on disk that a training goes on from.

    Raises `ArgumentError` unless it knows the elements, and for entries of the section that it contradicts.
    """
    model = load_potential(str(section.start))
    for name, (asked, own) in _doubtful(section, model).items():
        if asked != own:
            raise ArgumentError(
                f"[model] asks for {name} = {asked!r}, but the model to go on from has {own!r}, and keeps it. Leave "
                "this entry out, or train a new model."
            )
    if unknown := sorted(elements - {*model.elements}):
        raise ArgumentError(
            f"The model to go on from knows the elements with the atomic numbers {list(model.elements)}, but frames "
            f"hold {unknown} as well. Leave these frames out, or train a new model."
        )
    return model.train()


def _doubtful(section: ModelSection, model: Potential) -> dict[str, tuple[Any, Any]]:
    """What a section asks for beside a model to go on from, with what this has: entries that are not the default."""
    group = model.network.rep_out.group
    terms = {type(term) for term in model.terms}
    own: dict[str, Any] = {
        "network": type(model.network).__name__,
        "cutoff": model.cutoff,
        "group": str(group),
        "repulsion": Repulsion in terms,
        "long_range": Electrostatics in terms,
    }
    usual = ModelSection()
    pairs = {name: (getattr(section, name), has) for name, has in own.items()}
    asked = {name: pair for name, pair in pairs.items() if pair[0] != getattr(usual, name)}
    annotations = inspect.signature(type(model.network)).parameters
    for name, value in section.options.items():
        has = model.network.options.get(name)
        if name in annotations and isinstance(group, CatalogGroup):
            value = _option(value, annotations[name].annotation, group)
        asked[f"options.{name}"] = (_tuples(value), _tuples(has))
    return asked


def _tuples(value: Any) -> Any:
    """A value with tuples for lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def targets_of(section: ModelSection) -> dict[str, Target]:
    """The targets of a model, by name; raises `ArgumentError` where a rep and a formula do not agree."""
    check_target_names(section.targets)
    group = group_of_name(section.group)
    return {name: _target(told, group) for name, told in section.targets.items()}


def seen_cutoff(section: ModelSection) -> float:
    """How far the atoms of the model see, Å."""
    return section.cutoff if section.start is None else load_potential(section.start).cutoff


def learned_targets(section: ModelSection) -> dict[str, Target]:
    """The targets that are learned, by name: of a model to go on from those that are named.

    Raises `ArgumentError` as `targets_of` does, and where a model to go on from has no such target.
    """
    if section.start is None:
        return targets_of(section)
    own = load_potential(section.start).targets
    for name, told in section.targets.items():
        if name not in own:
            raise ArgumentError(
                f"The model to go on from has no target {name!r}; its targets are {', '.join(own) or 'none'}. Train a "
                "new model to learn it."
            )
        group = own[name].rep.group
        if (told.rep or told.tensor) and isinstance(group, CatalogGroup) and _target(told, group) != own[name]:
            raise ArgumentError(
                f"The model to go on from gives {name!r} as {own[name]}. Name it without a rep or tensor."
            )
    return {name: own[name] for name in section.targets}


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
