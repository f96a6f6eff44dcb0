"""The symmetry of images: exact on the grid, by any angle, and by translations."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, dihedral
from intertwine.errors import ArgumentError, IntertwineError, ShapeError
from intertwine.symmetry import ImageSymmetry, image_stabiliser, stabiliser
from tests.symmetry.drawings import (
    SHAPES,
    F,
    S,
    Shape,
    box,
    bump,
    draw,
    pinwheel,
    polygon,
    rectangle,
    ring,
    union,
)


def turned(image: np.ndarray, g: np.ndarray) -> np.ndarray:
    """An image (H, W) after an element of D4, pixel by pixel: the value at p comes from g⁻¹ p."""
    height, width = image.shape
    size = height if round(abs(g[0, 0])) else width, width if round(abs(g[0, 0])) else height
    rows, columns = np.indices(size)
    x, y = columns - (size[1] - 1) / 2, (size[0] - 1) / 2 - rows
    back = np.einsum("ji,jhw->ihw", g, np.stack([x, y]))
    return image[((height - 1) / 2 - back[1]).round().astype(int), (back[0] + (width - 1) / 2).round().astype(int)]


def moved_apart(found: ImageSymmetry, wanted: np.ndarray) -> float:
    """How far the exact elements are from wanted ones."""
    assert len(found.exact.elements) == len(wanted)
    return float(np.abs(found.exact.elements[:, None] - wanted).max((-1, -2)).min(1).max())


def between(angles: np.ndarray, wanted: np.ndarray, period: float) -> float:
    """The largest difference of angles from the nearest of some others, modulo a period."""
    off = (angles[:, None] - wanted + period / 2) % period - period / 2
    return float(np.abs(off).min(1).max())


# exactly, on the grid


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (rectangle(1), "D4"),
        (rectangle(0.5), "D2"),
        (ring(0.5), "D4"),
        (pinwheel(4), "C4"),
        (pinwheel(2), "C2"),
        (S, "C2"),
        (polygon(3), "D1"),
        (polygon(6), "D2"),
        (F, "C1"),
    ],
)
def test_known_shapes_on_the_grid(shape: Shape, name: str) -> None:
    """Drawn about the centre of the pixels, and away from it, on canvases of any sides: the grid's part is exact."""
    for size, offset in ((64, (0, 0)), (63, (0, 0)), ((60, 82), (9, -4)), (64, (-2.5, 3.5))):
        found = image_stabiliser(draw(shape, size, offset=offset, radius=20.3))
        height, width = size if isinstance(size, tuple) else (size, size)
        assert found.exact.name == name
        if name[1:] in "24":  # the box around the content has its centre at that of the drawing
            assert found.exact_centre == ((height - 1) / 2 - offset[1], (width - 1) / 2 + offset[0])


