"""Nominal against observed coverage: of central posterior intervals, and what displays of other regions share."""

import numpy as np

from skabi._names import check_parameter_names, names_of
from skabi._shapes import check_draws_and_parameters
from skabi.diagnostics import central_coverage
from skabi.plotting._canvas import draw_coverage, import_matplotlib, one_axes, p_value_in_words


class CoverageDisplay:
    """How often central posterior intervals hold the true value, against how often they claim to.

    Points of calibrated posteriors lie on the diagonal. Below it, intervals are too narrow (overconfident) or off
    centre; above it, too wide. Bands, or bars where levels are few, are intervals of the observed share given the
    number of data sets, for each level by itself. Bars of several parameters stand side by side around their level.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Nominal probabilities of the intervals.
    coverage : ndarray of shape (n_levels, n_parameters)
        Share of data sets whose interval holds the true value.
    lower, upper : ndarray of shape (n_levels, n_parameters)
        Monte Carlo interval of that share.
    parameter_names : list of str, default=None
        Names for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    CoverageDisplay.from_estimator : Sample a fitted estimator, count and plot.
    CoverageDisplay.from_draws : Count from draws that you have and plot.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import CoverageDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = CoverageDisplay.from_draws(rng.normal(size=(200, 500, 2)), rng.normal(size=(200, 2)))
    >>> bool(abs(display.coverage - display.levels[:, np.newaxis]).max() < 0.15)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, levels, coverage, lower, upper, parameter_names=None):
        self.levels = levels
        self.coverage = coverage
        self.lower = lower
        self.upper = upper
        self.parameter_names = parameter_names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_draws=1000, levels=None, random_state=None, ax=None):
        """Sample the posterior of each data set, count and plot.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample(X, n_draws, *, random_state)`.
        X : array-like of shape (n_datasets, n_features) or another form of data sets
            Simulated data sets that the estimator was not fitted on.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made them, drawn from the prior.
        n_draws : int, default=1000
            Draws for each data set.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the intervals; None leaves them to `central_coverage`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : CoverageDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws=n_draws, random_state=random_state)
        names = names_of(estimator, y, n_parameters=draws.shape[2])
        return cls.from_draws(draws, y, levels=levels, parameter_names=names, ax=ax)

    @classmethod
    def from_draws(cls, draws, y, *, levels=None, parameter_names=None, ax=None):
        """Count from draws how often intervals hold the true value, and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        y : array-like of shape (n_datasets, n_parameters)
            The parameters that made the data sets, drawn from the prior.
        levels : array-like of shape (n_levels,), default=None
            Probabilities of the intervals; None leaves them to `central_coverage`.
        parameter_names : list of str, default=None
            Names for the legend; by default the columns of `y`.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ShapeError
            If the shapes of `draws` and `y` do not fit.
        """
        draws, truth = check_draws_and_parameters(draws, y)
        names = check_parameter_names(parameter_names, truth.shape[1], y=y)
        result = central_coverage(draws, truth, levels=levels)
        display = cls(
            levels=result.levels,
            coverage=result.coverage,
            lower=result.lower,
            upper=result.upper,
            parameter_names=names,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the points, their intervals and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : CoverageDisplay
            The display itself.
        """
        names = check_parameter_names(self.parameter_names, self.coverage.shape[1])
        self.figure_, ax = one_axes(ax, figsize=(5.6, 5.2))
        draw_coverage(ax, self.levels, self.coverage, self.lower, self.upper, labels=names)
        ax.set(
            xlabel="probability of the central posterior interval",
            ylabel="share of data sets whose interval holds the true value",
        )
        self.ax_ = ax
        return self


class RegionCoverage:
    """What displays of the coverage of one family of regions share; a subclass says which regions they are."""

    _region = "region"

    def __init__(self, *, levels, coverage, lower, upper, p_value=None):
        self.levels = levels
        self.coverage = coverage
        self.lower = lower
        self.upper = upper
        self.p_value = p_value

    @classmethod
    def _of(cls, result, *, ax):
        """Return the display of a result with the fields of the constructor, plotted."""
        names = ("levels", "coverage", "lower", "upper", "p_value")
        return cls(**{name: getattr(result, name) for name in names}).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the points, their intervals and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : object
            The display itself.
        """
        label = "observed" if self.p_value is None else f"observed, {p_value_in_words(self.p_value)}"
        curve = [np.asarray(values)[:, np.newaxis] for values in (self.coverage, self.lower, self.upper)]
        self.figure_, ax = one_axes(ax, figsize=(5.6, 5.2))
        draw_coverage(ax, np.asarray(self.levels), *curve, labels=[label])
        ax.set(
            xlabel=f"probability of the {self._region}",
            ylabel="share of data sets where it holds the true parameters",
        )
        self.ax_ = ax
        return self
