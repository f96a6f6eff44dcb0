"""What a training is made of, as a file or from Python: data, model, fit, where it goes."""

from __future__ import annotations

import difflib
import math
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from intertwine.errors import ArgumentError

_Section = TypeVar("_Section")


@dataclass(frozen=True)
class DataSection:
    """Which frames to learn from.

    Args:
        train: files of frames.
        validation: files, or the share of the frames of `train` that is held back.
        test: files, or a share, that is looked at once, at the end.
        replay: files of frames that a model learned from before, mixed in when it is trained further.
        replay_weight: the weight of each of these beside one of the new frames.
        keys: under which names labels stand, such as `{energy = "REF_energy"}`; the usual ones are found.
        units: in which units they are, such as `{energy = "kcal/mol"}`; default eV and Å.
        references: the energy of single atoms by symbol, `{H = -13.6}`, eV; what is not given is fitted.
        seed: the seed of the division.
    """

    train: list[str]
    validation: float | list[str] = 0.1
    test: float | list[str] = field(default_factory=list)
    replay: list[str] = field(default_factory=list)
    replay_weight: float = 1.0
    keys: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    references: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self, "data", "0 or more, and finite", lambda x: 0 <= x < math.inf, "seed", "replay_weight")


@dataclass(frozen=True)
class TargetSection:
    """A tensor that is learned beside the energy.

    Args:
        rep: how it turns, such as "1x1o" for a dipole.
        tensor: or the indices of a Cartesian tensor and how they may be exchanged, such as "ij=ji".
        total: whether it is the sum over atoms, or one for each atom.
        mean: whether it is the mean over atoms in place of the sum, as of elastic constants.
        weight: its weight in the loss, in units of the root mean square of what varies of it.
    """

    rep: str | None = None
    tensor: str | None = None
    total: bool = True
    mean: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class ModelSection:
    """The potential.

    Args:
        network: "NequIP", "MACE", … of `intertwine.models`.
        cutoff: how far atoms see, Å.
        group: "O(3)", or "SO(3)" for one that does not know mirrors.
        options: further arguments of the network; reps as words, `hidden = "32x0e + 32x1o"`.
        targets: tensors beside the energy, by name.
        repulsion: whether the repulsion of nuclei (ZBL) is added.
        long_range: whether the network gives charges too, whose energy reaches beyond the cut-off; they need no label.
        start: a model on disk to go on from; of the rest of this section only the targets that are learned further, and
            what is frozen, are asked then.
        frozen: beginnings of names of weights that stay as they are, such as "network.embedding".
    """

    network: str = "NequIP"
    cutoff: float = 5.0
    group: str = "O(3)"
    options: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, TargetSection] = field(default_factory=dict)
    repulsion: bool = False
    long_range: bool = False
    start: str | None = None
    frozen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _require(self, "model", "positive, and finite", lambda x: 0 < x < math.inf, "cutoff")


@dataclass(frozen=True)
class FitSection:
    """How the weights are found.

    Args:
        epochs: how often each frame is seen.
        batch_size: the largest number of frames in a step; default 5, or any where `batch_edges` is given.
        batch_edges: the largest number of pairs of atoms in a step, for frames of different sizes.
        learning_rate: the largest one; it rises over `warmup` of the training, and falls to `last_rate` of itself.
        warmup, last_rate: see `Schedule`.
        weight_decay: as in AdamW.
        energy, forces, stress: the weights of errors, in eV per atom and eV/Å; of stresses times the volume per atom;
            0 for labels that are there and shall not count.
        huber: from which error on the square grows linearly.
        ema: the largest decay of the moving average of the weights; 0 for none.
        clip: the largest norm of a gradient.
        patience: after how many epochs without progress of the validation to stop; None for never.
        seed: the seed of weights and orders.
        dtype: "float32" or "float64".
        devices: how many devices, or processes on CPUs, on each node.
        nodes: how many nodes.
        accelerator: "auto", "cpu", "gpu".
    """

    epochs: int = 100
    batch_size: int | None = None
    batch_edges: int | None = None
    learning_rate: float = 0.01
    warmup: float = 0.02
    last_rate: float = 0.01
    weight_decay: float = 0.0
    energy: float = 1.0
    forces: float = 1.0
    stress: float = 0.1
    huber: float | None = None
    ema: float = 0.99
    clip: float = 10.0
    patience: int | None = None
    seed: int = 0
    dtype: str = "float32"
    devices: int = 1
    nodes: int = 1
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        counts = ("epochs", "batch_size", "batch_edges", "patience", "devices", "nodes")
        _require(self, "fit", "1 or more", lambda x: x >= 1, *counts)
        _require(self, "fit", "positive, and finite", lambda x: 0 < x < math.inf, "learning_rate")
        _require(self, "fit", "from 0 on, and below 1", lambda x: 0 <= x < 1, "warmup", "ema")
        _require(self, "fit", "0 or more", lambda x: x >= 0, "last_rate", "weight_decay", "clip", "seed")

    @property
    def step_size(self) -> int | None:
        """The largest number of frames in a step; None for as many as the pairs allow."""
        return 5 if self.batch_size is None and self.batch_edges is None else self.batch_size


