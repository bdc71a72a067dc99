import matplotlib.pyplot as plt
import numpy as np
import pytest

from skabi.diagnostics import joint_sbc_ranks
from skabi.plotting import JointSBCDisplay, SBCDisplay


def test_lines_are_those_of_the_joint_ranks(joint):
    ax = plt.figure().add_subplot()
    settings = {"n_datasets": 200, "n_draws": 99, "random_state": 0}
    display = JointSBCDisplay.from_estimator(joint, prob=0.9, ax=ax, **settings)
    same = SBCDisplay.from_ranks(joint_sbc_ranks(joint, **settings), 99, prob=0.9, parameter_names=["beta", "gamma"])
    assert isinstance(display, JointSBCDisplay)
    assert display.ax_ is ax and display.figure_ is ax.figure
    for line, expected in zip(ax.lines, same.ax_.lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), expected.get_xydata())
    labels = ["90 % simultaneous band", "beta, gamma: inside"]
    assert ax.get_legend_handles_labels()[1] == same.ax_.get_legend_handles_labels()[1] == labels
    assert "learned likelihood" in ax.get_ylabel() and "learned" not in same.ax_.get_ylabel()


def test_a_wrong_likelihood_is_named_where_the_posterior_alone_passes(joint, simulations):
    joint.noise = np.array([0.5, 0.9])
    display = JointSBCDisplay.from_estimator(joint, n_datasets=300, n_draws=99, random_state=0)
    assert display.inside.tolist() == [True, False]
    assert display.ax_.get_legend_handles_labels()[1][-1] == "gamma: outside, p < 0.0001"
    assert SBCDisplay.from_estimator(joint, *simulations, random_state=0).inside.all()


def test_ranks_beyond_the_draws_raise():
    with pytest.raises(ValueError, match="between 0 and n_draws=99"):
        JointSBCDisplay.from_ranks(np.full((10, 1), 100), 99)


def test_a_posterior_alone_is_refused(exact):
    with pytest.raises(TypeError, match=r"learned a likelihood too.*got ExactPosterior"):
        JointSBCDisplay.from_estimator(exact)
