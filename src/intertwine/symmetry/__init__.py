"""Explaining symmetry: what a symmetric input forces on the output, before any training."""

from intertwine.symmetry.floor import best_output, loss_floor
from intertwine.symmetry.polynomials import harmonic_coefficients
from intertwine.symmetry.stabiliser import PointSymmetry, point_symmetry

__all__ = ["PointSymmetry", "best_output", "harmonic_coefficients", "loss_floor", "point_symmetry"]
