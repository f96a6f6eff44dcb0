"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.inputs.crystals import SpaceGroup
from intertwine.symmetry.inputs.images import ImageRung, ImageSymmetry, image_stabiliser
from intertwine.symmetry.inputs.isotropy import isotropy_subgroups
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.ladder import Ladder, Rung, symmetry_ladder
from intertwine.symmetry.inputs.normaliser import complement, normaliser
from intertwine.symmetry.inputs.points import Points
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.models.effective import Candidate, EffectiveSymmetry, effective_symmetry
from intertwine.symmetry.models.equivariance import assert_equivariant, equivariance_report
from intertwine.symmetry.models.proofs import Proof, Provable, prove
from intertwine.symmetry.models.resolution import ResolutionLadder, resolution_ladder
from intertwine.symmetry.models.verdict import EquivarianceReport, tolerance_of
from intertwine.symmetry.possible.breaking import BreakingInputs, OrbitLoss, breaking_inputs, relaxed_equivariance_error
from intertwine.symmetry.possible.breaking_sets import SymmetryBreakingSet, symmetry_breaking_set
from intertwine.symmetry.possible.curie import CurieReport, curie_check
from intertwine.symmetry.possible.dataset import DatasetFloor, dataset_floor
from intertwine.symmetry.possible.floor import loss_floor
from intertwine.symmetry.possible.losses import floor_of
from intertwine.symmetry.possible.order import OrderParameter, OrderParameters, order_parameters
from intertwine.symmetry.possible.recognisable import Recognisable, recognisable
from intertwine.symmetry.words.branching import Branch, BranchingTable, branching
from intertwine.symmetry.words.escnn import convert_escnn_id
from intertwine.symmetry.words.explain import Explanation, Section, explain
from intertwine.symmetry.words.identify import Action, identify_action
from intertwine.symmetry.words.polynomials import harmonic_coefficients, polynomial_text

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
