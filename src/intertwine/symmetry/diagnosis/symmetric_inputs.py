"""Symmetric inputs: averaged features, and clouds full of ties, whose outputs must be as symmetric as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog.base import CatalogGroup
from intertwine.groups import Group, Subgroup
from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.cases import Layout, Trial, largest
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.testing import act


def symmetric_errors(trial: Trial, seed: int) -> dict[str, float]:
    """For symmetric inputs, by name, how far the outputs are from being as symmetric, relative to their size."""
    if trial.layout is not None and trial.layout.permute is None:
        return _on_clouds(trial, trial.layout, seed)
    return _on_averages(trial)


# features: averages over a subgroup ----------------------------------------------------------------------------------


def _on_averages(trial: Trial) -> dict[str, float]:
    """For inputs averaged over a subgroup H, how far the outputs are from their own averages over H."""
    group, found = trial.out.group, dict[str, float]()
    if not isinstance(group, CatalogGroup) or any(rep is None for rep in trial.reps):
        return found
    for subgroup in _small_subgroups(group):
        pairs = zip(trial.values, trial.reps, strict=True)
        output = trial.output([_averaged(x, rep, subgroup) for x, rep in pairs if rep is not None]).detach()
        found[subgroup.name] = largest(output - _averaged(output, trial.out, subgroup)) / trial.size
    return found


def _small_subgroups(group: CatalogGroup) -> list[Subgroup]:
    """A few finite subgroups of different kinds."""
    names = {3: ("C2", "C3", "Cs", "C3v", "D2", "D4h", "Td", "Oh"), 2: ("C2", "C3", "D1", "D2", "D4")}.get(
        group.dim, ()
    )
    found = []
    for name in names:
        try:
            found.append(group.subgroup(name))
        except ValueError:  # this group has none of that name
            continue
    return found


def _averaged(x: Tensor, rep: Rep, subgroup: Subgroup) -> Tensor:
    matrices = rep.matrix(subgroup.embed(subgroup.group.elements()))
    return x @ torch.as_tensor(matrices.mean(0)).to(x).T


# clouds: points that tie ---------------------------------------------------------------------------------------------


def tie_clouds(dim: int) -> dict[str, np.ndarray]:
    """Clouds `(N, dim)` of small size with many equal distances, by name.

    >>> {name: len(points) for name, points in tie_clouds(2).items()}
    {'triangle': 3, 'square': 4, 'square with its centre': 5, 'line': 3, 'square and triangle on a circle': 7}
    """
    square, triangle = _polygon(4), _polygon(3, np.pi / 4)  # the triangle is turned so that no corners coincide
    flat = {
        "triangle": triangle,
        "square": square,
        "square with its centre": np.concatenate([square, np.zeros((1, 2))]),
        "line": np.array([[-1.0, 0], [0, 0], [1, 0]]),
        "square and triangle on a circle": np.concatenate([square, triangle]),
    }
    if dim == 2:
        return flat
    corners = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    solids = {"cube": corners, "octahedron": np.concatenate([np.eye(3), -np.eye(3)])}
    return solids | {name: np.pad(points, ((0, 0), (0, 1))) for name, points in flat.items()}


def _polygon(n: int, start: float = 0.0) -> np.ndarray:
    angles = start + 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], -1)


@dataclass(frozen=True, eq=False)
class Isotropy:
    """Elements `(h, n, n)` that keep a cloud, weights that average over them, and where each point goes, `(h, N)`."""

    elements: np.ndarray
    weights: np.ndarray
    permutations: np.ndarray

    def reordered(self, order: np.ndarray) -> Isotropy:
        """The same for points in another order."""
        return replace(self, permutations=np.argsort(order)[self.permutations[:, order]])


def _isotropy(points: np.ndarray, group: Group, action: Rep, degree: int) -> Isotropy | None:
    """The symmetry of a cloud in a group; None for a group whose part that keeps the cloud is not known here."""
    if group.is_finite:
        elements = group.elements()
        off = np.linalg.norm((points @ action.evaluate(elements).swapaxes(-1, -2))[:, :, None] - points, axis=-1)
        keeps = off.min(-1).max(-1) < 1e-9
        return Isotropy(elements[keeps], np.full(keeps.sum(), 1 / keeps.sum()), off.argmin(-1)[keeps])
    if not isinstance(group, CatalogGroup) or not group.is_full or action != group.defining:
        return None
    elements, weights, permutations = stabiliser(points, group=group).averaging(degree)
    return None if permutations is None else Isotropy(elements, weights, permutations)


def _on_clouds(trial: Trial, layout: Layout, seed: int) -> dict[str, float]:
    """The errors on clouds of ties, with all pairs of points as edges, and features as symmetric as the cloud.

    Clouds that the model does not run on, because it needs more points, say, are left out.
    """
    group, place = trial.out.group, _space(trial, layout)
    if place is None or (action := trial.reps[place]) is None or action.dim not in (2, 3):
        return {}
    degree = max(rep.degree for rep in (*trial.reps, trial.out) if rep is not None)
    scale, found = _scale(trial.values[place], place == layout.positions), dict[str, float]()
    for name, points in tie_clouds(action.dim).items():
        symmetry = _isotropy(points, group, action, degree)
        if symmetry is None:
            continue
        with suppress(RuntimeError, ValueError, IndexError):  # a model that needs more points than that, or so many
            found[name] = max(_cloud_error(trial, layout, cloud) for cloud in _clouds(scale * points, symmetry, seed))
    return found


def _clouds(points: np.ndarray, symmetry: Isotropy, seed: int) -> Iterator[_Cloud]:
    """A cloud in two orders of its points: a rule that breaks ties by number may be symmetric in one by luck."""
    random = np.random.default_rng(seed)
    for order in (np.arange(len(points)), random.permutation(len(points))):
        yield _Cloud(points[order], symmetry.reordered(order), random)


def _space(trial: Trial, layout: Layout) -> int | None:
    """The place of the input that shows where points are: positions, or else vectors on edges."""
    if layout.positions is not None:
        return layout.positions
    defining = getattr(trial.out.group, "defining", None)
    return next((i for i in layout.on_edges if trial.reps[i] is not None and trial.reps[i] == defining), None)


def _scale(x: Tensor, centre: bool) -> float:
    """The usual distance between points, so that cut-offs mean what they do for the user's clouds."""
    x = x.detach().double().cpu().reshape(-1, x.shape[-1])
    lengths = torch.linalg.vector_norm(x - x.mean(0) if centre else x, dim=-1)
    return float(lengths.median()) or 1.0 if len(lengths) else 1.0


