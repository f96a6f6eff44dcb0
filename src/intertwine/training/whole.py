"""A training from a configuration to a model on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.utilities import rank_zero_only

from intertwine.errors import ArgumentError
from intertwine.models import Potential, save_potential
from intertwine.training.batches import FrameDataset
from intertwine.training.building import NAMED_DTYPES, atomic_number, new_potential, started_potential, targets_of
from intertwine.training.configuration import Configuration
from intertwine.training.data_module import PotentialData
from intertwine.training.fitting import MovingAverage, PotentialFit, Schedule
from intertwine.training.frames import FrameSet
from intertwine.training.history import Epoch, History
from intertwine.training.losses import PotentialLoss
from intertwine.training.outcome import (
    EpochLines,
    LivePage,
    learned_spread,
    predict_frames,
    quiet_lightning,
    symmetry_words,
)
from intertwine.training.preparation import (
    FrameParts,
    Say,
    read_parts,
    target_size,
    with_fitted_offsets,
    with_moved_energies,
)
from intertwine.training.report import TrainingRecord
from intertwine.training.statistics import label_statistics


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gives.

    Args:
        model: the potential with the best weights of the validation, ready for use.
        path: the file that holds it.
        history: the numbers of each epoch.
        errors: those of the test frames, or of the validation where there are none, by name.
    """

    model: Potential
    path: Path
    history: list[Epoch]
    errors: dict[str, float]


