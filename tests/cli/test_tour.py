"""The command `intertwine tour`, with a tour of two short stories."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from intertwine.cli import app
from intertwine.tour import run

pytest.importorskip("plotly")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the tour was asked for."""
    asked: list[str] = []

    def tell(out: Path, *, quick: bool, seed: int, progress: run.TourProgress) -> run.TourSummary:
        for story in run.STORIES[:2]:
            progress(story, "begins", 0.0)
            for share in (0.25, 0.5, 0.75):
                progress(story, "training", share)
            progress(story, "done in 2.5 s", 1.0)
        asked.append(f"{quick} {seed}")
        return run.TourSummary(tuple(run.TourRow(story, "It works.", 2.5) for story in run.STORIES[:2]), out / "r.html")

    monkeypatch.setattr(run, "run_tour", tell)
    return asked


def test_without_a_terminal_each_story_says_when_it_begins_and_ends(asked: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["tour", "--quick", "--seed", "3", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    first, second = run.STORIES[:2]
    told = [f"{story}: {doing}" for story in (first, second) for doing in ("begins", "training", "done in 2.5 s")]
    assert result.output.splitlines()[:6] == told
    assert f"The report is in {tmp_path / 'r.html'}: open it" in result.output
    assert asked == ["True 3"]


@pytest.mark.usefixtures("asked")
def test_a_long_silence_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["intertwine.cli.tour"], "SILENCE", -1.0)
    result = CliRunner().invoke(app, ["tour", "--out", str(tmp_path)])
    story = run.STORIES[0]
    told = [f"{story}: {doing}" for doing in ("begins", "training", "training, 50%", "training, 75%", "done in 2.5 s")]
    assert result.output.splitlines()[:5] == told


@pytest.mark.usefixtures("asked")
def test_a_terminal_has_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = CliRunner().invoke(app, ["tour", "--out", str(tmp_path)])
    assert "━━━" in result.output
    assert f"{run.STORIES[0]}: begins" not in result.output
