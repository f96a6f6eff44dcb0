"""A training from a configuration to a model on disk."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ase.data import chemical_symbols
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.utilities import rank_zero_only

from intertwine.errors import ArgumentError, DivergenceError
from intertwine.models import Potential, save_potential
from intertwine.models.atoms.charges import LATENT
from intertwine.training.batches import FrameDataset
from intertwine.training.building import (
    NAMED_DTYPES,
    learned_targets,
    new_potential,
    seen_cutoff,
    started_potential,
)
from intertwine.training.checkpoints import (
    BEST,
    LAST,
    MODEL,
    FolderCheckpoint,
    Patience,
    checked_checkpoint,
    claim_folder,
    flat_entries,
    whole_checkpoint,
)
from intertwine.training.configuration import Configuration
from intertwine.training.data_module import PotentialData
from intertwine.training.fitting import MovingAverage, PotentialFit, Schedule
from intertwine.training.frames import FrameSet, fingerprint
from intertwine.training.losses import PotentialLoss
from intertwine.training.outcome import learned_spread, predict_frames, symmetry_words
from intertwine.training.preparation import (
    FrameParts,
    Say,
    calibrate,
    check_elements,
    given_references,
    read_parts,
    target_size,
    with_fitted_offsets,
    with_moved_energies,
)
from intertwine.training.progress import Epoch, EpochLines, History, LivePage, quiet_lightning
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
    holds a training already; `DivergenceError` where numbers are no longer finite, with the best potential in the
    folder, if there was one, as there is when Ctrl-C stops it.
    """
    tell = rank_zero_only(say or (lambda _: None))
    folder = Path(configuration.folder)
    if configuration.fit.patience is not None and not configuration.data.validation:
        raise ArgumentError("[fit] patience looks at the validation, but [data] validation has no frames. Give some.")
    claim_folder(folder, configuration, resume)
    told = configuration.model
    parts = read_parts(configuration.data, learned_targets(told), seen_cutoff(told), tell)
    model, replay = _model(configuration, parts, tell)
    fit = configuration.fit
    weights = [1.0] * len(parts.train) + [configuration.data.replay_weight] * len(replay)
    data = PotentialData(
        FrameDataset([*parts.train, *replay], model, weights),
        FrameDataset(parts.validation, model) if parts.validation else None,
        FrameDataset(parts.test, model) if parts.test else None,
        size=fit.step_size,
        most_edges=fit.batch_edges,
        seed=fit.seed,
        fingerprint=fingerprint([*parts.train, *parts.validation, *parts.replay]),
    )
    sizes = {name: target_size(parts.train, name, target) for name, target in model.targets.items()}
    kinds = {name: target.weight for name, target in configuration.model.targets.items()}
    loss = PotentialLoss(fit.energy, fit.forces, fit.stress, kinds, sizes=sizes, huber=fit.huber)
    schedule = Schedule(fit.learning_rate, fit.warmup, fit.last_rate)
    module = PotentialFit(model, loss, schedule, weight_decay=fit.weight_decay, frozen=configuration.model.frozen)
    moving = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tell(f"{type(model.network).__name__}: {moving} weights to learn, cut-off {model.cutoff:g} Å, {fit.dtype}.")
    page = LivePage(folder / "report.html", TrainingRecord(folder.name, _words(configuration), data_report=parts.words))
    history = History(page.tell, EpochLines(fit.epochs, tell).tell)
    with quiet_lightning():
        start = checked_checkpoint(folder / LAST, module, data) if resume else None
        trainer = _trainer(configuration, [*callbacks, history], progress)
        try:
            diverged = _fitted(trainer, module, data, start)
        except KeyboardInterrupt:
            if trainer.is_global_zero:
                _leave(folder, configuration, module, page, history)
            raise
        if diverged is not None:  # callbacks were stopped in the middle of their work
            trainer = _trainer(configuration, [], progress, keeps=False)
        errors = _final_errors(trainer, module, data)
    model = module.model.eval()
    model.spread = learned_spread(model, data)
    if trainer.is_global_zero:
        _keep(folder, configuration, model, errors)
        looked_at = {"validation": parts.validation, "test": parts.test}
        predictions = {name: predict_frames(model, frames) for name, frames in looked_at.items() if frames}
        page.finish(history.epochs, predictions, symmetry_words(model, parts.train[0]))
    if diverged is not None:
        raise DivergenceError(f"{diverged} The best potential before that is in {folder / MODEL}.") from diverged
    return Trained(model, folder / MODEL, history.epochs, errors)


