"""Random numbers of an outcome that move smoothly with the parameters of their distribution."""

import numpy as np
import torch
from scipy import special

from skabi.exceptions import ShapeError

# From a guess to the count, one by one.
_MOST_STEPS = 50
_DRAWN = ("uniform", "standard_normal", "normal", "poisson", "binomial", "categorical")


class SmoothDraws:
    """What a model draws its outcome with: the methods of `numpy.random.Generator`, in torch and differentiable.

    The same numbers lie behind the draws of each pass, so that an outcome is a fixed, smooth function of the
    parameters [1]_. Numbers are quasi-random, and stratified over the simulations beyond the first few. Counts come
    spread evenly over the unit interval around them: 3 is uniform between 2.5 and 3.5, at its quantile, and moves from
    one count to the next as the parameter does. Their mean is that of the counts, their variance is larger by 1/12, and
    their gradients have no bias and need no temperature, unlike those of a relaxation.

    Parameters
    ----------
    n_simulations : int
        First axis of everything that is drawn.
    random_state : int, SeedSequence or None
        Seed of `numpy.random.default_rng`.
    points : ndarray of shape (n_simulations, n_points), optional
        Uniform numbers to use first.

    References
    ----------
    .. [1] M. Figurnov, S. Mohamed, A. Mnih (2018). Implicit reparameterization gradients. NeurIPS 2018.
       arXiv 1805.08498.

    Examples
    --------
    >>> import torch
    >>> from skabi.elicitation import SmoothDraws
    >>> rate = torch.full((1000,), 3.0, dtype=torch.float64, requires_grad=True)
    >>> counts = SmoothDraws(1000, 0).poisson(rate)
    >>> counts.mean().backward()
    >>> rate.grad.sum().round(decimals=1)
    tensor(1., dtype=torch.float64)
    """

    def __init__(self, n_simulations, random_state=None, *, points=None):
        self.n_simulations = n_simulations
        self._rng = np.random.default_rng(random_state)
        self._points = np.empty((n_simulations, 0)) if points is None else points
        self._kept: list[np.ndarray] = []
        self._n_used = 0

    def __getattr__(self, name):
        raise AttributeError(
            f"rng draws {', '.join(_DRAWN)}; it has no {name!r}. Other distributions are transformed uniform or normal "
            "numbers, such as -scale * torch.log(rng.uniform(size=...)), and other counts are categorical."
        )

    def restart(self):
        """Draw the same numbers again, from the first one on."""
        self._n_used = 0
        return self

    def uniform(self, low=0.0, high=1.0, size=None):
        """Return uniform numbers of shape `size`, or of the shape of `low` and `high`."""
        shape = self._shape(size, low, high)
        return low + (high - low) * torch.from_numpy(self._base(shape))

    def standard_normal(self, size=None):
        """Return standard normals of shape `size`, by default `(n_simulations,)`."""
        return torch.from_numpy(special.ndtri(self._base(self._shape(size))))

    def normal(self, loc=0.0, scale=1.0, size=None):
        """Return normals of shape `size`, or of the shape of `loc` and `scale`."""
        return loc + scale * self.standard_normal(self._shape(size, loc, scale))

    def poisson(self, lam=1.0, size=None):
        """Return Poisson counts, spread over unit intervals, of shape `size` or that of the rate `lam`."""
        base, rate = self._with_base(size, lam)
        at = rate.detach().numpy()
        with np.errstate(all="ignore"):
            # Cornish and Fisher (1938), to the second term.
            z = special.ndtri(base)
            guess = at + np.sqrt(at) * z + (z**2 - 1) / 6
            k, below = _inverse(base, guess, np.inf, lambda k, rows: special.gammaincc(k + 1, at[rows]))
            pmf, pmf_below = _poisson(k, at), np.where(k > 0, _poisson(k - 1, at), 0.0)
        # F(k - 1) falls by the probability of k - 1 as the rate rises.
        return _spread(base, k, (below, -pmf_below), (pmf, pmf_below - pmf), rate)

    def binomial(self, n, p, size=None):
        """Return numbers of successes in `n` trials, spread over unit intervals, of shape `size` or that of `p`."""
        base, p = self._with_base(size, p)
        n = np.broadcast_to(np.asarray(n, dtype=np.float64), base.shape)
        at = p.detach().numpy()
        with np.errstate(all="ignore"):
            z = special.ndtri(base)
            guess = n * at + np.sqrt(n * at * (1 - at)) * z + (1 - 2 * at) * (z**2 - 1) / 6
            k, below = _inverse(base, guess, n, lambda k, rows: special.betainc(n[rows] - k, k + 1, 1 - at[rows]))
            pmf = _binomial(k, n, at)
            fewer, same = n * _binomial(k - 1, n - 1, at), n * _binomial(k, n - 1, at)
        return _spread(base, k, (below, -fewer), (pmf, fewer - same), p)

    def categorical(self, probabilities):
        """Return numbers 0, 1, ... of categories, spread over unit intervals.

        Parameters
        ----------
        probabilities : tensor of shape (n_simulations, ..., n_categories)
            Of sum one over the last axis: any distribution of whole numbers up to a largest one.
        """
        probabilities = torch.as_tensor(probabilities, dtype=torch.float64)
        base = torch.from_numpy(self._base(self._shape(None, probabilities[..., 0])))[..., None]
        ends = probabilities.cumsum(-1)
        k = (base > ends[..., :-1]).sum(-1, keepdim=True)
        pmf = probabilities.gather(-1, k)
        below = ends.gather(-1, k) - pmf
        return (k - 0.5 + ((base - below) / pmf.clamp_min(1e-300)).clamp(0.0, 1.0))[..., 0]

    def _with_base(self, size, parameter):
        parameter = torch.as_tensor(parameter, dtype=torch.float64)
        base = self._base(self._shape(size, parameter))
        return base, parameter.expand(base.shape)

    def _shape(self, size, *parameters):
        n = self.n_simulations
        if size is None:
            shape = tuple(np.broadcast_shapes(*(tuple(np.shape(p)) for p in parameters))) if parameters else (n,)
            shape = shape or (n,)
        else:
            shape = (size,) if isinstance(size, int) else tuple(size)
        if shape[0] != n:
            raise ShapeError(
                f"the first axis of what is drawn must be the {n} simulations; got the shape {shape}. Draw with "
                f"size=(len(parameter), ...), or give parameters of shape (n_simulations, ...)."
            )
        return shape

    def _base(self, shape):
        """Return uniform numbers: of the points, then in each column one for each of n strata."""
        if self._n_used == len(self._kept):
            n, n_columns = shape[0], int(np.prod(shape[1:]))
            first, self._points = self._points[:, :n_columns], self._points[:, n_columns:]
            strata = np.broadcast_to(np.arange(n)[:, np.newaxis], (n, n_columns - first.shape[1]))
            rest = (self._rng.permuted(strata, axis=0) + self._rng.random(strata.shape)) / n
            self._kept.append(np.hstack([first, rest]).reshape(shape))
        base = self._kept[self._n_used]
        if base.shape != shape:
            raise ShapeError(
                "a model must draw numbers of the same shapes each time it is called; it drew "
                f"{base.shape} before, and now {shape}."
            )
        self._n_used += 1
        return base


