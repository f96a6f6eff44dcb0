"""The whole tour: run the stories, write the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from intertwine.tour import real_cells, rectangle, sections, turned_digits, which_o2
from intertwine.viz.html_report import Report, environment

STORIES = (
    "1 Rectangle to square",
    "2 Square to rectangle",
    "3 The missing information",
    "4 Which O(2)?",
    "5 Real cells",
    "6 Images that turn",
    "7 A potential",
)
TourProgress = Callable[[str, str, float], None]
"""Called with the story, what it is doing, and the share of it that is done."""


@dataclass(frozen=True)
class TourRow:
    """One story in the summary: its name, its result in a sentence, how long it took."""

    story: str
    result: str
    seconds: float


@dataclass(frozen=True)
class TourSummary:
    """What the tour found, and where its report is."""

    rows: tuple[TourRow, ...]
    report: Path


def run_tour(
    out: str | Path, *, quick: bool = False, seed: int = 0, progress: TourProgress = lambda *_: None
) -> TourSummary:
    """Run the seven stories and write `report.html`, and a film beside it, to a folder.

    Args:
        out: the folder, made where there is none.
        quick: fewer seeds and steps.
        seed: the seed of everything random.
        progress: told about each step.

    Raises `MissingExtraError` where plotly, matplotlib, scikit-learn or geomstats are not installed.
    """
    report = Report(
        "intertwine: a tour",
        "Seven stories about symmetry in neural networks, computed on this machine a moment ago.",
    )
    rows, tell = [], partial(_tell, report, Path(out))
    with one_thread():
        for number, name in enumerate(STORIES):
            start = time.perf_counter()
            progress(name, "begins", 0.0)
            result = tell(number, quick, seed, partial(progress, name))
            rows.append(TourRow(name, result, time.perf_counter() - start))
            progress(name, f"done in {rows[-1].seconds:.1f} s", 1.0)
    total = sum(row.seconds for row in rows)
    report.footnote(environment()).footnote(f"Seed {seed}; {total:.0f} seconds in all{', --quick' if quick else ''}.")
    report.footnote("Stories 1 to 3: T. Smidt, Simple Tasks and Symmetry (2019), doi:10.5281/zenodo.3348277.")
    report.footnote("Story 4: the question of issue 19 of escnn, QUVA Lab. Story 5: cells of the geomstats package.")
    report.footnote("Story 6: digits of scikit-learn, E. Alpaydin and C. Kaynak (1998), doi:10.24432/C50P49.")
    report.footnote("Story 7: GFN2-xTB, C. Bannwarth, S. Ehlert, S. Grimme (2019), doi:10.1021/acs.jctc.8b01176.")
    return TourSummary(tuple(rows), report.write(Path(out) / "report.html"))


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: the networks of the tour are so small that threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


TASKS = (
    (rectangle.rectangle_to_square, sections.tell_rectangle_to_square),
    (rectangle.square_to_rectangle, sections.tell_square_to_rectangle),
    (rectangle.square_to_rectangle_with_order_parameter, sections.tell_order_parameter),
)
"""Stories 1 to 3: what computes each, and what tells it."""


def _tell(report: Report, folder: Path, number: int, quick: bool, seed: int, progress: rectangle.Progress) -> str:
    """A story, run and told; returns its one-line result."""
    if number < len(TASKS):
        compute, tell = TASKS[number]
        seeds, steps = (1, 200) if quick else (5, 300)
        return tell(report, compute(seeds, steps, seed, progress))
    if number == len(TASKS):
        pose = which_o2.which_o2(steps=60 if quick else 300, seed=seed, progress=progress)
        return sections.tell_which_o2(report, pose, which_o2.unwilling_invariance(seed=seed))
    if number == len(TASKS) + 1:
        seeds, sizes = (2, (388,)) if quick else (8, (80, 388))
        return sections.tell_cells(report, real_cells.cells(seeds, sizes, seed, progress))
    if number == len(TASKS) + 3:
        return _tell_potential(report, quick, seed, progress)
    seeds, steps = (1, 60) if quick else (3, 120)
    return sections.tell_images(report, turned_digits.turned_digits(seeds, steps, seed, progress), folder)


def _tell_potential(report: Report, quick: bool, seed: int, progress: rectangle.Progress) -> str:
    """Story 7, where the packages are installed that it needs."""
    if absent := [name for name in POTENTIALS if find_spec(name) is None]:
        return sections.tell_left_out(report, absent)
    from intertwine.tour import ethanol, ethanol_section

    frames, epochs, steps = (24, 4, 100) if quick else (100, 40, 2000)
    return ethanol_section.tell_ethanol(report, ethanol.ethanol(frames, epochs, steps, seed, progress))


POTENTIALS = ("ase", "lightning", "tblite", "vesin")
"""What story 7 needs, which not every installation has."""
