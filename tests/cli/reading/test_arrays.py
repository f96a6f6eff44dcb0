"""Arrays in numpy's files: which one is the kind of the points."""

from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.files import read_samples
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points, stabiliser

WATER = np.array([[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477], [0, 0, -1.0]])


def points(path: Path, **arrays: object) -> Points:
    np.savez(path / "a.npz", positions=WATER, **arrays)  # type: ignore[arg-type]
    return read_samples(path / "a.npz")[0].points


@pytest.mark.parametrize(
    "name",
    ["z", "Z", "charges", "atom_types", "species", "atomic_numbers", "elements", "nuclear_charges", "type", "Element"],
)
def test_kinds_have_many_names(tmp_path: Path, name: str) -> None:
    for kinds in (np.array([8, 1, 2, 1]), np.array([[8], [1], [2], [1]])):
        found = points(tmp_path, **{name: kinds})
        assert np.ravel(found.labels).tolist() == [8, 1, 2, 1]
        assert stabiliser(found).name == "Cs"  # by the two hydrogens it would be C2v


@pytest.mark.parametrize("name", ["symbols", "atomic_symbols", "symbol", "kind"])
def test_kinds_may_be_texts(tmp_path: Path, name: str) -> None:
    for form in ("U2", "S2"):
        found = points(tmp_path, **{name: np.array(["O", "H", "H", "He"], dtype=form)})
        assert len({*found.labels}) == 3


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("colours", np.array([0, 1, 1, 2])),
        ("who", np.array(["a", "b", "b", "c"])),
        ("spins", np.array([-2, 1, 1, 0])),
    ],
)
def test_an_array_that_may_be_the_kind_is_asked_about(tmp_path: Path, name: str, array: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match=f"whether its array {name} is the kind of the points. Call it labels"):
        points(tmp_path, **{name: array})
    assert points(tmp_path, labels=np.array([8, 1, 1, 9]), **{name: array}).labels is not None


def test_numbers_that_are_no_kinds_are_targets(tmp_path: Path) -> None:
    ions = np.array([-2, 1, 1, 0])
    for name, array in {
        "charges": ions,
        "targets": np.arange(4),
        "z": np.ones(4),
        "energy": np.array([3]),
        "edges": np.eye(4),
    }.items():
        assert points(tmp_path, **{name: array}).labels is None
