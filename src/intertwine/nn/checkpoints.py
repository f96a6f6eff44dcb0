"""Weights on disk that know under which conventions, and between which reps, they were trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from intertwine.errors import ArgumentError, MissingExtraError, RepMismatchError
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Rep

CONVENTION = 1
"""The number of the conventions (bases, signs, orders, normalisations) that weights belong to; changes make it grow."""


def save_weights(module: nn.Module, path: str | Path, notes: Mapping[str, str] | None = None) -> Path:
    """Write the state dict of a module to a safetensors file, with the number of the conventions and all reps.

    A state dict holds numbers alone: weights of `2x1o → 3x1o` fit into `3x1o → 2x1o`, and mean nothing there.

    Args:
        module: a layer or network, or a torch module that holds some.
        path: the file.
        notes: words to keep beside them, which `read_notes` gives.

    Returns:
        The path.

    Raises `MissingExtraError` where safetensors is not installed, and `OSError` where the file cannot be written; what
    was there before is then still there.

    >>> from tempfile import mkdtemp
    >>> from intertwine.catalog import O3
    >>> from intertwine.nn import Linear
    >>> path = save_weights(Linear(O3.rep("2x1o"), O3.rep("3x1o")), Path(mkdtemp()) / "weights.safetensors")
    >>> load_weights(Linear(O3.rep("3x1o"), O3.rep("2x1o")), path)
    Traceback (most recent call last):
    intertwine.errors.RepMismatchError: The weights in weights.safetensors belong to another network: ...
    """
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    metadata = {**(notes or {}), "convention": str(CONVENTION), "reps": json.dumps(_reps(module))}
    package = _safetensors()
    from safetensors import SafetensorError

    partial = path.with_name(f"{path.name}.partial")  # at once: what stops in the middle leaves the file of before
    try:
        package.save_file(tensors, partial, metadata)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        if partial.is_file():
            partial.unlink()
        raise OSError(f"{path} cannot be written: {error}") from error
    return path


def load_weights(module: nn.Module, path: str | Path) -> nn.Module:
    """Load what `save_weights` wrote into a module, after a look at conventions and reps.

    Args:
        module: the same network as the one that was saved; its dtype and device stay.
        path: the file.

    Returns:
        The module.

    Raises `RepMismatchError` for reps that differ, and `ArgumentError` for other conventions, for files without them,
    and for weights that are missing or too many.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    if "convention" not in metadata or "reps" not in metadata:
        raise ArgumentError(
            f"{path.name} does not say which conventions its weights belong to. Load files that save_weights wrote; "
            "for others, call module.load_state_dict(…), and know what they mean."
        )
    if metadata["convention"] != str(CONVENTION):
        raise ArgumentError(
            f"The weights in {path.name} belong to the conventions number {metadata['convention']}, but this version "
            f"of intertwine has number {CONVENTION}. Load them with the version that wrote them."
        )
    _require_same(path, json.loads(metadata["reps"]), _reps(module))
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    if wrong := sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)):
        there, here = given.get(wrong[0], "nothing"), wanted.get(wrong[0], "nothing")
        raise ArgumentError(
            f"The weights in {path.name} do not fit: for {wrong[0]} there is {there} in the file, and {here} in the "
            f"module ({len(wrong)} such names in all). Make the module that was saved, without a wrapper around it."
        )
    module.load_state_dict(tensors)
    return module


def read_notes(path: str | Path) -> dict[str, str]:
    """The words beside the weights of a safetensors file.

    Raises `ArgumentError` for a file that is none.
    """
    return _read(Path(path))[0]


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and tensors of a safetensors file; `ArgumentError` for a file that is none."""
    from safetensors import SafetensorError

    package = _safetensors()
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        with package.safe_open(path, "pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ArgumentError(f"{path.name} is no safetensors file: {error}. Pass what save_weights wrote.") from error


def _reps(module: nn.Module) -> dict[str, list[list[str]]]:
    """For each equivariant part, by its name, the reps of its inputs and its output: in words, with fingerprints."""
    return {
        name: [_identity(rep) for rep in (*part.reps_in, part.rep_out)]
        for name, part in module.named_modules()
        if isinstance(part, EquivariantModule)
    }


def _identity(rep: Rep | None) -> list[str]:
    """A rep as it prints, and what tells it from others that print alike: the bases of its blocks, up to rounding."""
    if rep is None:
        return ["nothing", ""]
    digest = hashlib.sha256()
    for m, block in rep.terms:
        digest.update(f"{m} {[(n, irrep.label) for n, irrep in block.content]}".encode())
        if block.basis is not None:
            digest.update((np.round(block.basis, 6) + 0.0).tobytes())
    return [f"{rep} of {rep.group}", digest.hexdigest()[:16]]


def _require_same(path: Path, saved: dict[str, list[list[str]]], own: dict[str, list[list[str]]]) -> None:
    """Raises `RepMismatchError` that names the first part whose reps differ."""
    for name in [*own, *saved]:
        if own.get(name) == saved.get(name):
            continue
        part = f"part {name!r}" if name else "the module itself"
        there, here = (_words(reps.get(name)) for reps in (saved, own))
        hint = " They print alike, but their coordinates differ." if there == here else ""
        raise RepMismatchError(
            f"The weights in {path.name} belong to another network: {part} has {there} there and {here} here.{hint} "
            "Make the module with the same reps."
        )


def _words(reps: list[list[str]] | None) -> str:
    if reps is None:
        return "no counterpart"
    *inputs, output = (words for words, _ in reps)
    return f"{', '.join(inputs)} → {output}"


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise MissingExtraError.of("safetensors", "weights") from error
    return safetensors.torch
