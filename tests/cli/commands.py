"""Files that people have, and the command run on them."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from intertwine.cli import app

SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
RECTANGLE = SQUARE * [0.5, 1.5, 1]
WATER = "O 0 0 0.12\nH 0 0.76 -0.48\nH 0 -0.76 -0.48\n"


def run(*arguments: object) -> Result:
    """The command `intertwine`; it may fail, but never with a traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def table(path: Path, points: np.ndarray) -> Path:
    """Points as comma-separated rows under a heading."""
    np.savetxt(path, points, delimiter=",", header="x,y,z"[: 2 * points.shape[1] - 1], comments="")
    return path


def array(path: Path, numbers: object) -> Path:
    np.save(path, np.array(numbers, dtype=float))
    return path
