"""Grey matter, white matter or neither? The tissue of the middle voxel of small 3-D patches of a mean brain (nilearn).

Brightness would tell, so each patch has a contrast of its own: a random gamma, half of them are negatives, and noise.
What is left is shape: sheets of grey matter about white, in any pose. Training patches come from the back of the brain,
test patches from its front.

    pip install 'intertwine[all]' && pip install --no-deps nilearn
    python examples/tissue.py
"""

import numpy as np
import torch
from _common import Comparison, Examples, Recipe, Split, options, volume_arms
from scipy.ndimage import binary_dilation

from intertwine.data import images

SEEN, MARGIN, WIDTH = 11, 19, 10
CLASSES = 3
TRAIN, TEST = 300, 200  # patches of each tissue
SURE, OTHER = 0.6, 0.4  # a voxel with more than SURE of a tissue is of it, with less than OTHER is not of it
FRONT, BACK = slice(0, 105), slice(125, 233)  # of the rows, which run backwards


def places_of_tissues(grey: np.ndarray, white: np.ndarray, rows: slice) -> list[np.ndarray]:
    """The middle voxels of patches: neither tissue but within 2 voxels of one, surely grey, surely white."""
    near = binary_dilation((grey > OTHER) | (white > OTHER), iterations=2)
    tissues = near & (grey < OTHER) & (white < OTHER), (grey > SURE) & (white < OTHER), (white > SURE) & (grey < OTHER)
    room = np.zeros(grey.shape, bool)
    half = MARGIN // 2
    room[half:-half, max(rows.start, half) : min(rows.stop, grey.shape[1] - half), half:-half] = True
    return [np.argwhere(tissue & room) for tissue in tissues]


def patches(t1: np.ndarray, places: list[np.ndarray], count: int, draw: np.random.Generator) -> Examples:
    """So many patches of each tissue, about random ones of its places, in random order and contrast."""
    kind = draw.permutation(np.repeat(np.arange(CLASSES), count))
    half, cut = MARGIN // 2, []
    for k in kind:
        z, y, x = places[k][draw.integers(len(places[k]))]
        around = t1[z - half : z + half + 1, y - half : y + half + 1, x - half : x + half + 1]
        around = (around - around.min()) / max(np.ptp(around), 1e-3)
        contrast = around ** np.exp(draw.normal(0, 0.5))
        negative = draw.random() < 0.5
        cut.append((1 - contrast if negative else contrast) - 0.5 + draw.normal(0, 0.05, contrast.shape))
    return Examples(torch.tensor(np.stack(cut), dtype=torch.float32)[:, None], torch.tensor(kind), SEEN)


def main() -> None:
    given = options(__doc__)
    t1, grey, white = images.brain()
    front, back = (places_of_tissues(grey, white, rows) for rows in (FRONT, BACK))

    def split(seed: int) -> Split:
        draw = np.random.default_rng(seed)
        return Split(patches(t1, back, TRAIN, draw), patches(t1, front, TEST, draw))

    sizes = (TRAIN * CLASSES // 6, TRAIN * CLASSES)
    recipe = Recipe(steps=2 if given.quick else 150, batch=32, looks=4)
    Comparison("tissue", split, volume_arms(CLASSES, WIDTH), sizes, recipe, tuned_on=1).main(given)


if __name__ == "__main__":
    main()
