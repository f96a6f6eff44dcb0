"""The laws of equivariance, for the library's own tests and for its users'."""

from intertwine.testing.equivariance import Defect, act, equivariance_error, law_elements
from intertwine.testing.laws import ModuleReport, check_module

__all__ = ["Defect", "ModuleReport", "act", "check_module", "equivariance_error", "law_elements"]
