"""Small models of mace, for who records their numbers and for who reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

NEIGHBOURS = 5.5


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of a name, normal numbers."""
    return np.random.default_rng([*name.encode()]).standard_normal(shape)


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
