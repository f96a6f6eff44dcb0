"""The symmetry of an image: exactly on its pixels, up to interpolation for any angle, and its translations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import for_json, to_numpy
from intertwine.catalog import O2, SO2, words
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps import Rep
from intertwine.symmetry.inputs.circular import AngularContent, Point, harmonics, noise_levels
from intertwine.symmetry.inputs.greedy_closure import largest_among
from intertwine.symmetry.inputs.identify_subgroup import all_elements
from intertwine.symmetry.inputs.isotropy_group import FiniteStabiliser, RepVector, Stabiliser
from intertwine.symmetry.inputs.stabiliser import ContinuousStabiliser
from intertwine.symmetry.inputs.tolerances import DIGITS

# a group is a rung if every larger one moves the image by so much more than it, and than the errors, do: half as much
_CLEARLY = math.log10(1.5)
_UNSURE = 0.5  # differences that are smaller than this part of the noise say nothing: it moves the centre, too
_VISIBLE = 0.05  # values of this part of the largest one, noise apart, count as content that the border cuts


@dataclass(frozen=True, repr=False)
class ImageRung:
    """A group that moves an image by less than every larger group does.

    Args:
        turns: how many rotations it has; None for all.
        mirror: the angle of one of its mirror lines; None if it has none.
        residual: the largest |ρ(g) x − x| / |x| of its elements.
        until: the smallest residual of a larger group, or the largest that was looked at.
        width: the powers of ten between that and its own residual, or the errors if these are larger.
    """

    turns: int | None
    mirror: float | None
    residual: float
    until: float
    width: float

    @property
    def name(self) -> str:
        """Cn, Dn, SO(2) or O(2)."""
        if self.turns is None:
            return "SO(2)" if self.mirror is None else "O(2)"
        return f"{'C' if self.mirror is None else 'D'}{self.turns}"

    @property
    def order(self) -> float:
        """The number of elements."""
        return math.inf if self.turns is None else self.turns * (1 if self.mirror is None else 2)

    def __str__(self) -> str:
        return f"{self.name} up to {_percent(self.residual)}"

    def __repr__(self) -> str:
        return f"<ImageRung {self}>"


@dataclass(frozen=True, repr=False, eq=False)
class ImageSymmetry:
    """The symmetry of an image: what `image_stabiliser` finds.

    Points are (row, column), counted from the centre of the first pixel. Elements and angles are of the plane with x to
    the right and y up.

    Args:
        exact: the rotations by quarter turns and mirrors that take the pixels onto equal ones.
        exact_centre: what they turn about: the centre of the box around the content.
        rungs: the groups of rotations and mirrors by any angle that the image has approximately, exact ones first.
        approximate: the best of the rungs: that with the widest gap, or of an ambiguous pair the one that holds better.
        centroid: what they turn about: the centre of the values, by their distance from the background.
        interpolation: the relative error that a known rotation makes: by linear interpolation, or, if the image has at
            most four values, with the nearest pixels.
        noise: how much the pixel noise in the image moves under a rotation, relative to the image.
        translations: two vectors (x, y) `(2, 2)`, in pixels, that span the translations of the image repeated over the
            plane; none `(0, 2)` if these are just by its own height and width.
        cut: whether content reaches the border: what lies beyond it was taken to be background.
        rep: how `vector` transforms.
        vector: the image about its centroid as circular harmonics `(rep.dim,)`, of length 1.
    """

    exact: Stabiliser
    exact_centre: Point
    rungs: tuple[ImageRung, ...]
    approximate: Stabiliser
    centroid: Point
    interpolation: float
    noise: float
    translations: np.ndarray
    cut: bool
    rep: Rep
    vector: np.ndarray

    @property
    def residual(self) -> float:
        """The largest |ρ(g) x − x| / |x| of the elements of the approximate symmetry."""
        return float(self.approximate.residuals.max(initial=0.0))

    @property
    def mirrors(self) -> np.ndarray:
        """The angles in [0, π) from the x axis of the approximate symmetry's mirror lines; none if it has all."""
        return _mirror_angles(self.approximate)

    @property
    def handed(self) -> bool | None:
        """Whether no mirror is among the approximate symmetries; None if mirrors were not looked for."""
        if self.approximate.group.is_proper:
            return None
        return bool((np.linalg.det(self.approximate.elements) > 0).all())

    @property
    def ambiguous(self) -> tuple[ImageRung, ImageRung] | None:
        """The two best rungs, if no gap is clearly the widest (twice as wide in powers of ten); else None.

        The first holds better, and is `approximate` unless a tolerance was given.
        """
        first, *others = _best(self.rungs)
        return (first, others[0]) if others else None

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        names = ("exact", "exact_centre", "approximate", "residual", "mirrors", "handed", "centroid", "interpolation")
        return for_json(self, *names, "noise", "translations", "cut") | {
            "rungs": [for_json(rung, "name", "residual", "until") for rung in self.rungs],
            "ambiguous": [rung.name for rung in self.ambiguous or ()],
        }

    def __str__(self) -> str:
        errors = f"interpolation alone makes {_percent(self.interpolation)}"
        errors += f", noise {_percent(self.noise)}" if self.noise > 1e-3 else ""
        upto = "by any angle" if self.residual <= DIGITS else f"up to {_percent(self.residual)}"
        lines = [
            f"exactly, on the pixel grid: {_placed(self.exact, self.exact_centre)}",
            f"{upto} ({errors}): {_placed(self.approximate, self.centroid)}",
        ]
        if self.exact.order == self.approximate.order == 1:
            lines = [f"no symmetry beyond the identity, on the pixel grid or by any angle ({errors})"]
        if not self.vector.any():
            lines.insert(0, "the image has no content beside its background")
        lines += [f"no larger group below {_percent(rung.until)}" for rung in self.rungs
                  if rung.name == self.approximate.name != "O(2)"]  # fmt: skip
        if (pair := self.ambiguous) is not None:
            lines.append(f"ambiguous between {pair[0]} and {pair[1]}")
        if self.cut:
            lines.append("the content reaches the border; what lies beyond it was taken to be background")
        if len(self.translations):
            a, b = (words.vector(t) for t in self.translations)
            lines.append(f"translations by {a} and {b} pixels leave the repeated image as it is")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ImageSymmetry exactly {self.exact.name}, up to {_percent(self.residual)} {self.approximate.name}>"


