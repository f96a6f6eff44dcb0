"""Which pixels are background, inside and edge of nuclei: U-Nets on the labelled microscope image of stardist.

Training crops come from the left half of the image, test crops from the right half. Nuclei lie in any pose, so a plain
network learns each pose from examples and is as good on turned images; what symmetry can save here is examples. All
networks are `models.UNet`; the plain one is that of the group of the identity alone. The score is the mean over the
three classes of intersection over union; turned test crops also measure what interpolation does to thin edges.

    pip install 'intertwine[all,images]' && pip install --no-deps stardist
    python examples/nuclei.py
"""

import numpy as np
import torch
from _common import Arm, Comparison, Examples, Recipe, Split, mean_iou, of_weights, options, weights

from intertwine import models
from intertwine.catalog import O2, SO2, cyclic, dihedral
from intertwine.data import images

SEEN, MARGIN, WIDTH = 48, 72, 4
PLAIN = cyclic(1)


def three_classes(labels: np.ndarray) -> np.ndarray:
    """0 outside, 1 inside, 2 where a pixel of a nucleus touches one that is not of it."""
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        for shift in (-1, 1):
            edge |= np.roll(labels, shift, axis) != labels
    return np.where(labels == 0, 0, np.where(edge, 2, 1))


def crops(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> Examples:
    def cut(a: np.ndarray) -> np.ndarray:
        return np.stack([a[i : i + MARGIN, j : j + MARGIN] for i, j in corners])

    return Examples(torch.tensor(cut(x))[:, None], torch.tensor(cut(y)), SEEN)


def split(seed: int, train: int) -> Split:
    x, y = images.nuclei()
    x, y = x[0], three_classes(y[0])
    draw = np.random.default_rng(seed)
    left = draw.integers(0, (512 - MARGIN, 256 - MARGIN), (train, 2), endpoint=True)
    rows, columns = np.linspace(0, 512 - MARGIN, 9).astype(int), np.linspace(256, 512 - MARGIN, 4).astype(int)
    right = np.array([(i, j) for i in rows for j in columns])
    return Split(crops(x, y, left), crops(x, y, right))


def unet(group, width):
    scalars = f"x{group.trivial}"
    return models.UNet(group.rep(f"1{scalars}"), group.rep(f"3{scalars}"), levels=3, width=width, kernel_size=5)


def main() -> None:
    given = options(__doc__)
    number = weights(unet(PLAIN, WIDTH))

    def build(group):
        return of_weights(lambda width: unet(group, width), number, range(4, 65, 4))

    def plain(_):
        return unet(PLAIN, WIDTH)

    arms = [
        Arm("plain", plain),
        Arm("plain, turned training", plain, turned=True),
        Arm("C4", build(cyclic(4))),
        Arm("C8", build(cyclic(8))),
        Arm("D4", build(dihedral(4))),
        Arm("SO(2)", build(SO2)),
        Arm("O(2)", build(O2)),
    ]
    sizes = (2, 4) if given.quick else (4, 32)
    recipe = Recipe(steps=2 if given.quick else 100, score=mean_iou, batch=8)
    Comparison("nuclei", lambda seed: split(seed, sizes[-1]), arms, sizes, recipe, "mean IoU", 1).main(given)


if __name__ == "__main__":
    main()
