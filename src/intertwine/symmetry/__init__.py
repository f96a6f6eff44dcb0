"""Explaining symmetry: groups and subgroups in words, and what a symmetric input forces on the output."""

from intertwine.symmetry.diagnosis.effective import Candidate, EffectiveSymmetry, effective_symmetry
from intertwine.symmetry.diagnosis.equivariance import assert_equivariant, equivariance_report
from intertwine.symmetry.diagnosis.prove import Proof, Provable, prove
from intertwine.symmetry.diagnosis.report import EquivarianceReport, tolerance_of
from intertwine.symmetry.diagnosis.resolution import ResolutionLadder, resolution_ladder
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.inputs.images import ImageRung, ImageSymmetry, image_stabiliser
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.ladder import Ladder, Rung, symmetry_ladder
from intertwine.symmetry.inputs.normaliser import normaliser
from intertwine.symmetry.inputs.space_groups import SpaceGroup
from intertwine.symmetry.inputs.stabiliser import isotropy_subgroups, stabiliser
from intertwine.symmetry.limits.breaking import BreakingInputs, OrbitLoss, breaking_inputs
from intertwine.symmetry.limits.curie import CurieReport, curie_check
from intertwine.symmetry.limits.dataset import DatasetFloor, dataset_floor
from intertwine.symmetry.limits.floors import floor_of, loss_floor
from intertwine.symmetry.limits.order_parameters import OrderParameter, OrderParameters, order_parameters
from intertwine.symmetry.limits.recognisable import Recognisable, recognisable
from intertwine.symmetry.words.branching import Branch, BranchingTable, branching
from intertwine.symmetry.words.escnn import convert_escnn_id
from intertwine.symmetry.words.explain import Explanation, Section, explain
from intertwine.symmetry.words.identify import IdentifiedElement, identify_action
from intertwine.symmetry.words.polynomials import harmonic_coefficients, polynomial_text

__all__ = [
    "Branch",
    "BranchingTable",
    "BreakingInputs",
    "Candidate",
    "CurieReport",
    "DatasetFloor",
    "EffectiveSymmetry",
    "EquivarianceReport",
    "Explanation",
    "IdentifiedElement",
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
    "assert_equivariant",
    "branching",
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
    "image_stabiliser",
    "isotropy_subgroups",
    "loss_floor",
    "normaliser",
    "order_parameters",
    "polynomial_text",
    "prove",
    "recognisable",
    "resolution_ladder",
    "stabiliser",
    "symmetry_ladder",
    "tolerance_of",
]
