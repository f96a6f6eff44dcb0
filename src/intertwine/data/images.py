"""Real images and volumes that other packages carry in their wheels, read in place: nothing is downloaded or imported.

Values are float32 between 0 and 1, images `(n, height, width)` with rows that run down, volumes
`(depth, height, width)`.
"""

from __future__ import annotations

import base64
import gzip
import pickletools
import re
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError

TEXTURES = ("brick", "grass", "gravel")
BRAIN = ("t1", "gm", "wm")  # of `brain`: the image, the shares of grey and of white matter
BRAIN_SHAPE = (189, 233, 197)
ORGAN_SPACING = (1.5, 1.0, 1.0)  # of the slices, rows and columns of `frog_organs`, in millimetres


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images `(n, height, width)` in [0, 1], and the class `(n,)` of each."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def digits() -> LabelledImages:
    """The 1617 written digits 0 to 8 of scikit-learn, 8 × 8, drawn with 16 × 16 pixels. A 9 is a turned 6.

    Raises `MissingExtraError` where scikit-learn is not installed.

    Source: Alpaydin & Kaynak 1998, doi:10.24432/C50P49.

    >>> digits().images.shape
    (1617, 16, 16)
    """
    path = _folder("sklearn", "data") / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(gzip.decompress(_read(path)).decode().splitlines(), delimiter=",", dtype=np.float32)
    table = table[table[:, -1] != 9]
    small = table[:, :-1].reshape(-1, 8, 8) / 16
    return LabelledImages(_doubled(_doubled(small, 1), 2), table[:, -1].astype(np.int64))


def animals() -> LabelledImages:
    """The 10 000 silhouettes of animals of animal_mnist, 28 × 28, 1000 of each of ten classes, exact copies left out.

    Raises `MissingExtraError` where animal_mnist is not installed (its code needs tensorflow, its data do not).

    >>> animals().images.shape  # doctest: +SKIP
    (9716, 28, 28)
    """
    folder = _folder("animal_mnist") / "data" / "Animal_MNIST"
    images = _pickled(folder / "animal_data_version_3.gz", np.uint8).reshape(-1, 28, 28)
    labels = _pickled(folder / "animal_label_version_3.gz", np.int64)
    _, first = np.unique(images, axis=0, return_index=True)  # a copy could sit in the training and in the test set
    keep = np.sort(first)
    return LabelledImages(images[keep].astype(np.float32) / 255, labels[keep])


def textures() -> np.ndarray:
    """Photographs of a brick wall, of grass and of gravel, `(3, 512, 512)`, in the order of `TEXTURES`.

    Raises `MissingExtraError` where scikit-image is not installed.

    Source: CC0 textures of scikit-image.

    >>> textures().shape  # doctest: +SKIP
    (3, 512, 512)
    """
    folder = _folder("skimage", "images") / "data"
    return np.concatenate([_pages(folder / f"{name}.png") for name in TEXTURES]).astype(np.float32) / 255


