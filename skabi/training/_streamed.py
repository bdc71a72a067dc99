"""Rows that do not fit into memory: a part at a time, the next read while the network is trained on the last."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch.utils.data import Dataset

from skabi.training._batches import Rows, n_batches


class StreamedRows(Dataset):
    """Rows in chunks that are read from where they are kept, in another order each epoch.

    Rows are shuffled within a part, which is some chunks chosen at random, and memory holds two parts at a time. The
    larger a part, the closer this is to a shuffle of all rows.

    Parameters
    ----------
    read : callable
        `read(positions)` returns the `Batch` of rows; it runs in a thread of its own.
    chunks : list of ndarray of int
        Positions of rows that are read together.
    n_rows : int
        Rows of a part, at least.
    """

    def __init__(self, read, chunks, *, n_rows):
        self.read = read
        self.chunks = chunks
        self.n_rows = n_rows

    def __len__(self):
        return sum(map(len, self.chunks))

    def parts(self, generator):
        """Yield `Rows` until all rows were there."""
        order = torch.randperm(len(self.chunks), generator=generator).tolist()
        groups = self._groups([self.chunks[i] for i in order])
        with ThreadPoolExecutor(1, thread_name_prefix="rows") as reader:
            coming = reader.submit(self._rows, groups[0])
            for group in groups[1:]:
                rows = coming.result()
                coming = reader.submit(self._rows, group)
                yield rows
            yield coming.result()

    def n_batches(self, batch_size):
        """Return how many batches an epoch has, more or less: parts differ by a chunk."""
        return sum(n_batches(sum(map(len, group)), batch_size) for group in self._groups(self.chunks))

    def _rows(self, chunks):
        return Rows(self.read(chunks))

    def _groups(self, chunks):
        groups: list[list] = [[]]
        for chunk in chunks:
            if sum(map(len, groups[-1])) >= self.n_rows:
                groups.append([])
            groups[-1].append(chunk)
        return groups
