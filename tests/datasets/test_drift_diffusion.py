"""Drift diffusion: simulations against closed forms, likelihood against Navarro and Fuss, and one against the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

from skabi.datasets import DriftDiffusion

N = 100_000
ROWS = np.array([[1.5, 1.2, 0.3], [-2.0, 2.0, 0.15], [0.0, 0.6, 0.5], [6.0, 2.4, 0.2]])


def trials(row, n=N):
    return DriftDiffusion(n).simulate_from([row], random_state=0)[0]


def first_passage_density(time, choice, drift, boundary):
    """Density at a boundary, of which `choice` 0 is the lower: Navarro and Fuss (2009), eqs. 1 and 5, start at 1/2."""
    drift = -drift if choice == 1 else drift
    k, u = np.arange(-30, 31), time / boundary**2
    series = ((0.5 + 2 * k) * np.exp(-((0.5 + 2 * k) ** 2) / (2 * u))).sum() / np.sqrt(2 * np.pi * u**3)
    return np.exp(-drift * boundary / 2 - drift**2 * time / 2) / boundary**2 * series


@pytest.mark.parametrize("row", ROWS)
def test_simulations_have_the_right_moments(row):
    drift, boundary, start = row
    time, choice = trials(row).T
    assert time.min() > start and set(choice) <= {0.0, 1.0}
    upper = special.expit(drift * boundary)
    assert abs(choice.mean() - upper) < 5 * np.sqrt(upper * (1 - upper) / N) + 1e-12
    mean = boundary / (2 * drift) * np.tanh(drift * boundary / 2) if drift else boundary**2 / 4
    assert abs(time.mean() - start - mean) < 5 * time.std() / np.sqrt(N)
    # Given the parameters, time does not depend on choice.
    if 0.01 < upper < 0.99:
        assert abs(np.corrcoef(time, choice)[0, 1]) < 5 / np.sqrt(N)


def test_likelihood_of_trials():
    simulator = DriftDiffusion(20)
    X, y = simulator.sample(40, random_state=0)
    pointwise = simulator.log_likelihood(X, **simulator.prior.split(y), pointwise=True)
    for x, terms, (drift, boundary, start) in zip(X, pointwise, y.to_numpy(), strict=True):
        # The other series cancels where it is small against its first term.
        expected = [first_passage_density(time - start, choice, drift, boundary) for time, choice in x]
        assert_allclose(np.exp(terms), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("row", ROWS)
def test_likelihood_integrates_to_one(row):
    step = 1e-4
    time = row[2] + step * (np.arange(200_000) + 0.5)
    X = np.concatenate([np.column_stack([time, np.full(len(time), choice)]) for choice in (0.0, 1.0)])
    terms = DriftDiffusion().log_likelihood(X[np.newaxis], *row.reshape(3, 1), pointwise=True)
    assert_allclose(np.exp(terms).sum() * step, 1, atol=1e-6)


@pytest.mark.parametrize("row", ROWS[:3])
def test_score_has_mean_zero_at_the_truth(row):
    """Simulations and likelihood belong together: the gradient of the log density has expectation zero."""
    X = trials(row)[np.newaxis]
    likelihood = DriftDiffusion().log_likelihood
    for i, step in enumerate(1e-4 * np.eye(3)):
        high, low = (likelihood(X, *(row + s).reshape(3, 1), pointwise=True)[0] for s in (step, -step))
        score = (high - low) / (2 * step[i])
        assert abs(score.mean()) < 5 * score.std() / np.sqrt(N) + 1e-4


def test_impossible_trials():
    X = np.array([[[0.2, 1.0]], [[0.5, 2.0]], [[0.5, 0.0]]])
    log_likelihood = DriftDiffusion().log_likelihood(X, np.zeros(3), np.ones(3), np.full(3, 0.3))
    assert (np.isneginf(log_likelihood) == [True, True, False]).all()


def test_one_number_of_trials_or_a_range():
    X, y = DriftDiffusion(n_trials=(3, 6)).sample(200, random_state=0)
    assert {len(x) for x in X} == {3, 4, 5, 6}
    fixed, same_y = DriftDiffusion(n_trials=4).sample(200, random_state=0)
    assert fixed.shape == (200, 4, 2) and same_y.equals(y)
    simulator = DriftDiffusion(n_trials=[3, 6])
    assert repr(simulator) == "DriftDiffusion(n_trials=(3, 6))"
    assert [len(x) for x in simulator.simulate_from(y[:3], n_observations=[7, 1, 2], random_state=0)] == [7, 1, 2]


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"n_trials": 0}, ValueError, "n_trials must be at least 1"),
        ({"n_trials": (5, 4)}, ValueError, r"n_trials\[1\] must be at least 5"),
        ({"n_trials": 2.5}, TypeError, "n_trials must be an int"),
        ({"n_trials": (1, 2, 3)}, TypeError, r"n_trials must be a range of int \(low, high\)"),
        ({"drift_sd": 0.0}, ValueError, "drift_sd"),
    ],
)
def test_bad_settings(settings, error, match):
    with pytest.raises(error, match=match):
        DriftDiffusion(**settings)
