"""What the autoregressive recipe refuses."""

import pytest

from skabi.engines import AutoregressiveSplineFlow


def test_a_layer_too_narrow_for_the_parameters_is_refused():
    with pytest.raises(ValueError, match=r"must be at least the number of parameters, 5; got \(16, 4\)"):
        AutoregressiveSplineFlow(hidden_layer_sizes=(16, 4)).build(5, 1)
    AutoregressiveSplineFlow(hidden_layer_sizes=(16, 5)).build(5, 1)
