"""The modules that the laws run over: to have a new layer obey all laws, add a row to `_over` or `_single`."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.fields import GridField, PointFeatures
from intertwine.kernels import BandLimited
from intertwine.nn.heads import ElementScores, GroupElement, gram_schmidt, polar
from intertwine.reps import Rep
from tests.registry import REPS

Make = Callable[[], nn.EquivariantModule]

GROUPS: list[CatalogGroup] = [
    SO2,
    O2,
    SO3,
    O3,
    cyclic(3),
    cyclic(4),
    dihedral(1),
    dihedral(3),
    dihedral(4),
    group("Cinfh"),
    group("Dinfh"),
]

ON_GRIDS: list[CatalogGroup] = [SO2, O2, SO3, dihedral(4)]

RADIAL = [
    nn.radial.CosineBasis,
    nn.radial.GaussianBasis,
    nn.radial.SmoothFiniteBasis,
    nn.radial.FourierBasis,
    nn.radial.BesselBasis,
]
CUTOFFS = [nn.radial.CosineCutoff, nn.radial.PolynomialCutoff, nn.radial.SmoothCutoff]


def hidden(group: CatalogGroup) -> Rep:
    """A small rep with every irrep up to degree 1."""
    return group.rep(" + ".join(f"{1 + i % 2}x{label}" for i, label in enumerate(group.labels(1))))


def equal(group: CatalogGroup) -> Rep:
    """Every irrep up to degree 1, as often as each other."""
    return Rep(group, tuple((2, irrep) for irrep in group.irreps(1)))


def turned(group: CatalogGroup) -> Rep:
    """A rep with coordinates of its own, out of order: one restricted from O(3), or a tensor product."""
    return [rep for rep in REPS if rep.group == group][-1] + hidden(group)


def scalars(group: CatalogGroup) -> Rep:
    """All one-dimensional irreps of real type up to degree 1."""
    return group.rep(" + ".join(f"2x{label}" for label in group.labels(1) if group.irrep_dim(label) == 1))


def each_its_own(rep: Rep) -> list[nn.activation.Function | None]:
    """Functions of the terms of a rep, some of them none."""
    several = [torch.tanh, None, torch.sigmoid, plain.Softplus()]
    return [several[n % len(several)] for n in range(len(rep.terms))]


def signs(group: CatalogGroup) -> str:
    """The last one-dimensional irrep up to degree 1: one that changes sign, where there is one."""
    return [label for label in group.labels(1) if group.irrep_dim(label) == 1][-1]


def backbone(size: int, out: int) -> plain.Module:
    """A network that knows no group."""
    return plain.Sequential(plain.Linear(size, 8), plain.Tanh(), plain.Linear(8, out))


def several(group: CatalogGroup) -> Rep:
    """A rep with enough vectors to tell a pose."""
    return turned(group) + 2 * group.defining


def on_edges(rep: Rep) -> nn.Sequential:
    """Two convolutions that see the same edges, by harmonics of different degrees and the same radial basis."""
    basis, envelope = nn.radial.BesselBasis(5.0, 4), nn.radial.SmoothCutoff(5.0)
    h = hidden(rep.group)
    first = nn.DepthwiseConv(h, h, basis, degree=1, hidden=(8,), envelope=envelope)
    second = nn.DepthwiseConv(h, h, basis, degree=2, hidden=(), envelope=envelope)
    return nn.Sequential(nn.Linear(rep, h), first, nn.Linear(first.rep_out, h), second, nn.Linear(second.rep_out, h))


def canonical(G: CatalogGroup) -> nn.Canonicalize:
    """A plain network in the frame of a learned linear map."""
    rep, out = several(G), G.harmonics(2)
    frame = nn.Sequential(nn.Linear(rep, G.dim * G.defining, bias=False), GroupElement(G))
    return nn.Canonicalize(backbone(rep.dim, out.dim), frame, rep, out)


def averaged(G: CatalogGroup, frames: nn.frames.Frames) -> nn.FrameAveraging:
    """A plain network averaged over frames."""
    rep, out = several(G), G.harmonics(2)
    return nn.FrameAveraging(backbone(rep.dim, out.dim), frames, rep, out)


def noise(channels: int, axes: int, batch: int, generator: torch.Generator) -> tuple[torch.Tensor]:
    """Grids without a rim of zeros, among which no number is the largest."""
    return (torch.randn(batch, channels, *axes * (9,), generator=generator, dtype=torch.float64),)


def noisy(layer: nn.EquivariantModule) -> nn.EquivariantModule:
    """A layer on a grid that is tried on noise; few pixels keep the laws quick."""
    layer.example_inputs = partial(noise, layer.rep_in.dim, layer.fields_in[0].n)
    return layer


def _on_grids(G: CatalogGroup) -> Iterator[tuple[str, Make]]:
    """The layers on images or volumes that every group has."""
    h, t, defining, plane = hidden(G), turned(G), G.defining, G.dim == 2
    conv, up = (nn.Conv2d, nn.ConvTranspose2d) if plane else (nn.Conv3d, nn.ConvTranspose3d)
    average, largest = (nn.AvgPool2d, nn.MaxPool2d) if plane else (nn.AvgPool3d, nn.MaxPool3d)
    to_average = nn.AdaptiveAvgPool2d if plane else nn.AdaptiveAvgPool3d
    to_largest = nn.AdaptiveMaxPool2d if plane else nn.AdaptiveMaxPool3d
    yield "Conv", lambda: conv(h, h, 3, padding=1, filters=BandLimited(0.4))
    yield "Conv of coordinates of their own", lambda: conv(t, h, 3, 2, 1, filters=BandLimited(0.4))
    yield "ConvTranspose", lambda: up(h, h, 3, 2, 1, filters=BandLimited(0.4))
    yield "AvgPool", lambda: average(t, 3, 2, 1)
    yield "MaxPool", lambda: largest(G.rep(f"2x{G.trivial}"), 3, 2, 1)
    yield "BlurPool", lambda: nn.BlurPool(h)
    yield "AdaptiveAvgPool", lambda: to_average(h, 4)
    yield "AdaptiveMaxPool", lambda: to_largest(G.rep(f"2x{G.trivial}"), 5)
    yield "InstanceNorm", lambda: nn.InstanceNorm(t)
    yield "GroupNorm", lambda: nn.GroupNorm(2 * t, 2)
    yield "FieldDropout", lambda: nn.FieldDropout(t)
    yield "GlobalPool", lambda: nn.GlobalPool(t)
    yield "Upsample", lambda: nn.Upsample(h, scale_factor=2)
    yield "Restrict", lambda: nn.Restrict(G.rep(f"2x{G.trivial}"), G.subgroup(str(G)))
    yield "DiskMask", lambda: nn.DiskMask(h, 1.0)
    yield "PatchEmbedding", lambda: nn.PatchEmbedding(h, h, 9, 3, filters=BandLimited(0.4))
    yield "SymmetricContraction on a grid", lambda: nn.Pixelwise(nn.SymmetricContraction(equal(G), equal(G), order=2))
    yield "Pixelwise", lambda: nn.Pixelwise(nn.Linear(h, 2 * defining))
    yield (
        "Sequential on a grid",
        lambda: nn.Sequential(
            conv(h, h, 3, filters=BandLimited(0.4)), nn.BatchNorm(h), nn.NormActivation(h), nn.GlobalPool(h)
        ),
    )


def _over(G: CatalogGroup) -> Iterator[tuple[str, Make]]:
    """The layers that every group has."""
    h, t, trivial = hidden(G), turned(G), G.trivial
    yield "Linear", lambda: nn.Linear(h, 2 * h)
    yield "Linear between coordinates of their own", lambda: nn.Linear(t, t, bias=False)
    yield "TensorProduct", lambda: nn.TensorProduct(h, h, h)
    yield "TensorProduct with given weights", lambda: nn.TensorProduct(h, t, h, shared_weights=False)
    yield "ReducedTensorProduct", lambda: nn.ReducedTensorProduct("ij=ji", i=h)
    yield (
        "ReducedTensorProduct of coordinates of their own",
        lambda: nn.ReducedTensorProduct("ijk=-jik", i=G.defining, k=t, keep=lambda irrep: irrep.degree <= 2),
    )
    yield "PointConv", lambda: nn.PointConv(h, h, hidden=(8,))
    yield "PointConv, mean", lambda: nn.PointConv(h, t, hidden=(), aggregate="mean", self_interaction=False)
    yield "DepthwiseConv", lambda: nn.DepthwiseConv(h, h, degree=2, hidden=(8,))
    yield "DepthwiseConv of coordinates of their own", lambda: nn.DepthwiseConv(t, h, degree=1, hidden=())
    yield "Sequential on edges", lambda: on_edges(t)
    yield "SymmetricContraction", lambda: nn.SymmetricContraction(equal(G), equal(G), order=2)
    yield "SpeciesLinear", lambda: nn.SpeciesLinear(t, h, species=3)
    yield "NormActivation", lambda: nn.NormActivation(t)
    yield "NormActivation without bias", lambda: nn.NormActivation(h, torch.tanh, torch.tanh, bias=False)
    yield "Gate", lambda: nn.Gate(t)
    yield "Gate, odd functions", lambda: nn.Gate(t, odd=torch.tanh)
    yield "Gate, term by term", lambda: nn.Gate(h, functions=each_its_own(h))
    yield "NormActivation, term by term", lambda: nn.NormActivation(h, functions=each_its_own(h))
    yield "BilinearGate", lambda: nn.BilinearGate(h, signs(G))
    yield "Activation", lambda: nn.Activation(scalars(G))
    yield "BatchNorm", lambda: nn.BatchNorm(t)
    yield "LayerNorm", lambda: nn.LayerNorm(t)
    yield "LayerNorm, separable", lambda: nn.LayerNorm(t + h, together="separable")
    yield "SelfAttention", lambda: nn.SelfAttention(2 * h, heads=2)
    yield "Dropout", lambda: nn.Dropout(t)
    yield "ToIrreps", lambda: nn.ToIrreps(t)
    yield "FromIrreps", lambda: nn.FromIrreps(t)
    yield "GroupPool", lambda: nn.GroupPool(t, "norm")
    yield (
        "Sequential",
        lambda: nn.Sequential(
            nn.Linear(t, nn.Gate(h).rep_in),
            nn.Gate(h),
            nn.Linear(h, G.rep(f"3x{trivial}")),
            plain.Linear(3, 5),
            plain.Tanh(),
            nn.Linear(G.rep(f"5x{trivial}"), G.rep(f"1x{trivial}")),
        ),
    )


def _single() -> Iterator[tuple[str, Make]]:
    """Layers that are not for every group, and options that have nothing to do with the group."""
    h = hidden(O3)
    for basis in RADIAL:
        yield f"PointConv with {basis.__name__}", lambda basis=basis: nn.PointConv(h, h, basis(4.0, 4), hidden=(6, 5))
    for cutoff in CUTOFFS:
        yield (
            f"PointConv with {cutoff.__name__}",
            lambda cutoff=cutoff: nn.PointConv(hidden(O2), hidden(O2), envelope=cutoff(5.0), neighbours=3.0, degree=1),
        )
    for G in (SO3, O3):
        yield f"SO2Conv, {G}", lambda G=G: nn.SO2Conv(G.harmonics(3) + hidden(G), 2 * G.harmonics(2), hidden=(8,))
        yield f"GauntProduct, {G}", lambda G=G: nn.GauntProduct(2 * G.harmonics(2), 2 * G.harmonics(1))
        yield (
            f"SO2Conv up to order 1, {G}",
            lambda G=G: nn.SO2Conv(turned(G), hidden(G) + G.harmonics(2), order=1, hidden=(), neighbours=3.0),
        )
    invariants = O3.rep("6x0e")
    yield (
        "FullyConnected between layers",
        lambda: nn.Sequential(
            nn.Linear(h, invariants), nn.FullyConnected([6, 5, 6]), nn.Linear(invariants, O3.rep("2x0e"))
        ),
    )
    yield "LayerNorm of all terms together", lambda: nn.LayerNorm(h, affine=False, together="all")
    for G in (cyclic(4), dihedral(3), point_group("T")):
        yield (
            f"PointConv with fixed radial functions, {G}",
            lambda G=G: nn.PointConv(G.regular, G.regular, hidden=(), aggregate="mean", degree=2),
        )
    cone = O3.subgroup("Cinfv", axis=(1, 2, -1))
    yield (
        "PointConv in space, for the cone's group",
        lambda: nn.PointConv(hidden(O2), hidden(O2), hidden=(4,), action=O3.rep("1o").restrict(cone)),
    )
    for rep, out in (
        (O3.rep("3x0e + 3x1o + 3x2e"), O3.rep("3x1o + 3x0e")),
        (SO2.rep("2x1 + 2x0"), SO2.rep("2x2 + 2x1")),
        (2 * dihedral(3).regular, 2 * dihedral(3).regular),
    ):
        yield (
            f"SymmetricContraction of {rep.group} with species",
            lambda rep=rep, out=out: nn.SymmetricContraction(rep, out, species=2),
        )
    for rep in (SO2.rep("2x0 + 2x1 + 2x2"), O2.rep("2x0e + 2x1"), O2.rep("1x0e + 1x0o + 2x1")):
        yield (  # exactly equivariant, since the function is a polynomial
            f"FourierActivation of {rep}",
            lambda rep=rep: nn.FourierActivation(rep, activation=torch.square, exact_degree=2),
        )
    for G in (SO2, O2, SO3, O3):
        for projection in (polar, gram_schmidt):
            yield f"GroupElement of {G} by {projection.__name__}", lambda G=G, p=projection: GroupElement(G, p)
    for G in map(group, ("Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh")):
        yield f"GroupElement of {G}", lambda G=G: GroupElement(G)
    for G in (SO2, O2, SO3, O3, group("Cinfv"), group("Dinfh")):
        yield f"Canonicalize by {G}", lambda G=G: canonical(G)
    for G in (SO2, O2, SO3, O3):
        for frames in (nn.frames.PCA, nn.frames.Weighted):
            yield f"FrameAveraging by {frames.__name__} of {G}", lambda G=G, f=frames: averaged(G, f(G, several(G)))
    for G in (cyclic(4), dihedral(3), point_group("Td")):
        yield f"FrameAveraging by WholeGroup of {G}", lambda G=G: averaged(G, nn.frames.WholeGroup(G))
    for G in (O2, O3, point_group("Td")):
        yield (
            f"LearnedOrderParameter of {G}",
            lambda G=G: nn.LearnedOrderParameter(hidden(G), G.harmonics(2)),
        )  # at 0, as it starts
    for G in (cyclic(2), cyclic(5), dihedral(3), point_group("Td"), symmetric(3)):
        yield f"ElementScores of {G}", lambda G=G: ElementScores(G)
    cube = point_group("Oh")
    yield "Linear from the faces of a cube", lambda: nn.Linear(cube.quotient(cube.subgroup("C4v")), cube.rep("2xT1u"))
    yield "TensorProduct of Td", lambda: nn.TensorProduct(*[point_group("Td").rep("2xT2 + 1xE")] * 3)
    yield "ToRegular", lambda: nn.ToRegular((2 * cube.regular).restrict(cube.subgroup("D4")))
    pairs = cyclic(3) * cyclic(4)
    yield (
        "TensorProduct of C3×C4",
        lambda: nn.TensorProduct(*[pairs.rep("1x(1,1) + 1x(1,1*)")] * 2, pairs.rep("1x(1,0) + 1x(0,2)")),
    )


def _seeded(make: Make) -> Make:
    def seeded() -> nn.EquivariantModule:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return make()

    return seeded


MODULES: dict[str, Make] = {
    **{f"{name}, {G}": _seeded(make) for G in GROUPS for name, make in _over(G)},
    **{f"{name}, {G}": _seeded(lambda make=make: noisy(make())) for G in ON_GRIDS for name, make in _on_grids(G)},
    **{name: _seeded(make) for name, make in _single()},
}

each_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES.keys())


def has_places(module: nn.EquivariantModule) -> bool:
    """Whether a module takes images, volumes or points, whose axes mean something beside the batch."""
    return any(isinstance(field, GridField | PointFeatures) for field in module.fields_in)


def example(module: nn.EquivariantModule, dtype: torch.dtype = torch.float64, batch: int = 4) -> tuple:
    """Seeded inputs of a module."""
    values = module.example_inputs(batch, torch.Generator().manual_seed(1))
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in values)
