"""What is to be trained, and on what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from skabi._torch import to_tensor
from skabi.estimators._fresh_simulations import FreshSimulations
from skabi.estimators._joint_density import KnownModel
from skabi.estimators._stored import Stream
from skabi.losses import Batch
from skabi.networks._data_sets import DataSets, map_tensors


@dataclass
class Task:
    """What is to be trained, and on what.

    Attributes
    ----------
    network : torch.nn.Module
    x : Tensor or DataSets
    theta : ndarray of shape (n, n_parameters) or None
        None where the parameters of data sets are not known.
    log_det : ndarray of shape (n,)
        Log-determinant of the map to what has the density; zero where the loss is no log density.
    used, held_out : ndarray of int
        Rows to train on, and to judge by.
    dropping : callable or None
    past : tuple of two lists
        Loss curve and validation scores of earlier fits.
    seed : int
    first_weights : str
        A hash of what training starts from.
    is_continued : bool
        Whether training goes on from an earlier fit.
    is_pass : bool
        Whether it is one pass over the rows.
    fresh : FreshSimulations or None
    stream : Stream or None
        What is trained on, where `x` is only the first of it.
    model : KnownModel or None
        For losses that ask for prior and likelihood.
    rows : Tensor of int of shape (n,) or None
        Numbers by which the model knows the data sets.
    """

    network: nn.Module
    x: torch.Tensor | DataSets
    theta: np.ndarray | None
    log_det: np.ndarray
    used: np.ndarray
    held_out: np.ndarray
    dropping: Any
    past: tuple[list, list]
    seed: int
    first_weights: str = ""
    is_continued: bool = False
    is_pass: bool = False
    fresh: FreshSimulations | None = None
    stream: Stream | None = None
    model: KnownModel | None = None
    rows: torch.Tensor | None = None

    @property
    def n_rows(self):
        """Rows of an epoch."""
        return len(self.used if self.stream is None else self.stream)


def batch_of(x, theta, rows, *, device):
    """Return what networks see of data sets and parameters as a `Batch` of tensors on a device."""
    theta = None if theta is None else to_tensor(theta, device=device)
    return Batch(map_tensors(lambda part: part.to(device), x), theta, rows)


def columns(y):
    """Return parameters as an array `(n, n_parameters)`."""
    return np.reshape(y, (len(y), -1))
