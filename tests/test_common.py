"""Every estimator keeps scikit-learn's contract."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skabi.engines import Gaussian
from skabi.estimators import AmortizedPosterior


@parametrize_with_checks([AmortizedPosterior(Gaussian(hidden_layer_sizes=(8,)), max_iter=3)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)
