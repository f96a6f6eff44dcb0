"""Exported programs take images of any size: no layer decides anything by it, and none lets it into its state."""

from collections.abc import Callable

import pytest
import torch
from torch import nn as plain
from torch.export import Dim

from intertwine import models, nn
from intertwine.catalog import dihedral

pytestmark = pytest.mark.slow

D4 = dihedral(4)
HIDDEN = D4.rep("2xregular + 1x1")
COLOURS = D4.rep("3x0e")


def classifier() -> nn.Sequential:
    hidden = D4.rep("4xregular")
    return nn.Sequential(
        nn.Conv2d(COLOURS, hidden, 5, padding=2),
        nn.BatchNorm(hidden),
        nn.Activation(hidden),
        nn.BlurPool(hidden, 2),
        nn.Conv2d(hidden, hidden, 3, padding=1),
        nn.Activation(hidden),
        nn.GlobalPool(hidden),
        nn.GroupPool(hidden),
        plain.Linear(4, 10),
    )


NETWORKS: dict[str, Callable[[], nn.EquivariantModule]] = {
    "classifier": classifier,
    "ResNet": lambda: models.ResNet(COLOURS, D4.rep("5x0e"), (1, 1), 8),
    "UNet": lambda: models.UNet(COLOURS, D4.rep("2x0e"), 2, 10),
    "steps of three": lambda: nn.Sequential(nn.BlurPool(COLOURS, 3), nn.BlurPool(COLOURS, 2)),
    "pools": lambda: nn.Sequential(nn.MaxPool2d(HIDDEN, 2), nn.AvgPool2d(HIDDEN, 2), nn.AdaptiveMaxPool2d(HIDDEN, 2)),
    "up again": lambda: nn.Sequential(
        nn.ConvTranspose2d(HIDDEN, HIDDEN, 3, 2, 1), nn.Upsample(HIDDEN, scale_factor=2), nn.DiskMask(HIDDEN)
    ),
    "norms": lambda: nn.Sequential(nn.InstanceNorm(HIDDEN), nn.FieldDropout(HIDDEN)),
    "paddings": lambda: nn.Sequential(
        *[nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1, padding_mode=mode) for mode in ("circular", "reflect", "replicate")]
    ),
}


@pytest.mark.filterwarnings("ignore")  # sizes that are not exact are no concern here
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_exported_programs_take_any_size(name: str, strict: bool) -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    net = NETWORKS[name]().double().eval()
    channels = net.rep_in.dim
    free = ({0: Dim("batch"), 2: Dim("height", min=8), 3: Dim("width", min=8)},)
    example = torch.randn(3, channels, 28, 28, dtype=torch.float64)
    program = torch.export.export(net, (example,), dynamic_shapes=free, strict=strict).module()
    for shape in ((1, channels, 8, 9), (2, channels, 31, 28), (4, channels, 17, 40)):
        x = torch.randn(*shape, dtype=torch.float64)
        torch.testing.assert_close(program(x), net(x), rtol=1e-12, atol=1e-12)
