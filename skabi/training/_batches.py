"""Batches as slices of tensors."""

import torch

from skabi.losses import Batch


class TensorBatches:
    """Batches of a `TensorDataset`, in place of torch's `DataLoader`, which collates row by row.

    Parameters
    ----------
    dataset : torch.utils.data.TensorDataset
        Tensors `x` and `theta`.
    batch_size : int
        Rows a batch; batches are made equal, so that none is much smaller than the others.
    generator : torch.Generator, optional
        Shuffles the rows anew each epoch; by default rows keep their order.
    """

    def __init__(self, dataset, batch_size, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self):
        return max(1, round(len(self.dataset) / self.batch_size))

    def __iter__(self):
        tensors = self.dataset.tensors
        if self.generator is not None:
            order = torch.randperm(len(self.dataset), generator=self.generator).to(tensors[0].device)
            tensors = [tensor[order] for tensor in tensors]
        for parts in zip(*(tensor.tensor_split(len(self)) for tensor in tensors), strict=True):
            yield Batch(*parts)
