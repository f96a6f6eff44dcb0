"""Contractions as data: plans, and polynomials made of them. They know no group and no tensor."""

from intertwine.plan.plan import Operand, Path, Plan
from intertwine.plan.polynomial import Polynomial, Term

__all__ = ["Operand", "Path", "Plan", "Polynomial", "Term"]