def test_mirror_lines_are_those_on_the_screen() -> None:
    """x runs right and y up: a T keeps its upright line, an arrow up the screen's diagonal keeps that."""
    upright = image_stabiliser(draw(SHAPES["T"][1]))
    np.testing.assert_allclose(upright.exact.elements[1], np.diag([-1.0, 1.0]), atol=1e-12)
    np.testing.assert_allclose(np.degrees(upright.mirrors), [90], atol=1e-6)
    assert "D1 about row" in str(upright)
    assert "mirror line at 90°" in str(upright)
    diagonal = np.zeros((9, 9))
    diagonal[2, 4:7] = diagonal[2:5, 6] = 1
    diagonal[range(3, 7), range(5, 1, -1)] = 1
    found = image_stabiliser(diagonal)
    assert found.exact.name == "D1"
    np.testing.assert_allclose(found.exact.elements[1], [[0, 1], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(np.degrees(found.mirrors), [45], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 7),
    st.sampled_from([np.uint8, np.int64, np.float32, bool]),
)
def test_exact_symmetry_moves_with_the_image(seed: int, height: int, width: int, k: int, dtype: type) -> None:
    """H of g x is g H g⁻¹, for every element g of D4, image and dtype; transposing is one of them, up to a flip."""
    image = np.random.default_rng(seed).integers(0, 2, (height, width))
    if seed % 2:  # half of them with symmetry
        image = image | image[::-1]
    g = dihedral(4).elements()[k]
    first = image_stabiliser(image.astype(dtype), background=0)
    after = image_stabiliser(turned(image, g).astype(dtype), background=0)
    assert moved_apart(after, g @ first.exact.elements @ g.T) < 1e-12
    row, column = np.array(first.exact_centre) - [(height - 1) / 2, (width - 1) / 2]
    x, y = g @ [column, -row]
    np.testing.assert_allclose(after.exact_centre, (np.array(turned(image, g).shape) - 1) / 2 + [-y, x])
    assert moved_apart(image_stabiliser(image.T, background=0), _transposed(first.exact.elements)) < 1e-12


def _transposed(elements: np.ndarray) -> np.ndarray:
    """Conjugated by the mirror that exchanges rows and columns, x with −y."""
    swap = np.array([[0.0, -1.0], [-1.0, 0.0]])
    return swap @ elements @ swap


def test_pixels_are_compared_up_to_a_tolerance() -> None:
    square = draw(rectangle(1), 32)
    noisy = square + 1e-3 * np.random.default_rng(0).normal(size=square.shape)
    assert image_stabiliser(noisy, background=0).exact.name == "C1"
    assert image_stabiliser(noisy, background=0, exact_tolerance=0.02).exact.name == "D4"
    found = image_stabiliser(noisy, background=0, exact_tolerance=0.02).exact
    assert 0 < found.residuals.max() < 0.02
    assert found.residuals[0] == 0


def test_exact_elements_are_among_the_approximate_ones() -> None:
    """On harmonics an exact element moves nothing beyond rounding, and the group by any angle holds it."""
    for name, shape in SHAPES.values():
        found = image_stabiliser(draw(shape, 61, offset=(2, -1), radius=22))
        matrices = found.rep.evaluate(found.exact.elements)
        if found.exact_centre == pytest.approx(found.centroid, abs=1e-9):
            assert np.linalg.norm(matrices @ found.vector - found.vector, axis=-1).max() < 1e-6
            assert found.approximate.subgroup.contains(found.exact.elements).all(), name


def test_a_box_of_unequal_sides_has_no_quarter_turn() -> None:
    """A round drawing about the middle of a pixel's edge: one more column than rows."""
    found = image_stabiliser(draw(ring(0.5), (60, 81), radius=20.3))
    assert found.exact.name == "D2"
    assert found.approximate.name == "O(2)"


# by any angle


@pytest.mark.parametrize("kind", SHAPES)
def test_known_shapes_in_any_pose(kind: str) -> None:
    """Antialiased, of three sizes, turned and shifted by parts of a pixel: named right, with the mirrors in place."""
    name, shape = SHAPES[kind]
    for size, angle in ((48, 0.2), (64, 0.9), (100, 2.3)):
        found = image_stabiliser(draw(shape, size, angle=angle, offset=(1.3, -0.4)))
        assert found.approximate.name == name
        assert found.residual < 1.2 * found.interpolation
        middle = (size - 1) / 2
        if not found.approximate.continuous and found.approximate.order > 2:
            np.testing.assert_allclose(found.centroid, (middle + 0.4, middle + 1.3), atol=0.05)
        if len(found.mirrors):
            count = int(name[1:])
            wanted = np.array([angle + (np.pi / 2 if kind == "T" else 0)])
            assert len(found.mirrors) == count
            assert between(found.mirrors, wanted, np.pi / count) < np.radians(0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "wrong"), [(0.0, 0), (0.05, 0), (0.2, 2)])
def test_names_over_many_poses(noise: float, wrong: int) -> None:
    """Two poses of each shape: all 64 names are right, also with 5 % noise; with 20 %, all but one or two."""
    rng = np.random.default_rng(7)
    names = []
    for name, shape in SHAPES.values():
        for _ in range(2):
            size = int(rng.integers(40, 161))
            image = draw(shape, size, angle=rng.uniform(0, 7), offset=tuple(rng.uniform(-2, 2, 2)))
            found = image_stabiliser(image + noise * rng.normal(size=image.shape))
            names.append(found.approximate.name == name)
    assert names.count(False) <= wrong, f"{names.count(True)} of {len(names)} are right"


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_noise_is_measured_and_seen_through(noise: float) -> None:
    """The report says how much of the residual is noise, and the name is that of the drawing below it."""
    for kind in ("polygon3", "polygon5", "pinwheel4", "ellipse", "ring", "F"):
        name, shape = SHAPES[kind]
        clean = draw(shape, 96, angle=0.4)
        noisy = image_stabiliser(clean + noise * np.random.default_rng(3).normal(size=clean.shape))
        assert noisy.approximate.name == name
        assert 0.4 * noise < noisy.noise < 1.5 * noise
        assert "noise" in str(noisy)
        if name != "C1":
            assert 0.8 * noisy.noise < noisy.residual < 1.6 * noisy.noise
        assert image_stabiliser(clean).noise == 0