def _placed(found: Stabiliser, centre: Point) -> str:
    """A symmetry, its centre and its mirror lines, in words."""
    row, column = (f"{round(value, 2) + 0.0:g}" for value in centre)
    text = f"{found.name} about row {row}, column {column}"
    if len(angles := np.degrees(_mirror_angles(found))):
        shown = ", ".join(f"{round(angle, 1) % 180:g}°" for angle in angles[:8])
        text += f", mirror line{'s' * (len(angles) > 1)} at {shown}{', …' * (len(angles) > 8)}"
    return text


def _mirror_angles(found: Stabiliser) -> np.ndarray:
    flips = found.elements[np.linalg.det(found.elements) < 0]
    angles = np.arctan2(flips[:, 1, 0], flips[:, 0, 0]) / 2 % np.pi
    angles = np.where(angles > np.pi - 1e-9, 0.0, angles)
    return np.zeros(0) if found.continuous else np.sort(angles)


def _percent(value: float) -> str:
    shown = f"{100 * value:.0f}" if value >= 0.995 else f"{100 * value:.2g}"
    return f"{shown} %" if value > DIGITS else "0 %"


def image_stabiliser(
    image: np.ndarray,
    *,
    group: CatalogGroup = O2,
    background: float | Sequence[float] | None = None,
    tolerance: float | None = None,
    exact_tolerance: float = 1e-6,
    smoothing: float = 1.0,
    largest: float = 0.3,
) -> ImageSymmetry:
    """The rotations, mirrors and translations that leave an image as it is: exactly, and up to interpolation.

    - Exactly: the quarter turns and mirrors of D4 about the centre of the box around the content, pixel by pixel.
    - By any angle: the image, smoothed a little, is written in circular harmonics about its centroid; on them rotations
      act without interpolation. Every C_n and D_n is tried, placed where it moves the image least, and SO(2) and O(2).
      A group is a rung where every larger one moves the image clearly more. The best rung has the widest gap above it,
      counted from the errors of interpolation and noise, which are measured on the image itself; if two gaps are
      nearly as wide, it is the rung that holds better.
    - Translations of the image repeated over the plane, from the peaks of its autocorrelation.

    Args:
        image: an array or tensor `(H, W)` or `(C, H, W)`, rows down the screen. Around it is background.
        group: O(2), or SO(2) to leave mirrors out.
        background: its value, or one for each channel. Default: the most common value of the border, or the median
            where no value makes up a tenth of it.
        tolerance: take the largest group with residuals |ρ(g) x − x| / |x| up to this. Default: the best rung.
        exact_tolerance: how far equal pixels may differ, over the largest difference from the background.
        smoothing: the standard deviation in pixels of the Gaussian that takes away what a grid cannot rotate; 0 for
            none.
        largest: residuals from here on, noise apart, are no approximate symmetry.

    Raises `ShapeError` for other shapes, and `ArgumentError` for complex or not finite values, other groups and
    negative numbers.

    An image without content has every symmetry. One cut off by its border has the symmetry of the piece, and `cut` is
    set. Noise that is finer than the smoothing counts as error; a fine texture counts as noise. What breaks a symmetry
    by less than interpolation does is seen only in smooth images, which show by a rotation that is none of the grid's
    that their pixels are better than that.

    Circular harmonics: Y.-N. Hsu and H. Arsenault, Optical pattern recognition using circular harmonic expansion
    (1982), doi:10.1364/AO.21.004016.

    >>> rows, columns = np.indices((33, 33)) - 16
    >>> cross = (abs(rows) < 3) & (abs(columns) < 12) | (abs(columns) < 3) & (abs(rows) < 12)
    >>> found = image_stabiliser(cross)
    >>> found.exact.name, found.exact_centre, found.approximate.name
    ('D4', (16.0, 16.0), 'D4')
    """
    if group not in (O2, SO2):
        raise ArgumentError(f"The symmetry of an image is looked for in tw.O2 or tw.SO2, but got {group}.")
    _check_numbers(tolerance=tolerance or 0.0, exact_tolerance=exact_tolerance, smoothing=smoothing, largest=largest)
    pixels = _checked_image(image)
    edge = np.ones(pixels.shape[1:], dtype=bool)
    edge[1:-1, 1:-1] = False
    content = pixels - _background(pixels[:, edge], background)[:, None, None]
    content = content / (np.abs(content).max() or 1.0)
    look = harmonics(content, smoothing)
    vector, every = look.vector(group), _candidates(look, group, largest)
    rungs = [rung for rung in every if rung.width > _CLEARLY]
    rungs = rungs or [max((rung for rung in every if rung.residual <= DIGITS), key=lambda rung: rung.order)]
    if tolerance is None:
        best = _best(rungs)[0]
        slack = max(best.residual, look.interpolation)
    else:
        allowed = [rung for rung in every if rung.residual <= max(tolerance, DIGITS)]
        best, slack = min(allowed, key=lambda rung: (-rung.order, rung.name != "O(2)", rung.residual)), tolerance
    return ImageSymmetry(
        *_on_the_grid(content, vector, exact_tolerance),
        rungs=tuple(sorted(rungs, key=lambda rung: (rung.residual, rung.order))),
        approximate=_stabiliser(best, vector, slack),
        centroid=look.centre,
        interpolation=look.interpolation,
        noise=look.noise,
        translations=_translations(content, exact_tolerance),
        cut=bool((np.abs(content[:, edge]).max(1) > _VISIBLE + 5 * noise_levels(content)).any()),
        rep=vector.rep,
        vector=vector.x,
    )


