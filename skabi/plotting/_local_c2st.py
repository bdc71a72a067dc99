"""Where the posterior is wrong: the local classifier two-sample test of each observed data set."""

import numpy as np

from skabi._random import generators
from skabi.diagnostics import local_c2st
from skabi.plotting._canvas import import_matplotlib, label_sorted
from skabi.plotting._two_sample import NullDisplay


class LocalC2STDisplay(NullDisplay):
    """Local classifier two-sample test (L-C2ST) of the posterior of each observed data set [1]_.

    A point is the statistic of a data set: the mean squared distance from one half of a classifier's probability that
    a draw is a true value. A bar goes from the least statistic by chance up to the one above which the p-value is at
    most `level`. Data sets with such a p-value are drawn in a second colour: there, the posterior is wrong. Of one data
    set, the statistics by chance are drawn as a histogram.

    Parameters
    ----------
    statistic : ndarray of shape (n_datasets,)
        Observed statistics.
    null : ndarray of shape (n_datasets, n_null)
        Statistics by chance.
    p_value : ndarray of shape (n_datasets,)
        P-values.
    level : float, default=0.05
        P-values up to this are drawn in a second colour.

    Attributes
    ----------
    order_ : int ndarray of shape (n_datasets,)
        The data sets from the smallest statistic to the largest. Chance makes more of it for some data sets than for
        others, and so p-values may come in another order.
    rejected_ : bool ndarray of shape (n_datasets,)
        Which p-values are at most `level`.
    ax_ : matplotlib Axes
        Axes with the statistics.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    LocalC2STDisplay.from_estimator : Sample a fitted estimator, test and plot.
    LocalC2STDisplay.from_draws : Test draws that you have and plot.

    References
    ----------
    .. [1] Linhart, J., Gramfort, A., Rodrigues, P. L. C. (2023). L-C2ST: Local Diagnostics for Posterior
           Approximations in Simulation-Based Inference. NeurIPS. arXiv:2306.03580.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import LocalC2STDisplay
    >>> null = np.random.default_rng(0).uniform(0.0, 0.01, size=(2, 99))
    >>> display = LocalC2STDisplay(statistic=[0.003, 0.04], null=null, p_value=[0.7, 0.01]).plot()
    >>> display.rejected_
    array([False,  True])
    >>> plt.close(display.figure_)
    """

    _distance = "L-C2ST: squared distance of probability from 1/2"
    _null_noun = "exchange"

    def __init__(self, *, statistic, null, p_value, level=0.05):
        super().__init__(statistic=statistic, null=null, p_value=p_value, level=level)

    def _plot_sorted(self, statistic, null, rejected):
        super()._plot_sorted(statistic, null, rejected)
        label_sorted(self.ax_, self.order_, by="statistic")

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        X_cal,
        y_cal,
        n_draws=1000,
        n_draws_cal=1,
        classifier=None,
        n_null=99,
        n_jobs=None,
        level=0.05,
        random_state=None,
        ax=None,
    ):
        """Sample the posterior of observed and simulated data sets, test and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`; and with `transform(X)`, whose summaries the classifier
            takes where data sets are not rows of numbers.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Observed data sets.
        X_cal : array-like of shape (n_cal, n_features) or another form of data sets
            Simulated data sets that the estimator was not fitted on.
        y_cal : array-like of shape (n_cal, n_parameters)
            The parameters that made them, drawn from the prior.
        n_draws : int, default=1000
            Draws for each observed data set.
        n_draws_cal : int, default=1
            Draws for each simulated data set.
        classifier : scikit-learn classifier, default=None
            As in `local_c2st`.
        n_null : int, default=99
            Statistics by chance for each data set.
        n_jobs : int, default=None
            Number of classifiers that are fitted at the same time.
        level : float, default=0.05
            P-values up to this are drawn in a second colour.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws and of the test.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : LocalC2STDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        for_draws, for_calibration, for_test = generators(random_state, 3)
        return cls.from_draws(
            estimator.sample(X, n_draws=n_draws, random_state=for_draws),
            _features(estimator, X),
            draws_cal=estimator.sample(X_cal, n_draws=n_draws_cal, random_state=for_calibration),
            X_cal=_features(estimator, X_cal),
            y_cal=y_cal,
            classifier=classifier,
            n_null=n_null,
            n_jobs=n_jobs,
            level=level,
            random_state=for_test,
            ax=ax,
        )

    @classmethod
    def from_draws(
        cls,
        draws,
        X,
        *,
        draws_cal,
        X_cal,
        y_cal,
        classifier=None,
        n_null=99,
        n_jobs=None,
        level=0.05,
        random_state=None,
        ax=None,
    ):
        """Test draws and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws of the observed data sets.
        X : array-like of shape (n_datasets, n_features)
            The observed data sets.
        draws_cal : array-like of shape (n_cal, n_parameters) or (n_cal, n_draws_cal, n_parameters)
            Posterior draws of each simulated data set.
        X_cal : array-like of shape (n_cal, n_features)
            Simulated data sets.
        y_cal : array-like of shape (n_cal, n_parameters)
            The parameters that made them, drawn from the prior.
        classifier : scikit-learn classifier, default=None
            As in `local_c2st`.
        n_null : int, default=99
            Statistics by chance for each data set.
        n_jobs : int, default=None
            Number of classifiers that are fitted at the same time.
        level : float, default=0.05
            P-values up to this are drawn in a second colour.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the test.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : LocalC2STDisplay

        Raises
        ------
        ShapeError
            If numbers of data sets, features or parameters do not fit.
        """
        import_matplotlib()
        result = local_c2st(
            draws,
            X,
            draws_cal=draws_cal,
            X_cal=X_cal,
            y_cal=y_cal,
            classifier=classifier,
            n_null=n_null,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        return cls(statistic=result.statistic, null=result.null, p_value=result.p_value, level=level).plot(ax=ax)


def _features(estimator, X):
    """Return data sets as rows of numbers: as they are, or their summaries."""
    is_table = not isinstance(X, (list, dict)) and len(np.shape(X)) == 2
    return X if is_table or not hasattr(estimator, "transform") else estimator.transform(X)
