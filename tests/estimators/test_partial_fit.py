"""Passes over simulations that come a part at a time."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from skorch.callbacks import Callback

from skabi.datasets import AutoregressiveSeries, ConjugateGaussian
from skabi.engines import Gaussian
from skabi.estimators import (
    AmortizedLikelihood,
    AmortizedModelComparator,
    AmortizedPosterior,
    JointEstimator,
    KnownLikelihood,
)
from skabi.heads import Softmax
from skabi.summaries import SeriesSummary

PROBLEM = ConjugateGaussian()
PARTS = [PROBLEM.sample(200, random_state=i) for i in range(3)]
SMALL = {"batch_size": 32, "random_state": 0, "learning_rate_init": 0.01}
LINEAR = Gaussian(())


def state_of(estimator):
    return {name: value.clone() for name, value in estimator.network_.state_dict().items()}


@pytest.mark.parametrize("estimator_class", [AmortizedPosterior, AmortizedLikelihood])
def test_passes_learn(estimator_class):
    X, y = PROBLEM.sample(1000, random_state=9)
    estimator = estimator_class(Gaussian((8,)), prior=PROBLEM.prior, **SMALL)
    scores = [estimator.partial_fit(*part).score(X, y) for part in 5 * PARTS]
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 15 and estimator.validation_scores_ == []
    exact = {
        AmortizedPosterior: -2 * stats.norm(scale=np.sqrt(0.3 / 1.3)).entropy(),
        AmortizedLikelihood: -2 * stats.norm(scale=np.sqrt(0.3)).entropy(),
    }[estimator_class]
    # The standard error of the mean of 1,000 log densities, each with a variance of one half a dimension.
    assert scores[-1] > exact - 4 * np.sqrt(2 * 0.5 / 1000) - 0.05
    assert min(scores) > exact - 0.5


def test_a_pass_goes_on_from_the_last():
    first = AmortizedPosterior(LINEAR, **SMALL).partial_fit(*PARTS[0])
    scale, weights = first._parameter_map.scale_, state_of(first)
    repeated = AmortizedPosterior(LINEAR, **SMALL).partial_fit(*PARTS[0])
    assert all((state_of(repeated)[name] == value).all() for name, value in weights.items())
    second = first.set_params(learning_rate_init=1e-9).partial_fit(*PARTS[1])
    np.testing.assert_array_equal(second._parameter_map.scale_, scale)
    for name, value in state_of(second).items():
        np.testing.assert_allclose(value, weights[name], atol=1e-6)


def test_passes_after_a_fit_to_a_simulator():
    posterior = AmortizedPosterior(LINEAR, n_simulations=200, max_iter=2, **SMALL).fit(PROBLEM)
    posterior.partial_fit(*PARTS[0])
    assert posterior.prior_ == PROBLEM.prior and posterior.n_iter_ == 3 and len(posterior.validation_scores_) == 2


def test_passes_differ_in_their_order_of_rows():
    posterior = AmortizedPosterior(LINEAR, **SMALL)
    posterior.partial_fit(*PARTS[0])
    seed = posterior._seeds()[3]
    assert posterior._seed_of_pass(seed) != AmortizedPosterior(LINEAR)._seed_of_pass(seed)


@pytest.mark.parametrize(
    "X, y, message",
    [
        (np.ones((20, 3)), np.ones((20, 2)), "X has 3 features, but AmortizedPosterior is expecting 2 features"),
        (np.ones((20, 2)), np.ones((20, 1)), "partial_fit goes on with the parameters .*; got .*Use a clone"),
        (np.ones((20, 4, 2)), np.ones((20, 2)), "partial_fit goes on with data sets of shape"),
        (np.ones((20, 2)), pd.DataFrame(np.ones((20, 2)), columns=["a", "b"]), r"got \['a', 'b'\]"),
    ],
    ids=["features", "parameters", "axes", "names"],
)
def test_other_parts_are_refused_and_change_nothing(X, y, message):
    posterior = AmortizedPosterior(LINEAR, **SMALL).partial_fit(*PARTS[0])
    before = dict(vars(posterior))
    with pytest.raises(ValueError, match=message):
        posterior.partial_fit(X, y)
    assert vars(posterior) == before


def test_simulators_are_refused():
    for estimator in (AmortizedPosterior(), AmortizedLikelihood(), JointEstimator()):
        with pytest.raises(TypeError, match="partial_fit takes simulations, a part at a time"):
            estimator.partial_fit(PROBLEM, None)


def test_ctrl_c_in_a_pass_is_raised_and_changes_nothing():
    class Interrupt(Callback):
        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            raise KeyboardInterrupt

    posterior = AmortizedPosterior(LINEAR, **SMALL).partial_fit(*PARTS[0])
    before = state_of(posterior)
    with pytest.raises(KeyboardInterrupt):
        posterior.set_params(callbacks=[Interrupt()]).partial_fit(*PARTS[1])
    assert all((state_of(posterior)[name] == value).all() for name, value in before.items())
    assert posterior.n_iter_ == 1


# Both halves


def test_both_halves():
    joint = JointEstimator(LINEAR, LINEAR, **SMALL)
    for part in PARTS:
        joint.partial_fit(*part)
    assert joint.posterior_.n_iter_ == joint.likelihood_.n_iter_ == joint.n_iter_ == 3
    alone = AmortizedPosterior(LINEAR, **SMALL)
    for part in PARTS:
        alone.partial_fit(*part)
    assert all((state_of(alone)[name] == value).all() for name, value in state_of(joint.posterior_).items())


def test_a_likelihood_that_is_known_stays():
    joint = JointEstimator(LINEAR, n_simulations=100, max_iter=1, **SMALL).fit(PROBLEM).partial_fit(*PARTS[0])
    assert isinstance(joint.likelihood_, KnownLikelihood) and joint.n_iter_ == 2


def test_halves_trained_as_one_are_for_fit():
    X, y = AutoregressiveSeries(n_times=4).sample(20, random_state=0)
    with pytest.raises(ValueError, match="share_summary=True is for fit"):
        JointEstimator(summary=SeriesSummary(width=8), share_summary=True).partial_fit(X, y)


# Comparisons


@pytest.fixture
def comparator():
    return AmortizedModelComparator(head=Softmax(1, block_width=8), batch_size=32, random_state=0)


def labelled(seed, *, n=200):
    rng = np.random.default_rng(seed)
    y = rng.choice(["far", "near"], size=n, p=[0.25, 0.75])
    return rng.normal(3.0 * (y == "far"))[:, np.newaxis], y


def test_a_comparator_learns_in_passes(comparator):
    for seed in range(4):
        comparator.partial_fit(*labelled(seed), classes=["near", "far"])
    X, y = labelled(9, n=1000)
    assert comparator.classes_.tolist() == ["far", "near"] and comparator.n_iter_ == 4
    # The best rule is right in Phi(1.5) of the cases, 93 %.
    assert np.mean(comparator.predict(X) == y) > 0.88
    assert comparator._shares == pytest.approx([0.25, 0.75], abs=4 * np.sqrt(0.25 * 0.75 / 800))


def test_a_part_may_lack_a_model(comparator):
    X, y = labelled(0)
    is_near = y == "near"
    comparator.partial_fit(X[is_near], y[is_near], classes=["far", "near"])
    assert np.isfinite(comparator.predict_log_proba(X)).all()
    comparator.partial_fit(X, y)
    assert comparator._counts.sum() == is_near.sum() + len(y)


def test_wrong_labels(comparator):
    X, y = labelled(0)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        comparator.partial_fit(X, y)
    with pytest.raises(ValueError, match="at least two classes"):
        comparator.partial_fit(X, y, classes=["far"])
    with pytest.raises(ValueError, match=r"labels of the models \['a', 'far'\]; got \['near'\]"):
        comparator.partial_fit(X, y, classes=["far", "a"])
    comparator.partial_fit(X, y, classes=["far", "near"])
    with pytest.raises(ValueError, match=r"goes on with the models \['far', 'near'\]; got classes=\['a', 'far'\]"):
        comparator.partial_fit(X, y, classes=["far", "a"])
