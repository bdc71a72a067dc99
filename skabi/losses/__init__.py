"""What training minimises: a network and a batch in, one value a row out."""

from skabi.losses._base import BaseLoss, Batch
from skabi.losses._forward_kl import ForwardKL
from skabi.losses._reverse_kl import ReverseKL
from skabi.losses._self_consistency import SelfConsistency
from skabi.losses._sum import SumLoss
from skabi.losses._summary_regularizer import SummaryRegularizer

__all__ = ["BaseLoss", "Batch", "ForwardKL", "ReverseKL", "SelfConsistency", "SumLoss", "SummaryRegularizer"]
