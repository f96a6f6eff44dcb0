"""Faults that steerable networks have had elsewhere, each with a test that shows it absent here.

| fault | test |
|---|---|
| kernels are kept by the names of reps, so that two of one name share them | `test_reps_of_one_name_share_nothing` |
| a second restriction, of a cone or along another axis, takes another mirror | `test_restrictions_in_a_row` |
| elements are read wrongly from their matrices | `test_a_matrix_is_the_turn_that_it_is` |
| a tilted cylinder leans twice as far | `test_tilted_axes_lie_where_they_are_said_to` |
| subgroups of products mix up the factors | `test_subgroups_of_products` |
| couplings that parity forbids raise | `test_forbidden_couplings_are_empty` |
| an export forgets the padding mode | `test_convolution.py::test_export_keeps_the_padding_mode` |
| dilation changes the filters | `test_convolution.py::test_dilation_keeps_the_filters` |
| filters in evaluation are older than the weights | `test_convolution.py::test_filters_follow_the_weights_in_eval` |
| one layer made double breaks others of the same reps | `test_layers_share_no_tables` |
| norms fail for a batch of one, and for other numbers of axes | `test_norms_take_one_sample_and_any_grid` |
| a dot in the name of a rep breaks layers | `test_names_may_hold_anything` |
| shapes are wrong for sizes given as tuples | `test_sizes_may_differ_along_axes` |
| polyhedral groups lack grids, Fourier activations and restrictions | `test_polyhedral_groups_have_all_layers` |
| default arguments of kernels raise for plain turns | `test_every_cyclic_group_has_kernels_by_default` |
| splitting features changes them; tensors stay behind when a module moves | `test_nothing_is_changed_or_left_behind` |
| features come back from branches in another order | `test_channels_in_another_order` |
| results hang on what the process did before | `test_results_do_not_hang_on_what_came_before` |
"""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch

from intertwine import kernel_basis, nn
from intertwine.catalog import O3, cyclic, dihedral, point_group
from intertwine.fields import GridField
from intertwine.reps import clebsch_gordan
from tests.nn.grid.test_convolution import normal, turned_error

D4 = dihedral(4)


def test_reps_of_one_name_share_nothing() -> None:
    """One rep in three bases of the same name, in one process: each layer is exact for its own."""
    layers = []
    for angle in (0.1, 0.3, 1.2):
        c, s = np.cos(angle), np.sin(angle)
        rep = D4.rep("1x1").change_basis(np.array([[c, -s], [s, c]]), "mine")
        layers.append(nn.Conv2d(rep, rep, 3, padding=1).double())
    reps = [layer.rep_in for layer in layers]
    assert {str(rep) for rep in reps} == {"1xmine"}
    assert len({*reps}) == 3
    for layer in layers:
        assert turned_error(layer, normal(1, 2, 5, 5)) < 1e-12


@pytest.mark.parametrize("mirror", [(1, 0, 0), (0, 1, 0), (1, 1, 0)])
def test_restrictions_in_a_row(mirror: tuple[int, ...]) -> None:
    """From O(3) to a cone, and from there to a smaller one: what is left commutes with what the last group does."""
    cone = O3.subgroup("Cinfv", axis=(0, 0, 1), mirror=mirror)
    smaller = cone.group.subgroup("D2")
    both = smaller.within(cone)
    vector = O3.rep("1x1o")
    for h in smaller.group.elements():
        twice = vector.restrict(cone).restrict(smaller).matrix(h)
        np.testing.assert_allclose(twice, vector.restrict(both).matrix(h), atol=1e-12)
        np.testing.assert_allclose(twice, both.embed(h), atol=1e-12)
    action = vector.restrict(both)
    rep = O3.rep("1x0e + 1x1o + 1x2e").restrict(both)
    layer = nn.Conv3d(rep, rep, 3, padding=1, action=action).double()
    assert turned_error(layer, normal(1, rep.dim, 5, 5, 5)) < 1e-12