def _fitted(trainer: Trainer, module: PotentialFit, data: PotentialData, start: str | None) -> DivergenceError | None:
    """Fit, and take the best weights of the validation, or the last; why the training stopped early, if it did.

    Raises `DivergenceError` where it diverges before the end of an epoch left weights that are some use, and
    `KeyboardInterrupt` where somebody stops it.
    """
    diverged = None
    heard = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, data, ckpt_path=start)
    except DivergenceError as error:
        diverged = error
    except SystemExit as error:  # Lightning makes this of Ctrl-C, and is deaf to it from then on
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, heard)
        raise KeyboardInterrupt("The training was stopped. After a whole epoch resume goes on from it.") from error
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if best:
        module.load_state_dict(whole_checkpoint(best)["state_dict"])
    elif diverged is not None:
        raise diverged
    return diverged


def _model(configuration: Configuration, parts: FrameParts, say: Say) -> tuple[Potential, FrameSet]:
    """The potential at the start, its references fitted to the frames to learn from, and the frames to replay."""
    section, dtype = configuration.model, NAMED_DTYPES.get(configuration.fit.dtype)
    if dtype is None:
        raise ArgumentError(f"A training computes in {' or '.join(NAMED_DTYPES)}, but got {configuration.fit.dtype!r}.")
    given = given_references(configuration.data)
    if section.start is not None:
        everything = [*parts.train, *parts.validation, *parts.test, *parts.replay]
        model = started_potential(section, {int(z) for frame in everything for z in frame.atoms.numbers})
        has_energies = any(frame.energy is not None for frame in parts.train)
        say(f"Going on from {section.start}{', its references moved to these frames' if has_energies else ''}.")
        _say_unused(given, model.elements, "which the model does not know", say)
        before = model.references.clone()
        if silent := sorted(model.targets.keys() - section.targets.keys() - {LATENT}):
            say(f"Not learned further, since [model.targets] does not name them: {', '.join(silent)}.")
        model = with_fitted_offsets(model, parts.train, given)
        return model.to(dtype), with_moved_energies(parts.replay, model, before)
    check_elements(parts)
    _say_unused(given, parts.train.elements, "which no frame to learn from holds", say)
    told = label_statistics(parts.train, section.cutoff, given)
    say(f"scale {told.scale:.4g}; {told.average_neighbours:.3g} neighbours within {section.cutoff:g} Å on average")
    model = new_potential(section, told, configuration.fit.seed).to(dtype)
    calibrate(model, parts.train)
    return model, parts.replay


def _say_unused(given: Mapping[int, float], elements: Sequence[int], why: str, say: Say) -> None:
    """A line on references of elements that are not there."""
    if unused := [chemical_symbols[z] for z in sorted(given) if z not in elements]:
        say(f"! [data] references names {', '.join(unused)}, {why}: not used")


def _trainer(
    configuration: Configuration, callbacks: Sequence[Callback], progress: bool, *, keeps: bool = True
) -> Trainer:
    """Lightning's trainer with what the configuration asks for, which keeps averages and checkpoints or does not.

    Raises `ArgumentError` for devices that are not there.
    """
    fit, folder = configuration.fit, Path(configuration.folder)
    validates = bool(configuration.data.validation)
    monitor = "validation/loss" if validates else None
    # Each is written anew in one step, so that a process that is killed leaves the one before.
    checkpoints = [FolderCheckpoint(folder / LAST)]
    if monitor is not None:
        checkpoints.insert(0, FolderCheckpoint(folder / BEST, monitor))
    more: list[Callback] = [MovingAverage(fit.ema)] if fit.ema > 0 else []
    if fit.patience is not None and monitor is not None:
        more.append(Patience(monitor, patience=fit.patience))
    if progress:
        more.append(RichProgressBar())
    made = partial(
        Trainer,
        accelerator=fit.accelerator,
        devices=fit.devices,
        num_nodes=fit.nodes,
        strategy="ddp" if fit.devices * fit.nodes > 1 else "auto",
        max_epochs=fit.epochs,
        gradient_clip_val=fit.clip or None,
        callbacks=[*more, *callbacks, *checkpoints] if keeps else [],
        enable_checkpointing=keeps,
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # forces are gradients
        use_distributed_sampler=False,  # `Shares` divides each step
        log_every_n_steps=1,
    )
    try:
        return made()
    except (MisconfigurationException, ValueError) as error:
        raise ArgumentError(
            f"There is no accelerator={fit.accelerator!r} with devices={fit.devices} for Lightning: {error} Ask for "
            'what is there; accelerator = "auto" finds it.'
        ) from error


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


def _leave(folder: Path, configuration: Configuration, module: PotentialFit, page: LivePage, history: History) -> None:
    """Write the best model so far, or the last, of a training that somebody stops before its end."""
    kept = next((path for path in (folder / BEST, folder / LAST) if path.is_file()), None)
    if kept is not None:
        module.load_state_dict(whole_checkpoint(kept)["state_dict"])
        _keep(folder, configuration, module.model.eval(), {})
        page.finish(history.epochs, {}, "")


def _words(configuration: Configuration) -> str:
    """The entries of a configuration, a line each."""
    return "\n".join(f"{name} = {value!r}" for name, value in flat_entries(asdict(configuration)).items())
