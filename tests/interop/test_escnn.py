"""Networks of escnn give the same here: recorded by `benchmarks/escnn_fixture.py`, without escnn."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, LabelError
from intertwine.interop.escnn import (
    Field,
    channel_matrix,
    load_escnn,
    standard_fields,
    subgroup_of,
    translate_types,
)
from intertwine.reps import Irrep, Rep

RECORDED = dict(np.load(Path(__file__).parents[1] / "data_files" / "escnn_1.0.11.npz"))
D4 = dihedral(4)
# By default the reference mirror of escnn's spaces keeps the y axis.
UPRIGHT_O2 = O2.defining.restrict(O2.subgroup("O(2)", mirror=math.pi / 2))
UPRIGHT_D4 = O2.defining.restrict(O2.subgroup("D4", mirror=math.pi / 2))
OCT = point_group("O")

# The reps of input and hidden features, how the group moves space, and the kernel size.
CASES: dict[str, tuple[Rep, Rep, Rep, int]] = {
    **{f"C{n}": (cyclic(n).rep("2x0"), cyclic(n).rep("2xregular + 1x0"), cyclic(n).defining, 3) for n in (4, 8)},
    "D4": (D4.rep("2x0e"), D4.rep("2xregular + 1x0e"), UPRIGHT_D4, 3),
    "SO(2)": (SO2.rep("1x0 + 1x1"), SO2.rep("2x0 + 2x1 + 1x3"), SO2.defining, 5),
    "O(2)": (O2.rep("1x0e + 1x1"), O2.rep("1x0e + 1x0o + 2x1 + 1x2"), UPRIGHT_O2, 5),
    "SO(3)": (SO3.rep("1x0 + 1x1"), SO3.rep("1x0 + 2x1 + 1x2"), SO3.defining, 3),
    "O(3)": (O3.rep("1x0e"), O3.rep("1x0e + 2x1o + 1x2e"), O3.defining, 3),
    "O": (OCT.rep("1xA1 + 1xT1"), OCT.rep("1xT1 + 1xA1 + 1xE + 1xT2"), OCT.defining, 3),
}
NAMES = {"A1": "irrep_0", "T1": "irrep_1", "E": "irrep_2", "T2": "irrep_-1"}  # of O in escnn


def state_of(case: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(f"{case}/state/"): torch.as_tensor(value)
        for key, value in RECORDED.items()
        if key.startswith(f"{case}/state/")
    }


def network(case: str, filters: nn.Filters | None = None) -> nn.Sequential:
    rep_in, hidden, action, size = CASES[case]
    convolution, transposed = (nn.Conv2d, nn.ConvTranspose2d) if action.dim == 2 else (nn.Conv3d, nn.ConvTranspose3d)
    norms = [nn.BatchNorm(hidden) for _ in range(1 + case.startswith(("C", "D")))]
    options = {"padding": size // 2, "filters": filters or nn.Rings(), "action": action}
    return nn.Sequential(
        convolution(rep_in, hidden, size, **options), *norms, transposed(hidden, rep_in, size, stride=2, **options)
    )


def fields_of(case: str) -> tuple[Field, ...]:
    if case != "O":
        return standard_fields(CASES[case][:2])
    blocks = {block for rep in CASES[case][:2] for _, block in rep.terms}
    return tuple(
        Field(NAMES[block.label], block, Table(RECORDED[f"O/basis/{NAMES[block.label]}"]))
        for block in blocks
        if isinstance(block, Irrep)
    )


def moved(matrix: np.ndarray, x: torch.Tensor) -> torch.Tensor:
    return torch.tensordot(torch.tensor(matrix, dtype=x.dtype), x, ([1], [1])).movedim(0, 1)


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_those_of_escnn(case: str) -> None:
    net, fields = network(case), fields_of(case)
    load_escnn(net, state_of(case), fields)
    order = channel_matrix(CASES[case][0], fields)
    x, y = (torch.as_tensor(RECORDED[f"{case}/{name}"]) for name in "xy")
    found = moved(order.T, net.eval()(moved(order, x)))
    assert found.shape == y.shape
    assert (found - y).abs().max() <= 1e-5 * y.abs().max()


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"O"}))
def test_standard_fields_are_escnns(case: str) -> None:
    """What was read from escnn's objects is what is known without them."""
    for field in standard_fields(CASES[case][:2]):
        np.testing.assert_allclose(field.basis.array, RECORDED[f"{case}/basis/{field.name}"], atol=1e-6)


def test_linear_maps_are_escnns() -> None:
    rep_in, rep_out = SO2.rep("1x0 + 2x1"), SO2.rep("1x1 + 2x0")
    net, fields = nn.Sequential(nn.Linear(rep_in, rep_out), nn.BatchNorm(rep_out)), standard_fields([rep_in])
    load_escnn(net, state_of("linear"))
    x, y = (torch.as_tensor(RECORDED[f"linear/{name}"]) for name in "xy")
    into, out = (torch.tensor(channel_matrix(rep, fields), dtype=x.dtype) for rep in (rep_in, rep_out))
    assert (net.eval()(x @ into.T) @ out - y).abs().max() <= 1e-5 * y.abs().max()


