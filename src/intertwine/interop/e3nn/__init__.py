"""e3nn's names on this library's core: `from intertwine.interop.e3nn import o3, nn, io, math, util`.

Irreps, instructions, weights and their order, the numbers that come out and the keys of state dicts are those of e3nn
0.6; what computes them are this library's plans and kernels. `install()` answers for `import e3nn` in the whole
process, so that programs written for e3nn run as they are. `load_e3nn` and `to_e3nn` lead to this library's own layers
and back, `features_from_e3nn` and `features_to_e3nn` do so for features.
"""

from intertwine.interop.e3nn import io, math, nn, o3, util
from intertwine.interop.e3nn.conversion import load_e3nn, monte_carlo, to_e3nn, weights_from_e3nn, weights_to_e3nn
from intertwine.interop.e3nn.defaults import get_optimization_defaults, set_convention, set_optimization_defaults
from intertwine.interop.e3nn.features import features_from_e3nn, features_to_e3nn
from intertwine.interop.e3nn.installed import install

__version__ = "0.6.0"
"""The version of e3nn whose names and numbers these are."""

__all__ = [
    "features_from_e3nn",
    "features_to_e3nn",
    "get_optimization_defaults",
    "install",
    "io",
    "load_e3nn",
    "math",
    "monte_carlo",
    "nn",
    "o3",
    "set_convention",
    "set_optimization_defaults",
    "to_e3nn",
    "util",
    "weights_from_e3nn",
    "weights_to_e3nn",
]