def test_the_name_does_not_depend_on_the_angle() -> None:
    """A drawing of many pixels: one name and one residual in every pose, and mirror lines that turn along."""
    for kind in ("polygon7", "pinwheel3", "ellipse"):
        name, shape = SHAPES[kind]
        first, *others = (image_stabiliser(draw(shape, 160, angle=a, samples=4)) for a in (0.0, 0.35, 1.1, 4.0))
        for found, angle in zip(others, (0.35, 1.1, 4.0), strict=True):
            assert found.approximate.name == first.approximate.name == name
            if len(first.mirrors):
                assert between(found.mirrors, first.mirrors + angle, np.pi) < 2e-3


def test_a_pinwheel_is_handed() -> None:
    """Its mirror image is another one: rotations only, in both; a polygon is its own mirror image."""
    right = draw(pinwheel(5), 96, angle=0.3)
    for image in (right, right[:, ::-1]):
        found = image_stabiliser(image)
        assert found.approximate.name == "C5"
        assert found.handed is True
        assert len(found.mirrors) == 0
    assert image_stabiliser(draw(polygon(5), 96)).handed is False
    assert image_stabiliser(right, group=SO2).handed is None
    both = image_stabiliser(np.stack([right, right[:, ::-1]]))  # two channels: neither has mirrors
    assert both.approximate.name == "C5"
    assert image_stabiliser(right + right[:, ::-1]).approximate.name == "D5"


def test_without_mirrors() -> None:
    for shape, name in ((polygon(5), "C5"), (ring(0.5), "SO(2)"), (F, "C1"), (rectangle(0.6), "C2")):
        found = image_stabiliser(draw(shape, 64, angle=0.2), group=SO2)
        assert found.approximate.name == name
        assert found.approximate.group == found.exact.group == found.rep.group == SO2
    assert image_stabiliser(draw(rectangle(1)), group=SO2).exact.name == "C4"


def test_channels_must_agree() -> None:
    """A triangle in one channel and a square in another have the symmetry of both."""
    triangle, square = draw(polygon(3)), draw(rectangle(1))
    found = image_stabiliser(np.stack([triangle, square]))
    assert image_stabiliser(square).approximate.name == "D4"
    assert found.exact.name in ("D1", "C1")
    assert found.approximate.order <= 2
    same = image_stabiliser(np.stack([square, 3 * square + 1]))
    assert same.exact.name == same.approximate.name == "D4"


def test_a_nearly_square_rectangle_says_both() -> None:
    """Two rungs: D2, and D4 up to the difference of the sides, which the residual follows."""
    residuals = []
    for ratio in (0.98, 0.96, 0.94):
        found = image_stabiliser(draw(rectangle(ratio), 96, angle=0.3))
        assert found.approximate.name == "D2"
        assert found.rungs[0].name == "D2"
        assert found.rungs[0].until == pytest.approx(_residual(found, dihedral(4).elements(), 0.3), rel=1e-3)
        residuals.append(found.rungs[0].until)
    assert residuals == sorted(residuals)
    coarse = image_stabiliser(draw(rectangle(0.97), 32, angle=0.3))
    assert coarse.ambiguous is not None
    assert [rung.name for rung in coarse.ambiguous] == ["D2", "D4"]
    assert coarse.approximate.name == "D2"  # the one that holds better
    assert "ambiguous between D2 up to" in str(coarse)
    assert image_stabiliser(draw(rectangle(0.97), 32, angle=0.3), tolerance=0.1).approximate.name == "D4"


