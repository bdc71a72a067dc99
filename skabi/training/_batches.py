"""Batches as slices of tensors."""

import torch
from torch.utils.data import Dataset

from skabi.networks._data_sets import first_tensor, map_tensors, n_rows


class Rows(Dataset):
    """A `Batch` of all rows, in the place where torch and skorch expect a dataset."""

    def __init__(self, batch):
        self.batch = batch

    def __len__(self):
        return n_rows(self.batch.x)

    def __getitem__(self, index):
        return map_tensors(lambda tensor: tensor[index], self.batch)

    def parts(self, generator):
        """Yield the parts that are in memory at a time: all at once."""
        yield self

    def n_batches(self, batch_size):
        """Return how many batches an epoch has."""
        return n_batches(len(self), batch_size)


class TensorBatches:
    """Batches of `Rows`, in place of torch's `DataLoader`, which collates row by row.

    Parameters
    ----------
    dataset : Rows or StreamedRows
    batch_size : int
        Rows a batch; batches are made equal, so that none is much smaller than the others.
    generator : torch.Generator, optional
        Shuffles the rows anew each epoch; by default rows keep their order.
    dropping : callable, optional
        `dropping(x, generator)` returns the data sets of a batch with values left out.
    """

    def __init__(self, dataset, batch_size, generator=None, dropping=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.dropping = dropping

    def __len__(self):
        return self.dataset.n_batches(self.batch_size)

    def __iter__(self):
        for part in self.dataset.parts(self.generator):
            yield from self._batches(part)

    def _batches(self, part):
        device = first_tensor(part.batch).device
        order = torch.arange(len(part), device=device)
        if self.generator is not None:
            order = torch.randperm(len(part), generator=self.generator).to(device)
        for rows in order.tensor_split(n_batches(len(part), self.batch_size)):
            batch = part[rows]
            yield batch if self.dropping is None else batch._replace(x=self.dropping(batch.x, self.generator))


def n_batches(n_rows, batch_size):
    """Return how many batches of equal size rows make."""
    return max(1, round(n_rows / batch_size))
