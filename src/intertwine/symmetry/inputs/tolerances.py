"""What counts as zero, and as alike: the numbers that the searches for symmetries share, all relative to the input.

A tolerance bounds residuals: how far an element leaves the input from where it was. Elements within it count, and their
products within twice of it. The user's tolerance is raised to what its input can resolve, which is said here.
"""

FLOAT64 = 1e-12
"""What float64 makes of an exact symmetry, and of points that coincide."""

CRYSTAL = 1e-6
"""The same for crystals, whose cells and positions are never known better."""

DIGITS = 1e-6
"""The last digit of most files: residuals below this are zero on a ladder, and axes of exact inputs are off by less."""

ROUNDED = 5.0
"""How far positions that are rounded by one unit leave a point from its partner: each may be off by √3 units, more in a
slanted cell, and the centre by as much."""

LARGEST_ROUNDING = 0.05
"""Rounding counts up to this residual: numbers with fewer digits are rather exact ones."""

KEPT = 10.0
"""A target may be off by this many tolerances of its input, whose noise it answers to."""

SHARP = 1e-9
"""What float64 makes of a target that is kept exactly."""

LOST = 0.3
"""Elements that change a target by more than this part of it do not keep it, at any tolerance."""

POINT = 1e-13
"""A radius below this part of the largest coordinate is its rounding: all points are at one place."""

FAR = 0.3
"""Points this far from the centre, for a radius of 1, show directions well in spite of noise."""

TINY = 1e-300
"""Takes the place of a length of zero that others are divided by."""

ROUND = 1e-3
"""Residuals below this part of a tolerance make no order among elements: they are rounding, or might as well be."""
