"""Images about their centre as vectors of O(2): circular harmonics, and how far rotations and mirrors move them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.symmetry.inputs.isotropy_group import RepVector
from intertwine.symmetry.inputs.tolerances import TINY

# the known rotations that measure what interpolation does: generic ones, and the one farthest from the grid's own
_TRIED = (0.3, 0.55, math.pi / 4)
# the highest frequency at radius r is this times r: pixels resolve π r along the rows, and less across them
_FINEST = 2.0
_FEWEST = 1000  # in fewer pixels noise cannot be told from content
_FEW_VALUES = 4  # drawings with no more values are not antialiased: their edges are off by up to half a pixel

Point = tuple[float, float]
"""A row and a column, counted from the centre of the first pixel; halves are between pixels."""


@dataclass(frozen=True, eq=False)
class AngularContent:
    """An image about its centre as a vector of O(2), of length 1, with the errors that were made on the way.

    The coefficient of frequency m on a ring is a complex number that a rotation by θ multiplies by e^{imθ} and that the
    mirror y → −y conjugates; all rings and channels together are many copies of the irrep m. An orthogonal mixing of
    the copies commutes with O(2), and puts their real and imaginary parts into two of them.

    Args:
        parts: for each frequency the real (first row) and imaginary parts on the two copies, `(M + 1, 2, 2)`.
        centre: the centre of the values of the smoothed image, beyond the noise.
        interpolation: how much a known rotation by interpolation, undone on the harmonics, changes them.
        noise: how far a rotation would move an image with the image's pixel noise only.
    """

    parts: np.ndarray
    centre: Point
    interpolation: float
    noise: float

    @property
    def degree(self) -> int:
        """The highest frequency."""
        return len(self.parts) - 1

    def vector(self, group: CatalogGroup) -> RepVector:
        """The vector of SO(2) or O(2)."""
        labels = [group.trivial, *map(str, range(1, self.degree + 1))]
        rep = group.rep(" + ".join(f"{min(m + 1, 2)}x{label}" for m, label in enumerate(labels)))
        return RepVector(rep, np.concatenate([self.parts[0, 0, :1], self.parts[1:].reshape(-1)]))

    @cached_property
    def overlaps(self) -> tuple[np.ndarray, np.ndarray]:
        """What each frequency adds, but for phases, to the overlap with the image turned, and mirrored, `(M + 1,)`."""
        mirrored = np.sum((self.parts[:, 0] + 1j * self.parts[:, 1]) ** 2, 1)
        return np.sum(self.parts**2, (1, 2)), np.asarray(mirrored)

    def residual(self, n: int, mirror: float | None = None) -> float:
        """The largest |ρ(g) x − x| of the rotations by multiples of 2π/n, or of the n mirrors of D_n.

        One mirror keeps the line at the angle `mirror`. Overlaps are Re Σ values[m] e^{−2πi m j/n} for j < n.
        """
        turned, mirrored = self.overlaps
        values = turned if mirror is None else mirrored * np.exp(-2j * mirror * np.arange(self.degree + 1))
        folded = np.pad(values, (0, -len(values) % n)).reshape(-1, n).sum(0)
        return float(np.sqrt(np.maximum(2 * (turned.sum() - np.fft.fft(folded).real.min()), 0.0)))

    def axis(self, n: int) -> float:
        """The angle in [0, π/n) of a mirror line of the D_n that moves the image least, on average over its mirrors.

        Its overlap is a sum of harmonics of the angle: the best point of a fine grid, then Newton's steps.
        """
        terms = self.overlaps[1][::n].copy()
        terms[0] = 0.0
        overlaps = np.fft.fft(terms, 16 * len(terms)).real
        angle, k = np.argmax(overlaps) * np.pi / (n * len(overlaps)), n * np.arange(len(terms))
        for _ in range(8):
            moved = terms * np.exp(-2j * angle * k)
            slope, bend = 2 * k @ moved.imag, -4 * k**2 @ moved.real
            angle = angle - slope / bend if bend < 0 else angle
        return float(angle % (np.pi / n))

    def placed(self, *, mirrors: bool) -> Iterator[tuple[int | None, float | None, float]]:
        """The closed subgroups, each where it moves the image least, and how far one of its elements does at most.

        They are SO(2) and the C_n up to the highest frequency; with mirrors also O(2) and the D_n: the number of
        rotations, None for all; the angle of a mirror line, None without mirrors; and the residual.
        """
        for n in (*range(1, self.degree + 1), None):
            count = n or 4 * (self.degree + 1)  # rotations so close to each other that they stand for all
            turned = self.residual(count)
            yield n, None, turned
            if mirrors:
                angle = self.axis(n) if n else 0.0
                yield n, angle, max(turned, self.residual(count, angle))


# from pixels ----------------------------------------------------------------------------------------------------------


def harmonics(image: np.ndarray, smoothing: float) -> AngularContent:
    """AngularContent of an image `(C, H, W)` that is zero outside of its content.

    The image is smoothed by a Gaussian of a standard deviation in pixels, which takes away what the grid cannot rotate,
    and looked at about its own centre, out to where its content ends.
    """
    levels, width = noise_levels(image), math.ceil(smoothing)
    spot = np.zeros((1, 8 * width + 1, 8 * width + 1))
    spot[0, 4 * width, 4 * width] = 1.0
    threshold = 3 * float(np.linalg.norm(levels) * np.linalg.norm(_smooth(spot, smoothing)))
    edge = math.ceil(3 * smoothing) + 2
    first = _smooth(_padded(image, edge), smoothing)
    row, column = _centroid(first, threshold)
    sizes = np.linalg.norm(first, axis=0)
    least = 1.5 * threshold if sizes.max() > 1.5 * threshold else 0.0
    rows, columns = np.nonzero(sizes > max(1e-3 * sizes.max(), least))
    radius = float(np.hypot(rows - row, columns - column).max(initial=0.0)) + 1
    inside = min(row, column, first.shape[1] - 1 - row, first.shape[2] - 1 - column)
    margin = edge + math.ceil(max(radius - inside, 0.0)) + 6
    canvas, middle = _padded(image, margin), (row - edge + margin, column - edge + margin)

    def coefficients(canvas: np.ndarray, centre: Point | None = None) -> np.ndarray:
        smooth = _smooth(canvas, smoothing)
        return _coefficients(smooth, centre or _centroid(smooth, threshold), radius)

    found = coefficients(canvas, middle)
    size, m = max(float(np.linalg.norm(found)), TINY), np.arange(found.shape[1])
    order = 0 if max(len(np.unique(channel)) for channel in image) <= _FEW_VALUES else 1  # few values are kept
    undone = (coefficients(_rotated(canvas, middle, angle, order)) * np.exp(-1j * angle * m) for angle in _TRIED)
    error = max(float(np.linalg.norm(one - found)) for one in undone)
    grain = levels[:, None, None] * np.random.default_rng(0).normal(size=image.shape)
    noise = math.sqrt(2) * float(np.linalg.norm(coefficients(_padded(grain, margin), middle)))
    return AngularContent(_compressed(found / size), (row - edge, column - edge), error / size, noise / size)


def _centroid(image: np.ndarray, threshold: float) -> Point:
    """The centre of the sizes, beyond a threshold, of the values of an image `(C, H, W)`; else its middle."""
    weights = np.maximum(np.linalg.norm(image, axis=0) - threshold, 0.0)
    if not (total := weights.sum()):
        return (image.shape[1] - 1) / 2, (image.shape[2] - 1) / 2
    rows, columns = (np.arange(size) for size in weights.shape)
    return float(weights.sum(1) @ rows / total), float(weights.sum(0) @ columns / total)


def _padded(image: np.ndarray, margin: int) -> np.ndarray:
    return np.pad(image, ((0, 0), (margin, margin), (margin, margin)))


def _smooth(image: np.ndarray, smoothing: float) -> np.ndarray:
    from scipy import ndimage  # scipy costs a tenth of a second that most users of the library need not pay

    return np.asarray(ndimage.gaussian_filter(image, (0, smoothing, smoothing), mode="constant"))


def _coefficients(image: np.ndarray, centre: Point, radius: float) -> np.ndarray:
    """Circular harmonics `(rings × channels, M + 1)` of an image about a centre, out to a radius.

    ∫ |f|² is the sum of their squared sizes: rings are weighted by their lengths.
    """
    r = np.arange(math.ceil(radius)) + 0.5
    count = 8 * math.ceil(_FINEST * radius / 4) + 8  # D4 moves the points of a ring onto each other
    angles = 2 * np.pi * np.arange(count) / count
    places = np.stack([centre[0] - r[:, None] * np.sin(angles), centre[1] + r[:, None] * np.cos(angles)])
    m = np.arange(int(_FINEST * r[-1]) + 1)
    found = np.fft.rfft(_sampled(image, places, 3), axis=-1).conj()[..., : len(m)] / count
    lengths = np.sqrt(2 * np.pi * r)[:, None] * np.where(m, math.sqrt(2), 1.0)
    return np.asarray(np.where(m <= _FINEST * r[:, None], found * lengths, 0).reshape(-1, len(m)))


def _rotated(canvas: np.ndarray, centre: Point, angle: float, order: int) -> np.ndarray:
    """The image turned about a point, with splines of an order."""
    i, j = np.indices(canvas.shape[1:])
    x, y = j - centre[1], centre[0] - i
    c, s = math.cos(angle), math.sin(angle)
    return _sampled(canvas, np.stack([centre[0] - (c * y - s * x), centre[1] + (c * x + s * y)]), order)


def _sampled(image: np.ndarray, places: np.ndarray, order: int) -> np.ndarray:
    """Values `(C, …)` of an image at rows and columns `(2, …)`, by splines of an order."""
    from scipy import ndimage

    return np.stack([ndimage.map_coordinates(channel, places, order=order, mode="constant") for channel in image])


def _compressed(found: np.ndarray) -> np.ndarray:
    """Parts `(M + 1, 2, 2)` of coefficients `(copies, M + 1)`, with the same lengths and scalar products."""
    stacked = np.stack([found.T.real, found.T.imag], -1)  # (M + 1, copies, 2)
    padded = np.pad(stacked, ((0, 0), (0, 2), (0, 0)))
    parts = np.swapaxes(np.linalg.qr(padded, mode="r"), -1, -2)
    parts[0] = np.linalg.norm(found[:, 0].real) * np.array([[1.0, 0.0], [0.0, 0.0]])
    return np.asarray(parts)


def noise_levels(image: np.ndarray) -> np.ndarray:
    """The standard deviation of white noise in each channel of an image `(C, H, W)`; 0 if there are too few pixels.

    From the median size of the diagonal differences of two by two pixels, which edges hardly change (D. Donoho and
    I. Johnstone 1994, doi:10.1093/biomet/81.3.425).
    """
    if min(image.shape[1:]) < 2 or image[0].size < _FEWEST:
        return np.zeros(len(image))
    a, b = image[:, :-1], image[:, 1:]
    differences = (a[..., :-1] - a[..., 1:] - b[..., :-1] + b[..., 1:]) / 2
    return np.asarray(np.median(np.abs(differences), (1, 2)) / 0.6745)