def train(
    configuration: Configuration,
    *,
    resume: bool = False,
    say: Say | None = None,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Trained:
    """Train a potential: read and inspect frames, fit, test, and leave all of it in a folder.

    The folder holds `model.safetensors`, `report.html`, which grows while it trains, `history.json`, and
    `checkpoints/last.ckpt`, from which a training that was interrupted goes on as if it had not been.

    Args:
        configuration: data, model and fit.
        resume: go on with the training that the folder holds.
        say: told what is found and done, line by line.
        progress: whether to show a bar.
        callbacks: further ones of Lightning.

    Raises `ArgumentError` for data and options that do not fit, before anything is computed, and for a folder that
    holds a training already.
    """
    tell = rank_zero_only(say or (lambda _: None))
    folder = Path(configuration.folder)
    _claim(folder, configuration, resume)
    targets = targets_of(configuration.model)
    parts = read_parts(configuration.data, targets, tell)
    model, replay = _model(configuration, parts, tell)
    fit = configuration.fit
    weights = [1.0] * len(parts.train) + [configuration.data.replay_weight] * len(replay)
    data = PotentialData(
        FrameDataset([*parts.train, *replay], model, weights),
        FrameDataset(parts.validation, model) if parts.validation else None,
        FrameDataset(parts.test, model) if parts.test else None,
        size=fit.batch_size,
        most_edges=fit.batch_edges,
        seed=fit.seed,
    )
    sizes = {name: target_size(parts.train, name, target) for name, target in model.targets.items()}
    kinds = {name: target.weight for name, target in configuration.model.targets.items()}
    loss = PotentialLoss(fit.energy, fit.forces, fit.stress, kinds, sizes=sizes, huber=fit.huber)
    schedule = Schedule(fit.learning_rate, fit.warmup, fit.last_rate)
    module = PotentialFit(model, loss, schedule, weight_decay=fit.weight_decay, frozen=configuration.model.frozen)
    moving = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tell(f"{configuration.model.network}: {moving} weights to learn, cut-off {model.cutoff:g} Å, {fit.dtype}.")
    page = LivePage(folder / "report.html", TrainingRecord(folder.name, _words(configuration), data_report=parts.words))
    history = History(page.tell, EpochLines(fit.epochs, tell).tell)
    with quiet_lightning():
        trainer = _trainer(configuration, [*callbacks, history], progress)
        trainer.fit(module, data, ckpt_path=str(folder / LAST) if resume else None)
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        if best:
            module.load_state_dict(torch.load(best, weights_only=True, map_location="cpu")["state_dict"])
        errors = _final_errors(trainer, module, data)
    model = module.model.eval()
    model.spread = learned_spread(model, data)
    if trainer.is_global_zero:
        _keep(folder, configuration, model, errors)
        looked_at = {"validation": parts.validation, "test": parts.test}
        predictions = {name: predict_frames(model, frames) for name, frames in looked_at.items() if frames}
        page.finish(history.epochs, predictions, symmetry_words(model, parts.train[0]))
    return Trained(model, folder / MODEL, history.epochs, errors)


LAST, MODEL = "checkpoints/last.ckpt", "model.safetensors"


def _claim(folder: Path, configuration: Configuration, resume: bool) -> None:
    """Keep the configuration in the folder; raises `ArgumentError` where that would lose, or mix, a training."""
    kept, told = folder / "configuration.json", asdict(configuration)
    there = (folder / LAST).is_file()
    if resume:
        if not there:
            raise ArgumentError(f"The folder {folder} holds no training to go on with. Start one, without resume.")
        before = json.loads(kept.read_text("utf-8"))
        if differing := [name for name in _flat(told) if _flat(told)[name] != _flat(before).get(name)]:
            raise ArgumentError(
                f"The training in {folder} was started with other values of {', '.join(differing)}. Go on with these, "
                "or start another training in another folder."
            )
    elif there or (folder / MODEL).exists():
        raise ArgumentError(
            f"The folder {folder} holds a training already. Go on with it by resume, or name another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(told, indent=1), "utf-8")


def _flat(told: Any, name: str = "") -> dict[str, Any]:
    """Nested entries by dotted names; where and by how many processes it runs is not a matter of what is trained."""
    if isinstance(told, dict) and told:
        found: dict[str, Any] = {}
        for key, value in told.items():
            found |= _flat(value, f"{name}.{key}".strip("."))
        return found
    return {} if name in ("folder", "fit.devices", "fit.nodes", "fit.accelerator") else {name: told}


def _model(configuration: Configuration, parts: FrameParts, say: Say) -> tuple[Potential, FrameSet]:
    """The potential at the start, its references fitted to the frames to learn from, and the frames to replay."""
    section, dtype = configuration.model, NAMED_DTYPES.get(configuration.fit.dtype)
    if dtype is None:
        raise ArgumentError(f"A training computes in {' or '.join(NAMED_DTYPES)}, but got {configuration.fit.dtype!r}.")
    given = {atomic_number(symbol): energy for symbol, energy in configuration.data.references.items()}
    if section.start is not None:
        everything = [*parts.train, *parts.validation, *parts.test, *parts.replay]
        model = started_potential(section, {int(z) for frame in everything for z in frame.atoms.numbers})
        say(f"Going on from {section.start}, its references moved to these frames.")
        before = model.references.clone()
        model = with_fitted_offsets(model, parts.train, given)
        return model.to(dtype), with_moved_energies(parts.replay, model, before)
    told = label_statistics(parts.train, section.cutoff, given)
    say(f"scale {told.scale:.4g}; {told.average_neighbours:.3g} neighbours within {section.cutoff:g} Å on average")
    return new_potential(section, told, configuration.fit.seed).to(dtype), parts.replay


def _trainer(configuration: Configuration, callbacks: Sequence[Callback], progress: bool) -> Trainer:
    """Lightning's trainer with what the configuration asks for."""
    fit, folder = configuration.fit, Path(configuration.folder)
    validates = bool(configuration.data.validation)
    monitor = "validation/loss" if validates else None
    checkpoints = [
        # Written anew in one step each epoch, so that a process that is killed leaves the one before.
        ModelCheckpoint(folder / "checkpoints", "last", save_top_k=1, enable_version_counter=False),
    ]
    if monitor is not None:
        best = ModelCheckpoint(
            folder / "checkpoints", "best", monitor=monitor, save_top_k=1, enable_version_counter=False
        )
        checkpoints.insert(0, best)
    more: list[Callback] = [MovingAverage(fit.ema)] if fit.ema > 0 else []
    if fit.patience is not None and monitor is not None:
        more.append(EarlyStopping(monitor, patience=fit.patience))
    if progress:
        more.append(RichProgressBar())
    return Trainer(
        accelerator=fit.accelerator,
        devices=fit.devices,
        num_nodes=fit.nodes,
        strategy="ddp" if fit.devices * fit.nodes > 1 else "auto",
        max_epochs=fit.epochs,
        gradient_clip_val=fit.clip or None,
        callbacks=[*more, *callbacks, *checkpoints],
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # forces are gradients
        use_distributed_sampler=False,  # `Shares` divides each step
        log_every_n_steps=1,
    )


def _final_errors(trainer: Trainer, module: PotentialFit, data: PotentialData) -> dict[str, float]:
    """The errors of the best weights on the test frames, or on those of the validation."""
    if data.test is not None:
        found = trainer.test(module, data, verbose=False)
    elif data.validation is not None:
        found = trainer.validate(module, data, verbose=False)
    else:
        return {}
    return {name.split("/")[-1]: value for name, value in found[0].items()}


def _keep(folder: Path, configuration: Configuration, model: Potential, errors: dict[str, float]) -> None:
    """Write the model with what it learned from."""
    told = {"configuration": asdict(configuration), "errors": errors, "version": version("intertwine")}
    save_potential(model, folder / MODEL, {"training": json.dumps(told)})


def _words(configuration: Configuration) -> str:
    """The entries of a configuration, a line each."""
    return "\n".join(f"{name} = {value!r}" for name, value in _flat(asdict(configuration)).items())
