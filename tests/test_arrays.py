"""What numpy arrays and torch tensors share."""

import copy
import pickle

import numpy as np
import pytest
import torch
from ase.build import molecule

from intertwine._arrays import Table, as_array, epsilon, like, namespace, read_only, to_numpy
from intertwine.errors import ArgumentError


def test_tables_are_values() -> None:
    a, b = Table([[1, 0], [0, 1]]), Table(np.eye(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Table(np.eye(3))
    assert a != Table(2 * np.eye(2))
    assert a != "table"
    assert Table([-0.0]) == Table([0.0])
    assert copy.deepcopy(a) == pickle.loads(pickle.dumps(a)) == a
    assert repr(a) == "Table(shape=(2, 2))"
    assert Table(2.0).array.shape == ()
    assert Table(-0.0) == Table(0) != Table([0.0])
    assert pickle.loads(pickle.dumps(Table(2))) == Table(2.0)


def test_tables_do_not_change() -> None:
    source = np.eye(2)
    table = Table(source)
    source[0, 0] = 7
    assert table.array[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table.array[0, 0] = 7
    with pytest.raises(AttributeError, match="A Table is immutable: its array cannot be set"):
        table.array = source
    with pytest.raises(ValueError, match="read-only"):
        pickle.loads(pickle.dumps(table)).array[0, 0] = 7


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64])
def test_constants_take_the_dtype_of_the_argument(dtype: torch.dtype) -> None:
    constant = like(read_only(np.eye(2)), torch.zeros(1, dtype=dtype))
    assert constant.dtype == dtype
    constant[0, 0] = 5  # a copy, whatever the table is


def test_arrays_and_tensors_are_told_apart() -> None:
    assert namespace(np.zeros(1)) is np
    assert namespace(torch.zeros(1)) is torch
    assert as_array([1, 2]).dtype == np.float64
    assert as_array(torch.tensor([1, 2])).dtype == torch.float64
    assert as_array(np.zeros(1, np.float32)).dtype == np.float32
    assert epsilon(torch.zeros(1)) == epsilon(np.zeros(1, np.float32)) == 2.0**-23
    for x in (torch.ones(2, dtype=torch.bfloat16, requires_grad=True), np.ones(2, np.float16), [1, 1]):
        assert to_numpy(x).dtype == np.float64
    assert to_numpy(torch.ones(2, dtype=torch.complex64)).dtype == np.complex128


def test_atoms_are_no_array() -> None:
    with pytest.raises(ArgumentError, match=r"Pass Points\(atoms.positions, atoms.numbers\)"):
        to_numpy(molecule("NH3"))