def _residual(found: ImageSymmetry, elements: np.ndarray, angle: float) -> float:
    """The largest residual of elements turned to the mirror line nearest to an angle."""
    a = found.mirrors[np.argmin(np.abs(found.mirrors - angle))]
    frame = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    moved = found.rep.evaluate(frame @ elements @ frame.T) @ found.vector
    return float(np.linalg.norm(moved - found.vector, axis=-1).max())


def test_the_vector_is_the_image_for_every_other_tool() -> None:
    """A vector of O(2): `stabiliser` finds in it what was found, and an image turned by 90° is its ρ(g)."""
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for kind in ("polygon5", "pinwheel4", "ellipse", "F"):
        name, shape = SHAPES[kind]
        image = draw(shape, 64, angle=0.2)
        found = image_stabiliser(image)
        assert np.linalg.norm(found.vector) == pytest.approx(1)
        again = stabiliser(found.vector, rep=found.rep, tolerance=1.2 * found.interpolation)
        assert again.name == found.approximate.name == name
        np.testing.assert_allclose(sorted(again.residuals), sorted(found.approximate.residuals), rtol=0.2, atol=1e-6)
        quarter = image_stabiliser(np.rot90(image))
        for g in O2.sample(8, seed=1):  # the copies of an irrep may differ, but no scalar product does
            moved = quarter.vector @ quarter.rep.matrix(g) @ quarter.vector
            assert moved == pytest.approx(found.vector @ found.rep.matrix(turn.T @ g @ turn) @ found.vector, abs=1e-9)


