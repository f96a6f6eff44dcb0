"""Networks, and terms of the energy, remember how they were made without doing anything for it."""

import copy
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from intertwine.catalog import O3
from intertwine.models.atoms.options import KeepsOptions


class Chain(KeepsOptions, torch.nn.Module):
    def __init__(self, links: Sequence[float], rep: object = None, *, name: str = "iron") -> None:
        super().__init__()
        self.total = sum(links)


class Necklace(Chain):
    """Its own arguments count, not those that it passes on."""

    def __init__(self, pearls: int) -> None:
        super().__init__([1.0] * pearls)


class Rope(Chain):
    """Without arguments of its own."""


def test_arguments_are_kept_with_those_that_nobody_gave() -> None:
    assert Chain([1.0, 2.0]).options == {"links": (1.0, 2.0), "rep": None, "name": "iron"}
    assert Necklace(3).options == {"pearls": 3}
    assert Rope([2.0], name="hemp").options == {"links": (2.0,), "rep": None, "name": "hemp"}


def test_one_form_whoever_gave_it() -> None:
    """So that options are equal where objects are, and JSON has them."""
    found = [Chain(links).options["links"] for links in ([1.0, 2.5], np.array([1.0, 2.5]), torch.tensor([1.0, 2.5]))]
    assert found == 3 * [(1.0, 2.5)]
    assert Chain([], O3.irrep("1o")).options["rep"] == O3.rep("1x1o")
    given = [1.0]
    made = Chain(given)
    given.append(2.0)
    assert made.options["links"] == (1.0,)


def test_copies_have_them_too() -> None:
    made = Necklace(4)
    assert copy.deepcopy(made).options == pickle.loads(pickle.dumps(made)).options == {"pearls": 4}


def test_wrong_arguments_are_told_as_by_any_class() -> None:
    with pytest.raises(TypeError, match=r"Necklace.__init__\(\) got an unexpected keyword argument 'stones'"):
        Necklace(stones=3)  # type: ignore[call-arg]