def _inverse(base, guess, last, distribution_function):
    """Return the least whole numbers k with base <= F(k), and F(k - 1), from a guess that is rarely far off.

    `distribution_function(k, rows)` returns F at whole numbers `k` of the elements `rows`.
    """
    last = np.broadcast_to(last, base.shape)
    k = np.clip(np.floor(guess + 0.5), 0.0, last)
    above = np.where(k >= last, 1.0, distribution_function(np.minimum(k, last - 1), ...))
    below = np.where(k > 0, distribution_function(np.maximum(k - 1, 0.0), ...), 0.0)
    for _ in range(_MOST_STEPS):
        up, down = (above < base) & (k < last), (below >= base) & (k > 0)
        if not (up.any() or down.any()):
            break
        k[up] += 1
        below[up] = above[up]
        above[up] = np.where(k[up] >= last[up], 1.0, distribution_function(np.minimum(k[up], last[up] - 1), up))
        k[down] -= 1
        above[down] = below[down]
        below[down] = np.where(k[down] > 0, distribution_function(np.maximum(k[down] - 1, 0.0), down), 0.0)
    return k, below


def _poisson(k, rate):
    return np.exp(special.xlogy(k, rate) - rate - special.gammaln(k + 1))


def _binomial(k, n, p):
    choices = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    pmf = np.exp(choices + special.xlogy(k, p) + special.xlog1py(n - k, -p))
    return np.where((k < 0) | (k > n), 0.0, pmf)


def _spread(base, k, below, pmf, parameter):
    """Return k - 1/2 + (base - F(k - 1)) / P(k), given values and derivatives of F(k - 1) and P(k)."""
    step = parameter - parameter.detach()
    below = torch.from_numpy(below[0]) + torch.from_numpy(below[1]) * step
    pmf = torch.from_numpy(np.maximum(pmf[0], 1e-300)) + torch.from_numpy(pmf[1]) * step
    return torch.from_numpy(k) - 0.5 + (torch.from_numpy(base) - below) / pmf
