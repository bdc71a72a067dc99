"""The calibration of trajectories at each time."""

import numpy as np

from skabi._params import check_count
from skabi.diagnostics import central_coverage
from skabi.plotting._canvas import GREY, hide_frame, import_matplotlib, line_style, one_axes
from skabi.plotting._trajectories import of_subject


class TimeCalibrationDisplay:
    """At each time, the share of data sets whose posterior interval holds the true value.

    Parameters
    ----------
    times : ndarray of shape (n_times,)
    levels : ndarray of shape (n_levels,)
        Probabilities of the intervals.
    coverage, lower, upper : ndarray of shape (n_levels, n_times)
        Share of data sets, and its limits given their number, of one parameter.
    parameter_name : str, default=None

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    CoverageDisplay : The same for parameters that do not move.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import TimeCalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = TimeCalibrationDisplay.from_draws(rng.normal(size=(300, 99, 20)), rng.normal(size=(300, 20)))
    >>> display.coverage.shape, bool(abs(display.coverage[1] - 0.9).max() < 0.1)
    ((2, 20), True)
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, times, levels, coverage, lower, upper, parameter_name=None):
        self.times = times
        self.levels = levels
        self.coverage = coverage
        self.lower = lower
        self.upper = upper
        self.parameter_name = parameter_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        parameter=0,
        subject=0,
        kind="smoothing",
        levels=(0.5, 0.9),
        n_draws=200,
        times=None,
        random_state=None,
        ax=None,
    ):
        """Sample trajectories, count and plot.

        Parameters
        ----------
        estimator : DynamicPosterior
            Fitted.
        X : array-like of shape (n_datasets, n_times, n_features), or (n_datasets, n_subjects, n_times, n_features)
            Simulated data sets.
        y : Trajectories
            What made them.
        parameter : int or str, default=0
            Which parameter is looked at, by number or name.
        subject : int, default=0
            Whose series are looked at, where there are several, counted from 0.
        kind : {"smoothing", "filtering"}, default="smoothing"
        levels : sequence of float, default=(0.5, 0.9)
        n_draws : int, default=200
        times : array-like of shape (n_times,), default=None
        random_state : int, RandomState, Generator or None, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : TimeCalibrationDisplay

        Raises
        ------
        TypeError, ValueError
            If y is not what made X, or there is no such parameter or subject.
        """
        import_matplotlib()
        if not hasattr(y, "states"):
            raise TypeError(f"y must be Trajectories, as DynamicSimulator.sample returns them; got {type(y).__name__}.")
        draws = estimator.sample(X, n_draws, kind=kind, times=times, random_state=random_state)
        name = _check_parameter(parameter, draws.parameter_names)
        column = draws.parameter_names.index(name)
        truth = of_subject(y.values[:, np.newaxis], subject)[:, 0]
        return cls.from_draws(
            of_subject(draws.values, subject)[..., column],
            truth[..., column],
            times=draws.times,
            levels=levels,
            parameter_name=name,
            ax=ax,
        )

    @classmethod
    def from_draws(cls, draws, y, *, times=None, levels=(0.5, 0.9), parameter_name=None, ax=None):
        """Count and plot.

        Parameters
        ----------
        draws : array-like of shape (n_datasets, n_draws, n_times)
            Of one parameter.
        y : array-like of shape (n_datasets, n_times)
            Its true values.
        times : array-like of shape (n_times,), default=None
        levels : sequence of float, default=(0.5, 0.9)
        parameter_name : str, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : TimeCalibrationDisplay
        """
        result = central_coverage(draws, y, levels=levels)
        n_times = result.coverage.shape[1]
        display = cls(
            times=np.arange(n_times) if times is None else np.asarray(times),
            levels=result.levels,
            coverage=result.coverage,
            lower=result.lower,
            upper=result.upper,
            parameter_name=parameter_name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw observed shares over time, and the probabilities that they should have.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : TimeCalibrationDisplay
            The display itself.
        """
        self.figure_, ax = one_axes(ax, figsize=(7.0, 4.0))
        for i, level in enumerate(self.levels):
            style = line_style(i)
            ax.axhline(level, color=GREY, lw=1)
            ax.fill_between(self.times, self.lower[i], self.upper[i], color=style["color"], alpha=0.25, lw=0)
            ax.plot(self.times, self.coverage[i], lw=1.2, label=f"{level:.0%} interval", **style)
        ax.set(xlabel="time", ylabel="share of data sets whose interval holds the truth", ylim=(0, 1.02))
        ax.legend(frameon=False, loc="lower right", title=self.parameter_name)
        hide_frame(ax)
        self.ax_ = ax
        return self


def _check_parameter(parameter, names):
    """Return the name of a parameter that is given by number or name."""
    if isinstance(parameter, str):
        if parameter not in names:
            raise ValueError(f"parameter must be one of {names}; got {parameter!r}.")
        return parameter
    if check_count(parameter, "parameter", minimum=0) >= len(names):
        raise ValueError(f"parameter must be below {len(names)}, the number of parameters; got {parameter}.")
    return names[parameter]
