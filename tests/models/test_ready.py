"""Ready networks, as a user meets them: one line to build, and everything that torch does with modules."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine import catalog, models, nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral
from intertwine.errors import ArgumentError, LabelError, RepMismatchError, ShapeError
from tests.house.source import ROOT
from tests.models.ready import READY
from tests.nn.grid.test_convolution import turned_error

D4 = dihedral(4)

every_network = pytest.mark.parametrize("name", READY)


def weights(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "ResNet50" else n for n in READY])
def test_a_network_is_built_exact_saved_and_trained(name: str) -> None:
    ready = READY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # neither dead outputs nor sizes that are not exact
        net, other = ready.built(), ready.make().double().eval()
        assert net(ready.images(net, 2)).shape == ready.out
        for size in ready.sizes:
            assert turned_error(net, ready.images(net, 1, size)) < 1e-10
        assert ready.sizes[0] in nn.exact_sizes(net, ready.sizes[0], within=1)
    other.load_state_dict(net.state_dict())
    x = ready.images(net, 3)
    torch.testing.assert_close(other(x), net(x))
    torch.testing.assert_close(pickle.loads(pickle.dumps(net))(x), net(x))
    assert set(net.state_dict()) == {
        *(key for key, _ in net.named_parameters()),
        *(key for key in net.train().state_dict() if "running" in key or "batches" in key),
    }
    net = ready.built(torch.float32).train()
    x = ready.images(net, 4).float()
    wanted = torch.randn_like(net(x))
    losses = []
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(4):
        with torch.autocast("cpu", torch.bfloat16):
            loss = torch.nn.functional.mse_loss(net(x).float(), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of torch's exporter
@every_network
def test_a_network_compiles_and_leaves_for_other_programs(name: str, tmp_path: Path) -> None:
    """One graph, a batch and images of any size, and the same numbers from onnxruntime where that is installed.

    An encoder is for images of its size: of these its last filter sees one place.
    """
    ready = READY[name]
    net = ready.built(torch.float32)
    x, other = ready.images(net, 3).float(), ready.images(net, 5).float()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), net(x), rtol=1e-4, atol=1e-5)
    shapes = ({0: torch.export.Dim("batch")},)
    free = {} if "Encoder" in name else dict.fromkeys(range(2, x.ndim), torch.export.Dim.DYNAMIC)
    program = torch.export.export(net, (x,), dynamic_shapes=(shapes[0] | free,))
    for images in (other, ready.images(net, 2, ready.sizes[-1] if free else 0).float()):
        torch.testing.assert_close(program.module()(images), net(images), rtol=1e-4, atol=1e-5)
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    written = torch.onnx.export(net, (x,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    written.save(str(tmp_path / "net.onnx"))
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), net(other).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "published"),
    [
        # torchvision's have batch norms on their shortcuts as well: two numbers for each channel.
        (models.ResNet18, 11_689_512 - 2 * (128 + 256 + 512)),
        pytest.param(models.ResNet50, 25_557_032 - 2 * (256 + 512 + 1024 + 2048), marks=pytest.mark.slow),
        (models.WideResNet2d, 10_961_370),
        (lambda group: models.WideResNet2d(group, depth=28, widen=10), 36_479_194),
    ],
)
def test_the_trivial_group_gives_the_networks_of_the_papers(make, published: int) -> None:
    with torch.device("meta"):
        assert weights(make(cyclic(1))) == published


def test_numbers_of_channels_are_invariants() -> None:
    net = models.ResNet18(D4, 3, 7, width=8)
    assert net.rep_in == D4.rep("3x0e")
    assert net.rep_out == D4.rep("7x0e")
    lowered = models.WideResNet2d(D4, 3, 7, depth=10, widen=1, restrict=(None, None, "C4"))
    assert lowered.rep_out == cyclic(4).rep("7x0")
    assert models.Encoder(D4.rep("1x0e"), 4, 8, 8).rep_out == D4.rep("4x0e")
    assert models.UNet(D4.rep("1x0e"), np.int64(4), 2, 8).rep_out == D4.rep("4x0e")


def test_a_subgroup_moves_volumes_as_the_group_that_it_lies_in() -> None:
    """Turns about the vertical alone: by 90° exact, and volumes that are turned about x may give something else."""
    torch.manual_seed(0)
    net = models.Encoder3d(O3.subgroup("C4"), 1, 6, 3, width=8).double().eval()
    x = torch.randn(1, 1, 6, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(net(x.rot90(1, (3, 4))), net(x))
    assert float((net(x.rot90(1, (2, 3))) - net(x)).detach().abs().max()) > 1e-3
    action = O3.defining.restrict(O3.subgroup("C4"))
    assert models.Encoder3d(cyclic(4), 1, 6, 3, width=8, action=action).fields_in == net.fields_in


def test_the_axis_of_a_subgroup_is_the_axis_of_the_tensor() -> None:
    """Programs that keep the vertical on the last axis name it: that axis is x here."""
    group = O3.subgroup("C4", axis=(1, 0, 0))
    net = models.UNet3d(group, 1, 2, 2, 8).double().eval()
    x = torch.randn(1, 1, 4, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(net(x.rot90(1, (2, 3))), net(x).rot90(1, (2, 3)))


def test_what_mirrors_negate_comes_out_of_images_of_invariants() -> None:
    """The first filters reach no pseudoscalars, but products of what they reach do: on the way up they are there."""
    torch.manual_seed(0)
    net = models.UNet2d(O2, 1, O2.rep("1x0o"), 2, width=16).double().eval()
    x = torch.randn(1, 1, 9, 9, dtype=torch.float64)
    assert float(net(x).detach().abs().max()) > 1e-3
    torch.testing.assert_close(net(x.flip(2)), -net(x).flip(2))


def test_coarser_outputs_come_when_they_are_asked_for() -> None:
    """As MONAI trains, in training alone; as nnU-Net validates, always; and not where somebody predicts."""
    x = torch.randn(2, 1, 8, 8)
    net = models.UNet2d(D4, 1, 2, 3, 8, deep_supervision=True)
    assert [y.shape[-1] for y in net(x)] == [8, 4]
    assert net.eval()(x).shape == (2, 2, 8, 8)
    net.deep_supervision = "always"
    assert [y.shape[-1] for y in net(x)] == [8, 4]
    net.train().deep_supervision = False
    assert net(x).shape == (2, 2, 8, 8)


def test_thick_slices_stay_as_many() -> None:
    """Filters of each level are made for the voxels that it has; exact with a step of its own along the vertical."""
    torch.manual_seed(0)
    group = O3.subgroup("C4v")
    net = models.UNet3d(group, 1, 2, 3, 8, spacing=(4, 1, 1), strides=((1, 2, 2), 2), deep_supervision=True).double()
    x = torch.randn(1, 1, 3, 8, 8, dtype=torch.float64)
    assert [tuple(y.shape[2:]) for y in net(x)] == [(3, 8, 8), (3, 4, 4)]
    spacings = [block.body[0][0].taps.spacing for block in net.down[1:]]
    assert spacings == [(4, 2, 2), (8, 4, 4)]
    net.eval()
    for size in (8, 9):
        assert turned_error(net, torch.randn(1, 1, 3, size, size, dtype=torch.float64)) < 1e-10
    for strides in ((2,), 2):
        with pytest.raises(ArgumentError, match="3 levels takes a sequence of 2 strides"):
            models.UNet3d(group, levels=3, strides=strides)


def test_filters_on_the_way_up_are_made_for_the_pixels_that_are_there() -> None:
    """After steps along some axes alone voxels have another form, at each level the same down and up."""
    net = models.UNet3d(catalog.point_group("O"), levels=3, width=24, strides=((1, 2, 2), 2))
    (down, *_), (up,) = (
        [part for part in blocks[1].modules() if isinstance(part, nn.Conv3d) and part.taps.sizes != (1, 1, 1)]
        for blocks in (net.down, net.up)
    )
    assert down.taps == up.taps
    assert up.taps.spacing == (1, 2, 2)
    assert isinstance(up.kind, nn.BandLimited)


@pytest.mark.slow
def test_the_table_of_weights_is_true() -> None:
    """Millions of weights of each network and group, as docs/images.md tells them."""
    lines = (ROOT / "docs" / "images.md").read_text("utf-8").splitlines()
    header = next(line for line in lines if line.startswith("| network | published"))
    groups = [eval(cell.strip(" `"), vars(catalog)) for cell in header.split("|")[3:-1]]
    for name in ("ResNet18", "ResNet50", "WideResNet2d", "UNet2d", "Encoder2d"):
        cells = next(line for line in lines if line.startswith(f"| `{name}(G")).split("|")
        more = {"channels": 3, "size": 76} if name == "Encoder2d" else {}
        for group, cell in zip(groups, cells[3:-1], strict=True):
            assert f"{weights(getattr(models, name)(group, **more)) / 1e6:.2f}" == cell.strip()


def test_instance_norms_know_no_batch() -> None:
    """Each sample has the output that it has alone, in training too."""
    net = models.ResNet18(D4, 1, 3, width=8, stem="small", norm="instance", restrict=(None, "C4")).double()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(net(x)[:1], net(x[:1]))


def test_the_last_filter_sees_where_things_are() -> None:
    """Of an image whose last pixels change places, a mean of them sees nothing."""
    for pool in (False, True):
        torch.manual_seed(0)
        net = models.Encoder2d(D4, 1, 8, 1, width=8, pool=pool).double().eval()
        x = torch.randn(1, net[1].rep_out.dim, 4, 4, dtype=torch.float64)
        rest = net[2:]
        assert bool((rest(x) - rest(x.roll(1, 3))).abs().max() < 1e-9) == pool


def test_encoders_are_for_images_of_their_size_and_larger_ones() -> None:
    """The smallest that leave as many pixels as the last filter has are known; longer axes may be said."""
    net = models.Encoder2d(D4, 1, 20, 2, width=8).double().eval()
    assert net.least == (17, 17)
    assert nn.exact_sizes(net, 18, within=3) == (17, 18, 19, 20, 21)
    with pytest.raises(ShapeError, match=r"\(17, 17\) pixels and more, but got a tensor of shape \(1, 1, 16, 20\)"):
        net(torch.zeros(1, 1, 16, 20, dtype=torch.float64))
    assert models.Encoder2d(D4, 1, 20, 2, 8, pool=True).eval()(torch.zeros(1, 1, 3, 3)).shape == (1, 2)
    flat = models.Encoder3d(O3.subgroup("C4"), 1, (5, 9, 9), 3, width=4).double().eval()
    assert turned_error(flat, torch.randn(1, 1, 5, 9, 9, dtype=torch.float64)) < 1e-10


def test_what_ready_networks_refuse() -> None:
    with pytest.raises(ArgumentError, match=r"C8 moves 2 axes of space, .* O3.subgroup\(\"C8\"\) for turns"):
        models.Encoder3d(cyclic(8), 1, 8)
    with pytest.raises(ArgumentError, match="for images has 2"):
        models.ResNet18(SO3)
    for channels in (0, 1.0, True, "1x0e"):
        with pytest.raises(ArgumentError, match="invariants from 1 on"):
            models.UNet2d(D4, channels)
    with pytest.raises(ArgumentError, match="starts from a group"):
        models.UNet2d("D4", 1)
    with pytest.raises(RepMismatchError, match=r"of D4, but got 1x1 of SO\(2\)"):
        models.UNet2d(D4, SO2.rep("1x1"))
    with pytest.raises(ArgumentError, match="6 n \\+ 4 layers"):
        models.WideResNet2d(D4, depth=18)
    with pytest.raises(ArgumentError, match="'small' or 'large'"):
        models.ResNet18(D4, stem="tiny")
    with pytest.raises(ArgumentError, match="'batch' or 'instance'"):
        models.UNet2d(D4, norm="layer")
    with pytest.raises(ArgumentError, match="False, True or 'always'"):
        models.UNet2d(D4, deep_supervision="never")
    with pytest.raises(ArgumentError, match=r"at most one subgroup, name or None .* restrict='C4'"):
        models.ResNet18(D4, restrict="C4")
    with pytest.raises(ArgumentError, match="a sequence of stages"):
        models.ResNet3d(SO3, blocks=2)
    for wrong, said in (({"kernel_size": 4}, "odd width"), ({"width": "8"}, "at least one channel")):
        with pytest.raises(ArgumentError, match=said):
            models.Encoder2d(D4, 1, 8, **wrong)
    with pytest.raises(ArgumentError, match=r"whole number from 2 on, but got 2\.5"):
        models.UNet2d(D4, levels=2.5)
    with pytest.raises(ArgumentError, match=r"whole number from 10 on, but got 16\.0"):
        models.WideResNet2d(D4, depth=16.0)
    with pytest.raises(RepMismatchError, match="a rep of its group D4, but got one of C4"):
        models.UNet2d(D4, action=cyclic(4).defining)
    with pytest.raises(ArgumentError, match="1x0e \\+ 1x1 moves 3 axes"):
        models.UNet2d(D4, action=D4.rep("1x0e + 1x1"))
    with pytest.raises(ShapeError, match="but got a list"):
        models.Encoder2d(D4, 1, 8)([1.0])
    with pytest.raises(LabelError):
        models.ResNet18(D4, restrict=("C3",))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: models.Encoder2d(D4, 1, (20, 40), width=8), (20, 40)),
        (lambda: models.Encoder2d(SO2, 1, (8, 32), width=8, filters=nn.Rings()), (8, 32)),
        (lambda: models.Encoder3d(catalog.point_group("O"), 1, (5, 9, 20), width=24), (5, 9, 20)),
        (lambda: models.Encoder3d(O3.subgroup("C4v"), 1, (5, 12, 12), width=8), (5, 12, 12)),
    ],
)
def test_encoders_of_oblong_images(make, shape: tuple[int, ...]) -> None:
    """The last filter has sides that the group may exchange, and sees all places."""
    net = make().double().eval()
    x = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert turned_error(net, x.detach()) < 1e-10
    (gradient,) = torch.autograd.grad(net(x).square().sum(), x)
    assert all((gradient.abs().amax(axis) > 0).all() for axis in range(2, x.ndim))
