"""How far the summaries of a data set are from the middle of simulated ones."""

import numpy as np

from skabi.misspecification._detector import Detector


class MahalanobisDetector(Detector):
    """Outlier detector by Mahalanobis distance, for data sets that the simulator could not have made [1]_.

    Without an estimator the distance is that of the data sets themselves, rows of numbers. With one it is that of their
    summaries. If the estimator has a posterior, a second question is asked: is what the data set says of the parameters
    unusual under the prior? There the distance is that of the parameters as a linear regression on summaries predicts
    them. A data set is as unusual as the more unusual of the two answers, which are brought to one scale by what is the
    98 % point of the first and the 96 % point of the second: then a surprise in a few parameters does not drown in many
    summaries, nor the other way round.

    Parameters
    ----------
    estimator : FrozenEstimator or None
        A fitted estimator that has `transform`, an `AmortizedPosterior` or `AmortizedModelComparator` for example,
        wrapped in `sklearn.frozen.FrozenEstimator`.
    moments : bool, default=True
        Whether skewness and kurtosis of each column stand beside the summaries of sets and series: a network forgets
        what says nothing of the parameters, which is where a wrong model often shows. Any X with three axes counts as
        such, unless the estimator has an `ImageSummary`.
    contamination : float, default=0.05
        Share of the data sets of `fit` that `predict` calls outliers. Those that shape the statistic look more usual
        than new ones, of which more are false alarms while they are few: of 30 normal features 12 % with 100 data sets,
        of 20 features 6.5 % with 1,000, and 5 % with 10,000. Of
        `test(X) <= 0.05` at most 5 % are.
    n_simulations : int, default=10_000
        Simulations of `fit(simulator)`.
    n_jobs : int, optional
        Joblib workers that simulate in `fit(simulator)`.
    random_state : int, RandomState, Generator or None
        Governs simulation, the split of data sets, and posterior draws.

    Attributes
    ----------
    mean_ : ndarray of shape (n_coordinates,)
        Of summaries, and moments beside them, in the half of the data sets that shapes the statistic.
    covariance_ : ndarray of shape (n_coordinates, n_coordinates)
        Likewise.
    offset_ : float
        Score below which data sets are outliers.
    reference_scores_ : ndarray of shape (n_kept,)
        Sorted scores of the other half; of two thirds of it where there are two questions, which the rest brings to one
        scale.
    n_features_in_ : int
        Numbers in a data set.

    See Also
    --------
    SummaryMMDDetector : With a kernel in place of the distance.
    skabi.diagnostics.mahalanobis : The distance alone.
    skabi.losses.SummaryRegularizer : Makes summaries of simulated data sets normal.

    Notes
    -----
    The score is minus the distance. A batch is judged by the larger of two statistics, each in units of its tail under
    the null hypothesis: the mean of its squared distances, and the squared distance of its mean.

    References
    ----------
    .. [1] C. Li, A. Vehtari, P.-C. Bürkner, S. Radev, L. Acerbi, M. Schmitt (2024). Amortized Bayesian workflow.
       arXiv 2409.04332.

    Examples
    --------
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.misspecification import MahalanobisDetector
    >>> detector = MahalanobisDetector(n_simulations=2000, random_state=0).fit(ConjugateGaussian())
    >>> detector.predict([[0.5, -0.5], [9.0, 9.0]])
    array([ 1, -1])
    >>> detector.test([[0.5, -0.5], [9.0, 9.0]]).round(3)
    array([0.851, 0.001])
    """

    def __init__(
        self,
        estimator=None,
        *,
        moments=True,
        contamination=0.05,
        n_simulations=10_000,
        n_jobs=None,
        random_state=None,
    ):
        super().__init__(
            estimator,
            moments=moments,
            contamination=contamination,
            n_simulations=n_simulations,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def _unusual(self, views):
        return [np.sum(view**2, axis=1) for view in views]

    def _unusual_batches(self, batches, unusual):
        return np.sum(batches.mean(axis=1) ** 2, axis=1)

    def _scores(self, views):
        return -np.sqrt(-super()._scores(views))
