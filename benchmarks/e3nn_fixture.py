"""Record what e3nn gives in every function and layer of the facade: `python benchmarks/e3nn_fixture.py`, with e3nn 0.6.

Writes `tests/data_files/e3nn_facade_0.6.0.npz`, against which `intertwine.interop.e3nn` is tested where e3nn is not
installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from e3nn import io, math, nn, o3

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.interop.e3nn_cases import numbers  # noqa: E402

if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    found = {name: value.numpy() for name, value in numbers(o3, nn, io, math).items()}
    np.savez_compressed(ROOT / "tests" / "data_files" / "e3nn_facade_0.6.0.npz", **found)
    print(len(found), "tables")
