"""Small models of mace and allegro, for who records their numbers and for who reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

NEIGHBOURS = 5.5


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of a name, normal numbers."""
    return np.random.default_rng([*name.encode()]).standard_normal(shape)


def cluster(count: int) -> dict[str, np.ndarray]:
    """Six atoms, and their pairs within 4 Å."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 3.2, (6, 3))
    apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
    edges = np.argwhere((apart < 4.0) & (apart > 0)).T
    return {"positions": positions, "edges": edges, "species": np.arange(6) % count}


def packed(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Many small arrays as two: a file of them all would consist of headers."""
    index = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
    numbers = np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays.values()])
    return {"index": np.array(json.dumps(index)), "numbers": numbers}


def unpacked(pack: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `packed` was given."""
    found, start = {}, 0
    for name, (dtype, shape) in json.loads(str(pack["index"])).items():
        end = start + int(np.prod(shape))
        found[name] = pack["numbers"][start:end].astype(dtype).reshape(shape)
        start = end
    return found


def part(recorded: Mapping[str, np.ndarray], case: str, kind: str) -> dict[str, np.ndarray]:
    """The arrays of a case and a kind by their names."""
    begin = f"{case}/{kind}/"
    return {name.removeprefix(begin): value for name, value in recorded.items() if name.startswith(begin)}


def state_of(recorded: Mapping[str, np.ndarray], case: str) -> dict[str, np.ndarray]:
    """The state dict of a model: its tables, and its weights, which are drawn."""
    shapes = part(recorded, case, "shape")
    return part(recorded, case, "table") | {name: drawn(name, tuple(shape)) for name, shape in shapes.items()}