def _check_numbers(**numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 <= value < math.inf:
            raise ArgumentError(f"{name} is a finite number that is not negative, but got {value!r}.")


def _checked_image(image: np.ndarray) -> np.ndarray:
    """An image as float64 values `(C, H, W)`; raises `ShapeError` and `ArgumentError` for what is none."""
    try:
        pixels = to_numpy(image)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"An image is an array or tensor of numbers, but got {type(image).__name__}.") from error
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ShapeError(
            f"An image (H, W) or (C, H, W) with at least one pixel was expected, but got an array of shape "
            f"{pixels.shape}. Call image_stabiliser for each image of a batch."
        )
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4) and min(pixels.shape[:2]) > 16:
        raise ShapeError(
            f"An image (C, H, W) was expected, but the shape {pixels.shape} looks as if channels "
            "were last. Pass image.transpose(2, 0, 1), or permute(2, 0, 1) of a tensor."
        )
    if np.iscomplexobj(pixels) or not np.isfinite(pixels).all():
        raise ArgumentError("The image holds complex, NaN or infinite values. Pass real, finite ones.")
    return pixels[None] if pixels.ndim == 2 else pixels


def _background(border: np.ndarray, given: float | Sequence[float] | None) -> np.ndarray:
    """The value of each channel around the content, `(C,)`: the most common one of the outermost pixels `(C, n)`."""
    if given is not None:
        values = to_numpy(np.asarray(given))
        if values.shape not in ((), (1,), (len(border),)) or not np.isfinite(values).all():
            raise ArgumentError(
                f"background is a finite number, or one for each of {len(border)} channels, but got {given!r}."
            )
        return np.broadcast_to(values, len(border))
    usual = []
    for channel in border:
        values, counts = np.unique(channel, return_counts=True)
        usual.append(values[np.argmax(counts)] if 10 * counts.max() >= len(channel) else np.median(channel))
    return np.array(usual, dtype=np.float64)


