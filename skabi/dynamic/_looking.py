"""Which times and subjects of a data set are looked at in a step of training."""

import torch

from skabi.networks._data_sets import DataSets


class LookAtTimes:
    """Look at a few times of each series, the first and the last among them, and at some of the subjects.

    How many subjects there are is drawn anew for each data set, so that a network knows any number of them.

    Parameters
    ----------
    n_times : int
    dropping : callable, optional
        Leaves values out of series before.
    """

    def __init__(self, n_times, dropping=None):
        self.n_times = n_times
        self.dropping = dropping

    def __call__(self, x, generator):
        """Return `DataSets` of series `(n, n_subjects, n_times, n_tokens)` with a mask `(n, n_subjects, n_times)`."""
        n, n_subjects, n_times, _ = x.shape
        if self.dropping is not None:
            x = self.dropping(x.flatten(0, 1), generator).unflatten(0, (n, n_subjects))
        place = torch.rand((n, n_times), generator=generator, device=generator.device)
        place[:, [0, -1]] = -1.0
        chosen = place.argsort(dim=1).argsort(dim=1) < self.n_times
        share = torch.rand((n, 1), generator=generator, device=generator.device)
        is_there = torch.arange(n_subjects, device=share.device) <= share * n_subjects
        return DataSets(x, (is_there[:, :, None] & chosen[:, None]).to(x.device))
