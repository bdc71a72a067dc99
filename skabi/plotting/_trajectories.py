"""Trajectories over time: bands of draws with data and truths, and the calibration of each time."""

import numpy as np

from skabi._names import check_parameter_names
from skabi._shapes import as_float_array
from skabi.diagnostics import central_coverage
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, GREY, INK, hide_frame, import_matplotlib, line_style, many_axes, one_axes


class TrajectoryDisplay:
    """Bands of the posterior of each parameter over time, with a few trajectories, data and truths.

    Parameters
    ----------
    values : ndarray of shape (n_draws, n_times, n_parameters)
        Posterior draws of the trajectories of one data set.
    times : ndarray of shape (n_times,)
    parameter_names : list of str
    data : ndarray of shape (n_times,) or (n_times, n_features), default=None
        Observations, drawn in a panel of their own, or with the parameter of one panel where `over` names it.
    truth : ndarray of shape (n_times, n_parameters), default=None
    probs : tuple of float, default=(0.5, 0.9)
        Probabilities of the bands.
    over : str, default=None
        The parameter that observations are noisy values of.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel a parameter, and one for data.
    ax_ : matplotlib Axes or None
    figure_ : matplotlib Figure

    See Also
    --------
    TimeCalibrationDisplay : Whether the bands hold the truth as often as they claim to.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.plotting import TrajectoryDisplay
    >>> draws = np.random.default_rng(0).normal(size=(200, 30, 1)).cumsum(axis=1)
    >>> display = TrajectoryDisplay.from_draws(draws, parameter_names=["level"])
    >>> display.axes_.shape
    (1,)
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, values, times, parameter_names, data=None, truth=None, probs=(0.5, 0.9), over=None):
        self.values = values
        self.times = times
        self.parameter_names = parameter_names
        self.data = data
        self.truth = truth
        self.probs = probs
        self.over = over

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        kind="smoothing",
        n_draws=1000,
        times=None,
        truth=None,
        probs=(0.5, 0.9),
        over=None,
        random_state=None,
        ax=None,
    ):
        """Sample the trajectories of one series and plot.

        Parameters
        ----------
        estimator : DynamicPosterior
            Fitted.
        X : array-like of shape (1, n_times, n_features)
            One series.
        kind : {"smoothing", "filtering"}, default="smoothing"
        n_draws : int, default=1000
        times : array-like of shape (n_times,), default=None
        truth : array-like of shape (n_times, n_parameters), default=None
        probs : tuple of float, default=(0.5, 0.9)
        over : str, default=None
            The parameter that observations are noisy values of.
        random_state : int, RandomState, Generator or None, default=None
        ax : matplotlib Axes, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : TrajectoryDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws, kind=kind, times=times, random_state=random_state)
        if draws.values.ndim != 4 or len(draws.values) != 1:
            raise ShapeError(f"X must be one series of one subject, X[i : i + 1]; got {len(draws.values)} data sets.")
        return cls.from_draws(
            draws.values[0],
            times=draws.times,
            parameter_names=draws.parameter_names,
            data=np.asarray(X, dtype=np.float64)[0],
            truth=truth,
            probs=probs,
            over=over,
            ax=ax,
        )

    @classmethod
    def from_draws(
        cls, values, *, times=None, parameter_names=None, data=None, truth=None, probs=(0.5, 0.9), over=None, ax=None
    ):
        """Plot draws of the trajectories of one series.

        Parameters
        ----------
        values : array-like of shape (n_draws, n_times, n_parameters)
        times : array-like of shape (n_times,), default=None
        parameter_names : list of str, default=None
        data : array-like of shape (n_times,) or (n_times, n_features), default=None
        truth : array-like of shape (n_times, n_parameters), default=None
        probs : tuple of float, default=(0.5, 0.9)
        over : str, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : TrajectoryDisplay

        Raises
        ------
        ShapeError
            If arrays do not fit each other.
        """
        values = as_float_array(values, name="values")
        if values.ndim != 3 or 0 in values.shape:
            raise ShapeError(f"values must have shape (n_draws, n_times, n_parameters); got {values.shape}.")
        n_times, n_parameters = values.shape[1:]
        names = check_parameter_names(parameter_names, n_parameters)
        times = np.arange(n_times) if times is None else np.asarray(times)
        if data is not None:
            data = as_float_array(data, name="data", allow_nan=True)
            data = data[:, np.newaxis] if data.ndim == 1 else data
        truth = None if truth is None else as_float_array(truth, name="truth").reshape(n_times, n_parameters)
        for name, array in (("times", times), ("data", data)):
            if array is not None and len(array) != n_times:
                raise ShapeError(f"{name} must have one entry for each of the {n_times} times; got {len(array)}.")
        if over is not None and over not in names:
            raise ValueError(f"over must be one of {names}; got {over!r}.")
        display = cls(
            values=values, times=times, parameter_names=names, data=data, truth=truth, probs=tuple(probs), over=over
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw bands, medians, data and truths.

        Parameters
        ----------
        ax : matplotlib Axes or array of these, default=None
            One Axes to divide into panels, or one for each; None makes a figure.

        Returns
        -------
        display : TrajectoryDisplay
            The display itself.
        """
        has_panel = self.data is not None and self.over is None
        n_panels = len(self.parameter_names) + has_panel
        used = np.ones((n_panels, 1), dtype=bool)
        self.figure_, self.ax_, axes = many_axes(ax, used=used, figsize=(8.0, 1.2 + 1.9 * n_panels))
        self.axes_ = axes[:, 0]
        if has_panel:
            self._draw_data(self.axes_[0], label=None)
            self.axes_[0].set_ylabel("data")
        for i, panel in enumerate(self.axes_[has_panel:]):
            self._draw_parameter(panel, i)
        for panel in self.axes_:
            hide_frame(panel)
        self.axes_[-1].set_xlabel("time")
        return self

    def _draw_parameter(self, panel, i):
        for prob in sorted(self.probs, reverse=True):
            low, high = np.quantile(self.values[..., i], [(1 - prob) / 2, (1 + prob) / 2], axis=0)
            panel.fill_between(self.times, low, high, color=BLUE, alpha=0.25, lw=0, label=f"{prob:.0%} band")
        panel.plot(self.times, np.median(self.values[..., i], axis=0), color=BLUE, lw=1.5, label="median")
        if self.truth is not None:
            panel.plot(self.times, self.truth[:, i], color=INK, lw=1, ls="--", label="truth")
        if self.over == self.parameter_names[i]:
            self._draw_data(panel, label="data")
        panel.set_ylabel(self.parameter_names[i])
        panel.legend(frameon=False, loc="upper right", fontsize="small", ncols=3)

    def _draw_data(self, panel, *, label):
        for j, column in enumerate(self.data.T):
            color = GREY if len(self.data.T) == 1 else line_style(j)["color"]
            panel.plot(self.times, column, ls="", marker="o", ms=2.5, color=color, label=label if j == 0 else None)


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
        kind="smoothing",
        levels=(0.5, 0.9),
        n_draws=200,
        random_state=None,
        ax=None,
    ):
        """Sample trajectories, count and plot.

        Parameters
        ----------
        estimator : DynamicPosterior
            Fitted, to data sets of one subject.
        X : array-like of shape (n_datasets, n_times, n_features)
            Simulated data sets.
        y : Trajectories
            What made them.
        parameter : int, default=0
            Which parameter is looked at.
        kind : {"smoothing", "filtering"}, default="smoothing"
        levels : sequence of float, default=(0.5, 0.9)
        n_draws : int, default=200
        random_state : int, RandomState, Generator or None, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : TimeCalibrationDisplay
        """
        import_matplotlib()
        draws = estimator.sample(X, n_draws, kind=kind, random_state=random_state)
        name = draws.parameter_names[parameter]
        return cls.from_draws(
            draws.values[..., parameter], y.values[..., parameter], levels=levels, parameter_name=name, ax=ax
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
