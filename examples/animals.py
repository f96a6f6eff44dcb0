"""Silhouettes of ten kinds of animals in any pose: the protocol of MNIST-rot, on the images of animal_mnist.

First as MNIST-rot does it: each training image is turned once, by an angle of its own, and so are the test images. The
plain network may besides turn its training images afresh in each batch. Then with upright training images.

Animals stand on their feet: the pose of an upright silhouette tells a head from a tail. An invariant network cannot see
it, and on upright images the plain network is better. "C8 to C1" keeps the pose of large patterns: its last convolution
is an ordinary one.

    pip install 'intertwine[all]' && pip install --no-deps animal_mnist
    python examples/animals.py
"""

import numpy as np
from _common import Arm, Comparison, Plain, Recipe, Split, classifier, of_weights, options, shuffled_split, weights

from intertwine.catalog import O2, SO2, cyclic, dihedral
from intertwine.data import images

CLASSES, WIDTH = 10, 12


def steerable(group, **more):
    number = weights(Plain(CLASSES, WIDTH))
    return of_weights(lambda width: classifier(group, CLASSES, width, **more), number, range(8, 129, 8))


def plain(_):
    return Plain(CLASSES, WIDTH)


def turned_once(split: Split, seed: int) -> Split:
    return Split(split.train.anyhow(np.random.default_rng(seed + 20_000)), split.test)


def main() -> None:
    given = options(__doc__)
    data = images.animals()
    train, test = (100, 60) if given.quick else (2000, 1000)
    recipe = Recipe(steps=4 if given.quick else 150, batch=32)

    def upright(seed: int) -> Split:
        return shuffled_split(data.images, data.labels, train, test, seed)

    groups = {
        "C4": steerable(cyclic(4)),
        "C8": steerable(cyclic(8)),
        "D8": steerable(dihedral(8)),
        "SO(2)": steerable(SO2),
        "O(2)": steerable(O2),
    }
    steerable_arms = [Arm(name, build) for name, build in groups.items()]
    once = [
        Arm("plain", plain),
        Arm("plain, turned afresh", plain, turned=True),
        Arm("same, 8 × as long", plain, turned=True, longer=8),
        *steerable_arms,
    ]
    sizes = (train // 4, train)
    Comparison("animals turned once", lambda seed: turned_once(upright(seed), seed), once, sizes, recipe).main(given)
    standing = [
        Arm("plain", plain),
        Arm("plain, 8 × as long", plain, longer=8),
        Arm("plain, turned training", plain, turned=True),
        *steerable_arms,
        Arm("C8 to C1", steerable(cyclic(8), lower=cyclic(8).subgroup("C1"))),
    ]
    Comparison("animals upright", upright, standing, sizes, recipe).main(given)


if __name__ == "__main__":
    main()
