"""Symmetric inputs, on which ties show: averaged features and grids, and clouds full of equal distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog.base import CatalogGroup
from intertwine.fields import Displacements, EdgeFeatures, Edges, FieldType, PointFeatures, Positions
from intertwine.groups import Group
from intertwine.groups.finite import closure
from intertwine.groups.rotations import axis_rotation
from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.cases import Move, Trial, told
from intertwine.testing.equivariance import largest

SUBGROUPS = {3: ("C2", "C3", "Cs", "C3v", "D2", "D4h", "Td", "Oh"), 2: ("C2", "C3", "D1", "D2", "D4")}
"""Finite subgroups of different kinds."""


def symmetric_errors(trial: Trial, seed: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """The error on symmetric inputs by name, relative to the usual outputs, and what the model refused, in words.

    Outputs must be as symmetric as the inputs. And they must follow other elements and a relabelling: on an invariant
    output nothing else shows that a tie was decided by rounding, or by the numbers of points.
    """
    found, refused = dict[str, float](), dict[str, str]()
    for name, values, kept in _symmetric_inputs(trial, seed):
        try:
            found[name] = _error(trial, values, kept, seed)
        except Exception as error:  # noqa: BLE001 (a model may refuse what is made up in its own way)
            refused[name] = told(error)
    said = f"it does not run on some symmetric inputs ({', '.join(refused)}): {next(iter(refused.values()), '')}"
    return found, (said,) if refused else ()


def _error(trial: Trial, values: Sequence[Any], kept: Sequence[Move], seed: int) -> float:
    twin = replace(trial, values=tuple(values), least=trial.size)
    elements = [*trial.group.sample(3, seed), *(move.element for move in kept[1:4] if move.element is not None)]
    tried = [Move(g) for g in elements if twin.is_exact(g)]
    if twin.points is not None:
        order = torch.randperm(twin.points, generator=torch.Generator().manual_seed(seed))
        tried.append(Move(tried[0].element if tried else None, order))
    own = [] if isinstance(trial.out, Displacements | EdgeFeatures) else kept  # edges come in another order
    symmetric = (largest(twin.expected(move) - twin.reference) / twin.size for move in own)
    return max((*symmetric, *map(twin.error, tried)), default=0.0)


def _symmetric_inputs(trial: Trial, seed: int) -> Iterator[tuple[str, list[Any], list[Move]]]:
    """Names, inputs, and the moves that leave these as they are."""
    both = [*zip(trial.fields, trial.values, strict=True)]
    space = next(((f, x) for kind in (Positions, Displacements) for f, x in both if isinstance(f, kind)), None)
    if space is None:
        for name, elements in _subgroups(trial.group):
            if all(map(trial.is_exact, elements)):
                yield name, [averaged(field, x, elements) for field, x in both], [Move(g) for g in elements]
    elif not trial.unknown:
        action, scale = space[0].rep, _scale(space[1], isinstance(space[0], Positions))
        generator = torch.Generator().manual_seed(seed)
        for name, points in tie_clouds(action.dim).items():
            kept = keeping(points, trial.group, action)
            yield name, [_on_cloud(field, x, scale * points, kept, generator) for field, x in both], kept


# features and grids: averages over a subgroup -------------------------------------------------------------------------


def _subgroups(group: Group) -> Iterator[tuple[str, np.ndarray]]:
    """A few finite subgroups, with their elements."""
    if not isinstance(group, CatalogGroup):
        return
    for name in SUBGROUPS.get(group.dim, ()):
        try:
            subgroup = group.subgroup(name)
        except ValueError:  # this group has none of that name
            continue
        yield subgroup.name, subgroup.embed(subgroup.group.elements())


def averaged(field: FieldType, x: Any, elements: np.ndarray) -> Any:
    """The mean of a tensor over group elements; as it is if they do not move it.

    What vanishes is 0 and no rounding, which a direction or an inverse would blow up.
    """
    if field.rep is None:
        return x
    mean = sum(field.act(g, x) for g in elements) / len(elements)
    return torch.where(mean.abs() < 30 * torch.finfo(x.dtype).eps * largest(x), 0, mean)


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
    corners = np.array([*product((-1.0, 1.0), repeat=3)])
    solids = {"cube": corners, "octahedron": np.concatenate([np.eye(3), -np.eye(3)])}
    return solids | {name: np.pad(points, ((0, 0), (0, 1))) for name, points in flat.items()}


def _polygon(n: int, start: float = 0.0) -> np.ndarray:
    angles = start + 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def keeping(points: np.ndarray, group: Group, action: Rep) -> list[Move]:
    """The elements of a group that keep one of the clouds of ties, each with the relabelling that brings points back.

    Of an infinite group those of cubes and hexagons are tried, enough for these clouds; where it acts otherwise than by
    its own matrices, the identity alone, since ties show under any move.
    """
    elements = np.eye(group.dim)[None]
    if group.is_finite:
        elements = group.elements()
    elif action == group.defining:
        candidates = [g for g in _cubic_and_hexagonal(group.dim) if group.contains(g)]
        elements = closure(np.array([g for g in candidates if len(_places(points, g[None])[0])]))
    kept, orders = _places(points, action.matrix(elements))
    return [Move(g, torch.as_tensor(np.argsort(p))) for g, p in zip(elements[kept], orders, strict=True)]


def _cubic_and_hexagonal(n: int) -> list[np.ndarray]:
    signed = [np.diag(s) @ np.eye(n)[list(p)] for s in product((1.0, -1.0), repeat=n) for p in permutations(range(n))]
    return signed + [axis_rotation(2, k * np.pi / 3)[:n, :n] for k in (1, 2)]


def _places(points: np.ndarray, matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which matrices `(k, n, n)` keep a cloud, as numbers, and where they take each point, `(h, N)`."""
    moved = points @ matrices.swapaxes(-1, -2)
    off = np.linalg.norm(moved[:, :, None] - points, axis=-1)
    kept = np.flatnonzero(off.min(-1).max(-1) < 1e-9)
    return kept, off.argmin(-1)[kept]


