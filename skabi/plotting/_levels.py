"""Groups of a model with levels: what each says alone, and what they say together."""

import numpy as np
import pandas as pd

from skabi._names import order_of
from skabi._params import check_real
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import BLUE, GREY, INK, hide_frame, import_matplotlib, one_axes


class LevelsDisplay:
    """Posterior mean and central interval of each group's parameter, beside the estimate from the group alone.

    A line leads from a group's own estimate, a ring, to its posterior mean, a dot: shrinkage, towards what groups have
    in common. It is long where a group's own data say little. Groups are sorted by their own estimates, if there are
    any, else by their means.

    Parameters
    ----------
    posterior_mean : ndarray of shape (n_groups,)
    lower, upper : ndarray of shape (n_groups,)
        Ends of the central posterior intervals.
    labels : ndarray of shape (n_groups,)
        Names of the groups.
    estimates : ndarray of shape (n_groups,), default=None
        What each group's data alone say.
    truth : ndarray of shape (n_groups,), default=None
        True values, or what was found later; drawn as crosses.
    center : float, default=None
        What groups have in common: a dashed line.
    prob : float, default=None
        Probability of the intervals, for the legend.
    parameter_name : str, default=None
        For the axis.

    Attributes
    ----------
    order_ : ndarray of int of shape (n_groups,)
        Which group stands where, from the bottom up.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    LevelsDisplay.from_estimator : Sample a fitted `HierarchicalPosterior` and plot.
    LevelsDisplay.from_draws : Plot draws that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skabi.hierarchical import LevelDraws
    >>> from skabi.plotting import LevelsDisplay
    >>> rng, labels = np.random.default_rng(0), [np.array(["north", "south"])]
    >>> draws = LevelDraws(rng.normal(size=(1, 50, 1)), [rng.normal(size=(50, 2, 1))], ["mu"], ["theta"], labels)
    >>> display = LevelsDisplay.from_draws(draws, estimates=[-1.0, 2.0])
    >>> display.ax_.get_xlabel()
    'theta'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        posterior_mean,
        lower,
        upper,
        labels,
        estimates=None,
        truth=None,
        center=None,
        prob=None,
        parameter_name=None,
    ):
        self.posterior_mean = posterior_mean
        self.lower = lower
        self.upper = upper
        self.labels = labels
        self.estimates = estimates
        self.truth = truth
        self.center = center
        self.prob = prob
        self.parameter_name = parameter_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_draws=1000,
        parameter=None,
        estimates=None,
        truth=None,
        center=None,
        prob=0.9,
        random_state=None,
        ax=None,
    ):
        """Sample the posterior of one data set and plot.

        Parameters
        ----------
        estimator : HierarchicalPosterior
            Fitted.
        X : GroupedData
            One data set.
        n_draws : int, default=1000
        parameter, estimates, truth, center, prob
            As in `from_draws`.
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        ax : Axes or None, default=None

        Returns
        -------
        display : LevelsDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        draws = estimator.sample(X, n_draws, random_state=random_state)
        return cls.from_draws(
            draws, parameter=parameter, estimates=estimates, truth=truth, center=center, prob=prob, ax=ax
        )

    @classmethod
    def from_draws(cls, draws, *, parameter=None, estimates=None, truth=None, center=None, prob=0.9, ax=None):
        """Plot draws of the groups of one data set.

        Parameters
        ----------
        draws : LevelDraws
            Of one data set; of several, `draws[i]`.
        parameter : str, default=None
            Which parameter of the groups; by default the first.
        estimates : Series or array-like of shape (n_groups,), default=None
            What each group's data alone say of it. A Series is matched by label, as `groupby` gives it; others are in
            the order of `draws.labels`.
        truth : Series or array-like of shape (n_groups,), default=None
            True values, or what was found later; likewise.
        center : float, default=None
            What groups have in common.
        prob : float, default=0.9
            Probability of the central intervals.
        ax : Axes or None, default=None

        Returns
        -------
        display : LevelsDisplay

        Raises
        ------
        ShapeError
            If draws are of several data sets, or there is not one number for each group.
        ValueError
            If there is no such parameter, `prob` is not between 0 and 1, or a Series is of other groups.
        """
        prob = check_real(prob, "prob", low=0, high=1)
        if len(draws) != 1:
            raise ShapeError(f"one data set is shown at a time; got draws of {len(draws)}. Pass draws[i].")
        name = draws.group_names[0] if parameter is None else parameter
        if name not in draws.group_names:
            raise ValueError(f"parameter must be one of the groups', {draws.group_names}; got {name!r}.")
        values, labels = draws.groups[0][..., draws.group_names.index(name)], draws.labels[0]
        lower, upper = np.quantile(values, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
        display = cls(
            posterior_mean=values.mean(axis=0),
            lower=lower,
            upper=upper,
            labels=labels,
            estimates=_by_group(estimates, labels, "estimates"),
            truth=_by_group(truth, labels, "truth"),
            center=center,
            prob=prob,
            parameter_name=name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the groups, one a row.

        Parameters
        ----------
        ax : Axes or None, default=None
            None makes a figure.

        Returns
        -------
        display : LevelsDisplay
            The display itself.
        """
        n = len(self.labels)
        self.figure_, self.ax_ = one_axes(ax, figsize=(6.4, max(2.4, 1.2 + 0.26 * n)))
        self.order_ = np.argsort(self.posterior_mean if self.estimates is None else self.estimates, kind="stable")
        place = np.arange(n)
        interval = "posterior" if self.prob is None else f"posterior mean, {100 * self.prob:g} % interval"
        if self.center is not None:
            self.ax_.axvline(self.center, color=GREY, lw=1, ls="--", zorder=0)
        self.ax_.hlines(place, self.lower[self.order_], self.upper[self.order_], color=BLUE, lw=1.5, alpha=0.6)
        mean = self.posterior_mean[self.order_]
        self.ax_.plot(mean, place, ls="", marker="o", ms=4.5, color=BLUE, label=interval, zorder=3)
        if self.estimates is not None:
            own = np.asarray(self.estimates)[self.order_]
            self.ax_.hlines(place + 0.25, own, mean, color=GREY, lw=0.8)
            self.ax_.plot(own, place + 0.25, ls="", marker="o", mfc="none", ms=4.5, color=INK, label="the group alone")
        if self.truth is not None:
            self.ax_.plot(
                np.asarray(self.truth)[self.order_], place, ls="", marker="x", ms=5, color=INK, label="truth", zorder=4
            )
        self.ax_.set_yticks(place, [str(label) for label in np.asarray(self.labels)[self.order_]])
        self.ax_.set_xlabel("" if self.parameter_name is None else self.parameter_name)
        self.ax_.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.0 + 1.6 / (n + 4)), ncols=3)
        hide_frame(self.ax_)
        return self


def _by_group(values, labels, name):
    """Return `values` as an array with one number for each group, or None; a Series is matched by label."""
    if values is None:
        return None
    array = as_float_array(values, name=name)
    if array.shape != (len(labels),):
        raise ShapeError(f"{name} must have one number for each of {len(labels)} groups; got shape {array.shape}.")
    if isinstance(values, pd.Series):
        order = order_of(labels, values.index, name, of="draws")
        array = array if order is None else array[order]
    return array
