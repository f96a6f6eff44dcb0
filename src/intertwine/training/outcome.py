"""What came of a training: predictions beside labels, how sure the model is, how symmetric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from intertwine.catalog.base import CatalogGroup
from intertwine.models import EnergySpread, Potential, fitted_spread
from intertwine.training.batches import FrameBatch, FrameDataset, Shares
from intertwine.training.data_module import PotentialData
from intertwine.training.frames import LabelledFrame
from intertwine.training.predictions import PredictedFrames


def predict_frames(model: Potential, frames: Sequence[LabelledFrame]) -> PredictedFrames:
    """What a potential says of frames, beside their labels."""
    dataset, device = FrameDataset(frames, model), model.references.device
    has_stress = any(frame.stress is not None for frame in frames)
    found: dict[str, list[np.ndarray]] = {"energy": [], "forces": [], "stress": []}
    labels: dict[str, list[np.ndarray]] = {name: [] for name in found}
    for share in Shares(dataset.edges, size=16, most_edges=20000):
        batch: FrameBatch = dataset[share]
        is_asked = has_stress and not bool(batch.labels["stress"].isnan().all())
        told = model.eval()(batch.graph.to(device), stress=is_asked)
        if has_stress and not is_asked:  # frames without volume have none
            told["stress"] = torch.full_like(batch.labels["stress"], torch.nan)
        for name in found.keys() & told.keys():
            found[name].append(told[name].detach().cpu().double().numpy())
            labels[name].append(batch.labels[name].numpy())
    joined = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    beside = {name: np.concatenate(labels[name]) for name in joined}
    return PredictedFrames(
        [frame.atoms.numbers for frame in frames],
        joined["energy"],
        beside["energy"],
        joined["forces"],
        beside["forces"],
        joined.get("stress"),
        beside.get("stress"),
        [frame.source for frame in frames],
    )


def learned_spread(model: Potential, data: PotentialData) -> EnergySpread | None:
    """How sure the potential is of energies, by its last layer; None without validation frames that have energies."""
    if data.validation is None:
        return None
    energies = [label["energy"] for label in data.validation.labels]
    known = [n for n, energy in enumerate(energies) if bool(energy.isfinite().all())]
    if not known:
        return None
    model, device = model.eval(), model.references.device
    graphs = [data.validation.graphs[n].to(device) for n in known]
    with torch.no_grad():
        apart = [(g, model.energy(g) - energies[n].to(device)) for g, n in zip(graphs, known, strict=True)]
    return fitted_spread(model, (graph.to(device) for graph in data.train.graphs), apart)


def symmetry_words(model: Potential, frame: LabelledFrame, seed: int = 0) -> str:
    """How far energy and forces of a frame are from turning with it, over random elements of the model's group."""
    group = model.network.rep_out.group
    if not isinstance(group, CatalogGroup):
        return ""
    alone = FrameDataset([frame], model).graphs[0].to(model.references.device)
    first, elements = model(alone), torch.as_tensor(group.sample(8, seed)).to(alone.positions)
    energies, forces = [], []
    for g in elements:
        again = model(alone._replace(positions=alone.positions @ g.T, cells=alone.cells @ g.T))
        energies.append(float((again["energy"] - first["energy"]).abs().max()))
        forces.append(float((again["forces"] - first["forces"] @ g.T).abs().max()))
    return (
        f"{frame.source}, moved by {len(elements)} random elements of {group}: the energy changes by at most "
        f"{max(energies):.2g} eV, and forces are at most {max(forces):.2g} eV/Å from those that turn along."
    )
