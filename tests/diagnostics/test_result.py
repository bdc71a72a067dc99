"""Results are printed in a line or two, whatever their length."""

import numpy as np
import pytest

from skabi import diagnostics

RNG = np.random.default_rng(0)
DRAWS, Y = RNG.normal(size=(200, 50, 2)), RNG.normal(size=(200, 2))


@pytest.mark.parametrize(
    "result",
    [
        diagnostics.central_coverage(DRAWS, Y),
        diagnostics.ecdf_bands(200, 50),
        diagnostics.highest_density_coverage(DRAWS[..., 0], Y[:, 0]),
        diagnostics.posterior_predictive_check(Y, DRAWS),
        diagnostics.sbc_ecdf(RNG.integers(51, size=(200, 2)), 50),
        diagnostics.tarp(DRAWS, Y, random_state=0),
    ],
    ids=lambda result: type(result).__name__,
)
def test_long_arrays_are_shown_by_their_shape(result):
    text = repr(result)
    assert text.startswith(f"{type(result).__name__}(")
    assert len(text) < 600 and "array of shape (" in text and "..." not in text


def test_short_ones_and_numbers_are_shown_and_what_is_hidden_is_not():
    result = diagnostics.mmd_test(DRAWS[:2], DRAWS[:2] + 1.0, n_permutations=19, random_state=0)
    assert repr(result).endswith("p_value=array([0.05, 0.05]))")
    assert "null" not in repr(result)