def _scale(x: Tensor, centre: bool) -> float:
    """The usual distance between points, so that cut-offs mean what they do for the user's clouds."""
    x = x.detach().double().cpu().reshape(-1, x.shape[-1])
    lengths = torch.linalg.vector_norm(x - x.mean(0) if centre else x, dim=-1)
    return float(lengths.median()) or 1.0 if len(lengths) else 1.0


def _on_cloud(field: FieldType, like: Any, points: np.ndarray, kept: Sequence[Move], generator: torch.Generator) -> Any:
    """An input like the user's, on a cloud, and as symmetric as it, with all pairs of points as edges."""
    source, target = np.nonzero(~np.eye(len(points), dtype=bool))
    rows = len(source) if isinstance(field, EdgeFeatures) else len(points)
    elements = np.array([move.element for move in kept])
    match field:
        case Positions():
            return torch.as_tensor(points).to(like).expand(*like.shape[:-2], -1, -1)
        case Displacements():
            return torch.as_tensor(points[target] - points[source]).to(like)
        case Edges():
            return torch.as_tensor(np.stack([source, target])).to(like)
        case PointFeatures(rep=None) | EdgeFeatures(rep=None):  # one kind of point, the first cloud
            return like.flatten()[:1].expand(*like.shape[:-1], rows)
        case PointFeatures(rep=Rep() as rep):  # the 1 keeps invariants from averaging to 0
            x = 1 + torch.randn(rows, rep.dim, generator=generator, dtype=torch.float64)
            return sum(move.of(field, x) / len(kept) for move in kept).to(like).expand(*like.shape[:-2], -1, -1)
        case EdgeFeatures(rep=Rep() as rep):  # alike on all edges
            x = 1 + torch.randn(1, rep.dim, generator=generator, dtype=torch.float64)
            return averaged(field, x, elements).to(like).expand(*like.shape[:-2], rows, -1)
    return averaged(field, like, elements)
