import pytest
import torch

from skabi.losses import Batch
from skabi.training import Rows, TensorBatches


def dataset(n):
    x = torch.arange(n, dtype=torch.float32)[:, None]
    return Rows(Batch(x, -x))


def rows(batches):
    return torch.cat([batch.x[:, 0] for batch in batches])


@pytest.mark.parametrize("n", [1, 31, 32, 33, 47, 49, 100])
@pytest.mark.parametrize("seed", [None, 0])
def test_an_epoch_has_every_row_once_in_batches_of_equal_size(n, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    batches = TensorBatches(dataset(n), 32, generator)
    drawn = list(batches)
    assert len(drawn) == len(batches) and all(isinstance(batch, Batch) for batch in drawn)
    assert all(torch.equal(batch.x, -batch.theta) for batch in drawn)
    assert rows(drawn).sort().values.tolist() == list(range(n))
    sizes = [len(batch.x) for batch in drawn]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) < 1.5 * 32
    assert min(sizes) > 20 or len(drawn) == 1


def test_rows_keep_their_order_without_a_generator():
    assert rows(TensorBatches(dataset(50), 8)).tolist() == list(range(50))


def test_the_generator_shuffles_each_epoch_anew_and_again():
    batches = TensorBatches(dataset(50), 8, torch.Generator().manual_seed(3))
    first, second = rows(batches), rows(batches)
    assert not torch.equal(first, torch.arange(50.0)) and not torch.equal(first, second)
    again = TensorBatches(dataset(50), 8, torch.Generator().manual_seed(3))
    assert torch.equal(rows(again), first) and torch.equal(rows(again), second)
