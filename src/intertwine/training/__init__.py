"""Training of potentials: data, fits, reports."""

from intertwine.training.batches import FrameDataset, Shares
from intertwine.training.checks import CheckLimits, Finding
from intertwine.training.composition import References, fit_references
from intertwine.training.configuration import Configuration, configuration_of, read_configuration
from intertwine.training.data_module import PotentialData
from intertwine.training.fitting import MovingAverage, PotentialFit, Schedule
from intertwine.training.frames import FoundLabel, FrameSet, LabelledFrame, read_frames
from intertwine.training.inspection import DataReport, inspect
from intertwine.training.label_floors import LabelFloor, label_floor
from intertwine.training.label_keys import LabelKeys, LabelUnits
from intertwine.training.losses import PotentialLoss
from intertwine.training.outcome import predict_frames
from intertwine.training.predictions import LabelErrors, PredictedFrames, label_errors
from intertwine.training.report import TrainingRecord, training_report, write_training_report
from intertwine.training.statistics import LabelStatistics, Split, label_statistics, split_frames
from intertwine.training.whole import Trained, train

__all__ = [
    "CheckLimits",
    "Configuration",
    "DataReport",
    "Finding",
    "FoundLabel",
    "FrameDataset",
    "FrameSet",
    "LabelErrors",
    "LabelFloor",
    "LabelKeys",
    "LabelStatistics",
    "LabelUnits",
    "LabelledFrame",
    "MovingAverage",
    "PotentialData",
    "PotentialFit",
    "PotentialLoss",
    "PredictedFrames",
    "References",
    "Schedule",
    "Shares",
    "Split",
    "Trained",
    "TrainingRecord",
    "configuration_of",
    "fit_references",
    "inspect",
    "label_errors",
    "label_floor",
    "label_statistics",
    "predict_frames",
    "read_configuration",
    "read_frames",
    "split_frames",
    "train",
    "training_report",
    "write_training_report",
]
