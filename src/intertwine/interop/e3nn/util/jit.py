"""e3nn.util.jit: decorators are accepted; TorchScript, which torch gives up, is not offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from torch import nn

_MODE = "__e3nn_compile_mode__"


def compile_mode(mode: str | None) -> Callable[[type], type]:
    """A decorator of classes that notes how e3nn would have compiled them, which changes nothing."""

    def decorated(cls: type) -> type:
        setattr(cls, _MODE, mode)
        return cls

    return decorated


def get_compile_mode(mod: nn.Module) -> str | None:
    """The mode that a class was decorated with."""
    found: str | None = getattr(mod, _MODE, None)
    return found


@contextmanager
def disable_e3nn_codegen() -> Iterator[None]:
    """Nothing is generated here."""
    yield


def _refuse(*_: Any, **__: Any) -> NoReturn:
    """Raise `NotImplementedError`: TorchScript is not offered."""
    raise NotImplementedError(
        "Modules of intertwine are not compiled by TorchScript, which torch no longer develops. Call "
        "torch.compile(model) to run one faster, or torch.export.export(model, inputs) to save one."
    )


compile = script = trace = trace_module = _refuse
