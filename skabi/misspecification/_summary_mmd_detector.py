"""Whether summaries lie where those of simulated data sets do, by a kernel."""

import numpy as np

from skabi._params import check_count
from skabi.misspecification._detector import Detector
from skabi.misspecification._kernel import kernel_means, mean_kernels_within


class SummaryMMDDetector(Detector):
    """Outlier detector by maximum mean discrepancy (MMD), for data sets that the simulator could not have made [1]_.

    A data set, or a batch of them, is compared with simulated ones by the squared MMD of their summaries [2]_; without
    an estimator, of the data sets themselves. Summaries are whitened first, so that their units do not matter, and the
    kernel is the mean of 19 Gaussian ones of squared widths from 1e-6 to 1e6.

    If the estimator has a posterior, a second question is asked: is what the data sets say of the parameters unusual
    under the prior? Its MMD is that of the parameters as a linear regression on summaries predicts them. A data set is
    as unusual as the more unusual of the two answers, which are brought to one scale by what is the 98 % point of
    the first and the 96 % point of the second: then a surprise in a few parameters does not drown in many summaries,
    nor the other way round. Of batches the two are added.

    Parameters
    ----------
    estimator : FrozenEstimator or None
        A fitted estimator that has `transform`, an `AmortizedPosterior` or `AmortizedModelComparator` for example,
        wrapped in `sklearn.frozen.FrozenEstimator`.
    moments : bool, default=True
        Whether skewness and kurtosis of each column stand beside the summaries of sets and series: a network forgets
        what says nothing of the parameters, which is where a wrong model often shows. Any X with three axes counts as
        such, unless the estimator has an `ImageSummary`.
    n_reference : int, default=1000
        Simulated data sets to compare with, at most: time grows with their number.
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
    MahalanobisDetector : Quicker; sees no more of a batch than its mean and how far out its data sets are.
    skabi.losses.SummaryRegularizer : Makes summaries of simulated data sets normal.

    Notes
    -----
    The score is minus the squared MMD. A batch is judged by the larger of two statistics, each in units of its tail
    under the null hypothesis: the mean of the squared MMD of its data sets, and the squared MMD of the batch. To the
    second alone few data sets that lie far apart are a small sample of a wide distribution, which is little
    evidence of anything. Pairs within a batch are those of blocks of at most 200 data sets.

    References
    ----------
    .. [1] M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2021). Detecting model misspecification in amortized Bayesian
       inference with neural networks. arXiv 2112.08866.
    .. [2] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola (2012). A kernel two-sample test. Journal of
       Machine Learning Research 13.

    Examples
    --------
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.misspecification import SummaryMMDDetector
    >>> detector = SummaryMMDDetector(n_simulations=2000, random_state=0).fit(ConjugateGaussian())
    >>> detector.predict([[0.5, -0.5], [9.0, 9.0]])
    array([ 1, -1])
    >>> detector.test([[1.5, 1.0], [1.0, 1.5], [1.5, 1.5]], batch=True).p_value < 0.05
    True
    """

    def __init__(
        self,
        estimator=None,
        *,
        moments=True,
        n_reference=1000,
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
        self.n_reference = n_reference

    def _learn(self, views):
        n_reference = check_count(self.n_reference, "n_reference")
        # Rows are in random order.
        self._references = [view[:n_reference] for view in views]
        self._within = [float(mean_kernels_within(reference[np.newaxis])[0]) for reference in self._references]

    def _unusual(self, views):
        parts = zip(views, self._references, self._within, strict=True)
        return [1 + within - 2 * kernel_means(view, reference) for view, reference, within in parts]

    def _unusual_batches(self, batches, unusual):
        return unusual.mean(axis=1) - 1 + mean_kernels_within(batches)
