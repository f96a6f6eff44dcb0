"""From code to functions that run: compiled at first use, and kept on disk for the next process."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from intertwine.ops.llvm.code import Code


@dataclass(frozen=True)
class Machine:
    """What code is compiled for.

    Args:
        triple: architecture and system, as LLVM names them.
        processor: the model; "" for any.
        features: what it can do beyond the least of its architecture, such as "+avx2,+fma".
    """

    triple: str
    processor: str
    features: str

    @property
    def width(self) -> int:
        """The bytes of a vector: 64 with AVX-512, 32 with AVX2, else 16."""
        found = set(self.features.split(","))
        return 64 if "+avx512f" in found else 32 if "+avx2" in found else 16

    @property
    def fused(self) -> bool:
        """Whether it multiplies and adds in one instruction."""
        return "+fma" in self.features.split(",") or self.triple.startswith(("aarch64", "arm64"))

    def code(self, *, double: bool) -> Code:
        """Code for its vectors of float64 or float32."""
        return Code(self.width // (8 if double else 4), double=double, fused=self.fused)


@cache
def host() -> Machine:
    """The machine that this runs on.

    Raises `ImportError` where llvmlite is not installed.
    """
    binding = _binding()
    features = binding.get_host_cpu_features().flatten()
    return Machine(binding.get_default_triple(), binding.get_host_cpu_name(), features)


class Kernel:
    """A compiled function, called with the address of its arguments. It keeps its own code alive.

    Args:
        engine: what holds the code.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("run"))

    def __call__(self, address: int) -> None:
        """Run it."""
        self._function(address)


def load(key: str, write: Callable[[Machine], str]) -> Kernel:
    """A kernel: from the disk, or written, compiled and put there.

    Args:
        key: what the kernel is; the machine, the versions of LLVM and of the code of this room are added to it.
        write: makes the code, with a function "run", where no object is at hand.

    Raises `ImportError` without llvmlite, and `RuntimeError` where LLVM cannot compile the code.
    """
    machine = host()
    whole = hashlib.sha256("\n".join((key, repr(machine), versions(), _fingerprint())).encode()).hexdigest()
    data = _read(folder() / whole)
    if data is None:
        data = compiled(write(machine), machine)
        _write(folder() / whole, data)
    binding = _binding()
    module = binding.parse_assembly('source_filename = "kernel"')
    engine = binding.create_mcjit_compiler(module, _target(machine, jit=True))
    engine.add_object_file(binding.ObjectFileRef.from_data(data))
    engine.finalize_object()
    return Kernel(engine)


def probe() -> None:
    """Raise what keeps kernels from running here, if anything: compiles a function that does nothing."""
    code = host().code(double=False)
    with code.function("run", exported=True):
        pass
    load("probe", lambda _: code.text())


def compiled(text: str, machine: Machine) -> bytes:
    """The object file of some code, for this or another machine."""
    binding = _binding()
    target = _target(machine, jit=machine == host())
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(target.target_data)
    builder = binding.create_pass_builder(target, binding.create_pipeline_tuning_options())
    passes = binding.create_new_function_pass_manager()
    passes.add_sroa_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return bytes(target.emit_object(module))


def folder() -> Path:
    """Where objects are kept: INTERTWINE_CACHE, or a folder in the user's cache."""
    if given := os.environ.get("INTERTWINE_CACHE"):
        return Path(given)
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name, as in containers: nothing can be kept
        home = Path(os.devnull)
    places = {"darwin": home / "Library" / "Caches", "win32": Path(os.environ.get("LOCALAPPDATA", home))}
    usual = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    return places.get(sys.platform, usual) / "intertwine"


def _read(path: Path) -> bytes | None:
    """The object of a file that begins with its fingerprint; None for no file, and for one that is broken."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    mark, data = whole[:32], whole[32:]
    return data if hashlib.sha256(data).digest() == mark else None


def _write(path: Path, data: bytes) -> None:
    """Keep an object, all at once: another process sees all of it or nothing. What cannot be kept is made again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                file.write(hashlib.sha256(data).digest() + data)
                file.close()
                Path(file.name).replace(path)
            except OSError:  # a full disk
                Path(file.name).unlink(missing_ok=True)


@cache
def _binding() -> Any:
    """llvmlite, which is loaded at the first kernel: `import intertwine` does not wait for it."""
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def _target(machine: Machine, *, jit: bool) -> Any:
    target = _binding().Target.from_triple(machine.triple)
    return target.create_target_machine(cpu=machine.processor, features=machine.features, opt=2, jit=jit)


def versions() -> str:
    """The versions of llvmlite and LLVM, in words."""
    import llvmlite

    return f"llvmlite {llvmlite.__version__}, LLVM {'.'.join(map(str, _binding().llvm_version_info))}"


@cache
def _fingerprint() -> str:
    """A mark of all code that writes kernels: another version of it makes other objects."""
    source = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        source.update(path.read_bytes())
    return source.hexdigest()
