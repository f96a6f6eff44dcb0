"""Products in every multiplicity mode: what the modes mean, written out; equivariance; variances; known sizes."""

from math import prod

import pytest
import torch
from torch import Tensor

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, point_group
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.kernels.products import MODES, Instruction, Normalisation, ProductPlan, channelwise, every_path, product
from intertwine.ops.contract.reference import evaluate
from intertwine.reps import Rep, clebsch_gordan

Reps = tuple[Rep, Rep, Rep]
every_mode = pytest.mark.parametrize("mode", MODES)


def outputs(reps: Reps, mode: str) -> Reps:
    """The reps with an output that a mode can give: its copies follow from two factors of equal copies."""
    m, n = (rep.terms[0][0] for rep in reps[:2])
    sizes = {"u": m, "v": n, "p": m * (m - 1) // 2}
    copies = MODES[mode].copies
    w = 5 if copies is None else prod(sizes[letter] for letter in copies)
    return (*reps[:2], Rep(reps[2].group, tuple((w, block) for _, block in reps[2].terms)))


def some(G, mode: str) -> Reps:
    same = MODES[mode].same
    a, b, c = (
        Rep(G, tuple((m, i) for _, i in G.harmonics(l).isotypic)) for m, l in ((4, 2), (4 if same else 3, 1), (1, 3))
    )
    return outputs((a, b, c), mode)


def values(p: ProductPlan, reps: Reps, batch: int = 3, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = (p.polynomial.inputs[0], reps[0].dim, reps[1].dim)
    return tuple(torch.randn(batch, size, generator=generator, dtype=torch.float64) for size in sizes)


def compute(p: ProductPlan, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    pairs = () if p.pairs is None else tuple(torch.tensor(i.array).long() for i in p.pairs)
    return evaluate(p.polynomial, weights, x, y, *(z[..., i] for z, i in zip((x, y), pairs, strict=False)))[0]


def written_out(reps: Reps, i: Instruction, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The definition of each mode, copy by copy, with couplings of norm 1."""
    (m, a), (n, b), (_, c) = (rep.terms[k] for rep, k in zip(reps, (i.first, i.second, i.output), strict=True))
    table = torch.tensor(clebsch_gordan(a, b, c)[i.table])
    x = x[:, reps[0].slices[i.first]].reshape(-1, a.dim, m)
    y = y[:, reps[1].slices[i.second]].reshape(-1, b.dim, n)
    z = {(u, v): torch.einsum("ijk,bi,bj->bk", table, x[..., u], y[..., v]) for u in range(m) for v in range(n)}
    w = weights
    match i.mode:
        case "uvw":
            columns = [sum(w[:, v, u, k, None] * z[u, v] for u, v in z) for k in range(w.shape[-1])]
        case "uvu":
            columns = [sum(w[:, v, u, None] * z[u, v] for v in range(n)) for u in range(m)]
        case "uvv":
            columns = [sum(w[:, u, v, None] * z[u, v] for u in range(m)) for v in range(n)]
        case "uuw":
            columns = [sum(w[:, u, k, None] * z[u, u] for u in range(m)) for k in range(w.shape[-1])]
        case "uuu":
            columns = [w[:, u, None] * z[u, u] for u in range(m)]
        case "uvuv":
            columns = [w[:, u, v, None] * z[u, v] for u in range(m) for v in range(n)]
        case "uvu<v":
            pairs = [(u, v) for u in range(m) for v in range(u + 1, n)]
            columns = [w[:, p, None] * z[pair] for p, pair in enumerate(pairs)]
        case "u<vw":
            pairs = [(u, v) for u in range(m) for v in range(u + 1, n)]
            columns = [sum(w[:, p, k, None] * z[pair] for p, pair in enumerate(pairs)) for k in range(w.shape[-1])]
    return torch.stack(columns, -1).flatten(1)


@every_mode
@pytest.mark.parametrize("G", [SO3, O3, O2, cyclic(5)], ids=str)
def test_modes_mean_what_they_say(G, mode: str) -> None:
    """With couplings of norm 1, each mode is its sum, path by path; in every group, also where irreps couple twice."""
    reps = some(G, mode)
    p = product(reps, every_path(*reps, mode), Normalisation("none", "none"))
    weights, x, y = values(p, reps)
    expected, start = torch.zeros(3, reps[2].dim, dtype=torch.float64), 0
    for i, shape in zip(every_path(*reps, mode), p.weights, strict=True):
        w = weights[:, start : start + prod(shape)].reshape(3, *shape)
        start += prod(shape)
        expected[:, reps[2].slices[i.output]] += written_out(reps, i, w, x, y)
    assert start == weights.shape[1]
    torch.testing.assert_close(compute(p, weights, x, y), expected)


@every_mode
@pytest.mark.parametrize("G", [SO3, O3, SO2, O2, point_group("Td"), point_group("C6v")], ids=str)
def test_products_commute_with_the_group(G, mode: str) -> None:
    reps = some(G, mode)
    p = product(reps, every_path(*reps, mode))
    weights, x, y = values(p, reps)
    for g in [*G.generators, *G.sample(2)]:
        a, b, c = (torch.tensor(rep.matrix(g)).T for rep in reps)
        torch.testing.assert_close(compute(p, weights, x @ a, y @ b), compute(p, weights, x, y) @ c)


@every_mode
@pytest.mark.parametrize("paths", ["element", "path"])
def test_unit_variances_stay(mode: str, paths: str) -> None:
    """As an average over many random inputs, each path with weights of its own."""
    reps = some(O3, mode)
    p = product(reps, every_path(*reps, mode), Normalisation("component", paths))
    generator = torch.Generator().manual_seed(0)
    sizes = (p.polynomial.inputs[0], reps[0].dim, reps[1].dim)
    w, x, y = (torch.randn(5000, size, generator=generator, dtype=torch.float64) for size in sizes)
    squares = compute(p, w, x, y).square().mean(0)
    reached = [k for k in range(len(reps[2].terms)) if k not in p.unreached]
    for k in reached:
        assert abs(float(squares[reps[2].slices[k]].mean()) - 1) < 0.1


def test_some_paths_weigh_more_and_some_have_no_weights() -> None:
    """A path of weight 4 is twice as large; an output variance of 9 makes it three times; unweighted paths just add."""
    reps = (O3.rep("4x0e + 4x1o"), O3.rep("1x0e + 1x1o"), O3.rep("4x1o"))
    one, two = Instruction(0, 1, 0, "uvu"), Instruction(1, 0, 0, "uvu", weighted=False)
    plain = product(reps, (one, two), Normalisation("component", "none"))
    heavy = product(reps, (one, Instruction(1, 0, 0, "uvu", False, 4.0)), Normalisation("component", "none"))
    loud = product(reps, (one, two), Normalisation("component", "none", output=(9.0,)))
    assert plain.weights == ((1, 4), ())
    assert plain.polynomial.inputs[0] == 4
    weights, x, y = values(plain, reps)
    nothing = torch.zeros_like(weights)
    torch.testing.assert_close(compute(plain, nothing, x, y), x[:, 4:] * y[:, :1])
    torch.testing.assert_close(compute(heavy, nothing, x, y), 2 * x[:, 4:] * y[:, :1])
    torch.testing.assert_close(compute(loud, weights, x, y), 3 * compute(plain, weights, x, y))


def test_unsorted_reps_keep_their_order_and_unreached_terms_are_zero() -> None:
    reps = (O3.rep("2x1o + 3x0e + 2x1o"), O3.rep("1x1o"), O3.rep("2x2e + 4x0o + 3x1o"))
    p = product(reps, every_path(*reps))
    assert p.unreached == (1,)
    weights, x, y = values(p, reps)
    z = compute(p, weights, x, y)
    assert torch.equal(z[:, reps[2].slices[1]], torch.zeros(3, 4, dtype=torch.float64))
    assert z[:, reps[2].slices[0]].any()
    assert [i.first for i in every_path(*reps)] == [0, 2, 1]


@pytest.mark.parametrize(
    ("x", "sh", "keep", "dim", "weights", "paths"),
    [
        ("32x0e + 32x0o + 32x1e + 32x1o", 1, "0e 0o 1e 1o", 704, 320, 10),
        ("64x0e + 64x0o + 64x1e + 64x1o + 64x2e + 64x2o", 2, "0e 0o 1e 1o 2e 2o", 6528, 1920, 30),
        ("128x0e + 128x1o + 128x2e", 3, "0e 1o 2e 3o", 9088, 2176, 17),
        ("128x0e + 64x1o + 32x2e", 2, "0e 1o 2e", 2368, 768, 11),
    ],
)
def test_the_convolutions_of_known_potentials(x: str, sh: int, keep: str, dim: int, weights: int, paths: int) -> None:
    """Outputs, weights per edge and paths of NequIP, MACE-MP and SevenNet, whose products are channel by channel."""
    y = O3.rep(" + ".join(f"1x{l}{'eo'[l % 2]}" for l in range(sh + 1)))
    rep, instructions = channelwise(O3.rep(x), y, keep.split())
    p = product((O3.rep(x), y, rep), instructions)
    assert (rep.dim, p.polynomial.inputs[0], len(instructions)) == (dim, weights, paths)
    assert rep == rep.sort()
    assert len(p.polynomial.terms) == 1


def test_the_full_product_holds_every_pair() -> None:
    """Mode uvuv with all irreps kept is the tensor product itself: the same dimension, the same content."""
    a, b = O3.rep("2x0e + 3x1o"), O3.rep("2x1o + 1x2e")
    rep, instructions = channelwise(a, b, [irrep for _, irrep in (a * b).isotypic], "uvuv")
    assert rep.isotypic == (a * b).isotypic
    assert len(instructions) == len(rep.terms)


def test_mistakes_are_named() -> None:
    reps = (O3.rep("4x1o"), O3.rep("3x1o"), O3.rep("4x0e"))
    for i, words in (
        (Instruction(0, 0, 0, "wuv"), r"A multiplicity mode is one of uvw, uvu, .*, but got 'wuv'"),
        (Instruction(0, 1, 0), r"numbered from 0, but got \(0, 1, 0\)"),
        (Instruction(0, 0, 0, "uuu"), r"'uuu' joins equally many copies of both factors, but got 4 and 3"),
        (Instruction(0, 0, 0, "uvv"), r"'uvv' makes 3 copies of 4 and 3, but the output has 4"),
        (Instruction(0, 0, 0, table=1), r"The product of 1o and 1o contains 0e 1 times, .* number 1, counted from 0"),
    ):
        with pytest.raises(ArgumentError, match=words):
            product(reps, (i,))
    with pytest.raises(ArgumentError, match=r"Variances are one number for each term"):
        product(reps, (Instruction(0, 0, 0),), Normalisation(first=(1.0, 2.0)))
    with pytest.raises(ArgumentError, match=r"follow from the factors in the modes .*'uvu'.*, but got 'uvw'"):
        channelwise(*reps[:2], ["0e"], "uvw")
    with pytest.raises(RepMismatchError, match=r"reps of O\(3\), SO\(3\), O\(3\)"):
        product((reps[0], SO3.rep("3x1"), reps[2]), ())
    with pytest.raises(ArgumentError, match=r"terms of a product are irreps, but 1xregular of C5 has other blocks"):
        every_path(cyclic(5).rep("1xregular"), cyclic(5).rep("1x1"), cyclic(5).rep("1x1"))


def test_normalisations_that_mean_nothing_are_named() -> None:
    for word in ({"irreps": "componnt"}, {"paths": "elements"}):
        with pytest.raises(ArgumentError, match="The normalisation of"):
            Normalisation(**word)
    with pytest.raises(ArgumentError, match="not negative"):
        Normalisation(output=(-1.0,))
    rep = O3.rep("2x0e")
    with pytest.raises(ArgumentError, match="The weight of a path"):
        product((rep, rep, rep), (Instruction(0, 0, 0, path_weight=-1.0),))


def test_what_to_keep_is_a_rep_or_a_list() -> None:
    rep = O3.rep("4x0e + 4x1o")
    assert channelwise(rep, rep, O3.rep("1x1o")) == channelwise(rep, rep, ["1o", "1o"])
    for keep in ("0e", None, []):
        with pytest.raises(ArgumentError, match="one irrep at least" if keep == [] else "irreps to keep are"):
            channelwise(rep, rep, keep)


@pytest.mark.parametrize("mode", ["uvu<v", "u<vw"])
def test_one_copy_makes_no_pairs(mode: str) -> None:
    one = O3.rep("1x0e")
    assert every_path(one, one, O3.rep("2x0e"), mode) == ()
    if mode == "uvu<v":
        assert channelwise(one, one, ["0e"], mode)[1] == ()
