"""How networks are trained: the skorch net, batches, schedule and callbacks."""

from skabi.training._batches import TensorBatches
from skabi.training._callbacks import EpochBar, RestoreGoodWeights, WarmUpDecay
from skabi.training._train import TrainingRecord, train

__all__ = ["EpochBar", "RestoreGoodWeights", "TensorBatches", "TrainingRecord", "WarmUpDecay", "train"]
