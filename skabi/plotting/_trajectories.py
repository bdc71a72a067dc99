"""Trajectories over time: bands of draws with data and truths."""

import numpy as np

from skabi._names import check_parameter_names
from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, GREY, INK, hide_frame, import_matplotlib, line_style, many_axes


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
        subject=0,
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
        X : array-like of shape (1, n_times, n_features) or (1, n_subjects, n_times, n_features)
            One data set.
        kind : {"smoothing", "filtering"}, default="smoothing"
        subject : int, default=0
            Whose series is shown, where there are several, counted from 0.
        n_draws : int, default=1000
        times : array-like of shape (n_times,), default=None
        truth : array-like of shape (n_times, n_parameters), default=None
            Of this subject.
        probs : tuple of float, default=(0.5, 0.9)
        over : str, default=None
            The parameter that observations are noisy values of.
        random_state : int, RandomState, Generator or None, default=None
        ax : matplotlib Axes, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : TrajectoryDisplay

        Raises
        ------
        ValueError
            If X is more than one data set, or has no such subject.
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws, kind=kind, times=times, random_state=random_state)
        if len(draws.values) != 1:
            raise ShapeError(f"X must be one data set, X[i : i + 1]; got {len(draws.values)} of them.")
        data = np.asarray(X, dtype=np.float64)[0]
        if draws.values.ndim == 5:
            data = data[_check_subject(subject, len(data))]
        return cls.from_draws(
            of_subject(draws.values, subject)[0],
            times=draws.times,
            parameter_names=draws.parameter_names,
            data=data,
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
            NaN at the last times, which stands after the end of a series, is left out, and so are data and truths.
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
        ValueError
            If values or truths are not finite, a probability is none, or there is no parameter `over`.
        """
        values = as_float_array(values, name="values", allow_nan=True)
        if values.ndim != 3 or 0 in values.shape:
            raise ShapeError(f"values must have shape (n_draws, n_times, n_parameters); got {values.shape}.")
        n_times, n_parameters = values.shape[1:]
        probs = _check_probs(probs, "probs")
        names = check_parameter_names(parameter_names, n_parameters)
        times = np.arange(n_times) if times is None else np.asarray(times)
        if data is not None:
            data = as_float_array(data, name="data", allow_nan=True)
            data = data[:, np.newaxis] if data.ndim == 1 else data
        if truth is not None:
            truth = as_float_array(truth, name="truth", allow_nan=True)
            truth = truth[:, np.newaxis] if truth.ndim == 1 else truth
            if truth.shape != (n_times, n_parameters):
                raise ShapeError(f"truth must have shape ({n_times}, {n_parameters}); got {truth.shape}.")
        for name, array in (("times", times), ("data", data)):
            if array is not None and len(array) != n_times:
                raise ShapeError(f"{name} must have one entry for each of the {n_times} times; got {len(array)}.")
        if over is not None and over not in names:
            raise ValueError(f"over must be one of {names}; got {over!r}.")
        n_kept = n_times - np.isnan(values).all(axis=(0, 2))[::-1].argmin()
        times, data, truth = (None if part is None else part[:n_kept] for part in (times, data, truth))
        display = cls(
            values=as_float_array(values[:, :n_kept], name="values"),
            times=times,
            parameter_names=names,
            data=data,
            truth=None if truth is None else as_float_array(truth, name="truth"),
            probs=probs,
            over=over,
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


def of_subject(values, subject):
    """Return draws `(n_datasets, n_draws, n_times, n_parameters)`, of one subject where there are several."""
    return values if values.ndim == 4 else values[:, :, _check_subject(subject, values.shape[2])]


def _check_subject(subject, n_subjects):
    """Return `subject`, or raise unless it is the number of one."""
    if check_count(subject, "subject", minimum=0) >= n_subjects:
        raise ValueError(f"subject must be below {n_subjects}, the number of subjects; got {subject}.")
    return subject


def _check_probs(probs, name):
    """Return probabilities between 0 and 1 as a tuple."""
    found = as_float_array(np.atleast_1d(probs), name=name)
    if found.ndim != 1 or ((found <= 0) | (found >= 1)).any():
        raise ValueError(f"{name} must be probabilities between 0 and 1, ends excluded; got {probs!r}.")
    return tuple(found.tolist())
