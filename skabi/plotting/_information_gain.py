"""What designs tell: bounds of the information over a design, and step by step for policies."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError
from skabi.plotting._canvas import GREY, hide_frame, import_matplotlib, line_style, one_axes

_BOUNDS = (
    ("lower", "lower bound (sPCE)"),
    ("upper", "upper bound (sNMC)"),
    ("posterior_bound", "lower bound by the posterior"),
)


class InformationGainDisplay:
    """Expected information gain of designs, with two standard errors to each side.

    Designs of one number are an axis, and all bounds are drawn; designs of more are points in the plane of two of their
    numbers, coloured by one bound.

    Parameters
    ----------
    designs : ndarray of shape (n, n_designs)
    lower, lower_error, upper, upper_error, posterior_bound, posterior_bound_error : ndarray of shape (n,), default=None
        Bounds in nats and their standard errors, as far as there are.
    names : list of str, default=None
        Names of the numbers of a design.

    Attributes
    ----------
    shown_ : list of str
        Bounds that are drawn.
    ax_ : matplotlib Axes
        Axes with the bounds.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    InformationGainDisplay.from_estimator : Compute the bounds and plot.
    InformationGainDisplay.from_gain : Plot bounds that you have.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.plotting import InformationGainDisplay
    >>> display = InformationGainDisplay(
    ...     designs=[[0.0], [1.0], [2.0]], lower=[0.0, 0.3, 0.8], lower_error=[0.01] * 3, names=["dose"]
    ... ).plot()
    >>> display.shown_
    ['lower']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        designs,
        lower=None,
        lower_error=None,
        upper=None,
        upper_error=None,
        posterior_bound=None,
        posterior_bound_error=None,
        names=None,
    ):
        self.designs = designs
        self.lower = lower
        self.lower_error = lower_error
        self.upper = upper
        self.upper_error = upper_error
        self.posterior_bound = posterior_bound
        self.posterior_bound_error = posterior_bound_error
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, designs, *, columns=(0, 1), ax=None):
        """Compute the bounds of designs and plot.

        Parameters
        ----------
        estimator : object
            With `evaluate(designs)`; an `ExpectedInformationGain` for example.
        designs : array-like of shape (n, n_designs)
        columns : (int, int), default=(0, 1)
            Which two numbers of a design are the axes, where it has more than one.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : InformationGainDisplay
        """
        import_matplotlib()  # First, so that its absence is not found after the work.
        return cls.from_gain(estimator.evaluate(designs), columns=columns, ax=ax)

    @classmethod
    def from_gain(cls, gain, *, columns=(0, 1), ax=None):
        """Plot bounds of designs.

        Parameters
        ----------
        gain : object
            With `designs`, `design_names` and bounds; what `ExpectedInformationGain.evaluate` returns, for example.
        columns : (int, int), default=(0, 1)
            Which two numbers of a design are the axes, where it has more than one.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : InformationGainDisplay
        """
        bounds = {name + end: getattr(gain, name + end) for name, _ in _BOUNDS for end in ("", "_error")}
        return cls(designs=gain.designs, names=gain.design_names, **bounds).plot(columns=columns, ax=ax)

    def plot(self, *, columns=(0, 1), ax=None):
        """Draw the bounds.

        Parameters
        ----------
        columns : (int, int), default=(0, 1)
            Which two numbers of a design are the axes, where it has more than one.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : InformationGainDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If bounds do not have one value a design.
        ValueError
            If there is no bound at all.
        """
        designs = as_float_array(self.designs, name="designs")
        if designs.ndim != 2 or not designs.size:
            raise ShapeError(f"designs must have shape (n, n_designs); got {designs.shape}.")
        bounds = {name: self._bound(name, len(designs)) for name, _ in _BOUNDS if getattr(self, name) is not None}
        if not bounds:
            raise ValueError("there is no bound to draw; give lower, upper or posterior_bound.")
        names = [f"design[{i}]" for i in range(designs.shape[1])] if self.names is None else self.names
        self.figure_, self.ax_ = one_axes(ax)
        if designs.shape[1] == 1:
            self.shown_ = list(bounds)
            self._plot_lines(designs[:, 0], bounds, names[0])
        else:
            self.shown_ = list(bounds)[:1]
            self._plot_points(designs, bounds[self.shown_[0]][0], names, columns)
        hide_frame(self.ax_)
        return self

    def _bound(self, name, n):
        """Return a bound and its standard error, zero where it is not known."""
        value = np.asarray(getattr(self, name), dtype=float)
        error = getattr(self, f"{name}_error")
        error = np.zeros(n) if error is None else np.asarray(error, dtype=float)
        if value.shape != (n,) or error.shape != (n,):
            raise ShapeError(f"{name} and its error must have one value a design, ({n},); got {value.shape}.")
        return value, error

    def _plot_lines(self, design, bounds, name):
        order = np.argsort(design, kind="stable")
        labels = dict(_BOUNDS)
        for i, (key, (value, error)) in enumerate(bounds.items()):
            style = line_style(i)
            low, high = value - 2 * error, value + 2 * error
            self.ax_.fill_between(design[order], low[order], high[order], color=style["color"], alpha=0.25, lw=0)
            self.ax_.plot(design[order], value[order], label=labels[key], **style)
        self.ax_.set(xlabel=name, ylabel="information gain, in nats")
        self.ax_.legend(frameon=False)

    def _plot_points(self, designs, value, names, columns):
        first, second = columns
        points = self.ax_.scatter(designs[:, first], designs[:, second], c=value, s=25)
        self.figure_.colorbar(points, ax=self.ax_, label=f"information gain, in nats: {dict(_BOUNDS)[self.shown_[0]]}")
        self.ax_.set(xlabel=names[first], ylabel=names[second])


