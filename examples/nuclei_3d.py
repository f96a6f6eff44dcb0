"""Background, inside and edge of nuclei in a volume, whose voxels are twice as long along z as across: stardist's own.

A nucleus is about 7 slices high and 14 pixels wide. A microscope sees along z in another way than across, so turns
about z alone are asked for: `point_group("C4")`, and with top and bottom alike and mirrors `D4h`. They are told the
lengths by `spacing`. "Oh, as if cubes" is not: it takes all axes for one another. Training crops come from the left
half of the volume, test crops from the right half.

    pip install 'intertwine[all,images]' && pip install --no-deps stardist
    python examples/nuclei_3d.py
"""

from dataclasses import dataclass

import numpy as np
import torch
from _common import Arm, Comparison, Examples, Recipe, Split, mean_iou, of_weights, options, weights
from nuclei import three_classes
from torch import Tensor

from intertwine import models
from intertwine.catalog import O2, SO2, point_group
from intertwine.data import images

DEPTH, SEEN, MARGIN, WIDTH = 16, 20, 28, 4  # crops are DEPTH slices high; a turned square of 20 fits into 28
SPACING = (2.0, 1.0, 1.0)
HALF = 28  # columns of the left half of the volume


@dataclass(frozen=True)
class Slabs(Examples):
    """Examples that turn about z, and whose slices are seen whole."""

    def _middle(self, x: Tensor) -> Tensor:
        start = (x.shape[-1] - self.size) // 2
        return x.narrow(-1, start, self.size).narrow(-2, start, self.size)

    def anyhow(self, generator: np.random.Generator, mirrors: bool = False) -> Examples:
        turns = (O2 if mirrors else SO2).sample(len(self), int(generator.integers(2**31)))
        elements = np.tile(np.eye(3), (len(self), 1, 1))
        elements[:, :2, :2] = turns
        return self.moved(elements)


def crops(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> Slabs:
    def cut(a: np.ndarray) -> np.ndarray:
        return np.stack([a[z : z + DEPTH, i : i + MARGIN, j : j + MARGIN] for z, i, j in corners])

    return Slabs(torch.tensor(cut(x))[:, None], torch.tensor(cut(y)), SEEN)


def split(seed: int, train: int) -> Split:
    x, y = images.nuclei(3)
    y = three_classes(y)
    draw = np.random.default_rng(seed)
    depth, height, width = x.shape
    left = draw.integers(0, (depth - DEPTH, height - MARGIN, HALF - MARGIN), (train, 3), endpoint=True)
    tops, rows = (0, depth - DEPTH), np.linspace(0, height - MARGIN, 4).astype(int)
    right = np.array([(z, i, width - MARGIN) for z in tops for i in rows])
    return Split(crops(x, y, left), crops(x, y, right))


def unet(group, width, spacing=SPACING):
    scalars = f"x{group.trivial}"
    reps = group.rep(f"1{scalars}"), group.rep(f"3{scalars}")
    return models.UNet(*reps, levels=2, width=width, kernel_size=3, spacing=spacing)


def main() -> None:
    given = options(__doc__)
    identity = point_group("C1")
    number = weights(unet(identity, WIDTH))

    def build(group, spacing=SPACING):
        return of_weights(lambda width: unet(group, width, spacing), number, range(4, 97, 4))

    def plain(_):
        return unet(identity, WIDTH)

    arms = [
        Arm("plain", plain),
        Arm("plain, turned training", plain, turned=True),
        Arm("C4", build(point_group("C4"))),
        Arm("D4", build(point_group("D4"))),
        Arm("D4h", build(point_group("D4h"))),
        Arm("Oh, as if cubes", build(point_group("Oh"), spacing=(1.0, 1.0, 1.0))),
    ]
    sizes = (1, 2) if given.quick else (2, 16)
    recipe = Recipe(steps=2 if given.quick else 100, score=mean_iou, batch=4)
    Comparison("nuclei 3d", lambda seed: split(seed, sizes[-1]), arms, sizes, recipe, "mean IoU", 1).main(given)


if __name__ == "__main__":
    main()
