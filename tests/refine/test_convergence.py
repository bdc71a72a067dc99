import numpy as np
import pytest

from skabi.refine._convergence import largest_r_hat


def chains_of(*superchains, n_chains=3):
    """Return chains `(1, n_superchains, n_chains, n_draws, 1)`, those of a superchain being equal."""
    return np.repeat(np.array(superchains, dtype=float)[np.newaxis, :, np.newaxis, :, np.newaxis], n_chains, axis=2)


@pytest.mark.parametrize("drift", [0.0, 0.1, 2.0])
def test_chains_that_all_travel_the_same_way_have_not_converged(drift):
    half = np.array([1.0, -1.0, 2.0, -2.0])
    chains = chains_of(*[np.concatenate([half - drift, half + drift])] * 4)
    # Means of halves, -drift and drift, have the variance 2 drift^2, and draws within a half 10 / 3.
    assert largest_r_hat(chains) == pytest.approx(np.sqrt(1 + 2 * drift**2 / (10 / 3)))


def test_superchains_of_different_spread_have_not_converged():
    chains = chains_of([1, -1, 2, -2] * 2, [3, -3, 4, -4] * 2)
    # Distances from the middle have the means 1.5 and 3.5, and within eight draws of a chain the variance 2 / 7.
    assert largest_r_hat(chains) == pytest.approx(np.sqrt(1 + 2 / (2 / 7)))


def test_data_sets_are_judged_one_by_one():
    rng = np.random.default_rng(0)
    chains = rng.normal(size=(2, 16, 16, 4, 2))
    chains[1, 0, ..., 1] += 5.0
    r_hat = largest_r_hat(chains)
    assert r_hat[0] < 1.1 < r_hat[1]
    assert r_hat[0] == largest_r_hat(chains[:1])
