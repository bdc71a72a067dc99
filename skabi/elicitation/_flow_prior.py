"""A joint prior whose density is a flow."""

import numpy as np
import torch
from numpy.typing import ArrayLike

from skabi._torch import to_array
from skabi.priors import BasePrior

# Beyond, flows are linear, and nothing was learned.
_LARGEST = 37.0


class FlowPrior(BasePrior):
    """Parameters that depend on each other, with the density of a flow: what `PriorElicitor` learns by `JointFlow`.

    Parameters
    ----------
    network : torch.nn.Module
        A map of standard normals to parameters: `forward(z)`, and `inverse(y) -> (z, log_det)`, in float64.
    parameter_names : list of str
    support : array-like of shape (n_parameters, 2)

    See Also
    --------
    skabi.priors.IndependentPrior : Parameters that do not depend on each other.

    Examples
    --------
    >>> from skabi.elicitation import JointFlow
    >>> prior = JointFlow({"effect": None, "spread": (0.0, float("inf"))}).prior(random_state=0)
    >>> prior.parameter_names
    ['effect', 'spread']
    >>> prior.sample(3, random_state=0).shape
    (3, 2)
    """

    def __init__(self, network, parameter_names, support: ArrayLike):
        self.network = network
        self._given_support = np.array(support, dtype=np.float64)
        self._set_entries({name: None for name in parameter_names})

    def __eq__(self, other):
        if not isinstance(other, FlowPrior):
            return NotImplemented if not isinstance(other, BasePrior) else False
        ours, theirs = self.network.state_dict(), other.network.state_dict()
        return (
            self.parameter_names == other.parameter_names
            and list(ours) == list(theirs)
            and all(torch.equal(ours[key], theirs[key]) for key in ours)
        )

    __hash__ = BasePrior.__hash__

    def __repr__(self):
        return f"FlowPrior of {', '.join(self.parameter_names)}"

    def _probe(self):
        self._support = self._given_support

    def _draw(self, n, rng):
        return self.from_real(rng.standard_normal((n, self.n_parameters)))

    def log_prob(self, y: ArrayLike) -> np.ndarray:
        """Return the log density, `(n,)`; minus infinity outside the support.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)
        """
        u, log_det = self.to_real(y)
        return log_det - 0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1)

    def to_real(self, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Map parameters to independent standard normals.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, n_parameters)

        Returns
        -------
        u : ndarray of shape (n, n_parameters)
            Zero outside the support.
        log_det : ndarray of shape (n,)
            `log |det du/dy|`; minus infinity outside the support.
        """
        y = self._check(y)
        inside = ((y > self._support[:, 0]) & (y < self._support[:, 1])).all(axis=1)
        u, log_det = np.zeros_like(y), np.full(len(y), -np.inf)
        with torch.no_grad():
            of_inside = self.network.inverse(torch.from_numpy(y[inside]))
        u[inside], log_det[inside] = map(to_array, of_inside)
        return u, log_det

    def from_real(self, u: ArrayLike) -> np.ndarray:
        """Map real numbers `(n, n_parameters)` into the support: the inverse of `to_real`."""
        u = np.clip(self._check(u, name="u"), -_LARGEST, _LARGEST)
        with torch.no_grad():
            y = to_array(self.network(torch.from_numpy(u)))
        return np.clip(y, np.nextafter(self._support[:, 0], np.inf), np.nextafter(self._support[:, 1], -np.inf))
