"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.clouds import PointSymmetry, point_symmetry
from intertwine.symmetry.curie import CurieReport, curie_check
from intertwine.symmetry.equivariance import EquivarianceReport, assert_equivariant, equivariance_report
from intertwine.symmetry.explain import Explanation, Section, explain
from intertwine.symmetry.floor import best_output, loss_floor
from intertwine.symmetry.identify import Action, convert_escnn_id, identify_action
from intertwine.symmetry.ladder import Ladder, Rung, symmetry_ladder
from intertwine.symmetry.order import OrderParameter, OrderParameters, order_parameters
from intertwine.symmetry.points import Points
from intertwine.symmetry.polynomials import harmonic_coefficients, polynomial_text
from intertwine.symmetry.stabiliser import Stabiliser, stabiliser

__all__ = [
    "Action",
    "CurieReport",
    "EquivarianceReport",
    "Explanation",
    "Ladder",
    "OrderParameter",
    "OrderParameters",
    "PointSymmetry",
    "Points",
    "Rung",
    "Section",
    "Stabiliser",
    "assert_equivariant",
    "best_output",
    "convert_escnn_id",
    "curie_check",
    "equivariance_report",
    "explain",
    "harmonic_coefficients",
    "identify_action",
    "loss_floor",
    "order_parameters",
    "point_symmetry",
    "polynomial_text",
    "stabiliser",
    "symmetry_ladder",
]