def nuclei(dimension: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A microscope's image of nuclei and the number of the nucleus at each pixel, 0 for none.

    For dimension 2 an image `(1, 512, 512)` with 125 nuclei, for 3 a volume `(31, 61, 57)` with 51. Raises
    `MissingExtraError` where stardist is not installed, and `ArgumentError` for another dimension.

    Source: Schmidt et al. 2018 (arXiv:1806.03535), Weigert et al. 2020 (arXiv:1908.03636).

    >>> nuclei()[1].max()  # doctest: +SKIP
    183
    """
    if dimension not in (2, 3):
        raise ArgumentError(f"There are images of nuclei in 2 and 3 dimensions, but got {dimension!r}.")
    folder = _folder("stardist") / "data" / "images"
    image, masks = (_pages(folder / f"{name}{dimension}d.tif") for name in ("img", "mask"))
    low, high = np.percentile(image, (1, 99.8))
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32), masks.astype(np.int64)


def frog_organs() -> np.ndarray:
    """The organ at each voxel of a frog, `(136, 470, 500)` of uint8, 0 outside; voxels are as long as `ORGAN_SPACING`.

    Raises `MissingExtraError` where pyvista is not installed.

    Source: the Whole Frog Project of Lawrence Berkeley Laboratory, as pyvista carries it.

    >>> frog_organs().shape  # doctest: +SKIP
    (136, 470, 500)
    """
    text = _read(_folder("pyvista") / "examples" / "frog_tissues.vti")
    found = re.search(rb'format="binary"[^>]*>\s*([A-Za-z0-9+/=\s]+?)<', text)
    if found is None:
        raise ArgumentError("The file frog_tissues.vti holds no binary array. Install pyvista afresh.")
    return np.frombuffer(_inflated(b"".join(found[1].split())), np.uint8).reshape(136, 470, 500)


def brain() -> np.ndarray:
    """The mean head of 152 people, voxels of 1 mm: `(3, 189, 233, 197)`, in the order of `BRAIN`.

    The image by T1, then the shares of grey and of white matter in each voxel; outside the brain the image is dark too.

    Raises `MissingExtraError` where nilearn is not installed, and `ArgumentError` for files of another shape.

    Source: Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033, ICBM 152 symmetric 2009a, as nilearn carries it.

    >>> brain().shape  # doctest: +SKIP
    (3, 189, 233, 197)
    """
    folder = _folder("nilearn") / "datasets" / "data"
    paths = [folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz" for name in BRAIN]
    return np.stack([_nifti(path, BRAIN_SHAPE) for path in paths]).astype(np.float32) / 255


def _folder(package: str, extra: str = "") -> Path:
    spec = find_spec(package)  # finds the package without importing it and what it needs
    if spec is None or not spec.submodule_search_locations:
        if extra:
            raise MissingExtraError.of(package, extra)
        raise MissingExtraError(
            f"{package} is not installed. Call `pip install --no-deps {package}` to get it: only its files are read."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArgumentError(
            f"The file {path} cannot be read ({error.strerror}). Install the package that carries it afresh, or "
            "another version of it."
        ) from error


def _pages(path: Path) -> np.ndarray:
    """The pages `(n, height, width)` of a file of images."""
    try:
        from PIL import Image, ImageSequence
    except ImportError as error:
        raise MissingExtraError.of("pillow", "images") from error
    with Image.open(path) as file:
        return np.stack([np.asarray(page) for page in ImageSequence.Iterator(file)])


def _pickled(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """The numbers of a pickled array. The pickle is read, not run: what it holds is its longest string of bytes."""
    opcodes = pickletools.genops(gzip.decompress(_read(path)))
    return np.frombuffer(max((arg for _, arg, _ in opcodes if isinstance(arg, bytes)), key=len), dtype)


def _nifti(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """A volume of uint8 in a NIfTI file whose axes run right, forwards and up, as `(−z, −y, x)`."""
    data = gzip.decompress(_read(path))
    sizes, kind = np.frombuffer(data[42:48], "<i2"), int.from_bytes(data[70:72], "little")
    start = int(np.frombuffer(data[108:112], "<f4")[0])
    if tuple(sizes[::-1]) != shape or kind != 2:
        raise ArgumentError(f"The file {path} holds other voxels than {shape} of uint8. Install another version of it.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)[::-1, ::-1]


def _inflated(text: bytes) -> bytes:
    """What vtkZLibDataCompressor packed: a header of 32-bit sizes, then the blocks, each in base64."""
    blocks = int.from_bytes(base64.b64decode(text[:8])[:4], "little")
    header = (3 + blocks) * 4  # the number of blocks, the size of one, that of the last, then the packed sizes
    end = -(-header // 3) * 4
    sizes = np.frombuffer(base64.b64decode(text[:end])[:header], "<u4")[3:]
    data, ends = base64.b64decode(text[end:]), np.cumsum(sizes)
    return b"".join(zlib.decompress(data[stop - size : stop]) for size, stop in zip(sizes, ends, strict=True))


def _doubled(images: np.ndarray, axis: int) -> np.ndarray:
    """Twice the pixels along an axis, by linear interpolation about the same middle."""
    n = images.shape[axis]
    padded = np.concatenate([images.take([0], axis), images, images.take([n - 1], axis)], axis)
    before, after = padded.take(range(n), axis), padded.take(range(2, n + 2), axis)
    both = np.stack([0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after], axis + 1)
    return both.reshape(*images.shape[:axis], 2 * n, *images.shape[axis + 1 :])
