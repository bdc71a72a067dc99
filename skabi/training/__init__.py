"""How networks are trained: the skorch net, batches, schedule and callbacks."""

from skabi.training._accelerated import accelerated
from skabi.training._batches import Rows, TensorBatches
from skabi.training._callbacks import AverageWeights, EpochBar, RestoreGoodWeights, Schedule
from skabi.training._checkpoint_file import CheckpointFile
from skabi.training._checkpoints import Checkpoint
from skabi.training._dropping import DropAtRandom, KeepAtRandom, LookAtRandom
from skabi.training._fresh import FreshRows
from skabi.training._streamed import StreamedRows
from skabi.training._train import TrainingRecord, train

__all__ = [
    "AverageWeights",
    "Checkpoint",
    "CheckpointFile",
    "DropAtRandom",
    "EpochBar",
    "FreshRows",
    "KeepAtRandom",
    "LookAtRandom",
    "RestoreGoodWeights",
    "Rows",
    "Schedule",
    "StreamedRows",
    "TensorBatches",
    "TrainingRecord",
    "accelerated",
    "train",
]
