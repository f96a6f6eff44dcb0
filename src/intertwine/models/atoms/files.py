"""Potentials on disk: one safetensors file that says all that is needed to make the model again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from intertwine.catalog import group as group_of_name
from intertwine.errors import ArgumentError
from intertwine.models.atoms.allegro import Allegro
from intertwine.models.atoms.charges import Electrostatics
from intertwine.models.atoms.equiformer import Equiformer
from intertwine.models.atoms.escn import ESCN
from intertwine.models.atoms.mace import MACE
from intertwine.models.atoms.nequip import NequIP
from intertwine.models.atoms.network import AtomNetwork
from intertwine.models.atoms.potential import EnergyTerm, Potential
from intertwine.models.atoms.spread import EnergySpread
from intertwine.models.atoms.targets import Target
from intertwine.models.atoms.terms import Repulsion
from intertwine.nn.checkpoints import load_weights, read_notes, save_weights
from intertwine.reps import Irrep, Rep, as_rep

NETWORKS: dict[str, type[AtomNetwork]] = {kind.__name__: kind for kind in (Allegro, Equiformer, ESCN, MACE, NequIP)}
TERMS: dict[str, type[EnergyTerm]] = {kind.__name__: kind for kind in (Electrostatics, Repulsion)}
UNITS = {"energy": "eV", "length": "Å", "stress": "eV/Å³, positive under tension"}


def save_potential(model: Potential, path: str | Path, notes: Mapping[str, str] | None = None) -> Path:
    """Write a potential to a safetensors file: weights, network, elements, targets, units, conventions.

    Args:
        model: the potential.
        path: the file.
        notes: words to keep with it, such as what it was trained on.

    Returns:
        The path.

    Raises `ArgumentError` for networks and terms of another library, which `load_potential` could not make.

    >>> from tempfile import mkdtemp
    >>> from intertwine.catalog import O3
    >>> model = Potential(NequIP(1, cutoff=3.0, hidden=O3.rep("4x0e + 4x1o"), layers=1), elements=[14])
    >>> load_potential(save_potential(model, Path(mkdtemp()) / "silicon.safetensors")).elements
    (14,)
    """
    described = {
        "network": _named(model.network, NETWORKS),
        "terms": [_named(term, TERMS) for term in model.terms],
        "elements": model.elements,
        "targets": {
            name: [_plain(target.rep), target.total, target.formula, target.mean]
            for name, target in model.targets.items()
        },
        "spread": None if model.spread is None else model.spread.options["size"],
        "dtype": str(model.dtype).removeprefix("torch."),
        "units": UNITS,
    }
    return save_weights(model, path, {**(notes or {}), "potential": json.dumps(described)})


def load_potential(path: str | Path) -> Potential:
    """The potential that `save_potential` wrote, ready for use, in its dtype.

    Raises `ArgumentError` for files that are none.
    """
    path = Path(path)
    notes = read_notes(path)
    if "potential" not in notes:
        raise ArgumentError(
            f"{path.name} holds weights, but does not say of which potential. Load what save_potential wrote; for "
            "other weights make the model, and call nn.load_weights(model, path)."
        )
    told = json.loads(notes["potential"])
    model = Potential(
        _made(told["network"], NETWORKS),
        told["elements"],
        targets={name: Target(_of_plain(rep), *rest) for name, (rep, *rest) in told["targets"].items()},
        terms=[_made(term, TERMS) for term in told["terms"]],
    )
    if told.get("spread"):
        model.spread = EnergySpread(told["spread"])
    model = model.to(getattr(torch, told["dtype"]))
    load_weights(model, path)
    return model.eval()


def _named(part: Any, known: Mapping[str, type]) -> dict[str, Any]:
    """A part by the name of its class and its options."""
    name = type(part).__name__
    if type(part) not in known.values():
        raise ArgumentError(
            f"A potential on disk is made of {', '.join(known)}, which can be made again, but this one holds a {name}. "
            "Keep its weights by nn.save_weights(model, path), and make it yourself."
        )
    return {"kind": name, "options": {key: _plain(value) for key, value in part.options.items()}}


def _made(told: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    if told["kind"] not in known:
        raise ArgumentError(
            f"The file holds a {told['kind']}, which this version of intertwine does not know; it knows "
            f"{', '.join(known)}. Load it with the version that wrote it."
        )
    return known[told["kind"]](**{key: _of_plain(value) for key, value in told["options"].items()})


def _plain(value: Any) -> Any:
    """A value as JSON has it; reps by their group and their words."""
    if isinstance(value, Rep | Irrep):
        rep = as_rep(value)
        return {"group": str(rep.group), "rep": str(rep)}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _of_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return group_of_name(value["group"]).rep(value["rep"])
    return [_of_plain(part) for part in value] if isinstance(value, list) else value
