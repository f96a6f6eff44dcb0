"""Training of potentials: data, fits, reports."""

from intertwine.training.checks import CheckLimits, Finding
from intertwine.training.composition import References, fit_references
from intertwine.training.frames import FoundLabel, FrameSet, LabelledFrame, read_frames
from intertwine.training.inspection import DataReport, inspect
from intertwine.training.label_floors import LabelFloor, label_floor
from intertwine.training.label_keys import LabelKeys, LabelUnits
from intertwine.training.predictions import LabelErrors, PredictedFrames, label_errors
from intertwine.training.report import TrainingRecord, training_report, write_training_report
from intertwine.training.statistics import LabelStatistics, Split, label_statistics, split_frames

__all__ = [
    "CheckLimits",
    "DataReport",
    "Finding",
    "FoundLabel",
    "FrameSet",
    "LabelErrors",
    "LabelFloor",
    "LabelKeys",
    "LabelStatistics",
    "LabelUnits",
    "LabelledFrame",
    "PredictedFrames",
    "References",
    "Split",
    "TrainingRecord",
    "fit_references",
    "inspect",
    "label_errors",
    "label_floor",
    "label_statistics",
    "read_frames",
    "split_frames",
    "training_report",
    "write_training_report",
]