@pytest.mark.parametrize("group", [cyclic(4), dihedral(4)], ids=str)
def test_a_matrix_is_the_turn_that_it_is(group) -> None:
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    image = normal(1, 1, 5, 5)
    field = GridField(group.rep(f"1x{group.trivial}"))
    torch.testing.assert_close(field.act(quarter, image), image.rot90(1, (2, 3)))
    np.testing.assert_allclose(group.rep("1x1").matrix(quarter), quarter, atol=1e-12)


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, -2.0, 0.5)])
@pytest.mark.parametrize("name", ["Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh"])
def test_tilted_axes_lie_where_they_are_said_to(name: str, axis: tuple[float, ...]) -> None:
    subgroup = O3.subgroup(name, axis=axis)
    direction = np.array(axis) / np.linalg.norm(axis)
    for h in subgroup.group.sample(5):
        assert abs(direction @ subgroup.embed(h) @ direction) == pytest.approx(1.0)


def test_subgroups_of_products() -> None:
    """A rep of one factor alone sees that factor's part of every element, also after a restriction."""
    product = cyclic(3) * dihedral(2)
    rep = product.rep("1x(1,0e) + 1x(0,1o)")
    for subgroup in product.subgroups():
        for h in subgroup.group.elements():
            np.testing.assert_allclose(rep.restrict(subgroup).matrix(h), rep.matrix(subgroup.embed(h)), atol=1e-10)


def test_forbidden_couplings_are_empty() -> None:
    odd = clebsch_gordan(O3.irrep("1o"), O3.irrep("1o"), O3.irrep("1o"))
    assert odd.shape == (0, 3, 3, 3)
    assert len(clebsch_gordan(O3.irrep("1o"), O3.irrep("1o"), O3.irrep("1e"))) == 1


def test_layers_share_no_tables() -> None:
    rep = D4.rep("1xregular + 1x1")
    first, second = (nn.Sequential(nn.Conv2d(rep, rep, 3), nn.BatchNorm(rep), nn.BlurPool(rep)) for _ in range(2))
    first.double()
    assert {x.dtype for x in (*second.parameters(), *second.buffers()) if x.is_floating_point()} == {torch.float32}
    assert first(normal(2, rep.dim, 7, 7)).dtype == torch.float64
    assert second(normal(2, rep.dim, 7, 7).float()).dtype == torch.float32


def test_norms_take_one_sample_and_any_grid() -> None:
    for group, size in ((D4, (4, 4)), (point_group("O"), (3, 3, 3))):
        rep = group.rep("2xregular")
        norm = nn.BatchNorm(rep).double()
        on_grid = nn.Pixelwise(norm)
        assert on_grid(normal(1, rep.dim, *size)).isfinite().all()  # one image has many pixels
        norm.eval()
        for shape in ((rep.dim,), (1, rep.dim), (2, 3, 1, rep.dim)):
            assert norm(normal(*shape)).shape == shape


@pytest.mark.parametrize("name", ["a.b", "", "1x0e + 1x1", "ρ → σ", "block_expansion"])
def test_names_may_hold_anything(name: str) -> None:
    rep = D4.rep("1x0e + 1x1").change_basis(np.eye(3)[[2, 0, 1]], name)
    net = nn.Sequential(nn.Conv2d(rep, rep, 3), nn.BatchNorm(rep), nn.ToIrreps(rep)).double()
    twin = copy.deepcopy(net)
    twin.load_state_dict(net.state_dict())
    assert turned_error(twin.eval(), normal(1, 3, 5, 5)) < 1e-12


