"""True parameters against their posteriors."""

import numpy as np

from skabi._names import check_parameter_names, names_of
from skabi._params import check_real
from skabi._shapes import check_draws_and_parameters
from skabi.diagnostics import recovery
from skabi.plotting._canvas import BLUE, INK, VERMILION, hide_frame, import_matplotlib, many_axes

_N_COLS = 3


class RecoveryDisplay:
    """Posterior mean and central interval against the true value, one panel a parameter and one point a data set.

    Points near the diagonal mean that the data determine the parameter. Intervals that miss the true value are drawn
    in a second colour, and their share is given; of calibrated posteriors, a share of `1 - prob` misses. Each title
    gives the correlation r of mean and true value, and the root mean squared error (RMSE) in units of the parameter.

    Parameters
    ----------
    true_values : ndarray of shape (n_datasets, n_parameters)
        The parameters that made the data sets.
    posterior_mean : ndarray of shape (n_datasets, n_parameters)
        Means of the draws.
    lower, upper : ndarray of shape (n_datasets, n_parameters)
        Ends of the central posterior intervals.
    correlation, rmse : ndarray of shape (n_parameters,)
        Agreement of posterior mean and true value.
    prob : float, default=None
        Probability of the intervals, for the axis label.
    parameter_names : list of str, default=None
        Names for the titles.

    Attributes
    ----------
    missed_ : bool ndarray of shape (n_datasets, n_parameters)
        Which intervals miss the true value.
    axes_ : object ndarray of shape (n_rows, n_cols)
        The panels in reading order, None in cells without one.
    ax_ : matplotlib Axes or None
        The Axes that was divided into panels; None where an array of axes was given.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    RecoveryDisplay.from_estimator : Sample a fitted estimator and plot.
    RecoveryDisplay.from_draws : Plot draws that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import RecoveryDisplay
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(50, 1))
    >>> draws = y[:, np.newaxis] + 0.1 * rng.normal(size=(50, 1, 1)) + 0.1 * rng.normal(size=(50, 200, 1))
    >>> display = RecoveryDisplay.from_draws(draws, y, parameter_names=["beta"])
    >>> bool(display.correlation[0] > 0.9)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, true_values, posterior_mean, lower, upper, correlation, rmse, prob=None, parameter_names=None
    ):
        self.true_values = true_values
        self.posterior_mean = posterior_mean
        self.lower = lower
        self.upper = upper
        self.correlation = correlation
        self.rmse = rmse
        self.prob = prob
        self.parameter_names = parameter_names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_draws=1000, prob=0.9, random_state=None, ax=None):
        """Sample the posterior of each data set and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Simulated data sets that the estimator was not fitted on.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made them.
        n_draws : int, default=1000
            Draws for each data set.
        prob : float, default=0.9
            Probability of the central intervals.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : RecoveryDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws=n_draws, random_state=random_state)
        names = names_of(estimator, y, n_parameters=draws.shape[2])
        return cls.from_draws(draws, y, prob=prob, parameter_names=names, ax=ax)

    @classmethod
    def from_draws(cls, draws, y, *, prob=0.9, parameter_names=None, ax=None):
        """Plot draws against true parameters.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made the data sets.
        prob : float, default=0.9
            Probability of the central intervals.
        parameter_names : list of str, default=None
            Names for the titles; by default the columns of `y`.
        ax : Axes, array-like of Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : RecoveryDisplay

        Raises
        ------
        ShapeError
            If the shapes of `draws` and `y` do not fit.
        ValueError
            If `prob` is not between 0 and 1.
        """
        prob = check_real(prob, "prob", low=0, high=1)
        draws, truth = check_draws_and_parameters(draws, y)
        names = check_parameter_names(parameter_names, truth.shape[1], y=y)
        table = recovery(draws, truth, parameter_names=names)
        lower, upper = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
        display = cls(
            true_values=truth,
            posterior_mean=draws.mean(axis=1),
            lower=lower,
            upper=upper,
            correlation=table["correlation"].to_numpy(),
            rmse=table["rmse"].to_numpy(),
            prob=prob,
            parameter_names=names,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : Axes, array-like of Axes or None, default=None
            One Axes is divided into panels, three a row; an array of axes with one entry a parameter is drawn into;
            None makes a figure.

        Returns
        -------
        display : RecoveryDisplay
            The display itself.
        """
        n_parameters = self.true_values.shape[1]
        names = check_parameter_names(self.parameter_names, n_parameters)
        n_cols = min(n_parameters, _N_COLS)
        n_rows = -(-n_parameters // n_cols)
        used = (np.arange(n_rows * n_cols) < n_parameters).reshape(n_rows, n_cols)
        figsize = (5.2, 5.0) if n_parameters == 1 else (3.3 * n_cols, 3.4 * n_rows)
        self.figure_, self.ax_, self.axes_ = many_axes(ax, used=used, figsize=figsize)
        self.missed_ = (self.true_values < self.lower) | (self.true_values > self.upper)
        panels = self.axes_[used]
        for j, panel in enumerate(panels):
            self._plot_one(panel, j)
            panel.set_title(f"{names[j]}\nr = {self.correlation[j]:.2f}, RMSE = {self.rmse[j]:.3g}", fontsize=10)
            if j >= n_parameters - n_cols:
                panel.set_xlabel("true value")
            if j % n_cols == 0:
                panel.set_ylabel(self._y_label())
        return self

    def _plot_one(self, panel, j):
        """Draw the points, intervals and diagonal of parameter `j`."""
        # Thousands of bars still show their density when each is faint.
        faint = float(np.clip(5 / np.sqrt(len(self.true_values)), 0.12, 0.6))
        missed = self.missed_[:, j]
        for rows, color in ((~missed, BLUE), (missed, VERMILION)):
            x = self.true_values[rows, j]
            panel.vlines(x, self.lower[rows, j], self.upper[rows, j], color=color, lw=0.9, alpha=faint, rasterized=True)
            panel.plot(x, self.posterior_mean[rows, j], ls="", marker="o", ms=2.5, mew=0, color=color, zorder=3)
        panel.text(
            0.98, 0.02, f"{100 * missed.mean():.0f} % of intervals miss", color=VERMILION, fontsize=9, ha="right",
            transform=panel.transAxes,
        )  # fmt: skip
        low, high = self.true_values[:, j].min(), self.true_values[:, j].max()
        panel.axline((low, low), slope=1, color=INK, lw=1, zorder=4)
        margin = 0.05 * (high - low) or 0.5
        panel.set_xlim(low - margin, high + margin)
        panel.set_box_aspect(1)
        hide_frame(panel)

    def _y_label(self):
        interval = "interval" if self.prob is None else f"{100 * self.prob:g} % interval"
        return f"posterior mean and {interval}"
