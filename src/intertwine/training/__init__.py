"""Training of potentials: data, fits, reports.

Where what lies, in the order in which a training comes to it. What is asked for: `configuration`. Files become frames
with labels: `label_keys` (under which names, in which units), `raw_frames` (whatever the format), `frames`. What is odd
about them: `inspection`, by the `checks` that it lists, which ask `alike` (frames that are one structure),
`composition` (energies of elements) and `consistency` (whether labels belong together); `label_floors` is what no
equivariant model can fit. What a model needs of them beforehand: `preparation`, `statistics`; and how it is made of
that: `building`. Frames become tensors and steps: `batches`, `data_module`. The fit: `losses`, `fitting`. What is told
meanwhile: `progress`; and in the end: `predictions`, `outcome`, `report`. All of it in one function: `whole`.
"""

from intertwine.errors import MissingExtraError

try:
    import ase as _ase  # noqa: F401 (only to say what is missing)
    import lightning as _lightning  # noqa: F401
except ImportError as error:
    raise MissingExtraError.of(error.name or "lightning", "potentials") from error

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