def test_complete_filters_take_escnns_too() -> None:
    net = network("D4", nn.Complete())
    load_escnn(net, state_of("D4"))
    other = network("D4")
    load_escnn(other, state_of("D4"))
    x = torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net.eval()(x), other.eval()(x), rtol=1e-4, atol=1e-5)


def test_stale_filters_do_not_matter() -> None:
    """escnn's evaluation leaves filters behind that may be older than the weights."""
    net, state = network("C4"), state_of("C4")
    load_escnn(net, state | {"0.filter": torch.full((9, 2, 3, 3), math.nan)})
    assert net.layers[0].weight.isfinite().all()


def test_grouped_convolutions_load_group_by_group() -> None:
    """Depthwise filters are those of each copy by itself."""
    group = cyclic(4)
    key = "_basisexpansion.block_expansion_('irrep_0', 'regular').sampled_basis"
    basis = state_of("C4")[f"0.{key}"]
    weights = torch.randn(2 * len(basis), generator=torch.Generator().manual_seed(0))
    whole = nn.Conv2d(group.rep("2x0"), group.rep("2xregular"), 3, groups=2, bias=False, filters=nn.Rings())
    load_escnn(whole, {"weights": weights, key: basis})
    for number, piece in enumerate(weights.chunk(2)):
        single = nn.Conv2d(group.rep("1x0"), group.rep("1xregular"), 3, bias=False, filters=nn.Rings())
        load_escnn(single, {"weights": piece, key: basis})
        made = whole.expanded_filters()
        torch.testing.assert_close(made.chunk(2)[number], single.expanded_filters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"7.weights": torch.ones(3)}, "No layer of the network takes the weights of '7'"),
        ({"0.weights": torch.ones(3)}, "has 3 weights, but fields"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        load_escnn(network("C4"), state_of("C4") | change)
    with pytest.raises(ArgumentError, match=r"The state dict has nothing for 'layers\.0'"):
        load_escnn(network("C4"), {})


def test_norms_of_another_kind_are_said() -> None:
    net = network("C4")
    net.layers[1] = nn.BatchNorm(CASES["C4"][1], affine=False)
    with pytest.raises(ArgumentError, match="Of weight a norm of ours has nothing, but escnn's state dict has some"):
        load_escnn(net, state_of("C4"))


def test_filters_that_are_not_among_ours_are_said() -> None:
    with pytest.raises(ArgumentError, match=r"% of them is missing"):
        load_escnn(network("SO(2)", nn.BandLimited(0.05)), state_of("SO(2)"))
    with pytest.raises(ArgumentError, match="cannot be said without it"):
        load_escnn(network("O"), state_of("O"))


@pytest.mark.parametrize(
    ("identifier", "dimension", "name"),
    [
        ((None, 8), 2, "C8"),
        ((None, -1), 2, "SO(2)"),
        ((math.pi, -1), 2, "O(2)"),
        ((math.pi, 1), 2, "D1"),
        ((False, "octa"), 3, "O"),
        ((True, "so3"), 3, "O(3)"),
        (("cone", -1), 3, "Cinfv"),
    ],
)
def test_ids_of_spaces_name_subgroups(identifier: tuple[object, ...], dimension: int, name: str) -> None:
    assert subgroup_of(identifier, dimension).name == name


def test_the_mirror_of_a_space_is_where_escnn_has_it() -> None:
    upright = subgroup_of((math.pi, 4), 2).embed(np.diag([1.0, -1.0]))
    np.testing.assert_allclose(upright, np.diag([-1.0, 1.0]), atol=1e-12)
    with pytest.raises(LabelError):
        subgroup_of(("roof", 4), 3)


class _StandIn:
    """An object with some attributes, as escnn's field types, spaces, groups and representations have them."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def __call__(self, element: np.ndarray) -> np.ndarray:
        return self.matrix(element)  # type: ignore[attr-defined, no-any-return]


def test_representations_with_a_basis_of_their_own_become_blocks() -> None:
    """A quotient rep, told by a change of basis as escnn tells it."""
    group = cyclic(4)
    kinds = {n: _StandIn(name=f"irrep_{n}", matrix=group.irrep(str(n)).matrix) for n in range(3)}
    theirs = _StandIn(continuous=False, elements=list(group.elements()), irrep=lambda n: kinds[n])
    quotient = np.array([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2)
    flipped = {"irreps": [(0,), (2,)], "change_of_basis": quotient, "size": 2, "group": theirs}
    vector = {"irreps": [(1,)], "change_of_basis": np.eye(2), "size": 2, "group": theirs}
    space = _StandIn(_sg_id=(None, 4), dimensionality=2, fibergroup=theirs, basespace_action=lambda g: g)
    field_type = _StandIn(
        gspace=space, representations=[_StandIn(name="quotient", **flipped), _StandIn(name="irrep_1", **vector)]
    )
    words = translate_types(field_type)
    (rep,) = words.reps
    turn = group.generators[0]
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        rep.matrix(turn), np.block([[swap, np.zeros((2, 2))], [np.zeros((2, 2)), turn]]), atol=1e-9
    )
    assert [field.name for field in words.fields] == ["quotient", "irrep_1"]
    with pytest.raises(ArgumentError, match="belong to one space"):
        translate_types()
