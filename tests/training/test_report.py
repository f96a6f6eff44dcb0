"""The report of a training says how well it went, in one file."""

from pathlib import Path

import numpy as np
import pytest

from intertwine.errors import ArgumentError, ShapeError
from intertwine.training import (
    PredictedFrames,
    TrainingRecord,
    label_errors,
    training_report,
    write_training_report,
)

NUMBERS = [np.array([8, 1, 1]), np.array([6, 1, 1, 1, 1])]


def predicted(**more: object) -> PredictedFrames:
    forces = np.arange(24.0).reshape(8, 3) / 10
    off = np.zeros((8, 3))
    off[0] = 0.03, 0.0, 0.04
    values = {
        "energies": np.array([-14.0, -24.0]),
        "energy_labels": np.array([-14.3, -24.0]),
        "forces": forces + off,
        "force_labels": forces,
        "sources": ("water:0", "methane:0"),
    }
    return PredictedFrames(NUMBERS, **{**values, **more})  # type: ignore[arg-type]


def record(**more: object) -> TrainingRecord:
    history = [
        {"epoch": k, "time": 10.0 * k, "loss": 1 / (1 + k), "validation force MAE, meV/Å": 100 / (1 + k)}
        for k in range(5)
    ]
    values = {
        "configuration": "[training]\nseed = 3",
        "data_report": "2 frames of 3 to 5 atoms\n! 1 outlier",
        "equivariance": "equivariant under O(3) <exactly>",
        "history": history,
        "predictions": {"test": predicted()},
        "notes": ("seed 3",),
    }
    return TrainingRecord("Water & methane", **{**values, **more})  # type: ignore[arg-type]


def test_errors_are_what_they_are_called() -> None:
    found = label_errors(predicted())
    mean, root, _ = found.values["energy"]
    assert (mean, root) == pytest.approx((50.0, 100 / np.sqrt(2)))
    mean, root, _ = found.values["forces"]
    assert (mean, root) == pytest.approx((70 / 24, 50 / np.sqrt(24)))
    assert found.by_element == pytest.approx({1: 0.0, 6: 0.0, 8: 70 / 3}, abs=1e-9)
    assert found.by_size[1].sum() == pytest.approx(50.0)
    assert found.by_size[0][0] == pytest.approx(np.linalg.norm([0, 0.1, 0.2]))


def test_labels_that_are_missing_do_not_count() -> None:
    known = predicted()
    labels = known.force_labels.copy()  # type: ignore[union-attr]
    labels[3:] = np.nan
    found = label_errors(predicted(force_labels=labels, energy_labels=np.array([np.nan, -24.05])))
    assert found.values["energy"][0] == pytest.approx(10.0)
    assert found.values["forces"][0] == pytest.approx(70 / 9)
    assert set(found.by_element) == {1, 8}
    assert set(label_errors(predicted(forces=None, force_labels=None)).values) == {"energy"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"energies": np.zeros(3)},
        {"forces": np.zeros((7, 3))},
        {"force_labels": None},
        {"stresses": np.zeros((2, 6)), "stress_labels": np.zeros((2, 6))},
    ],
)
def test_predictions_that_do_not_fit_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ShapeError, match="2 frames with 8 atoms"):
        predicted(**wrong)


def test_no_predictions_are_refused() -> None:
    with pytest.raises(ArgumentError, match="one frame or more"):
        PredictedFrames([], np.zeros(0), np.zeros(0))


def test_the_report_says_everything_and_asks_no_network(tmp_path: Path) -> None:
    path = write_training_report(record(), tmp_path / "new" / "report.html")
    page = path.read_text("utf-8")
    for words in (
        "Water &amp; methane",
        "5 epochs, 40 s, 2 frames for test",
        "energy 50 meV/atom",
        "water:0",
        "H2O",
        "CH4",
        "&lt;exactly&gt;",
        "1 outlier",
        "seed = 3",
        "numpy",
    ):
        assert words in page, words
    own = training_report(record()).html(plotly_js="")
    assert not any(f'{attribute}="http' in own for attribute in ("src", "href"))
    assert 3e6 < path.stat().st_size < 8e6


@pytest.mark.parametrize(("labels", "told"), [([-14.3, -24.5], True), ([-14.3, -24.0], False), ([-14.3, -23.5], False)])
def test_one_shift_of_all_energies_is_told(labels: list[float], told: bool) -> None:
    page = training_report(record(predictions={"test": predicted(energy_labels=np.array(labels))}))
    assert ("one shift of 100 meV/atom" in page.html(plotly_js="")) is told


def test_the_worst_frame_comes_first() -> None:
    page = training_report(record()).html(plotly_js="")
    worst = page[page.index("The worst frames</h2>") :]
    assert worst.index("water:0") < worst.index("methane:0")


def test_what_is_not_in_the_record_is_left_out() -> None:
    page = training_report(TrainingRecord("Little", configuration="x = 1")).html(plotly_js="")
    assert page.count("<section") == 1
    only_energies = training_report(record(predictions={"test": predicted(forces=None, force_labels=None)}))
    assert "Where forces are wrong" not in only_energies.html(plotly_js="")


def test_stresses_have_a_picture() -> None:
    stress = np.arange(18.0).reshape(2, 3, 3) / 1000
    page = training_report(record(predictions={"test": predicted(stresses=stress, stress_labels=stress + 1e-3)}))
    assert "reference stress, eV" in page.html(plotly_js="")
    assert label_errors(predicted(stresses=stress, stress_labels=stress + 1e-3)).values["stress"][0] == pytest.approx(1)


def test_versions_may_be_given() -> None:
    page = training_report(record(versions={"torch": "9.9"})).html(plotly_js="")
    assert "torch 9.9" in page
    assert "numpy" not in page


def test_a_report_is_a_page(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"report\.pdf"):
        write_training_report(record(), tmp_path / "report.pdf")


def test_points_are_named_by_frame_and_atom() -> None:
    found = predicted()
    assert [found.namer((8, 3))(k) for k in (0, 2, 3, 9, 23)] == [
        "water:0, O",
        "water:0, O",
        "water:0, H",
        "methane:0, C",
        "methane:0, H",
    ]
    assert found.namer((2, 3, 3))(9) == found.namer((2,))(1) == "methane:0"
