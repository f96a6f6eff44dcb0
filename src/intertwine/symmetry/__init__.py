"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.branching import Branch, BranchingTable, branching
from intertwine.symmetry.breaking import BreakingInputs, OrbitLoss, breaking_inputs, relaxed_equivariance_error
from intertwine.symmetry.breaking_sets import SymmetryBreakingSet, symmetry_breaking_set
from intertwine.symmetry.crystals import SpaceGroup
from intertwine.symmetry.curie import CurieReport, curie_check
from intertwine.symmetry.dataset import DatasetFloor, dataset_floor
from intertwine.symmetry.effective import Candidate, EffectiveSymmetry, effective_symmetry
from intertwine.symmetry.equivariance import assert_equivariant, equivariance_report
from intertwine.symmetry.explain import Explanation, Section, explain
from intertwine.symmetry.floor import loss_floor
from intertwine.symmetry.identify import Action, convert_escnn_id, identify_action
from intertwine.symmetry.images import ImageRung, ImageSymmetry, image_stabiliser
from intertwine.symmetry.isotropy import isotropy_subgroups
from intertwine.symmetry.ladder import Ladder, Rung, symmetry_ladder
from intertwine.symmetry.losses import floor_of
from intertwine.symmetry.normaliser import complement, normaliser
from intertwine.symmetry.order import OrderParameter, OrderParameters, order_parameters
from intertwine.symmetry.points import Points
from intertwine.symmetry.polynomials import harmonic_coefficients, polynomial_text
from intertwine.symmetry.proofs import Proof, Provable, prove
from intertwine.symmetry.recognisable import Recognisable, recognisable
from intertwine.symmetry.resolution import ResolutionLadder, resolution_ladder
from intertwine.symmetry.stabiliser import Stabiliser, stabiliser
from intertwine.symmetry.verdict import EquivarianceReport, tolerance_of

__all__ = [
    "Action",
    "Branch",
    "BranchingTable",
    "BreakingInputs",
    "Candidate",
    "CurieReport",
    "DatasetFloor",
    "EffectiveSymmetry",
    "EquivarianceReport",
    "Explanation",
    "ImageRung",
    "ImageSymmetry",
    "Ladder",
    "OrbitLoss",
    "OrderParameter",
    "OrderParameters",
    "Points",
    "Proof",
    "Provable",
    "Recognisable",
    "ResolutionLadder",
    "Rung",
    "Section",
    "SpaceGroup",
    "Stabiliser",
    "SymmetryBreakingSet",
    "assert_equivariant",
    "branching",
    "breaking_inputs",
    "complement",
    "convert_escnn_id",
    "curie_check",
    "dataset_floor",
    "effective_symmetry",
    "equivariance_report",
    "explain",
    "floor_of",
    "harmonic_coefficients",
    "identify_action",
    "image_stabiliser",
    "isotropy_subgroups",
    "loss_floor",
    "normaliser",
    "order_parameters",
    "polynomial_text",
    "prove",
    "recognisable",
    "relaxed_equivariance_error",
    "resolution_ladder",
    "stabiliser",
    "symmetry_breaking_set",
    "symmetry_ladder",
    "tolerance_of",
]