def test_smaller_differences_are_seen_in_smooth_images() -> None:
    """Three smooth hills, each with a small one on its left: no mirror, by less than interpolation would make."""

    def hills(side: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        places = [(0.55, a, 1.0) for a in np.arange(3) * 2 * np.pi / 3]
        places += [(0.55, a + 0.6, side) for a in np.arange(3) * 2 * np.pi / 3]
        return lambda x, y: sum(
            h * np.exp(-40 * ((x - r * np.cos(a)) ** 2 + (y - r * np.sin(a)) ** 2)) for r, a, h in places
        )

    assert image_stabiliser(draw(hills(0.0), 64, angle=0.2)).approximate.name == "D3"
    found = image_stabiliser(draw(hills(0.02), 64, angle=0.2))
    assert found.approximate.name == "C3"
    assert found.residual < 0.01 * found.interpolation
    assert found.rungs[0].until < 3 * found.interpolation  # where D3 begins


@pytest.mark.parametrize("kind", ["polygon3", "polygon5", "ellipse", "flower5", "ring", "S", "F"])
def test_masks_of_two_values(kind: str) -> None:
    """Not antialiased: edges are off by half a pixel, which the report says, and names are right all the same."""
    name, shape = SHAPES[kind]
    mask = draw(shape, 64, angle=0.25, offset=(0.25, 0.3), samples=1)
    found = image_stabiliser(mask > 0.5)
    assert found.approximate.name == name
    assert found.residual < 2 * found.interpolation
    assert found.interpolation > 2 * image_stabiliser(draw(shape, 64, angle=0.25)).interpolation


# translations


def test_the_lattice_of_a_repeated_pattern() -> None:
    rows, columns = np.indices((24, 36))
    board = (rows // 3 + columns // 3) % 2
    assert image_stabiliser(board).translations.tolist() == [[3, -3], [3, 3]]
    stripes = columns // 2 % 2
    assert image_stabiliser(stripes).translations.tolist() == [[4, 0], [0, 1]]
    assert image_stabiliser(stripes.T).translations.tolist() == [[1, 0], [0, 4]]
    tile = np.random.default_rng(0).normal(size=(2, 6, 9))
    assert image_stabiliser(np.tile(tile, (1, 4, 4))).translations.tolist() == [[9, 0], [0, 6]]
    assert "translations by (9, 0) and (0, 6) pixels" in str(image_stabiliser(np.tile(tile, (1, 4, 4))))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_translations_are_all_of_them(seed: int, height: int, width: int, down: int, across: int) -> None:
    """Every translation that leaves a tiled image is a sum of the two, and they are translations that do."""
    rng = np.random.default_rng(seed)
    image = np.tile(rng.integers(0, 3, (height, width)), (down, across))
    if image.min() == image.max():
        return
    found = image_stabiliser(image).translations
    shifts = [(x, y) for x in range(image.shape[1]) for y in range(image.shape[0])]
    kept = {(x, y) for x, y in shifts if np.array_equal(np.roll(image, (-y, x), (0, 1)), image)}
    if len(found) == 0:
        assert kept == {(0, 0)}
        return
    sums = np.stack(np.meshgrid(*[np.arange(-60, 61)] * 2), -1).reshape(-1, 2) @ found
    spanned = {(int(x) % image.shape[1], int(y) % image.shape[0]) for x, y in sums}
    assert spanned == kept
    assert abs(np.linalg.det(found)) == pytest.approx(image.size / len(kept))


def test_ordinary_images_have_none() -> None:
    assert image_stabiliser(draw(polygon(5))).translations.shape == (0, 2)
    assert image_stabiliser(np.random.default_rng(0).normal(size=(16, 16))).translations.shape == (0, 2)


# all sorts of images


def test_an_image_without_content_has_every_symmetry() -> None:
    for image in (np.zeros((5, 7)), np.full((3, 4, 4), 7), np.ones((1, 1), dtype=bool)):
        found = image_stabiliser(image)
        assert (found.exact.name, found.approximate.name) == ("D4", "O(2)")
        assert "no content" in str(found)
        assert found.residual == 0
    assert image_stabiliser(np.zeros((5, 7))).exact_centre == (2.0, 3.0)


def test_tiny_images() -> None:
    assert image_stabiliser(np.ones((1, 1)), background=0).exact.name == "D4"
    assert image_stabiliser(np.array([[1, 0]]), background=0).exact.name == "D4"  # one pixel of content
    assert image_stabiliser(np.array([[1, 2]]), background=0).exact.name == "D1"
    assert image_stabiliser(np.array([[1, 0], [0, 1]]), background=0).exact.name == "D2"
    assert image_stabiliser(np.array([[1, 1], [0, 1]]), background=0).exact.name == "D1"
    assert image_stabiliser(np.array([[1, 2], [4, 3]]), background=0).exact.name == "C1"


def test_arrays_and_tensors_of_every_kind() -> None:
    """Booleans, integers, half precision and tensors give what float64 gives."""
    plus = draw(union(box(-0.8, 0.8, -0.2, 0.2), box(-0.2, 0.2, -0.8, 0.8)), 33, samples=1)
    wanted = image_stabiliser(plus).to_dict()
    for kind in (bool, np.uint8, np.int32, np.float16, np.float32):
        assert image_stabiliser(plus.astype(kind)).to_dict() == wanted
    for dtype in (torch.bool, torch.uint8, torch.bfloat16, torch.float32):
        assert image_stabiliser(torch.tensor(plus).to(dtype)).to_dict() == wanted
    assert image_stabiliser(torch.tensor(plus, requires_grad=True)[None]).to_dict() == wanted
    assert image_stabiliser(plus.tolist()).to_dict() == wanted


@settings(max_examples=15, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.booleans())
def test_brightness_does_not_matter(low: float, contrast: float, negative: bool) -> None:
    image = draw(pinwheel(3), 40, angle=0.2)
    found = image_stabiliser(low + (-contrast if negative else contrast) * image)
    wanted = image_stabiliser(image)
    assert found.approximate.name == wanted.approximate.name == "C3"
    assert found.residual == pytest.approx(wanted.residual, rel=1e-6)


def test_a_background_can_be_given() -> None:
    """A white square that fills its image is nothing on white, and a square on black."""
    white = np.ones((12, 12))
    assert image_stabiliser(white).approximate.name == "O(2)"
    assert image_stabiliser(white, background=0).approximate.name == "D4"
    assert image_stabiliser(np.stack([white, white]), background=[0, 1]).approximate.name == "D4"
    corner = draw(polygon(5), 64, offset=(30, 0))
    assert image_stabiliser(corner).cut
    assert "reaches the border" in str(image_stabiliser(corner))
    assert not image_stabiliser(draw(polygon(5), 64)).cut


def test_real_digits() -> None:
    """Handwritten digits have no exact symmetry; the means of many zeros and eights nearly keep a half-turn."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    found = [image_stabiliser(image) for image in digits.images[:100]]
    assert sum(one.exact.name == "C1" for one in found) >= 98
    assert all(one.approximate.name in ("C1", "D1", "C2", "D2", "O(2)") for one in found)
    assert np.mean([one.approximate.name == "C1" for one in found]) > 0.5
    means = {k: image_stabiliser(digits.images[digits.target == k].mean(0)) for k in range(10)}
    half_turn = -np.eye(2)
    residual = {k: np.linalg.norm(v.rep.matrix(half_turn) @ v.vector - v.vector) for k, v in means.items()}
    assert max(residual[0], residual[8]) < 0.7 * min(residual[4], residual[7], residual[9])


def test_noise_has_no_symmetry() -> None:
    for seed in range(5):
        found = image_stabiliser(np.random.default_rng(seed).normal(size=(48, 48)))
        assert (found.exact.name, found.approximate.name) == ("C1", "C1")
        assert str(found).startswith("no symmetry beyond the identity, on the pixel grid or by any angle (")
        assert "C1" not in str(found)


def test_it_is_for_people_and_programs() -> None:
    found = image_stabiliser(draw(polygon(8), 100, angle=0.1, offset=(0.3, 0.1)))
    first, second, *_ = str(found).splitlines()
    assert first.startswith("exactly, on the pixel grid: C1 about row")
    assert second.startswith("up to 0.")
    assert "% (interpolation alone makes 0." in second
    assert "): D8 about row" in second
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["approximate"]["name"] == "D8"
    assert len(plain["mirrors"]) == 8
    assert [rung["name"] for rung in plain["rungs"]] in (["D8"], ["D8", "O(2)"])  # and none between
    assert "D8" in repr(found)
    disc = image_stabiliser(draw(bump, 64))
    json.dumps(disc.to_dict(), allow_nan=False)
    assert disc.approximate.continuous
    assert "O(2)" in repr(disc.rungs[0])


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros(3), {}, ShapeError, r"shape \(3,\). Call image_stabiliser for each image of a batch"),
        (np.zeros((2, 3, 4, 5)), {}, ShapeError, r"An image \(H, W\) or \(C, H, W\) with at least one pixel"),
        (np.zeros((0, 4)), {}, ShapeError, "at least one pixel"),
        (np.zeros((64, 48, 3)), {}, ShapeError, r"channels were last. Pass image.transpose\(2, 0, 1\)"),
        (np.full((4, 4), np.nan), {}, ArgumentError, "complex, NaN or infinite"),
        (np.full((4, 4), np.inf), {}, ArgumentError, "complex, NaN or infinite"),
        (1j * np.eye(3), {}, ArgumentError, "complex, NaN or infinite"),
        (np.array([["a"]]), {}, ArgumentError, "array or tensor of numbers"),
        (np.eye(3), {"group": O3}, ArgumentError, r"tw.O2 or tw.SO2, but got O\(3\)"),
        (np.eye(3), {"group": dihedral(4)}, ArgumentError, "but got D4"),
        (np.eye(3), {"background": [1, 2]}, ArgumentError, "one for each of 1 channels"),
        (np.eye(3), {"background": np.nan}, ArgumentError, "background is a finite number"),
        (np.eye(3), {"tolerance": -1.0}, ArgumentError, "tolerance is a finite number that is not negative"),
        (np.eye(3), {"exact_tolerance": np.nan}, ArgumentError, "exact_tolerance is"),
        (np.eye(3), {"smoothing": np.inf}, ArgumentError, "smoothing is"),
        (np.eye(3), {"largest": -0.1}, ArgumentError, "largest is"),
    ],
)  # fmt: skip
def test_mistakes_are_named(image: np.ndarray, options: dict, error: type[Exception], message: str) -> None:
    assert issubclass(error, IntertwineError)
    with pytest.raises(error, match=message):
        image_stabiliser(image, **options)


def test_a_tolerance_takes_mirrors_too_where_all_rotations_are_there() -> None:
    """O(2) is larger than SO(2), though both are infinite."""
    rows, columns = np.indices((65, 65)) - 32
    spot = np.exp(-(rows**2 + columns**2) / 100)
    assert image_stabiliser(spot, tolerance=0.05).approximate.name == "O(2)"
    assert image_stabiliser(spot, tolerance=0.05, group=SO2).approximate.name == "SO(2)"
