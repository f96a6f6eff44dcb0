"""What a training leaves to go on from, and whether it can."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from intertwine.errors import ArgumentError
from intertwine.training.configuration import Configuration
from intertwine.training.data_module import PotentialData
from intertwine.training.fitting import PotentialFit

LAST, BEST, MODEL = "checkpoints/last.ckpt", "checkpoints/best.ckpt", "model.safetensors"


class FolderCheckpoint(ModelCheckpoint):
    """A checkpoint of a fixed name, written anew; a folder that was moved keeps what is the best in it.

    Args:
        path: the file.
        monitor: the number whose smallest value is kept; None for the last epoch.
    """

    def __init__(self, path: Path, monitor: str | None = None) -> None:
        super().__init__(path.parent, path.stem, monitor=monitor, save_top_k=1, enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The state of before; Lightning forgets it where the folder has another name."""
        here = {key: self._here(state_dict[key]) for key in _PATHS if state_dict.get(key)}
        known = {self._here(path): value for path, value in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **here, "best_k_models": known, "dirpath": self.dirpath})

    def _here(self, path: str) -> str:
        return str(Path(str(self.dirpath)) / Path(path).name)


_PATHS = ("best_model_path", "last_model_path", "kth_best_model_path")


def claim_folder(folder: Path, configuration: Configuration, resume: bool) -> None:
    """Keep the configuration in the folder; raises `ArgumentError` where that would lose, or mix, a training."""
    kept, told = folder / "configuration.json", asdict(configuration)
    there = (folder / LAST).is_file()
    if resume:
        if not there:
            raise ArgumentError(f"The folder {folder} holds no training to go on with. Start one, without resume.")
        before = _flat_of(kept)
        now = flat_entries(told)
        if differing := [name for name in now if now[name] != before.get(name)]:
            raise ArgumentError(
                f"The training in {folder} was started with other values of {', '.join(differing)}. Go on with these, "
                "or start another training in another folder."
            )
    elif there or (folder / MODEL).exists():
        raise ArgumentError(
            f"The folder {folder} holds a training already. Go on with it by resume, or name another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(told, indent=1), "utf-8")
        partial.replace(kept)
    except OSError as error:
        raise ArgumentError(f"Nothing can be written to the folder {folder}: {error}. Name another one.") from error


def flat_entries(told: Any, name: str = "") -> dict[str, Any]:
    """Nested entries by dotted names; where and by how many processes it runs is not a matter of what is trained."""
    if isinstance(told, dict) and told:
        found: dict[str, Any] = {}
        for key, value in told.items():
            found |= flat_entries(value, f"{name}.{key}".strip("."))
        return found
    return {} if name in ("folder", "fit.devices", "fit.nodes", "fit.accelerator") else {name: told}


def _flat_of(path: Path) -> dict[str, Any]:
    try:
        return flat_entries(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"{path}, which says how the training there was started, cannot be read: {error}. Start another training "
            "in another folder."
        ) from error


def whole_checkpoint(path: str | Path) -> dict[str, Any]:
    """What a checkpoint holds; raises `ArgumentError` for a file that is not there, or was cut short."""
    try:
        kept: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError, ValueError) as error:
        why = str(error).split(". ")[0].strip(".") or type(error).__name__
        raise ArgumentError(
            f"The checkpoint {path} cannot be read; it may have been cut short: {why}. Start another training in "
            "another folder."
        ) from error
    return kept


def checked_checkpoint(path: Path, module: PotentialFit, data: PotentialData) -> str:
    """The path of a checkpoint that belongs to this training.

    Raises `ArgumentError` for files that were cut short, for weights of another network, and for other frames.
    """
    kept = whole_checkpoint(path)
    if kept.get(type(data).__qualname__, data.state_dict()) != data.state_dict():
        raise ArgumentError(
            f"The training in {path.parent.parent} was started with other frames: the files have changed since. Go on "
            "with those of before, or start another training in another folder."
        )
    wanted, given = ({n: x.shape for n, x in told.items()} for told in (module.state_dict(), kept["state_dict"]))
    if differing := sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)):
        raise ArgumentError(
            f"The checkpoint {path} holds another network, perhaps of another version of intertwine: {differing[0]} "
            "differs. Go on with the version that wrote it, or start another training in another folder."
        )
    return str(path)
