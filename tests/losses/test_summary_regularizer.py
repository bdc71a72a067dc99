import numpy as np
import pytest
import torch
from torch import nn

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.losses import Batch, ForwardKL, SummaryRegularizer
from skabi.losses._summary_regularizer import SQUARED_WIDTHS
from skabi.networks._summarized import Summarized
from skabi.summaries import IdentitySummary, ModuleSummary


class Given(nn.Module):
    """Summaries that are the data themselves, of which the first `n_fixed` are not learned."""

    def __init__(self, n_summaries, n_fixed=0):
        super().__init__()
        self.n_summaries, self.n_fixed = n_summaries, n_fixed

    def forward(self, x, mask=None):
        """Return x."""
        return x


def squared_mmd(x, **parameters):
    x = torch.as_tensor(x)
    return SummaryRegularizer(**parameters)(Summarized(Given(x.shape[1])), Batch(x, None))


def kernel(x, z):
    squared = np.sum((x[:, np.newaxis] - z) ** 2, axis=-1)
    return sum(np.exp(-squared / (2 * width)) for width in SQUARED_WIDTHS)


def test_the_closed_form_is_what_normal_numbers_give():
    rng = np.random.default_rng(0)
    x, z = 0.5 + 1.5 * rng.normal(size=(10, 2)), rng.normal(size=(20_000, 2))
    within = (kernel(x, x).sum() - 10 * len(SQUARED_WIDTHS)) / 90
    of_each = -2 * kernel(x, z).mean(axis=0)
    pairs = np.concatenate([kernel(a[np.newaxis], b[np.newaxis])[0] for a, b in zip(z[::2], z[1::2], strict=True)])
    error = np.sqrt(of_each.var() / len(of_each) + pairs.var() / len(pairs))
    value = squared_mmd(x)
    assert value.shape == (10,)
    assert abs(float(value.mean()) - (within + of_each.mean() + pairs.mean())) < 4 * error


def test_it_is_zero_on_average_for_normal_summaries_and_larger_for_others():
    rng = np.random.default_rng(1)
    values = np.array([float(squared_mmd(rng.normal(size=(50, 3))).mean()) for _ in range(100)])
    assert abs(values.mean()) < 4 * values.std() / 10
    for others in (rng.normal(size=(200, 3)) + 0.8, 2 * rng.normal(size=(200, 3)), np.zeros((200, 3))):
        assert squared_mmd(others).mean() > 4 * values.std()


def test_it_is_weighted():
    x = np.random.default_rng(2).normal(size=(7, 2))
    torch.testing.assert_close(squared_mmd(x, weight=3.0), 3 * squared_mmd(x))
    with pytest.raises(ValueError, match="weight must lie between 0"):
        squared_mmd(x, weight=-1.0)


def test_large_batches_are_compared_in_blocks():
    x = torch.as_tensor(np.random.default_rng(3).normal(size=(300, 2)))
    torch.testing.assert_close(
        squared_mmd(x), torch.cat([squared_mmd(x[start : start + 100]) for start in (0, 100, 200)])
    )
    assert squared_mmd(x[:1]).isfinite().all()


def test_only_what_is_learned_is_shaped():
    x = torch.as_tensor(np.random.default_rng(4).normal(size=(9, 3)))
    value = SummaryRegularizer()(Summarized(Given(3, n_fixed=1)), Batch(x, None))
    torch.testing.assert_close(value, squared_mmd(x[:, 1:]))


def test_nothing_to_shape_is_an_error():
    rng = np.random.default_rng(5)
    loss = ForwardKL() + SummaryRegularizer()
    with pytest.raises(ValueError, match="none is learned"):
        AmortizedPosterior(summary=IdentitySummary(), loss=loss).fit(rng.normal(size=(30, 2)), rng.normal(size=30))


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_summaries_become_normal(n_estimators):
    rng = np.random.default_rng(6)
    y = rng.normal(size=(400, 2))
    X = np.column_stack([y, y]) + 0.5 * rng.normal(size=(400, 4))
    summary = ModuleSummary(nn.Linear, {"in_features": 4, "out_features": 3})
    distances = []
    for loss in (ForwardKL(), ForwardKL() + SummaryRegularizer(20.0)):
        posterior = AmortizedPosterior(Gaussian(()), summary=summary, loss=loss, n_estimators=n_estimators)
        posterior.set_params(max_iter=15, learning_rate_init=0.05, random_state=0)
        summaries = posterior.fit(X, y).transform(X).reshape(400, n_estimators, 3)
        distances.append(max(distance_from_normal(of_member) for of_member in summaries.swapaxes(0, 1)))
    assert distances[0] > 0.5
    assert distances[1] < 0.35


def distance_from_normal(summaries):
    gaps = [summaries.mean(axis=0), np.cov(summaries, rowvar=False) - np.eye(summaries.shape[1])]
    return max(np.abs(gap).max() for gap in gaps)