def _on_the_grid(content: np.ndarray, image: RepVector, tolerance: float) -> tuple[Stabiliser, Point]:
    """The elements of D4 that move the pixels onto equal ones, about the centre of the box around the content."""
    group: CatalogGroup = image.rep.group  # type: ignore[assignment]
    rows, columns = np.nonzero(np.abs(content).max(0) > tolerance)
    if len(rows):
        box = content[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        centre = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    else:
        box, centre = content[:, :0, :0], ((content.shape[1] - 1) / 2, (content.shape[2] - 1) / 2)
    whole = group.subgroup("D4" if group == O2 else "C4")
    elements = all_elements(whole)
    residuals = np.array([_moved(box, g) for g in elements])
    members = largest_among(elements, residuals, tolerance)
    exact = FiniteStabiliser(whole, elements, residuals, None, tolerance, image).among(members, residuals, tolerance)
    return exact, (float(centre[0]), float(centre[1]))


def _moved(box: np.ndarray, g: np.ndarray) -> float:
    """How far an element of D4 moves the values of a box; infinitely far if its sides do not fit."""
    mirrored = box if np.linalg.det(g) > 0 else box[:, ::-1]
    image = np.rot90(mirrored, round(math.atan2(g[1, 0], g[0, 0]) / (math.pi / 2)), (1, 2))
    return math.inf if image.shape != box.shape else float(np.abs(image - box).max(initial=0.0))


def _candidates(look: AngularContent, group: CatalogGroup, largest: float) -> list[ImageRung]:
    """All groups, each with the gap above it.

    Noise adds its square to the square of every residual but that of the identity, nearly the same to all of them.
    """
    places = list(look.placed(mirrors=group == O2))
    residuals = np.array([residual for *_, residual in places])
    beyond = np.sqrt(np.maximum(residuals**2 - look.noise**2, 0.0))
    turns, mirrors = np.array([(n or 0, angle is not None) for n, angle, _ in places]).T  # 0 is divided by all
    larger = (np.gcd.outer(turns, turns) == turns[:, None]) & (mirrors[:, None] <= mirrors)
    larger &= ~np.eye(len(places), dtype=bool)
    ends = np.minimum(np.where(larger, beyond, np.inf).min(1), largest)
    off_grid = residuals[(mirrors == 0) & (turns % 4 > 0) & (turns > 2)]  # what the grid itself does not keep
    error = min(look.interpolation, 2 * off_grid.min(initial=np.inf))
    least = np.maximum(np.maximum(beyond, math.hypot(error, _UNSURE * look.noise)), DIGITS)
    widths = np.log10(np.maximum(ends, DIGITS) / least)
    gaps = zip(np.hypot(ends, look.noise).tolist(), widths.tolist(), strict=True)
    return [ImageRung(*place, *gap) for place, gap in zip(places, gaps, strict=True)]


def _best(rungs: Sequence[ImageRung]) -> tuple[ImageRung, ...]:
    """The rung with the widest gap, or of two where neither is twice as wide both, first the one that holds better."""
    first, *others = sorted(rungs, key=lambda rung: (-rung.width, -rung.order))
    if not others or first.width > 2 * others[0].width:
        return (first,)
    return (first, others[0]) if first.residual <= others[0].residual else (others[0], first)


def _stabiliser(rung: ImageRung, image: RepVector, tolerance: float) -> Stabiliser:
    group: CatalogGroup = image.rep.group  # type: ignore[assignment]
    if rung.turns is None:
        elements = np.stack([np.eye(2), np.diag([1.0, -1.0])])[: 1 if rung.mirror is None else 2]
        residuals = np.full(len(elements), rung.residual)
        return ContinuousStabiliser(group.subgroup(rung.name), elements, residuals, None, tolerance, image)
    subgroup = group.subgroup(rung.name, mirror=rung.mirror)
    elements = subgroup.embed(subgroup.group.elements())
    return FiniteStabiliser(subgroup, elements, image.residuals(elements, None), None, tolerance, image)


def _translations(content: np.ndarray, tolerance: float) -> np.ndarray:
    """The shortest two vectors (x, y) that span the translations of a repeated image, if it has more than its size.

    |T x − x|² is twice the drop of the autocorrelation from its peak; where it is small enough, pixels are compared.
    """
    height, width = content.shape[1:]
    spectrum = np.abs(np.fft.fft2(content)) ** 2
    drop = 2 * (np.sum(content**2) - np.fft.ifft2(spectrum.sum(0)).real) / content.size
    down, right = np.nonzero(drop <= max(tolerance, 1e-6) ** 2)
    same = np.stack([(right + width // 2) % width - width // 2, (height // 2 - down) % height - height // 2], -1)
    vectors = np.concatenate([same, -same, [[width, 0], [0, height]]])
    x, y = vectors.T
    vectors = vectors[(x > 0) | ((x == 0) & (y > 0))]
    basis = list[np.ndarray]()
    for v in vectors[np.argsort(np.sum(vectors**2, 1), kind="stable")]:  # the two shortest of a lattice span it
        if len(basis) < 2 and (not basis or _area(basis[0], v)):
            off = np.roll(content, (-v[1], v[0]), (1, 2)) - content
            basis += [v] * bool(np.abs(off).max() <= tolerance)
    if abs(area := _area(*basis)) == height * width:
        return np.zeros((0, 2), dtype=int)
    return np.array(basis if area > 0 else basis[::-1])


def _area(a: np.ndarray, b: np.ndarray) -> int:
    return int(a[0] * b[1] - a[1] * b[0])
