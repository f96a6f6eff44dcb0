"""The report of a training: one page that says how well it went, on what, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from intertwine.errors import ArgumentError
from intertwine.training.predictions import LabelErrors, PredictedFrames, label_errors, short_number
from intertwine.viz import bars, parity_plot, run_curves
from intertwine.viz.html_report import Report, environment

_MOST_ELEMENTS = 12  # bars of a picture
WORST = 8  # frames in the table of the worst


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """All that the report of a training tells.

    Args:
        title: what was trained.
        configuration: as text, such as the toml file.
        data_report: what `inspect` and `label_floor` said, as text.
        equivariance: what the equivariance report said, as text.
        history: for each epoch numbers by name: `"epoch"` and `"time"` in seconds; names that begin with `"loss"` are
            losses, all others errors such as `"validation energy MAE, meV/atom"`.
        predictions: by part of the data, such as `"validation"` and `"test"`.
        versions: of packages; None for those that are installed.
        notes: lines for the end of the page: seeds, times, machines.
    """

    title: str
    configuration: str = ""
    data_report: str = ""
    equivariance: str = ""
    history: Sequence[Mapping[str, float]] = ()
    predictions: Mapping[str, PredictedFrames] = field(default_factory=dict)
    versions: Mapping[str, str] | None = None
    notes: Sequence[str] = ()


def write_training_report(record: TrainingRecord, path: str | Path) -> Path:
    """Write the report of a training to one HTML file, which needs no network; returns its path.

    Errors, parity plots, learning curves, errors by element and by the size of forces, the worst frames, the
    equivariance report, the data, the configuration and the versions: what is not in the record is left out.

    Raises `ArgumentError` for a file that is not called .html; `MissingExtraError` where plotly is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(f"The report is a web page, but {path.name} was asked for. Give a name that ends in .html.")
    return training_report(record).write(path)


def training_report(record: TrainingRecord) -> Report:
    """The report of a training, before it is written.

    >>> page = training_report(TrainingRecord("Ethanol", configuration="seed = 1")).html(plotly_js="")
    >>> "seed = 1" in page
    True
    """
    report = Report(record.title, _subtitle(record), summary=("Part", "What it says"))
    errors = {part: label_errors(found) for part, found in record.predictions.items()}
    if errors:
        _errors(report, errors)
    if record.history:
        _curves(report, record.history)
    if record.predictions:
        _parities(report, record.predictions)
        _by_kind(report, errors)
        _worst(report, record.predictions)
    for title, text in (("Equivariance", record.equivariance), ("Data", record.data_report)):
        if text:
            report.add_section(title, result=_first_line(text)).printed(text)
    if record.configuration:
        report.add_section("Configuration").printed(record.configuration)
    if record.versions is None:
        report.footnote(environment(("intertwine", "torch", "lightning", "numpy", "ase", "vesin")))
    else:
        report.footnote(" · ".join(f"{name} {version}" for name, version in record.versions.items()))
    for note in record.notes:
        report.footnote(note)
    return report


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0]
    return line if len(line) <= 160 else f"{line[:157]}…"


def _subtitle(record: TrainingRecord) -> str:
    parts = []
    if record.history:
        last = record.history[-1]
        parts.append(f"{len(record.history)} epochs")
        if "time" in last:
            parts.append(_duration(last["time"]))
    parts += [f"{len(found.numbers)} frames for {part}" for part, found in record.predictions.items()]
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    """A time as people say it."""
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"


# sections -------------------------------------------------------------------------------------------------------------


