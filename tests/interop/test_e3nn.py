"""e3nn's names give e3nn's numbers: recorded by `benchmarks/e3nn_fixture.py`, without e3nn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine.interop.e3nn import io, math, nn, o3
from tests.interop.e3nn_cases import numbers

RECORDED = dict(np.load(Path(__file__).parents[1] / "data_files" / "e3nn_facade_0.6.0.npz"))


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Tensor]]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield numbers(o3, nn, io, math)
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", RECORDED)
def test_numbers_are_those_of_e3nn(name: str, found: dict[str, Tensor]) -> None:
    wanted, given = RECORDED[name], found[name].numpy()
    assert given.shape == wanted.shape
    assert np.abs(given - wanted).max(initial=0.0) <= 1e-12 * max(1.0, np.abs(wanted).max(initial=0.0))


def test_nothing_else_was_compared(found: dict[str, Tensor]) -> None:
    assert found.keys() == RECORDED.keys()
