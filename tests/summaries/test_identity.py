import pytest
import torch

from skabi.summaries import BaseSummary, IdentitySummary


@pytest.mark.parametrize(("shape", "n_summaries"), [((4,), 4), ((5, 2), 10), ((3, 2, 2), 12)])
def test_every_number_is_a_summary_in_its_order(shape, n_summaries):
    network = IdentitySummary().build(shape, n_parameters=3)
    x = torch.arange(2.0 * n_summaries).reshape(2, *shape)
    assert network.n_summaries == n_summaries
    assert network(x, None).tolist() == [list(range(n_summaries)), list(range(n_summaries, 2 * n_summaries))]
    assert list(network.parameters()) == []


def test_the_base_class_builds_nothing():
    with pytest.raises(NotImplementedError):
        BaseSummary().build((4,), 2)
