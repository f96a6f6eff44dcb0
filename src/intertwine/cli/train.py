"""`intertwine train`: a potential from labelled structures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intertwine.cli.console import complain, say
from intertwine.errors import IntertwineError


def train_potential(
    configuration: Annotated[Path, typer.Argument(help="A TOML file that names data, model and fit.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
    seed: Annotated[int | None, typer.Option(help="Another seed: trainings with several make a committee.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where results go, in place of the folder in the file.")] = None,
) -> None:
    """Train a potential on energies, forces, stresses and tensors of molecules and materials.

    What the data hold, and what is odd about them, is said before anything is computed. The folder then holds
    model.safetensors, report.html, which grows while it trains, and checkpoints to go on from.
    """
    try:  # Lightning is only needed here, and may be missing.
        from intertwine.training.configuration import read_configuration
        from intertwine.training.progress import error_words
        from intertwine.training.whole import train

        told = read_configuration(configuration)
        told = told if folder is None else replace(told, folder=str(folder))
        told = told if seed is None else replace(told, fit=replace(told.fit, seed=seed))
        found = train(told, resume=resume, say=say, progress=Console().is_terminal)
    except IntertwineError as error:
        complain(error)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        complain("Stopped. After a whole epoch --resume goes on from it, and the folder holds the best model so far.")
        raise typer.Exit(130) from error
    except OSError as error:  # a disk that is full, files that nobody may read
        complain(
            f"The training stops, since a file cannot be read or written: {error}. With room for it, --resume goes on."
        )
        raise typer.Exit(2) from error
    from lightning.pytorch.utilities import rank_zero_only

    tell = rank_zero_only(say)  # each process of several comes here
    errors = [error_words(name, value) for name, value in found.errors.items() if "_" in name]
    tell(f"{'test' if told.data.test else 'validation'}: {', '.join(errors)}")
    tell(f"The potential is in {found.path}.")