class PolicyGainDisplay:
    """Information that policies bring, after each step: lower and upper bound, with two standard errors to each side.

    Parameters
    ----------
    lower, lower_error, upper, upper_error : list of ndarray of shape (n_steps,)
        Bounds in nats and their standard errors, one array a policy.
    names : list of str
        Names of the policies.
    ceiling : float, default=None
        What the lower bound can be at most, drawn where it is near.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bounds.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    PolicyGainDisplay.from_gains : Plot what `evaluate_policy` returned.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skabi.plotting import PolicyGainDisplay
    >>> display = PolicyGainDisplay(
    ...     lower=[[0.5, 0.8]], lower_error=[[0.1, 0.1]], upper=[[0.5, 0.9]], upper_error=[[0.1, 0.1]], names=["random"]
    ... ).plot()
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, lower, lower_error, upper, upper_error, names, ceiling=None):
        self.lower = lower
        self.lower_error = lower_error
        self.upper = upper
        self.upper_error = upper_error
        self.names = names
        self.ceiling = ceiling

    @classmethod
    def from_gains(cls, gains, *, ax=None):
        """Plot what policies bring.

        Parameters
        ----------
        gains : dict of str to object
            Name of a policy to what `evaluate_policy` returned for it: `lower_by_step` and the like.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : PolicyGainDisplay
        """
        if not gains:
            raise ValueError("gains must have at least one policy.")
        bounds = {
            name: [getattr(gain, f"{name}_by_step") for gain in gains.values()]
            for name in ("lower", "lower_error", "upper", "upper_error")
        }
        ceiling = np.log(1 + min(gain.n_contrastive for gain in gains.values()))
        return cls(**bounds, names=list(gains), ceiling=ceiling).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the bounds: what lies between the two is filled, and the lower one is a line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : PolicyGainDisplay
            The display itself.

        Raises
        ------
        ShapeError
            If bounds of a policy are not of one length, or there is not one name for each.
        """
        parts = list(zip(self.lower, self.lower_error, self.upper, self.upper_error, strict=True))
        if len(parts) != len(self.names):
            raise ShapeError(f"names must be one for each of {len(parts)} policies; got {list(self.names)}.")
        self.figure_, self.ax_ = one_axes(ax)
        highest = -np.inf
        for i, (name, bounds) in enumerate(zip(self.names, parts, strict=True)):
            lower, lower_error, upper, upper_error = (np.asarray(each, dtype=float) for each in bounds)
            if not lower.shape == lower_error.shape == upper.shape == upper_error.shape or lower.ndim != 1:
                raise ShapeError(f"bounds of {name} must have shape (n_steps,); got {lower.shape} and {upper.shape}.")
            style, steps = line_style(i), np.arange(1, len(lower) + 1)
            top = np.where(np.isfinite(upper), upper + 2 * upper_error, lower)
            self.ax_.fill_between(steps, lower - 2 * lower_error, top, color=style["color"], alpha=0.25, lw=0)
            self.ax_.plot(steps, lower, marker="o", ms=3, label=str(name), **style)
            highest = max(highest, float(lower.max()))
        if self.ceiling is not None and highest > self.ceiling - 1:
            self.ax_.axhline(self.ceiling, color=GREY, lw=1, ls=":", label="most that the lower bound can be")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set(xlabel="steps", ylabel="information gain, in nats")
        self.ax_.legend(frameon=False)
        hide_frame(self.ax_)
        return self
