"""Families of prior distributions whose hyper-parameters are to be learned."""

from typing import Any

import numpy as np
import torch
from scipy import stats
from sklearn.base import BaseEstimator

# Of the logarithm of a shape, or of its value if it may be negative: errors of central differences are of the order of
# its square.
_STEP = 1e-4


class Unknown(BaseEstimator):
    """A hyper-parameter to be learned, of which a name or a range is said.

    Parameters
    ----------
    name : str, optional
        Hyper-parameters of the same name are one number, wherever they stand.
    low, high : float, optional
        Where searches start, both or none; by default from 0.01 to 1,000 for positive numbers, and up to 100 on either
        side of zero for others. No limit: what is learned may lie outside.

    Examples
    --------
    >>> from skabi.elicitation import Normal, Unknown
    >>> families = {"left": Normal(scale=Unknown("spread")), "right": Normal(scale=Unknown("spread"))}
    """

    def __init__(self, name=None, *, low=None, high=None):
        self.name = name
        self.low = low
        self.high = high


class BaseFamily(BaseEstimator):
    """Base class of families: a family of `scipy.stats`, its hyper-parameters by the names they have there.

    A subclass names the family in `distribution`, the hyper-parameters that must be positive in `positive`, and all
    hyper-parameters in its constructor. Each is a number, which is fixed; None, which is to be learned; a str, which is
    to be learned and shared by all of that name; or an `Unknown`.

    Examples
    --------
    A family of one's own:

    >>> from scipy import stats
    >>> from skabi.elicitation import BaseFamily
    >>> class StudentT(BaseFamily):
    ...     distribution = stats.t
    ...     positive = ("df", "scale")
    ...     def __init__(self, df=4.0, *, loc=None, scale=None):
    ...         self.df = df
    ...         self.loc = loc
    ...         self.scale = scale
    >>> StudentT().frozen({"df": 4.0, "loc": 1.0, "scale": 2.0}).mean()
    np.float64(1.0)
    """

    distribution: Any = None
    positive: tuple[str, ...] = ("scale",)

    def frozen(self, values):
        """Return the frozen distribution of a dict of hyper-parameter to number."""
        return self.distribution(**{name: float(value) for name, value in values.items()})

    def draw(self, base, values):
        """Return draws that move smoothly with their hyper-parameters.

        Parameters
        ----------
        base : ndarray of shape (n,)
            Uniform numbers, whose quantiles the draws are.
        values : dict of str to tensor of shape ()

        Returns
        -------
        draws : tensor of shape (n,)
        """
        shapes = {name: value for name, value in values.items() if name not in ("loc", "scale")}
        standard = self._standard(base, shapes)
        return values.get("loc", 0.0) + values.get("scale", 1.0) * standard

    def _standard(self, base, shapes):
        """Return quantiles at location zero and scale one, whose derivatives are central differences."""
        at = {name: float(value.detach()) for name, value in shapes.items()}
        draws = torch.from_numpy(self._quantiles(base, at))
        for name, value in shapes.items():
            if value.requires_grad:
                is_positive = name in self.positive
                ends = [at[name] * np.exp(s * _STEP) if is_positive else at[name] + s * _STEP for s in (1, -1)]
                above, below = (self._quantiles(base, at | {name: end}) for end in ends)
                with np.errstate(invalid="ignore"):
                    slope = torch.from_numpy((above - below) / (ends[0] - ends[1]))
                # No value, and the derivative of one.
                draws = draws + slope * (value - value.detach())
        return draws

    def _quantiles(self, base, shapes):
        with np.errstate(all="ignore"):
            return np.asarray(self.distribution(**shapes).ppf(base), dtype=np.float64)


class Normal(BaseFamily):
    """Normal distributions, `scipy.stats.norm`.

    Parameters
    ----------
    loc, scale : float, str, Unknown or None
        Mean and standard deviation: a number is fixed, None is to be learned, a str is to be learned and shared.

    Examples
    --------
    >>> from skabi.elicitation import Normal
    >>> Normal(loc=0.0)
    Normal(loc=0.0)
    """

    distribution = stats.norm

    def __init__(self, loc=None, scale=None):
        self.loc = loc
        self.scale = scale


class HalfNormal(BaseFamily):
    """Half-normal distributions, `scipy.stats.halfnorm`.

    Parameters
    ----------
    scale : float, str, Unknown or None
        Standard deviation of the normal distribution whose positive half it is.

    Examples
    --------
    >>> from skabi.elicitation import HalfNormal
    >>> HalfNormal(scale="spread")
    HalfNormal(scale='spread')
    """

    distribution = stats.halfnorm

    def __init__(self, scale=None):
        self.scale = scale


class Exponential(BaseFamily):
    """Exponential distributions, `scipy.stats.expon`.

    Parameters
    ----------
    scale : float, str, Unknown or None
        Mean.

    Examples
    --------
    >>> from skabi.elicitation import Exponential
    >>> Exponential()
    Exponential()
    """

    distribution = stats.expon

    def __init__(self, scale=None):
        self.scale = scale


class Gamma(BaseFamily):
    """Gamma distributions, `scipy.stats.gamma`.

    Parameters
    ----------
    a, scale : float, str, Unknown or None
        Shape, and scale: one over the rate.

    Examples
    --------
    >>> from skabi.elicitation import Gamma
    >>> Gamma(a=2.0)
    Gamma(a=2.0)
    """

    distribution = stats.gamma
    positive = ("a", "scale")

    def __init__(self, a=None, scale=None):
        self.a = a
        self.scale = scale


class Beta(BaseFamily):
    """Beta distributions, `scipy.stats.beta`.

    Parameters
    ----------
    a, b : float, str, Unknown or None
        Shapes.

    Examples
    --------
    >>> from skabi.elicitation import Beta
    >>> Beta(a=1.0)
    Beta(a=1.0)
    """

    distribution = stats.beta
    positive = ("a", "b")

    def __init__(self, a=None, b=None):
        self.a = a
        self.b = b


class LogNormal(BaseFamily):
    """Log-normal distributions, `scipy.stats.lognorm`.

    Parameters
    ----------
    s, scale : float, str, Unknown or None
        Standard deviation of the logarithm, and median.

    Examples
    --------
    >>> from skabi.elicitation import LogNormal
    >>> LogNormal()
    LogNormal()
    """

    distribution = stats.lognorm
    positive = ("s", "scale")

    def __init__(self, s=None, scale=None):
        self.s = s
        self.scale = scale
