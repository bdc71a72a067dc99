"""A parameter that drifts and jumps, with light tails or heavy ones."""

from collections.abc import Mapping

import numpy as np

from skabi.dynamic._base import BaseTransition, diagonal


class Jumps(BaseTransition):
    """A parameter that drifts, and at some times jumps: change that is gradual, sudden, or both.

    Without `degrees` and `stability` jumps are normal. With one of them they have the heavy tails of Student's t or of
    a symmetric stable distribution [1]_; at `rate=1` every step is such a one, as in a Levy flight [2]_.

    Parameters
    ----------
    scale : number, frozen distribution or str, or None, default=0.05
        Standard deviation of gradual steps on the real line; None for a parameter that stays between jumps.
    rate : number, frozen distribution or str, default=0.02
        Probability of a jump at a time, up to 1.
    jump_scale : number, frozen distribution or str, default=1.0
        Scale of jumps on the real line.
    degrees : number, frozen distribution or str, optional
        Degrees of freedom of Student's t.
    stability : number, frozen distribution or str, optional
        Index of a stable distribution, above 0 and at most 2: a power of the tails. Its scale is such that at 2 the
        standard deviation is `sqrt(2)` times `jump_scale`.
    mean, sd : number, frozen distribution or str, default=0.0 and 1.0
        Of the first time, on the real line.
    bounds : (float or None, float or None), optional
        Ends between which the parameter moves. Heavy tails need two, or none.

    References
    ----------
    .. [1] J. Chambers, C. Mallows, B. Stuck (1976). A method for simulating stable random variables. Journal of the
       American Statistical Association 71, 340-344.
    .. [2] L. Schumacher, M. Schnuerch, A. Voss, S. Radev (2024). Validation and comparison of non-stationary cognitive
       models: a diffusion model application. Computational Brain & Behavior. arXiv 2401.08626.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.dynamic import DynamicSimulator, Jumps
    >>> level = Jumps(stats.halfnorm(scale=0.1), degrees=3.0)
    >>> simulator = DynamicSimulator({"level": level}, None, lambda level, rng: rng.normal(level), n_times=50)
    >>> X, y = simulator.sample(4, random_state=0)
    >>> y.hyper_names, y.values.shape
    (['level_scale'], (4, 50, 1))
    """

    _positive = ("sd", "jump_scale", "scale", "degrees", "stability")
    _probabilities = ("rate",)
    _highest: Mapping[str, float] = {"stability": 2.0}
    can_jump = True

    def __init__(
        self,
        scale=0.05,
        *,
        rate=0.02,
        jump_scale=1.0,
        degrees=None,
        stability=None,
        mean=0.0,
        sd=1.0,
        bounds=None,
    ):
        self.scale = scale
        self.rate = rate
        self.jump_scale = jump_scale
        self.degrees = degrees
        self.stability = stability
        self.mean = mean
        self.sd = sd
        self.bounds = bounds

    def check(self, name):
        """Raise unless numbers are in their ranges, and tails of one kind at most are asked for."""
        super().check(name)
        if self.degrees is not None and self.stability is not None:
            raise ValueError(f"jumps of {name!r} have degrees of freedom or a stability, not both.")

    def advance(self, states, hyper, rng):
        """Return states after a gradual step or a jump, and which of them jumped."""
        n = len(states)
        jumped = rng.random(n) < hyper["rate"]
        gradual = hyper.get("scale", 0.0) * rng.standard_normal(n)
        steps = np.where(jumped, hyper["jump_scale"] * self._standard_jumps(n, hyper, rng), gradual)
        return states + steps[:, np.newaxis], jumped

    def pull(self, states, hyper, *, jumped):
        """Return a `Pull` by the size of a gradual step, or of a jump."""
        return diagonal(states, hyper["jump_scale"] if jumped else hyper.get("scale", 0.0))

    def _standard_jumps(self, n, hyper, rng):
        if self.degrees is not None:
            return rng.standard_t(np.broadcast_to(hyper["degrees"], n))
        if self.stability is not None:
            return _stable(np.broadcast_to(hyper["stability"], n), rng)
        return rng.standard_normal(n)


def _stable(alpha, rng):
    """Return symmetric stable numbers of index `alpha` `(n,)`, by the method of [1]_."""
    angle = np.pi * (rng.random(len(alpha)) - 0.5)
    weight = rng.standard_exponential(len(alpha))
    ratio = np.sin(alpha * angle) / np.cos(angle) ** (1 / alpha)
    return ratio * (np.cos((1 - alpha) * angle) / weight) ** ((1 - alpha) / alpha)
