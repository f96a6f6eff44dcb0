"""Ready networks, small, that the tests build in one line each."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine import models, nn
from intertwine.catalog import O2, O3, cyclic, dihedral, point_group

C4, D4, CUBE = cyclic(4), dihedral(4), point_group("O")


@dataclass(frozen=True)
class Ready:
    """A network, the widths of images that it is tried on, and what comes out for two of the first width."""

    make: Callable[[], nn.EquivariantModule]
    sizes: tuple[int, ...]
    out: tuple[int, ...]

    def built(self, dtype: torch.dtype = torch.float64) -> nn.EquivariantModule:
        """The network from a seed, in evaluation, with running statistics of a batch."""
        torch.manual_seed(0)
        net = self.make().to(dtype)
        net(self.images(net, 4).to(dtype))
        return net.eval()

    def images(self, net: nn.EquivariantModule, batch: int, size: int = 0) -> Tensor:
        """Random images or volumes, float64."""
        generator = torch.Generator().manual_seed(batch)
        axes = net.fields_in[0].n * (size or self.sizes[0],)
        return torch.randn(batch, net.rep_in.dim, *axes, generator=generator, dtype=torch.float64)


READY = {
    "Encoder2d": Ready(lambda: models.Encoder2d(D4, 3, 12, width=8), (12, 9, 15), (2, 32)),
    "Encoder2d to vectors": Ready(lambda: models.Encoder2d(O2, 1, 10, O2.rep("2x0e + 1x1"), width=10), (10, 9), (2, 4)),
    # Of filters wider than 3 on so few voxels, torch's weight gradients in bfloat16 hold memory as it was found.
    "Encoder3d": Ready(lambda: models.Encoder3d(O3.subgroup("C8"), 1, 6, width=8, kernel_size=3), (6, 7), (2, 16)),
    "ResNet18": Ready(lambda: models.ResNet18(D4, 3, 5, width=8), (33, 34), (2, 5)),
    "ResNet50": Ready(lambda: models.ResNet50(C4, C4.rep("1x0 + 1x1"), 5, width=4, stem="small"), (9, 10), (2, 5)),
    "WideResNet2d": Ready(
        lambda: models.WideResNet2d(D4, 1, 5, depth=10, widen=1, width=8, restrict=(None, None, "C4")), (9, 12), (2, 5)
    ),
    "ResNet3d": Ready(lambda: models.ResNet3d(CUBE, 1, CUBE.defining, (1, 1), width=24), (5, 6), (2, 3)),
    "UNet2d": Ready(lambda: models.UNet2d(D4, 1, D4.rep("2x0e + 1x1"), 3, 8), (10, 9), (2, 4, 10, 10)),
    "UNet3d": Ready(
        lambda: models.UNet3d(O3.subgroup("C4v"), 1, 2, 2, 8, spacing=(3, 1, 1), norm="instance"),
        (6, 5),
        (2, 2, 6, 6, 6),
    ),
}
