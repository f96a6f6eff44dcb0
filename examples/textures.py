"""Brick, grass and gravel from small patches in any pose: photographs of scikit-image.

Training patches come from the upper halves of the photographs, test patches from the lower halves, each less its mean,
so that brightness tells nothing. The rows of bricks are horizontal in training.

    pip install 'intertwine[all,images]'
    python examples/textures.py
"""

import numpy as np
import torch
from _common import Arm, Comparison, Examples, Plain, Recipe, Split, classifier, of_weights, options, weights

from intertwine.catalog import O2, SO2, cyclic, dihedral
from intertwine.data import images

SEEN, MARGIN, WIDTH, TEST = 24, 36, 12, 120
CLASSES = len(images.TEXTURES)


def patches(photographs: np.ndarray, count: int, draw: np.random.Generator) -> Examples:
    """So many patches of each photograph, in random order."""
    kind = draw.permutation(np.repeat(np.arange(CLASSES), count))
    room = np.array(photographs.shape[1:]) - MARGIN
    corners = draw.integers(0, room, (len(kind), 2), endpoint=True)
    cut = np.stack([photographs[k, i : i + MARGIN, j : j + MARGIN] for k, (i, j) in zip(kind, corners, strict=True)])
    contrast = (cut - cut.mean((1, 2), keepdims=True)) / 0.2
    return Examples(torch.tensor(contrast)[:, None], torch.tensor(kind), SEEN)


def main() -> None:
    given = options(__doc__)
    photographs = images.textures()
    number = weights(Plain(CLASSES, WIDTH))

    def steerable(group):
        return of_weights(lambda width: classifier(group, CLASSES, width), number, range(8, 129, 8))

    def plain(_):
        return Plain(CLASSES, WIDTH)

    def split(seed: int) -> Split:
        draw = np.random.default_rng(seed)
        return Split(patches(photographs[:, :256], 100, draw), patches(photographs[:, 256:], TEST, draw))

    arms = [
        Arm("plain", plain),
        Arm("plain, turned training", plain, turned=True),
        Arm("same, 8 × as long", plain, turned=True, longer=8),
        Arm("C4", steerable(cyclic(4))),
        Arm("C8", steerable(cyclic(8))),
        Arm("D8", steerable(dihedral(8))),
        Arm("SO(2)", steerable(SO2)),
        Arm("O(2)", steerable(O2)),
    ]
    recipe = Recipe(steps=4 if given.quick else 60, batch=32)
    Comparison("textures", split, arms, (30, 60) if given.quick else (60, 300), recipe).main(given)


if __name__ == "__main__":
    main()
