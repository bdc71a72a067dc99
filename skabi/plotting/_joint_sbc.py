"""Simulation-based calibration of a posterior and a likelihood that were learned together."""

from skabi._names import names_of
from skabi.diagnostics import joint_sbc_ranks
from skabi.plotting._canvas import import_matplotlib
from skabi.plotting._sbc import SBCDisplay


class JointSBCDisplay(SBCDisplay):
    """Uniformity of ranks where the data come from the learned likelihood, not from the simulator [1]_.

    Lines, band, colours and the constructor's parameters are those of `SBCDisplay`. Lines stay in the band if the
    learned posterior belongs to the learned likelihood. Lines of `SBCDisplay` in their band and these outside mean
    that the likelihood is wrong. Lines of both in their bands are the aim: these alone may be so if both networks are
    wrong in the same way.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    JointSBCDisplay.from_estimator : Sample a fitted estimator, rank and plot.
    JointSBCDisplay.from_ranks : Plot ranks that you have, from `joint_sbc_ranks`.
    SBCDisplay : The same for data sets of the simulator, which judges the posterior alone.

    References
    ----------
    .. [1] Radev, S. T., Schmitt, M., Pratz, V., Picchini, U., Köthe, U., Bürkner, P.-C. (2023). JANA: Jointly
           amortized neural approximation of complex Bayesian models. UAI. arXiv:2302.09125.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import JointSBCDisplay
    >>> ranks = np.random.default_rng(0).integers(100, size=(200, 2))  # In place of joint_sbc_ranks(estimator).
    >>> display = JointSBCDisplay.from_ranks(ranks, n_draws=99)
    >>> display.inside
    array([ True,  True])
    >>> plt.close(display.figure_)
    """

    _y_label = "share of data sets of the learned likelihood\nup to that rank, less the share if calibrated"

    # It makes its data sets itself, where the other display is given them.
    @classmethod
    def from_estimator(  # type: ignore[override]
        cls, estimator, *, n_datasets=1000, n_draws=250, prob=0.95, random_state=None, ax=None
    ):
        """Sample the learned likelihood and the learned posterior, rank the true values and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with a prior `prior_`, `sample_data(y, *, random_state)` and `sample(X, n_draws, *, random_state)`;
            a `JointEstimator` for example.
        n_datasets : int, default=1000
            Number of parameters that are drawn from the prior, and of data sets.
        n_draws : int, default=250
            Posterior draws for each data set.
        prob : float, default=0.95
            Probability of the band.
        random_state : int, RandomState, Generator or None, default=None
            Seed of parameters, data, draws and of the order of ties.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : JointSBCDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        ranks = joint_sbc_ranks(estimator, n_datasets=n_datasets, n_draws=n_draws, random_state=random_state)
        names = names_of(estimator, None, n_parameters=ranks.shape[1])
        return cls.from_ranks(ranks, n_draws, prob=prob, parameter_names=names, ax=ax)
