"""References, scales and splits."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from intertwine.errors import ArgumentError
from intertwine.training import LabelledFrame, fit_references, label_statistics, split_frames

TRUE = {1: -13.5, 6: -1030.0, 7: -1485.0, 8: -2040.0}
NAMES = ("H2", "H2O", "CH4", "CO2", "NH3", "CH3OH", "C2H6", "HCN", "N2")


def sum_of_atoms(name: str, noise: float = 0.0) -> LabelledFrame:
    atoms = molecule(name)
    return LabelledFrame(atoms, sum(TRUE[int(z)] for z in atoms.numbers) + noise * len(atoms), source=name)


def frames(count: int) -> list[LabelledFrame]:
    found = []
    for seed in range(count):
        atoms = molecule("CH3OH")
        atoms.rattle(0.05, seed=seed)
        found.append(LabelledFrame(atoms, -5.0, source=f"methanol:{seed}"))
    return found


# references -----------------------------------------------------------------------------------------------------------


def test_sums_of_atoms_are_taken_apart() -> None:
    found = fit_references([sum_of_atoms(name) for name in NAMES])
    assert found.energies == pytest.approx(TRUE, abs=1e-6)
    assert set(found.origins.values()) == {"fitted"}
    assert found.residual < 1e-9


def test_what_is_given_stays_and_isolated_atoms_count() -> None:
    """The pain of other codes: references that a user gave, or computed, are replaced without a word."""
    alone = LabelledFrame(Atoms("H", info={"config_type": "IsolatedAtom"}), -13.0)
    boxed = LabelledFrame(Atoms("O", cell=[12] * 3, pbc=True, info={"config_type": "IsolatedAtom"}), -2000.0)
    found = fit_references([*map(sum_of_atoms, NAMES), alone, boxed], {6: -1000.0})
    assert (found.energies[1], found.energies[8], found.energies[6]) == (-13.0, -2000.0, -1000.0)
    assert found.origins == {1: "isolated atom", 6: "given", 7: "fitted", 8: "isolated atom"}
    assert fit_references([alone], {1: -12.0}).energies == {1: -12.0}


def test_isolated_atoms_with_two_energies_are_refused() -> None:
    alone = [LabelledFrame(Atoms("H"), energy) for energy in (-13.0, -13.6)]
    with pytest.raises(ArgumentError, match=r"isolated atoms of H have energies from -13\.6 to -13"):
        fit_references(alone)
    assert fit_references(alone, {1: -13.6}).energies == {1: -13.6}


def test_an_atom_in_a_large_box_is_isolated() -> None:
    """As codes of crystals compute it, without a word for it; a crystal of one atom is none."""
    boxed, crystal = LabelledFrame(Atoms("Cu", cell=[12] * 3, pbc=True), -0.3), LabelledFrame(bulk("Cu"), -4.0)
    found = fit_references([boxed, crystal])
    assert found.energies == {29: -0.3}
    assert found.origins == {29: "isolated atom"}
    assert fit_references([crystal]).energies == pytest.approx({29: -4.0})


def test_a_model_starts_where_atoms_are_bound() -> None:
    """References far from all frames would be learned before anything else, and spoil what comes after."""
    crystals = [LabelledFrame(bulk(name, "fcc", a=4.0), energy) for name, energy in (("Cu", -4.0), ("Au", -3.5))]
    alone = [LabelledFrame(Atoms("Cu"), -0.3), LabelledFrame(Atoms("Au"), -0.2)]
    found = fit_references([*crystals, *alone])
    assert found.binding == pytest.approx({29: -3.7, 79: -3.3})
    assert found.bound == pytest.approx({29: -4.0, 79: -3.5})
    assert found.residual < 1e-9
    assert "bound on average by, eV: Cu -3.7, Au -3.3" in str(found)
    plain = fit_references(crystals)
    assert (plain.binding, plain.bound) == ({}, plain.energies)
    assert fit_references([*map(sum_of_atoms, NAMES)], {1: -1.0}).bound == pytest.approx(TRUE)


def test_references_of_elements_without_frames_are_left_out() -> None:
    assert [*fit_references(crystals_of("Cu"), {92: -5.0}).energies] == [29]


def crystals_of(name: str) -> list[LabelledFrame]:
    return [LabelledFrame(bulk(name), -4.0)]


def test_the_last_frame_of_an_element_is_trained_on() -> None:
    """A model that never saw it could not judge it."""
    data = [*frames(9), LabelledFrame(molecule("NH3"), -3.0), LabelledFrame(molecule("CO2"), -3.0)]
    for seed in range(5):
        places = split_frames(data, 0.4, 0.4, seed=seed).places
        assert 9 in places["train"]


def test_an_isolated_atom_is_one_atom() -> None:
    wrong = LabelledFrame(Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"config_type": "IsolatedAtom"}), -1.0, source="x:3")
    with pytest.raises(ArgumentError, match="x:3 is called an isolated atom"):
        fit_references([wrong])


def test_what_the_data_do_not_fix_is_said_and_stays_small() -> None:
    """Of one composition any references are as good: they should not be thousands of eV of either sign."""
    found = fit_references(frames(5))
    assert set(found.origins.values()) == {"undetermined"}
    assert found.energies == pytest.approx({1: -5 / 6, 6: -5 / 6, 8: -5 / 6})
    assert "always occur in the same proportion" in str(found)
    mixed = fit_references([*frames(5), sum_of_atoms("H2")])
    assert mixed.origins == {1: "fitted", 6: "undetermined", 8: "undetermined"}
    assert mixed.total(molecule("CH3OH").numbers) == pytest.approx(-5.0)


def test_outliers_do_not_move_a_robust_fit() -> None:
    data = [sum_of_atoms(name, noise) for name in NAMES for noise in (-1e-4, 0.0, 1e-4)]
    data.append(LabelledFrame(molecule("H2O"), 0.0))
    assert fit_references(data, robust=True).energies == pytest.approx(TRUE, abs=0.01)
    assert fit_references(data).energies != pytest.approx(TRUE, abs=1.0)


def test_without_energies_references_are_zero_and_said_so() -> None:
    found = fit_references([LabelledFrame(molecule("H2O"))])
    assert found.energies == {1: 0.0, 8: 0.0}
    assert set(found.origins.values()) == {"undetermined"}


def test_references_are_finite() -> None:
    with pytest.raises(ArgumentError, match="finite"):
        fit_references(frames(2), {1: float("nan")})


# scales ---------------------------------------------------------------------------------------------------------------


def test_statistics_of_forces_and_neighbours() -> None:
    copper = bulk("Cu")
    found = label_statistics([LabelledFrame(copper * 2, -1.0, np.full((8, 3), 0.25))], cutoff=2.7)
    assert found.scale == pytest.approx(0.25)
    assert found.average_neighbours == 12
    assert found.elements == (29,)


def test_without_forces_the_spread_of_energies_is_the_scale() -> None:
    energies = [-5.0 - 0.6, -5.0 + 0.6]
    data = [LabelledFrame(frame.atoms, energy) for frame, energy in zip(frames(2), energies, strict=True)]
    assert label_statistics(data, 3.0).scale == pytest.approx(0.1)


def test_a_scale_is_never_zero() -> None:
    assert label_statistics([LabelledFrame(Atoms("H"), -13.0)], 3.0).scale == 1
    with pytest.raises(ArgumentError, match="one frame or more"):
        label_statistics([], 3.0)


# splits ---------------------------------------------------------------------------------------------------------------


def test_a_split_is_a_partition_by_its_seed() -> None:
    data = frames(20)
    parts = split_frames(data, 0.2, 3, seed=1)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [13, 4, 3]
    assert sorted(i for part in parts.places.values() for i in part) == list(range(20))
    assert parts.test[0].source == data[parts.places["test"][0]].source
    assert split_frames(data, 0.2, 3, seed=1).places == parts.places
    assert split_frames(data, 0.2, 3, seed=2).places != parts.places


def test_copies_and_groups_stay_together() -> None:
    """A frame in the test that was trained on makes errors look smaller than they are."""
    data = [*frames(10), *frames(10)]
    for i, frame in enumerate(data):
        frame.atoms.info["group"] = i % 10 // 2
    for seed in range(5):
        parts = split_frames(data, 4, 4, seed=seed)
        sides = [{data[i].atoms.info["group"] for i in part} for part in parts.places.values()]
        assert all(not a & b for k, a in enumerate(sides) for b in sides[k + 1 :])
        assert [len(parts.validation), len(parts.test)] == [4, 4]


def test_isolated_atoms_are_trained_on() -> None:
    data = [*frames(4), *(LabelledFrame(Atoms("H"), -13.0) for _ in range(4))]
    for seed in range(5):
        assert {4, 5, 6, 7} <= {*split_frames(data, 1, 1, seed=seed).places["train"]}


@pytest.mark.parametrize(
    ("validation", "test", "words"),
    [(-0.1, 0.1, "below 1"), (2.5, 0, "below 1"), (21, 0, "up to 20"), (10, 10, "leaves none for training")],
)
def test_splits_that_cannot_be_are_refused(validation: float, test: float, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        split_frames(frames(20), validation, test)


def test_groups_that_are_too_large_are_named() -> None:
    data = frames(10)
    for frame in data:
        frame.atoms.info["group"] = "one run"
    with pytest.raises(ArgumentError, match="smallest set left has 10"):
        split_frames(data, 0.2, 0)
