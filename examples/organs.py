"""Which organ of a frog is this piece? Shapes of 3-D patches, in any pose, from the segmented frog of pyvista.

A patch shows one organ alone, 16³ voxels of 3 mm about a random place of it. Training patches come from the front part
of each organ, test patches from its back part. The frog lies on its belly, and organs have a direction in it: the pose
of an upright patch tells something of the organ, and an invariant network cannot see that.

    pip install 'intertwine[all]' && pip install --no-deps pyvista
    python examples/organs.py
"""

import numpy as np
import torch
from _common import Comparison, Examples, Recipe, Split, options, volume_arms
from scipy.ndimage import map_coordinates

from intertwine.data import images

SEEN, MARGIN, STEP, WIDTH = 16, 28, 3.0, 10
TRAIN, TEST = 40, 20  # patches of each organ
FEWEST = 10_000  # voxels of an organ that is large enough


def patches(frog: np.ndarray, places: list[np.ndarray], count: int, draw: np.random.Generator) -> Examples:
    """So many patches of each organ, about random ones of its places, in random order."""
    kind = draw.permutation(np.repeat(np.arange(len(places)), count))
    steps = (np.arange(MARGIN) - (MARGIN - 1) / 2) * STEP
    offsets = np.stack(np.meshgrid(*(steps / spacing for spacing in images.ORGAN_SPACING), indexing="ij"))
    cut = []
    for k in kind:
        centre = places[k][draw.integers(len(places[k]))]
        coordinates = np.rint(centre[:, None, None, None] + offsets)
        around = map_coordinates(frog, coordinates, order=0, mode="constant")
        cut.append(around == frog[tuple(centre)])
    return Examples(torch.tensor(np.stack(cut), dtype=torch.float32)[:, None], torch.tensor(kind), SEEN)


def places_of_organs(frog: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The voxels of each organ that is large enough: the front 45 % along the frog, and the back 45 %."""
    front, back = [], []
    for organ in np.flatnonzero(np.bincount(frog.ravel()) >= FEWEST)[1:]:
        voxels = np.argwhere(frog == organ)
        low, high = np.quantile(voxels[:, 1], (0.45, 0.55))
        front.append(voxels[voxels[:, 1] < low])
        back.append(voxels[voxels[:, 1] > high])
    return front, back


def main() -> None:
    given = options(__doc__)
    frog = images.frog_organs()
    front, back = places_of_organs(frog)
    classes = len(front)

    def split(seed: int) -> Split:
        draw = np.random.default_rng(seed)
        return Split(patches(frog, front, TRAIN, draw), patches(frog, back, TEST, draw))

    sizes = (TRAIN * classes // 4, TRAIN * classes)
    recipe = Recipe(steps=2 if given.quick else 150, batch=16, looks=4, most=150)
    Comparison("organs", split, volume_arms(classes, WIDTH), sizes, recipe, tuned_on=1).main(given)


if __name__ == "__main__":
    main()
