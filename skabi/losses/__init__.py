"""What training minimises: a network and a batch in, one value a row out."""

from skabi.losses._base import BaseLoss, Batch
from skabi.losses._forward_kl import ForwardKL

__all__ = ["BaseLoss", "Batch", "ForwardKL"]