def _errors(report: Report, errors: Mapping[str, LabelErrors]) -> None:
    """The table of errors, and the best of it as the result."""
    rows = []
    for part, found in errors.items():
        for name, unit, mean, root, size in found.rows():
            errors_in_words = (f"{short_number(error)} {unit}" for error in (mean, root))
            rows.append([f"{part}: {name}", *errors_in_words, f"{short_number(100 * root / size)} %"])
    said = "; ".join(f"{part}: {found}" for part, found in errors.items())
    section = report.add_section("Errors", result=said)
    section.table(
        ["Label", "Mean absolute error", "Root mean square error", "of the spread"],
        rows,
        "The last column is the root mean square error over the spread of the labels: 100 % is the error of the mean.",
    )
    for part, found in errors.items():
        if found.shifted:
            section.note(
                f"Most of the error of the energies ({part}) is one shift of {short_number(found.shift)} meV/atom, "
                "which no force and no difference of energies feels. It often goes in a longer training, or with a "
                "larger weight of the energies towards its end."
            )


def _curves(report: Report, history: Sequence[Mapping[str, float]]) -> None:
    """Losses and errors by epoch; errors of one unit in one picture."""
    epochs = [entry.get("epoch", i) for i, entry in enumerate(history)]
    names = dict.fromkeys(name for entry in history for name in entry if name not in ("epoch", "time"))
    pictures: dict[str, list[str]] = {}
    for name in names:
        unit = "loss" if "loss" in name else name.rpartition(", ")[2] if ", " in name else "value"
        pictures.setdefault(unit, []).append(name)
    section = report.add_section("Learning curves")
    for unit, some in pictures.items():
        curves = {
            name.removesuffix(f", {unit}"): (epochs, [entry.get(name, np.nan) for entry in history]) for name in some
        }
        section.figure(run_curves(curves, ("epoch", unit)), f"{' · '.join(curves)}, by epoch.")


def _parities(report: Report, predictions: Mapping[str, PredictedFrames]) -> None:
    section = report.add_section("Predictions beside labels")
    pictures = {
        "energy per atom, eV": (PredictedFrames.energy_pair, "beside what its composition makes of it"),
        "force, eV/Å": (PredictedFrames.force_pair, "each of the three components of each atom"),
        "stress, eV/Å³": (PredictedFrames.stress_pair, "each of its components"),
    }
    for label, (pair_of, words) in pictures.items():
        pairs = {part: pair_of(found) for part, found in predictions.items()}
        some = {part: pair for part, pair in pairs.items() if np.isfinite(pair[0]).any()}
        names = {part: predictions[part].namer(pair[0].shape) for part, pair in some.items()}
        if some:
            section.figure(parity_plot(some, label, names), f"{label.split(',')[0].capitalize()}, {words}.")


def _by_kind(report: Report, errors: Mapping[str, LabelErrors]) -> None:
    """Errors of forces by element and by the size of the force."""
    worst: dict[int, float] = {}
    for found in errors.values():
        for z, off in found.by_element.items():
            worst[z] = max(off, worst.get(z, 0.0))
    if not worst:
        return
    elements = sorted(sorted(worst, key=lambda z: -worst[z])[:_MOST_ELEMENTS])
    values = {part: [found.by_element.get(z, np.nan) for z in elements] for part, found in errors.items()}
    section = report.add_section("Where forces are wrong")
    some = f"the {len(elements)} with the largest, of {len(worst)}" if len(worst) > len(elements) else "all"
    section.figure(
        bars([chemical_symbols[z] for z in elements], values, label="mean absolute error, meV/Å", number=".3g"),
        f"Mean absolute error of the components of forces, by the element that they act on: {some}.",
    )
    curves = {part: found.by_size for part, found in errors.items() if len(found.by_size[0])}
    section.figure(
        run_curves(curves, ("force, eV/Å", "error, meV/Å"), log=(True, True)),
        "Mean length of the error of a force, by the size of the force: as many atoms at each point.",
    )


def _worst(report: Report, predictions: Mapping[str, PredictedFrames]) -> None:
    """The frames with the largest errors: often the labels are to blame."""
    rows = []
    for part, found in predictions.items():
        for off, place in found.worst(WORST):
            rows.append([found.name(place), part, found.formula(place), *off])
    if rows:
        report.add_section("The worst frames", "Are these labels right?").table(
            ["Frame", "Part", "Atoms", "Energy, meV/atom", "Largest error of a force, meV/Å"], rows
        )
