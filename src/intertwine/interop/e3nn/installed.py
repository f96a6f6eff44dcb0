"""`import e3nn` answered by this library, in one process, private names that programs use included."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.defaults import Convention, set_convention

_HERE = __package__

_PLACES = {
    "io._cartesian_tensor": "io.cartesian",
    "io._spherical_tensor": "io.spherical",
    "math._bessel": "math.radial",
    "math._linalg": "math.linear_algebra",
    "math._normalize_activation": "math.moments",
    "math._reduce": "math.symmetric",
    "math._soft_one_hot_linspace": "math.radial",
    "math._soft_unit_step": "math.radial",
    "nn._activation": "nn.activation",
    "nn._batchnorm": "nn.batchnorm",
    "nn._dropout": "nn.dropout",
    "nn._extract": "nn.extract",
    "nn._fc": "nn.fully_connected",
    "nn._gate": "nn.gate",
    "nn._identity": "nn.extract",
    "nn._normact": "nn.norm_activation",
    "nn._s2act": "nn.grid_activation",
    "nn._so3act": "nn.grid_activation",
    "o3._angular_spherical_harmonics": "o3.harmonics",
    "o3._irreps": "o3.irreps",
    "o3._linear": "o3.linear",
    "o3._norm": "o3.norm",
    "o3._reduce": "o3.reduced",
    "o3._rotation": "o3.rotation",
    "o3._s2grid": "o3.grids",
    "o3._so3grid": "o3.grids",
    "o3._spherical_harmonics": "o3.harmonics",
    "o3._tensor_product": "o3",
    "o3._tensor_product._instruction": "o3.tensor_product",
    "o3._tensor_product._sub": "o3.products",
    "o3._tensor_product._tensor_product": "o3.tensor_product",
    "o3._wigner": "o3.wigner",
    "o3.irrep": "o3.irrep",
    "util._argtools": "util.argtools",
    "util.codegen._mixin": "util.codegen",
    "util.default_type": "util",
}
"""The names of e3nn's modules beside its packages, and what answers for each here."""

_PACKAGES = (
    "",
    "io",
    "math",
    "math.perm",
    "nn",
    "o3",
    "o3.experimental",
    "util",
    "util.codegen",
    "util.jit",
    "util.test",
)


def install(convention: Convention = "0.5") -> ModuleType:
    """Have `import e3nn` give this library's names from now on, in this process.

    Args:
        convention: whose signs of Wigner's symbols are used: "0.5" for e3nn from 0.5 on, "0.4.4" for e3nn up to 0.4.4,
            as the weights of MACE need them.

    Returns:
        What `import e3nn` gives.

    Raises `ArgumentError` for another convention, and where e3nn itself has been imported before.
    """
    if _is_theirs(sys.modules.get("e3nn")):
        raise ArgumentError(
            "e3nn itself has been imported already, and modules hold its classes. Call install() before anything that "
            "imports e3nn."
        )
    set_convention(convention)
    for name in (*_PACKAGES, *_PLACES):
        place = _PLACES.get(name, name)
        sys.modules[f"e3nn.{name}".rstrip(".")] = import_module(f"{_HERE}.{place}".rstrip("."))
    return sys.modules["e3nn"]


def _is_theirs(module: ModuleType | None) -> bool:
    return module is not None and module.__name__ == "e3nn"