def test_sizes_may_differ_along_axes() -> None:
    mirrors = dihedral(2)
    rep = mirrors.rep("1xregular")
    options = {"stride": (1, 2), "padding": (2, 1), "dilation": (2, 1)}
    x, kernel = normal(1, 4, 9, 8), (3, 4)
    layer = nn.Conv2d(rep, rep, kernel, **options).double()
    plain = torch.nn.Conv2d(4, 4, kernel, **options).double()
    assert layer(x).shape == plain(x).shape
    assert turned_error(layer, x) < 1e-12
    up = nn.ConvTranspose2d(rep, rep, kernel, (1, 2), (1, 1), dilation=(1, 2)).double()
    assert up(x).shape == torch.nn.ConvTranspose2d(4, 4, kernel, (1, 2), (1, 1), dilation=(1, 2)).double()(x).shape
    assert turned_error(up, x) < 1e-12


@pytest.mark.parametrize("name", ["T", "O", pytest.param("I", marks=pytest.mark.slow)])
def test_polyhedral_groups_have_all_layers(name: str) -> None:
    group = point_group(name)
    rep, subgroup = group.rep("1xregular"), group.subgroup("C3")
    irreps = rep.irreps
    restrict = nn.Restrict(rep, subgroup)
    net = nn.Sequential(
        nn.Conv3d(irreps, irreps, 3, padding=1),
        nn.FourierActivation(irreps, activation=torch.relu),
        nn.FromIrreps(rep),
        nn.Activation(rep, torch.relu),
        restrict,
        nn.GlobalPool(restrict.rep_out, action=restrict.action),
    ).double()
    assert turned_error(net, normal(1, irreps.dim, 4, 4, 4)) < 1e-10
    assert net.field_out.rep == rep.restrict(subgroup)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 12])
def test_every_cyclic_group_has_kernels_by_default(n: int) -> None:
    group = cyclic(n)
    assert len(kernel_basis(group.defining, group.regular, group.regular)) >= n
    layer = nn.Conv2d(group.regular, group.regular, 3, padding=1).double()
    assert turned_error(layer, normal(1, n, 5, 5)) < 1e-12


def test_nothing_is_changed_or_left_behind() -> None:
    rep = D4.rep("2xregular + 1x1")
    x = normal(2, rep.dim)
    kept = x.clone()
    rep.split(x)
    assert torch.equal(x, kept)
    net = nn.Sequential(nn.Conv2d(rep, rep, 3, groups=1), nn.BatchNorm(rep), nn.BlurPool(rep), nn.GroupNorm(rep, 1))
    images = normal(2, rep.dim, 7, 7).float()
    net.eval()(images)  # filters are kept from here
    moved = net.to("meta")
    assert all(part.is_meta for part in (*moved.parameters(), *moved.buffers()))
    assert moved(images.to("meta")).is_meta


def test_channels_in_another_order() -> None:
    rep = D4.rep("1x1 + 2x0e + 1x1")
    x = normal(2, rep.dim, 5, 5)
    gathered = rep.sort().simplify()
    there = x[:, rep.index_of(gathered)]
    for g in D4.elements():
        moved = GridField(rep).act(g, x)[:, rep.index_of(gathered)]
        torch.testing.assert_close(moved, GridField(gathered).act(g, there))
    torch.testing.assert_close(there[:, np.argsort(rep.index_of(gathered))], x)


PROGRAM = """
import torch
from intertwine import nn
from intertwine.catalog import O2, SO3
{before}
torch.manual_seed(0)
rep = O2.rep("2x0e + 1x1 + 1x4")
layers = nn.Conv2d(rep, rep, 5), nn.Linear(rep, rep)
print([layer.double().weight.shape for layer in layers], float(layers[0].expanded_filters().abs().sum()))
"""


@pytest.mark.slow
def test_results_do_not_hang_on_what_came_before() -> None:
    """The same layers in a new process, and in one that has seen other groups and higher degrees."""
    busy = "nn.Conv2d(O2.rep('1x9'), O2.rep('1x9'), 7); nn.Linear(SO3.rep('1x5'), SO3.rep('1x5'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, check=True
        ).stdout
        for before in ("", busy)
    }
    assert len(found) == 1
