import numpy as np
import pytest

from skabi.diagnostics import nested_r_hat
from skabi.exceptions import ShapeError


def test_against_its_definition():
    chains = np.random.default_rng(0).normal(size=(5, 4, 3, 2)) + np.arange(5).reshape(5, 1, 1, 1)
    for j in range(2):
        part = chains[..., j]
        between = np.var([superchain.mean() for superchain in part], ddof=1)
        within = np.mean(
            [
                np.var([chain.mean() for chain in superchain], ddof=1)
                + np.mean([np.var(chain, ddof=1) for chain in superchain])
                for superchain in part
            ]
        )
        assert nested_r_hat(chains)[j] == pytest.approx(np.sqrt(1 + between / within))


def test_leading_axes_are_data_sets():
    chains = np.random.default_rng(1).normal(size=(3, 4, 5, 1, 2))
    np.testing.assert_array_equal(nested_r_hat(chains)[1], nested_r_hat(chains[1]))


def test_independent_draws_have_the_monte_carlo_error():
    chains = np.random.default_rng(2).normal(size=(400, 16, 32, 4, 1))
    # The variance of means of 128 draws over that of draws, which those of chains' means are added to; four errors.
    expected = 1 / 128 / (1 + 1 / 4)
    assert (nested_r_hat(chains) ** 2 - 1).mean() == pytest.approx(expected, rel=4 * np.sqrt(2 / 15 / 400))


@pytest.mark.parametrize("shape", [(4, 3, 2, 1), (4, 8, 7, 1), (3, 3, 7, 1)])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_chains_that_do_not_move(shape, value):
    stuck = np.broadcast_to((value + np.sqrt(np.arange(shape[0])) * max(value, 1.0)).reshape(-1, 1, 1, 1), shape)
    assert np.isinf(nested_r_hat(stuck)).all()
    assert np.isnan(nested_r_hat(np.full(shape, value))).all()


@pytest.mark.parametrize(("scale", "offset"), [(1e300, 0.0), (1e-200, 0.0), (1.0, 1e6)])
def test_units_do_not_count(scale, offset):
    chains = np.random.default_rng(3).normal(size=(4, 8, 7, 2))
    # An offset costs digits, those of its size.
    np.testing.assert_allclose(nested_r_hat(scale * chains + offset), nested_r_hat(chains), rtol=1e-8)


@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 3, 2, 1), (4, 1, 1, 1)])
def test_shapes_that_say_nothing_are_refused(shape):
    with pytest.raises(ShapeError, match="superchains"):
        nested_r_hat(np.zeros(shape))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        nested_r_hat(np.full((4, 3, 2, 1), np.nan))
