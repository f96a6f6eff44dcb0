"""Modules without the library: the same outputs, by torch's own operations alone."""

import copy
import pickle
from pathlib import Path

import pytest
import torch

from intertwine import models, nn
from intertwine.catalog import O2, O3, dihedral
from intertwine.errors import ArgumentError, InexactGridWarning, ShapeError

D4 = dihedral(4)
HIDDEN = D4.rep("2xregular")

NETWORKS = {
    "layers": lambda: nn.Sequential(
        nn.Conv2d(D4.rep("1x0e"), HIDDEN, 5, padding=2, padding_mode="circular"),
        nn.BatchNorm(HIDDEN),
        nn.NormActivation(HIDDEN),
        nn.MaxPool2d(HIDDEN, 3, 2, 1),
        nn.ConvTranspose2d(HIDDEN, HIDDEN, 3, 2, 1, groups=2),
        nn.InstanceNorm(HIDDEN),
        nn.Dropout(HIDDEN),
        nn.GlobalPool(HIDDEN),
        nn.GroupPool(HIDDEN),
        torch.nn.Linear(2, 3),
    ),
    "features": lambda: nn.Sequential(
        nn.Linear(O2.rep("2x0e + 2x1"), nn.Gate(O2.rep("4x0e + 4x1")).rep_in),
        nn.Gate(O2.rep("4x0e + 4x1")),
        nn.LayerNorm(O2.rep("4x0e + 4x1")),
        nn.FourierActivation(O2.rep("4x0e + 4x1")),
    ),
    "residual": lambda: models.ResNet(D4.rep("1x0e"), D4.rep("3x0e"), (1, 1), 8),
    "u-net": lambda: models.UNet(O2.rep("1x0e"), O2.rep("2x0e + 1x1"), 2, 10, kernel_size=5),
}


def inputs(net: nn.EquivariantModule, batch: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    shape = (batch, net.rep_in.dim, 9, 9) if hasattr(net.fields_in[0], "n") else (batch, net.rep_in.dim)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(batch), dtype=torch.float64).to(dtype)


SLOW = {"residual", "u-net"}


def test_a_batch_as_large_as_another_axis_stays_free() -> None:
    rep = D4.rep("1xregular")
    net = nn.Sequential(nn.Conv2d(D4.rep("3x0e"), rep, 3), nn.BatchNorm(rep), nn.NormActivation(rep)).double()
    for batch, size in ((3, 8), (8, 8)):
        exported = net.export(torch.randn(batch, 3, size, size, dtype=torch.float64))
        x = torch.randn(5, 3, size, size, dtype=torch.float64)
        torch.testing.assert_close(exported(x), net.eval()(x))


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in NETWORKS])
def test_exported_modules_compute_the_same(name: str) -> None:
    """For every batch and in both precisions; nothing of the library is left, and they train, pickle and convert."""
    torch.manual_seed(0)
    net = NETWORKS[name]().double()
    net(inputs(net, 4))  # running statistics
    net.eval()
    exported = net.export(inputs(net, 3))
    assert "intertwine" not in exported.code
    assert {type(part).__module__ for part in exported.modules()} == {"torch.fx.graph_module"}
    for batch in (1, 3, 5):
        x = inputs(net, batch)
        torch.testing.assert_close(exported(x), net(x), rtol=1e-12, atol=1e-12)
    single = copy.deepcopy(net).float().export(inputs(net, 1, torch.float32))
    torch.testing.assert_close(single(x.float()).double(), net(x), rtol=0, atol=1e-5)
    again = pickle.loads(pickle.dumps(exported)).train().eval()
    torch.testing.assert_close(again(x), net(x))
    torch.testing.assert_close(torch.vmap(exported)(torch.stack([x, x]))[1], net(x))
    if x.ndim == 4:
        torch.testing.assert_close(exported(x.to(memory_format=torch.channels_last)), net(x))
        with pytest.raises(AssertionError, match=r"exported for inputs of the shape \(batch, 1, 9, 9\)"):
            exported(torch.zeros(1, 1, 10, 9, dtype=torch.float64))
    example = net.example_inputs(2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(net.export()(*example), net(*example))
    loss = exported(x).square().sum()
    loss.backward()
    assert all(p.grad is not None for p in exported.parameters() if p.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_exported_modules_compile_and_export(name: str) -> None:
    net = NETWORKS[name]().double().eval()
    x = inputs(net, 3)
    exported = net.export(x)
    compiled = torch.compile(exported, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), net(x))
    program = torch.export.export(exported, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(program.module()(inputs(net, 5)), net(inputs(net, 5)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of torch's exporter
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runs_them(name: str, tmp_path: Path) -> None:
    """The live module and the exported one, for every batch, where onnx, onnxscript and onnxruntime are installed."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = NETWORKS[name]().eval()
    x, other = inputs(net, 3, torch.float32), inputs(net, 5, torch.float32)
    for number, module in enumerate((net, net.export(x))):
        shapes = ({0: torch.export.Dim("batch")},)
        program = torch.onnx.export(module, (x,), dynamo=True, dynamic_shapes=shapes, verbose=False)
        program.save(str(tmp_path / f"{number}.onnx"))
        session = runtime.InferenceSession(str(tmp_path / f"{number}.onnx"))
        (found,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), net(other).detach(), rtol=1e-4, atol=1e-5)


def test_resizing_and_sizes_that_are_not_exact_are_exported() -> None:
    """Sizes are symbols while operations are recorded; a warning and an error name them in plain numbers."""
    rep = D4.rep("1x0e")
    net = nn.Sequential(nn.Conv2d(rep, rep, 3, stride=2), nn.Upsample(rep, scale_factor=2)).double()
    x = inputs(net, 2)[..., :8, :8]
    with pytest.warns(InexactGridWarning, match="8 × 8"):
        exported = net.export(x)
    with pytest.warns(InexactGridWarning):
        torch.testing.assert_close(exported(x), net(x))
    with pytest.raises(ShapeError, match=r"\(2, 3, 8, 8\)"):
        net.export(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ArgumentError, match=r"of shape \(1, 8, 8\). Call x\[None\]"):
        net.export(torch.zeros(1, 8, 8))


def test_what_is_not_exported() -> None:
    with pytest.raises(ArgumentError, match="first floating input"):
        nn.Linear(O2.rep("1x0e"), O2.rep("1x0e")).export(torch.zeros(2, 1, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="example of its inputs"):
        nn.Linear(O2.rep("1x0e"), O2.rep("1x0e")).export("x")


@pytest.mark.parametrize("layer", [nn.Linear, nn.SymmetricContraction])
def test_kernels_stay_behind(layer) -> None:
    """Layers whose operations are compiled are exported in torch's own, and keep their kernels themselves."""
    rep = O3.rep("4x0e + 4x1o")
    net, x = layer(rep, rep).double(), torch.randn(3, rep.dim, dtype=torch.float64)
    kept = {choice.backend for choice in net.backends(x).values()}
    exported = net.export(x)
    assert "intertwine" not in exported.code
    torch.testing.assert_close(exported(x), net(x))
    assert {choice.backend for choice in net.backends(x).values()} == kept
