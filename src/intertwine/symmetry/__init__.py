"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.breaking import BreakingInputs, OrbitLoss, breaking_inputs
from intertwine.symmetry.clouds import PointSymmetry, point_symmetry
from intertwine.symmetry.curie import CurieReport, curie_check
from intertwine.symmetry.dataset import DatasetFloor, dataset_floor
from intertwine.symmetry.effective import Candidate, EffectiveSymmetry, effective_symmetry
from intertwine.symmetry.equivariance import EquivarianceReport, assert_equivariant, equivariance_report
from intertwine.symmetry.explain import Explanation, Section, explain
from intertwine.symmetry.floor import best_output, loss_floor
from intertwine.symmetry.identify import Action, convert_escnn_id, identify_action
from intertwine.symmetry.ladder import Ladder, Rung, symmetry_ladder
from intertwine.symmetry.losses import floor_of
from intertwine.symmetry.order import OrderParameter, OrderParameters, order_parameters
from intertwine.symmetry.points import Points
from intertwine.symmetry.polynomials import harmonic_coefficients, polynomial_text
from intertwine.symmetry.recognisable import Recognisable, recognisable
from intertwine.symmetry.stabiliser import Stabiliser, stabiliser

__all__ = [
    "Action",
    "BreakingInputs",
    "Candidate",
    "CurieReport",
    "DatasetFloor",
    "EffectiveSymmetry",
    "EquivarianceReport",
    "Explanation",
    "Ladder",
    "OrbitLoss",
    "OrderParameter",
    "OrderParameters",
    "PointSymmetry",
    "Points",
    "Recognisable",
    "Rung",
    "Section",
    "Stabiliser",
    "assert_equivariant",
    "best_output",
    "breaking_inputs",
    "convert_escnn_id",
    "curie_check",
    "dataset_floor",
    "effective_symmetry",
    "equivariance_report",
    "explain",
    "floor_of",
    "harmonic_coefficients",
    "identify_action",
    "loss_floor",
    "order_parameters",
    "point_symmetry",
    "polynomial_text",
    "recognisable",
    "stabiliser",
    "symmetry_ladder",
]