@dataclass(frozen=True, eq=False)
class _Cloud:
    """A symmetric cloud, from which inputs of every kind are made."""

    points: np.ndarray
    symmetry: Isotropy
    random: np.random.Generator

    @property
    def edges(self) -> np.ndarray:
        """All pairs of different points, `(2, E)`."""
        source, target = np.nonzero(~np.eye(len(self.points), dtype=bool))
        return np.stack([source, target])

    @property
    def edge_permutations(self) -> np.ndarray:
        """Where each edge goes, `(h, E)`."""
        count, (source, target) = len(self.points), self.edges
        numbers = np.zeros((count, count), dtype=np.int64)
        numbers[source, target] = np.arange(len(source))
        p = self.symmetry.permutations
        return np.asarray(numbers[p[:, source], p[:, target]])

    def features(self, width: int, rep: Rep | None, permutations: np.ndarray) -> np.ndarray:
        """Random features of points, of edges, or of all (for permutations of one thing) with the cloud's symmetry."""
        x = 1 + self.random.normal(size=(permutations.shape[1], width))  # invariants that do not average to 0
        found = np.zeros_like(x)
        for g, weight, p in zip(self.symmetry.elements, self.symmetry.weights, permutations, strict=True):
            found[p] += weight * (x if rep is None else x @ rep.evaluate(g[None])[0].T)
        return found


def _cloud_error(trial: Trial, layout: Layout, cloud: _Cloud) -> float:
    values = [_input(trial, layout, cloud, i) for i in range(len(trial.values))]
    symmetry, here = cloud.symmetry, replace(layout, points=len(cloud.points))
    y = trial.output(values).detach()
    size, worst = max(largest(y), trial.size), 0.0
    for g, p in zip(symmetry.elements, symmetry.permutations, strict=True):
        moved = act(trial.out, g, y)
        partner = y.index_select(layout.axis, torch.as_tensor(p, device=y.device)) if _per_point(here, y) else y
        worst = max(worst, largest(moved - partner))
    return worst / size


def _per_point(layout: Layout, y: Tensor) -> bool:
    return y.ndim > 1 and layout.per_point(y)


def _input(trial: Trial, layout: Layout, cloud: _Cloud, i: int) -> Tensor:
    """An input like the user's, on the cloud."""
    like, rep = trial.values[i], trial.reps[i]
    if i == layout.positions:
        return torch.as_tensor(cloud.points).to(like).expand(*like.shape[: layout.axis], -1, -1)
    if i == layout.edges:
        return torch.as_tensor(cloud.edges).to(like)
    if i not in (*layout.on_points, *layout.on_edges):
        return like if rep is None else _everywhere(like, rep, cloud)
    on_edges = i in layout.on_edges
    permutations = cloud.edge_permutations if on_edges else cloud.symmetry.permutations
    shape = (*like.shape[: layout.axis], permutations.shape[1], *like.shape[layout.axis + 1 :])
    if not like.is_floating_point():
        return like.flatten()[:1].expand(shape)  # one kind of point; the first cloud
    if on_edges and i == _space(trial, layout):
        source, target = cloud.edges
        return torch.as_tensor(cloud.points[target] - cloud.points[source]).to(like)
    width = int(np.prod(shape[layout.axis + 1 :]))
    features = torch.as_tensor(cloud.features(width, rep, permutations)).to(like)
    return features.reshape(shape[layout.axis :]).expand(shape)


def _everywhere(x: Tensor, rep: Rep, cloud: _Cloud) -> Tensor:
    """An input of the whole cloud, averaged over the symmetry."""
    mean = np.einsum("q,qij->ij", cloud.symmetry.weights, rep.evaluate(cloud.symmetry.elements))
    return x @ torch.as_tensor(mean).to(x).T
