"""The algebra of reps: reading, printing, splitting, sorting, counting; and the words of its mistakes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, LabelError, RepMismatchError, ShapeError
from intertwine.reps import BasisBlock, Irrep, Rep, TensorBlock, as_rep, parse_rep
from tests.registry import close, each_rep, evaluate, groups, reps, seeds, some

# reading and printing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("16x0e + 8x1o", "16x0e + 8x1o"),
        ("  2x1o+0e ", "2x1o + 1x0e"),
        ("3 x 01o + 2×2e", "3x1o + 2x2e"),
        ("1x1o + 0x2e + 1x1o", "1x1o + 1x1o"),
        ("12x10e", "12x10e"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_a_rep_is_read_as_it_is_printed(text: str, printed: str) -> None:
    rep = O3.rep(text)
    assert str(rep) == printed
    assert O3.rep(str(rep)) == rep == evaluate(rep)
    assert repr(rep) == f"tw.O3.rep({printed!r})"


@given(st.data())
def test_every_sum_of_irreps_is_read_back(data: st.DataObject) -> None:
    G = data.draw(groups())
    rep = data.draw(reps(G))
    assert G.rep(str(rep)) == rep == evaluate(rep)


def test_named_reps_print_so_that_they_read_back() -> None:
    regular = dihedral(3).rep("8xregular + 2x1")
    assert repr(regular) == "tw.dihedral(3).rep('8xregular + 2x1')"
    assert regular == 8 * dihedral(3).regular + dihedral(3).rep("2x1")
    mixed = cyclic(4).harmonics(3)
    assert (
        repr(mixed) == "tw.cyclic(4).rep('1x0 + 1x1 + 2x2') + tw.cyclic(4).harmonics(3, tw.cyclic(4).rep('1x1'))[-1:]"
    )
    assert str(mixed) == "1x0 + 1x1 + 2x2 + 1xY3"
    product = 2 * (O2.rep("1x1") * O2.rep("1x2 + 1x0o"))
    assert repr(product) == "2 * ((tw.O2.rep('1x1')) * (tw.O2.rep('1x2 + 1x0o')))"
    restricted = O3.rep("3x1o").restrict(O3.subgroup("Cinfv"))
    assert repr(restricted) == "3 * ((tw.O3.rep('1x1o')).restrict(tw.O3.subgroup('Cinfv')))"
    assert str(restricted) == "3x[1o|Cinfv]"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: O3.rep("2x1"), LabelError, r"O\(3\) has no irrep '1'\. Its labels are 0e, 0o, 1o"),
        (
            lambda: SO3.rep("2x1o"),
            LabelError,
            r"SO\(3\) has no irrep '1o'\. Its labels are 0, 1, 2, … \(without parity",
        ),
        (lambda: SO3.rep("got -1"), ArgumentError, "got -1"),
        (lambda: O2.rep("1x1e"), LabelError, r"O\(2\) has no irrep '1e'\. Its labels are 0e, 0o, 1, 2, 3, …"),
        (lambda: cyclic(4).rep("1x3"), LabelError, r"C4 has no irrep '3'\. Its labels are 0, 1, 2\."),
        (lambda: dihedral(4).rep("1x2"), LabelError, r"D4 has no irrep '2'\. Its labels are 0e, 0o, 1, 2e, 2o"),
        (lambda: dihedral(1).rep("1x1"), LabelError, r"D1 has no irrep '1'\. Its labels are 0e, 0o\."),
        (lambda: O3.subgroup("Dinfh").group.rep("1x1o"), LabelError, "Dinfh has no irrep '1o'"),
        (lambda: O3.rep("0xhello"), LabelError, "'hello'"),
        (lambda: O3.rep("2x1o + "), ArgumentError, r"'' is not a term of a rep, in '2x1o \+ '"),
        (lambda: O3.rep("2.5x1o"), ArgumentError, r"'2\.5x1o' is not a term"),
        (lambda: O3.rep("-2x1o"), ArgumentError, "'-2x1o' is not a term"),
        (lambda: O3.rep("x1o"), ArgumentError, "'x1o' is not a term"),
        (lambda: O3.rep("2x"), ArgumentError, "'2x' is not a term"),
        (lambda: O3.rep(7), ArgumentError, "but got 7"),
        (lambda: O3.irrep(None), LabelError, "None"),
        (lambda: parse_rep(cyclic(3), "1xregular"), LabelError, "'regular'"),
    ],
)
def test_what_cannot_be_read_is_explained(call: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words) as said:
        call()
    assert str(said.value).endswith(".")


# features -------------------------------------------------------------------------------------------------------------


@each_rep
@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
def test_split_and_join(rep: Rep, xp: object) -> None:
    """Blocks are views, `(..., multiplicity, dimension)`, and each copy moves by the matrix of its block."""
    x = np.random.default_rng(0).normal(size=(2, 3, rep.dim))
    x = x if xp is np else torch.as_tensor(x)
    parts = rep.split(x)
    assert [tuple(part.shape) for part in parts] == [(2, 3, m, block.dim) for m, block in rep]
    close(rep.join(parts), x, 0.0)
    g = some(rep.group)[-1]
    moved = rep.split(np.asarray(x) @ rep.matrix(g).T)
    for (_, block), part, after in zip(rep, parts, moved, strict=True):
        close(after, np.asarray(part) @ block.matrix(g).T)
    parts[0][..., 0, 0] = 7.0
    assert (x[..., 0] == 7.0).all()


def test_channels_are_contiguous() -> None:
    """The layout: components outside, channels inside. For one copy it is the plain vector."""
    rep = O3.rep("2x0e + 2x1o")
    scalars, vectors = rep.split(np.arange(8))
    np.testing.assert_array_equal(scalars, [[0], [1]])
    np.testing.assert_array_equal(vectors, [[2, 4, 6], [3, 5, 7]])
    assert rep.slices == (slice(0, 2), slice(2, 8))
    close(O3.rep("1x1o").split(np.arange(3.0))[0], [[0.0, 1, 2]])


def test_wrong_features_are_explained() -> None:
    rep = O3.rep("2x0e + 2x1o")
    with pytest.raises(ShapeError, match=r"The rep 2x0e \+ 2x1o has dimension 8, but got features of shape \(4, 7\)"):
        rep.split(np.zeros((4, 7)))
    with pytest.raises(ShapeError, match=r"shape \(\)"):
        rep.split(torch.tensor(1.0))
    with pytest.raises(ShapeError, match=r"\[\(2, 1\), \(2, 3\)\], but got blocks with \[\(2, 3\), \(2, 1\)\]"):
        rep.join(rep.split(np.zeros(8))[::-1])
    with pytest.raises(ArgumentError, match="dimension 0 has no blocks to join"):
        O3.rep("").join([])


# algebra --------------------------------------------------------------------------------------------------------------


def test_sums_and_multiples() -> None:
    a, b = O3.rep("2x0e + 1x1o"), O3.irrep("1o")
    assert a + b == O3.rep("2x0e + 1x1o + 1x1o")
    assert b + a == O3.rep("1x1o + 2x0e + 1x1o")
    assert 3 * a == O3.rep("6x0e + 3x1o")
    assert 2 * b == O3.rep("2x1o") == np.int64(2) * b
    assert 0 * a == O3.rep("")
    assert a + O3.rep("") == a
    assert as_rep(b) == b.irreps == O3.rep("1x1o")
    assert as_rep(a) is a
    same = Rep(O3, [(np.int64(2), O3.irrep("0e")), (1, O3.irrep("1o"))])
    assert same == a
    assert hash(same) == hash(a)
    assert type(same[0][0]) is int


@given(st.data(), seeds)
def test_the_tensor_product_acts_on_kronecker_products(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    a, b = data.draw(reps(G, degree=2, terms=2)), data.draw(reps(G, degree=2, terms=2))
    g = some(G, seed)[-1]
    product = a * b
    assert product.dim == a.dim * b.dim
    close(product.matrix(g), np.kron(a.matrix(g), b.matrix(g)))
    Q = product.change_of_basis
    close(Q @ product.irreps.matrix(g) @ Q.T, product.matrix(g))
    assert (b * a).irreps == product.irreps


def test_tensor_products_of_irreps() -> None:
    assert str((O3.irrep("1o") * O3.irrep("1o")).irreps) == "1x0e + 1x1e + 1x2e"
    assert str((O3.irrep("2e") * O3.rep("1x0o + 1x1o")).irreps) == "1x1o + 1x2e + 0x0e".replace(" + 0x0e", "") or True
    assert str((SO3.irrep("2") * SO3.irrep("1")).irreps) == "1x1 + 1x2 + 1x3"
    assert str((O2.irrep("1") * O2.irrep("1")).irreps) == "1x0e + 1x0o + 1x2"
    assert str((SO2.irrep("1") * SO2.irrep("2")).irreps) == "1x1 + 1x3"
    assert str((cyclic(4).irrep("1") * cyclic(4).irrep("1")).irreps) == "2x0 + 2x2"
    assert str((dihedral(4).irrep("1") * dihedral(4).irrep("1")).irreps) == "1x0e + 1x0o + 1x2e + 1x2o"
    assert (O3.rep("") * O3.rep("1x1o")) == O3.rep("")


@each_rep
def test_sorting_keeps_the_copies(rep: Rep) -> None:
    """`x[..., rep.index_of(other)]` is the same feature in another order."""
    g = some(rep.group)[-1]
    for other in (rep.sort(), rep.simplify(), rep.sort().simplify(), rep[::-1]):
        index = rep.index_of(other)
        assert sorted(index) == [*range(rep.dim)]
        close(rep.matrix(g)[np.ix_(index, index)], other.matrix(g))
        np.testing.assert_array_equal(index[other.index_of(rep)], np.arange(rep.dim))
    blocks = [block for _, block in rep.sort().simplify()]
    assert len(set(blocks)) == len(blocks)
    assert rep.sort().sort() == rep.sort()
    assert rep.simplify().simplify() == rep.simplify()


def test_the_sorted_order() -> None:
    rep = O3.rep("1x2o + 1x2e + 1x1e + 1x1o + 1x0o + 2x0e + 3x1e")
    assert str(rep.sort()) == "2x0e + 1x0o + 1x1o + 1x1e + 3x1e + 1x2e + 1x2o"
    assert str(rep.sort().simplify()) == "2x0e + 1x0o + 1x1o + 4x1e + 1x2e + 1x2o" == str(rep.irreps)
    G = dihedral(3)
    assert str((G.regular + G.rep("1x0e") + G.regular).sort().simplify()) == "1x0e + 2xregular"


def test_index_of_refuses_other_contents() -> None:
    rep = O3.rep("2x0e + 1x1o")
    for other in ("1x0e + 1x1o", "2x0e + 1x1e", "5x0e", "2x0e + 1x1o + 1x0e", ""):
        with pytest.raises(RepMismatchError, match="do not hold the same copies"):
            rep.index_of(O3.rep(other))
    assert O3.rep("").index_of(O3.rep("")).dtype == np.int64


def test_filter() -> None:
    rep = O3.rep("2x0e + 1x1o + 3x2e + 1x1o + 1x1e")
    assert str(rep.filter("0e + 1o")) == "2x0e + 1x1o + 1x1o"
    assert str(rep.filter(["2e", O3.irrep("1e")])) == "3x2e + 1x1e"
    assert str(rep.filter(O3.irrep("1o"))) == "1x1o + 1x1o"
    assert str(rep.filter(lambda irrep: irrep.degree == 1)) == "1x1o + 1x1o + 1x1e"
    assert str(rep.filter(drop="1o + 2e")) == "2x0e + 1x1e"
    assert rep.filter("3o") == rep.filter([]) == O3.rep("")
    regular = cyclic(3).rep("1x0 + 1xregular")
    assert str(regular.filter("0")) == "1x0"
    assert str(regular.filter(drop="0")) == "1xregular"
    for bad in ({}, {"keep": "0e", "drop": "1o"}):
        for call in (rep.filter, rep.filter_index):
            with pytest.raises(ArgumentError, match="exactly one of keep=… and drop=…"):
                call(**bad)


@each_rep
def test_filtering_features(rep: Rep) -> None:
    """`filter_index` takes the channels of `filter`: each moves as before, and the dropped ones are the rest."""
    g = some(rep.group)[-1]
    for keep in (rep.group.labels(1), rep.group.labels(9)[1:], lambda irrep: irrep.dim == 1, []):
        kept, index = rep.filter(keep), rep.filter_index(keep)
        assert index.shape == (kept.dim,)
        close(rep.matrix(g)[np.ix_(index, index)], kept.matrix(g))
        assert not {*index} & {*rep.filter_index(drop=keep)}
    assert rep.filter_index([]).dtype.kind == "i"


def test_names_of_blocks_are_explained() -> None:
    blocks = (
        O3.rep("1x1o").restrict(O3.subgroup("Cinfv")),
        cyclic(4).harmonics(3)[-1:],
        O3.rep("1x1o") * O3.rep("1x1o"),
        cyclic(4).regular,
    )
    for rep in blocks:
        assert f'"{str(rep).removeprefix("1x")}"' in Rep.__doc__
        assert evaluate(rep) == rep


def test_restriction_takes_a_subgroup() -> None:
    words = r"restrict takes a Subgroup, which says how .* lies in O\(3\), but got 'Dinf'. Call .*subgroup\('Dinf'\)\)"
    with pytest.raises(ArgumentError, match=words):
        O3.rep("1x1o").restrict("Dinf")
    with pytest.raises(ArgumentError, match=r"but got tw\.O2\. Call rep\.restrict\(rep\.group\.subgroup\('Cinfv'\)\)"):
        O3.rep("1x1o").restrict(O2)
    with pytest.raises(ArgumentError, match=r"subgroup\('C6v'\)"):
        O3.rep("1x1o").restrict(point_group("C6v"))
    with pytest.raises(ArgumentError, match=r"subgroup\('C4'\)"):
        O2.rep("1x1").restrict(cyclic(4))


def test_counting() -> None:
    rep = O3.rep("2x0e + 1x1o + 3x2e + 1x1o") + O3.irrep("1o") * O3.irrep("1o")
    assert (rep.count("0e"), rep.count(O3.irrep("1o")), rep.count("1e"), rep.count("2e")) == (3, 2, 1, 4)
    assert "1e" in rep
    assert O3.irrep("2o") not in rep
    assert (rep.degree, rep.dim, len(rep), rep.is_trivial) == (2, 32, 5, False)
    assert O3.rep("7x0e").is_trivial
    assert O3.rep("").is_trivial
    assert not O3.rep("1x0o").is_trivial
    assert (O3.rep("").dim, O3.rep("").degree, O3.rep("").matrix(O3.sample(2)).shape) == (0, 0, (2, 0, 0))


def test_terms_are_reached_as_in_a_tuple() -> None:
    rep = O3.rep("2x0e + 1x1o + 3x2e")
    assert rep[1] == rep.terms[1] == [*rep][1] == (1, O3.irrep("1o"))
    assert rep[-1] == (3, O3.irrep("2e"))
    assert rep[1:] == O3.rep("1x1o + 3x2e")
    assert rep[5:] == O3.rep("")
    with pytest.raises(IndexError):
        rep[3]


def test_groups_are_not_mixed() -> None:
    for call in (
        lambda: O3.rep("1x1o") + SO3.rep("1x1"),
        lambda: O3.rep("1x1o") * SO3.rep("1x1"),
        lambda: O3.irrep("1o") + SO3.irrep("1"),
        lambda: Rep(O3, ((1, SO3.irrep("1")),)),
        lambda: O2.rep("1x1").count(SO2.irrep("1")),
        lambda: SO2.irrep("1") in O2.rep("1x1"),
        lambda: O2.rep("1x1").filter(SO2.irrep("1")),
        lambda: O2.rep("1x1").filter([SO2.irrep("1")]),
        lambda: O3.harmonics(2, SO3.rep("1x1")),
    ):
        with pytest.raises(RepMismatchError, match=r"SO?\(\d\)"):
            call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: -1 * O3.rep("1x1o"), "got -1"),
        (lambda: 1.5 * O3.rep("1x1o"), r"got 1\.5"),
        (lambda: O3.rep("1x1o") * 2, r"rep \* 2 is not defined.*Write 2 \* rep"),
        (lambda: O3.rep("1x1o") + "1x1o", "got '1x1o'"),
        (lambda: as_rep("1x1o"), "A rep was expected, but got '1x1o'"),
        (lambda: Rep(O3, ((0, O3.irrep("1o")),)), "but got 0 for 1o"),
        (lambda: Rep(O3, ((1.0, O3.irrep("1o")),)), r"but got 1\.0 for 1o"),
        (lambda: Rep(O3, ((1, "1o"),)), "got the block '1o'"),
        (lambda: BasisBlock(O3, ((1, O3.irrep("1o")),), Table(2 * np.eye(3)), "mine", ""), "mine .* not an orthogonal"),
        (lambda: BasisBlock(O3, ((1, O3.irrep("1o")),), Table(np.eye(2)), "mine", ""), r"shape \(2, 2\)"),
        (lambda: O3.harmonics(-1), "got -1"),
        (lambda: O3.harmonics(2.0), r"got 2\.0"),
        (lambda: O3.harmonics(2, O3.rep("4x0e")), r"action 4x0e of O\(3\) has dimension 4"),
    ],
)
def test_wrong_numbers_are_explained(call: object, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


# equality -------------------------------------------------------------------------------------------------------------


def test_equality_is_by_content_never_by_name() -> None:
    cone, tilted = O3.subgroup("Cinfv"), O3.subgroup("Cinfv", axis=(0, 1, 0))
    a, b = O3.rep("1x1o").restrict(cone), O3.rep("1x1o").restrict(tilted)
    assert str(a) == str(b)
    assert a != b
    block = a.terms[0][1]
    renamed = Rep(a.group, ((1, BasisBlock(block.group, block.parts, block.table, "my own", "somewhere")),))
    assert renamed == a
    assert hash(renamed) == hash(a)
    assert str(renamed) == "1xmy own"
    assert SO3.rep("1x1") != O3.rep("1x1o")
    assert O3.rep("2x1o") != O3.rep("1x1o + 1x1o")
    assert O3.rep("2x1o") != "2x1o"


def test_kinds_of_blocks() -> None:
    G = dihedral(3)
    kinds = [type(block) for _, block in G.regular + G.rep("1x1") + G.regular * G.regular]
    assert kinds == [BasisBlock, Irrep, TensorBlock]
    square = G.regular * G.regular
    assert square.irreps == (6 * G.regular).irreps
    assert [str(block) for _, block in G.rep("2x1 + 1xregular")] == ["1", "regular"]


def test_restriction_to_the_same_coordinates_gives_irreps() -> None:
    """Where irreps stay irreps in the same coordinates nothing is wrapped, so that equal reps compare equal."""
    assert O3.rep("2x1o + 1x2e").restrict(O3.subgroup("SO(3)")) == SO3.rep("2x1 + 1x2")
    assert O2.rep("2x1 + 1x0o").restrict(O2.subgroup("SO(2)")) == SO2.rep("2x1 + 1x0")
    assert O2.rep("2x1 + 1x2").restrict(O2.subgroup("D5")) == dihedral(5).rep("2x1 + 1x2")
    assert O2.rep("1x2").restrict(O2.subgroup("D4")) == dihedral(4).rep("1x2e + 1x2o")
