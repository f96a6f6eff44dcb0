"""Tables stay exact, whatever happens to the module that owns them."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from intertwine.ops import TableModule


class Holder(TableModule):
    """A module with a table of numbers and one of places."""

    def __init__(self) -> None:
        super().__init__()
        self.register_table("third", np.array([1 / 3, np.pi]))
        self.register_table("places", np.array([2, 0, 1], dtype=np.int32))


def holds(module: Holder, dtype: torch.dtype) -> None:
    """The tables are the float64 numbers, rounded once."""
    assert torch.equal(module.third, torch.tensor([1 / 3, np.pi], dtype=torch.float64).to(dtype))
    assert module.places.tolist() == [2, 0, 1]
    assert module.places.dtype == torch.int64
    assert not module.state_dict()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("path", [(), (torch.float16,), (torch.bfloat16, torch.float32), (torch.float64,)])
def test_rounded_once(path: tuple[torch.dtype, ...], dtype: torch.dtype) -> None:
    module = Holder()
    for step in (*path, dtype):
        module.to(step)
    holds(module, dtype)


def test_inside_other_modules() -> None:
    outer = torch.nn.Sequential(Holder(), torch.nn.Linear(2, 2)).half().double()
    holds(outer[0], torch.float64)


def test_the_default_dtype_at_construction() -> None:
    holds(Holder(), torch.get_default_dtype())
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        module = Holder()
    finally:
        torch.set_default_dtype(before)
    holds(module, torch.float64)


def test_through_the_meta_device() -> None:
    """Large models are made without memory first: their tables come back where memory does."""
    for module in (Holder().to("meta"), copy.deepcopy(Holder()).to("meta").double()):
        assert module.third.is_meta
        holds(module.to_empty(device="cpu"), module.third.dtype)
    with torch.device("meta"):
        module = Holder()
    assert module.third.is_meta
    assert module.places.is_meta
    holds(module.to_empty(device="cpu").double(), torch.float64)


def test_copies_and_pickles() -> None:
    module, stream = Holder().half(), io.BytesIO()
    torch.save(module, stream)
    stream.seek(0)
    for twin in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(stream, weights_only=False),
    ):
        holds(twin, torch.float16)
        holds(twin.double(), torch.float64)


def test_the_source_is_out_of_reach() -> None:
    """Writing into the array that made a table, or into the buffer, does not change what the next cast gives."""
    array = np.array([1 / 3, np.pi])
    module = Holder()
    module.register_table("third", array)
    array[:] = 0
    module.double().third.zero_()
    holds(module.float(), torch.float32)
