"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.clouds import PointSymmetry, point_symmetry
from intertwine.symmetry.explain import Explanation, Section, explain
from intertwine.symmetry.floor import best_output, loss_floor
from intertwine.symmetry.polynomials import harmonic_coefficients

__all__ = [
    "Explanation",
    "PointSymmetry",
    "Section",
    "best_output",
    "explain",
    "harmonic_coefficients",
    "loss_floor",
    "point_symmetry",
]
