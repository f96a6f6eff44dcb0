"""Written digits that training saw upright, in any pose: which networks still read them?

The 1617 digits 0 to 8 of scikit-learn (a 9 is a turned 6). Networks of equal weights: a plain one, the same with turned
training images, and steerable ones. An invariant network gives the same answer for every pose, so that a pose can tell
it nothing; that costs little here. "C8 to C1" is the way between: its last convolution is an ordinary one that knows
which way is up.

    pip install 'intertwine[all]'
    python examples/rotated_digits.py
"""

import numpy as np
from _common import Arm, Comparison, Plain, Recipe, classifier, of_weights, options, shuffled_split, weights

from intertwine.catalog import O2, SO2, cyclic, dihedral
from intertwine.data import images

CLASSES, WIDTH = 9, 16


def arms() -> list[Arm]:
    number = weights(Plain(CLASSES, WIDTH))

    def steerable(group, **more):
        return of_weights(lambda width: classifier(group, CLASSES, width, **more), number, range(8, 161, 8))

    def plain(_):
        return Plain(CLASSES, WIDTH)

    return [
        Arm("plain", plain),
        Arm("plain, turned training", plain, turned=True),
        Arm("same, 8 × as long", plain, turned=True, longer=8),
        Arm("C4", steerable(cyclic(4))),
        Arm("C8", steerable(cyclic(8))),
        Arm("D8", steerable(dihedral(8))),
        Arm("SO(2)", steerable(SO2)),
        Arm("O(2)", steerable(O2)),
        Arm("C8 to C1", steerable(cyclic(8), lower=cyclic(8).subgroup("C1"))),
    ]


def main() -> None:
    given = options(__doc__)
    data = images.digits()
    padded = np.pad(data.images, ((0, 0), (2, 2), (2, 2)))  # room for the corners of a turned digit
    train, test = (100, 60) if given.quick else (800, 800)
    Comparison(
        "rotated digits",
        lambda seed: shuffled_split(padded, data.labels, train, test, seed),
        arms(),
        (train // 4, train),
        Recipe(steps=4 if given.quick else 150),
    ).main(given)


if __name__ == "__main__":
    main()
