"""Rows that are read a part at a time: all of them each epoch, in another order."""

import numpy as np
import pytest
import torch

from skabi.losses import Batch
from skabi.training import StreamedRows, TensorBatches


def streamed(n_rows, read=None):
    """Return 100 numbered rows in chunks of 10 and of 7."""
    chunks = np.split(np.arange(100), [10, 20, 30, 37, 44, 51, 58, 65, 72, 79, 86, 93])

    def number(chunks):
        rows = torch.tensor(np.concatenate(chunks))
        return Batch(rows[:, None], rows[:, None])

    return StreamedRows(read or number, chunks, n_rows=n_rows)


def epoch(rows, seed=0):
    """Return the numbers in the batches of an epoch."""
    batches = TensorBatches(rows, 8, torch.Generator().manual_seed(seed))
    return [batch.theta[:, 0].tolist() for batch in batches]


@pytest.mark.parametrize("n_rows", [1, 25, 1000])
def test_an_epoch_has_every_row_once(n_rows):
    batches = epoch(streamed(n_rows))
    assert sorted(number for batch in batches for number in batch) == list(range(100))
    assert max(map(len, batches)) <= 12 and len(streamed(n_rows)) == 100


def test_parts_are_chunks_chosen_at_random():
    parts = [len(part) for part in streamed(25).parts(torch.Generator().manual_seed(0))]
    assert sum(parts) == 100 and all(25 <= size < 35 for size in parts[:-1])
    assert epoch(streamed(25), seed=0) == epoch(streamed(25), seed=0) != epoch(streamed(25), seed=1)
    first = epoch(streamed(1), seed=2)[0]
    assert first != sorted(first)


def test_what_fails_in_reading_reaches_the_training():
    def read(chunks):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        epoch(streamed(25, read))
