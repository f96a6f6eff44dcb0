"""The cells come as they are in the files, less those that would mislead."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from intertwine.data import cell_outlines as module
from intertwine.data import fourier_coefficients, load_cells, random_blob, rectangle, square, stratified_split
from intertwine.errors import ArgumentError, MissingExtraError


def write(folder: Path, outlines: list[list[tuple[int, int]]], treatments: str, lines: str) -> Path:
    text = "\n\n".join("\n".join(f"{x} {y}" for x, y in outline) for outline in outlines)
    for name, content in (("cells", text), ("treatments", treatments), ("cell_lines", lines)):
        (folder / f"{name}.txt").write_text(content, "utf-8")
    return folder


TRIANGLE = [(0, 0), (4, 0), (0, 4)]
REPEATING = [(0, 0), (0, 0), (0, 5), (4, 0), (0, 0)]


@pytest.mark.skipif(find_spec("geomstats") is None, reason="the cells are in the wheel of geomstats")
def test_the_650_cells() -> None:
    cells = load_cells()
    assert len(cells) + len(cells.dropped) == 650
    assert [drop.index for drop in cells.dropped] == [42, 128, 396, 519]
    assert np.bincount(cells.treatment).tolist() == [316, 174, 156]
    assert np.bincount(cells.line).tolist() == [255, 391]
    assert np.bincount(cells.stratum).size == 6
    features = np.stack([fourier_coefficients(outline, 10) for outline in cells.outlines])
    assert np.isfinite(features).all()
    assert features[:, 0].min() > 0.7  # every cell has a first harmonic, hence a starting point of its own


def test_bad_outlines_are_named(tmp_path: Path) -> None:
    """Too few points, a copy, and points that repeat: all are seen, and said."""
    folder = write(
        tmp_path, [TRIANGLE, TRIANGLE[:2], TRIANGLE, REPEATING], "control cytd jasp cytd", "dunn dlm8 dunn dunn"
    )
    cells = load_cells(folder, fewest_points=3)
    assert [(drop.index, drop.reason.split()[0]) for drop in cells.dropped] == [(1, "has"), (2, "is")]
    assert cells.index is not None
    assert cells.index.tolist() == [0, 3]
    assert [len(outline) for outline in cells.outlines] == [3, 3]
    assert cells.treatment.tolist() == [0, 1]


def test_outlines_are_counter_clockwise(tmp_path: Path) -> None:
    cells = load_cells(write(tmp_path, [TRIANGLE[::-1]], "cytd", "dlm8"), fewest_points=3)
    (a, b, c) = cells.outlines[0]
    assert np.linalg.det(np.stack([b - a, c - a])) > 0


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="1 outlines, 2 treatments"):
        load_cells(write(tmp_path, [TRIANGLE], "cytd cytd", "dlm8"))
    with pytest.raises(ArgumentError, match="aspirin"):
        load_cells(write(tmp_path, [TRIANGLE], "aspirin", "dlm8"))
    with pytest.raises(ArgumentError, match="geomstats"):
        load_cells(tmp_path / "nowhere")


def test_without_geomstats_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"intertwine\[data\]"):
        load_cells()


def test_a_split_is_a_partition_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 7])
    parts = stratified_split(labels, (0.6, 0.2, 0.2), np.random.default_rng(0))
    assert sorted(np.concatenate(parts)) == list(range(87))
    for label, size in enumerate([50, 30, 7]):
        shares = [np.sum(labels[part] == label) for part in parts]
        assert np.abs(np.array(shares) - np.array([0.6, 0.2, 0.2]) * size).max() < 1
    again = stratified_split(labels, (0.6, 0.2, 0.2), np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    with pytest.raises(ArgumentError, match="add up to 1"):
        stratified_split(labels, (0.6, 0.6), np.random.default_rng(0))


def test_square_and_rectangle_are_the_tutorials() -> None:
    assert np.allclose(square().mean(0), 0)
    assert np.allclose(rectangle().mean(0), 0)
    assert np.allclose(np.linalg.norm(rectangle() - square(), axis=1) ** 2, 0.125)


def test_blobs_never_meet_their_centre() -> None:
    """Σ_l |c_l| √(2l + 1) bounds the dent of a surface, even a very rough one."""
    blobs = random_blob(50, 4, np.random.default_rng(0), roughness=3.0, margin=0.2)
    degrees = np.repeat(np.arange(5), 2 * np.arange(5) + 1)
    dents = sum(np.linalg.norm(blobs[:, degrees == l], axis=1) * np.sqrt(2 * l + 1) for l in range(1, 5))
    assert np.all(blobs[:, 0] == 1)
    assert dents.max() <= 0.8 + 1e-12
    assert random_blob(0, 0, np.random.default_rng(0)).shape == (0, 1)
    with pytest.raises(ArgumentError, match="margin"):
        random_blob(1, 2, np.random.default_rng(0), margin=2.0)
