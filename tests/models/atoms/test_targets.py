"""Tensors that a potential gives turn as tensors, have their index symmetries, and those of the crystal."""

import numpy as np
import pytest
import torch
from ase.build import bulk

import intertwine as tw
from intertwine.catalog import O3
from intertwine.models import NequIP, Potential, Target, atom_graph

ELASTIC = Target.tensor("ijkl=jikl=klij", O3, mean=True)


def elastic() -> Potential:
    torch.manual_seed(0)
    rep_out = O3.rep("1x0e") + ELASTIC.rep
    network = NequIP(2, 4.0, O3.rep("8x0e + 8x1o + 8x2e + 4x4e"), layers=2, degree=4, radial=(8,), rep_out=rep_out)
    return Potential(network, [11, 17], targets={"elastic": ELASTIC}).double().eval()


def test_elastic_constants_have_the_symmetry_of_the_crystal() -> None:
    """A cubic crystal has three: C11, C12, C44 (Nye 1957), by Curie's principle, and not by a projection."""
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    found = elastic()(atom_graph(atoms, [11, 17], 4.0))["elastic"][0].numpy()
    c11, c12, c44 = found[0, 0, 0, 0], found[0, 0, 1, 1], found[0, 1, 0, 1]
    expected = np.zeros((3, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            expected[i, i, j, j] = c11 if i == j else c12
            if i != j:
                expected[i, j, i, j] = expected[i, j, j, i] = c44
    assert abs(found - expected).max() < 1e-10
    assert min(abs(c11), abs(c12), abs(c44), abs(c11 - c12 - 2 * c44)) > 1e-6
    twice = elastic()(atom_graph(atoms.repeat((1, 1, 2)), [11, 17], 4.0))["elastic"][0].numpy()
    assert abs(twice - found).max() < 1e-10


def test_tensors_turn_and_keep_their_index_symmetries() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=0)
    g = O3.sample(1, 3)[0]
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ g.T)
    turned.positions = atoms.positions @ g.T
    before, after = (elastic()(atom_graph(x, [11, 17], 4.0))["elastic"][0].numpy() for x in (atoms, turned))
    assert abs(np.einsum("ia,jb,kc,ld,abcd", g, g, g, g, before) - after).max() < 1e-10
    for order in ((1, 0, 2, 3), (2, 3, 0, 1)):
        assert abs(before.transpose(order) - before).max() < 1e-12


def test_features_and_tensors_are_two_ways_to_write_one() -> None:
    target, random = Target.tensor("ij=-ji", O3), np.random.default_rng(0)
    values = random.standard_normal((5, 3, 3))
    values -= values.transpose(0, 2, 1)
    assert target.rep == O3.rep("1x1e")
    features = target.to_features(values)
    assert np.allclose(target.form.to_cartesian(torch.from_numpy(features)).numpy(), values, atol=1e-12)
    with pytest.raises(tw.errors.ArgumentError, match="are 1x1e, but got 1x1o"):
        Target(O3.rep("1x1o"), formula="ij=-ji")