@dataclass(frozen=True)
class Configuration:
    """A training.

    Args:
        data, model, fit: see the sections.
        folder: where models, checkpoints, numbers and the report go.
    """

    data: DataSection
    model: ModelSection = field(default_factory=ModelSection)
    fit: FitSection = field(default_factory=FitSection)
    folder: str = "run"


def _require(section: Any, name: str, words: str, holds: Callable[[Any], bool], *entries: str) -> None:
    """Raises `ArgumentError` for the first of some entries that is given and is not as it shall be."""
    for entry in entries:
        value = getattr(section, entry)
        if value is not None and not holds(value):
            raise ArgumentError(f"Entry {name}.{entry} is {words}, but got {value!r}.")


def read_configuration(path: str | Path) -> Configuration:
    r"""A training from a TOML file; paths in it are seen from where the file lies.

    Raises `ArgumentError` for a file that is none, for names that nothing answers to, and for values of another kind.

    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "ethanol.toml"
    >>> _ = path.write_text('[data]\ntrain = ["ethanol.xyz"]\n[fit]\nepoch = 3')
    >>> read_configuration(path)
    Traceback (most recent call last):
    intertwine.errors.ArgumentError: Section [fit] has no entry 'epoch'. Did you mean 'epochs'?
    """
    path = Path(path)
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path.name} is no TOML file: {error}.") from error
    return _anchored(configuration_of(told), path.parent)


def configuration_of(told: Mapping[str, Any]) -> Configuration:
    """A training from nested mappings, as TOML gives them; raises `ArgumentError` as `read_configuration` does."""
    return _section(Configuration, told, "")


def _section(kind: type[_Section], told: Any, name: str) -> _Section:
    """A section from a mapping, each entry of the type that its class states."""
    where = f"Section [{name}]" if name else "A configuration"
    if not isinstance(told, Mapping):
        raise ArgumentError(f"{where} holds entries, but got {told!r}.")
    hints, entries = typing.get_type_hints(kind), fields(kind)  # type: ignore[arg-type]
    names = [entry.name for entry in entries]
    for given in told:
        if given not in names:
            near = difflib.get_close_matches(given, names, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Entries are {', '.join(names)}."
            raise ArgumentError(f"{where} has no entry {given!r}. {hint}")
    for entry in entries:
        if entry.name not in told and entry.default is MISSING and entry.default_factory is MISSING:
            raise ArgumentError(f"{where} lacks the entry {entry.name!r}. Give it, as the documentation shows.")
    values = {key: _value(hints[key], value, f"{name}.{key}".strip(".")) for key, value in told.items()}
    return kind(**values)


def _value(hint: Any, value: Any, name: str) -> Any:
    """A value of a stated type; whole numbers serve where numbers are asked for, one file where a list of them is."""
    if hasattr(hint, "__dataclass_fields__"):
        return _section(hint, value, name)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _value(inner[1], part, f"{name}.{key}") for key, part in value.items()}
    if origin is list and isinstance(value, str | list | tuple):
        return [_value(inner[0], part, name) for part in ([value] if isinstance(value, str) else value)]
    for kind in inner if origin in (types.UnionType, typing.Union) else ():
        try:
            return _value(kind, value, name)
        except ArgumentError:
            continue
    if hint is Any or (hint is type(None) and value is None):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    words = str(getattr(hint, "__name__", hint)) if isinstance(hint, type) else str(hint)
    raise ArgumentError(f"Entry {name} is of the kind {words.replace('NoneType', 'None')}, but got {value!r}.")


def _anchored(told: Configuration, folder: Path) -> Configuration:
    """The configuration with paths seen from a folder."""

    def at(path: str) -> str:
        return str(folder / path)

    def files(given: float | list[str]) -> float | list[str]:
        return given if isinstance(given, float) else [at(path) for path in given]

    data, model = told.data, told.model
    return replace(
        told,
        data=replace(
            data,
            train=[at(path) for path in data.train],
            replay=[at(path) for path in data.replay],
            validation=files(data.validation),
            test=files(data.test),
        ),
        model=replace(model, start=None if model.start is None else at(model.start)),
        folder=at(told.folder),
    )
