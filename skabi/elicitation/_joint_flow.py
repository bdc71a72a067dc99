"""A joint prior to be learned: a recipe, and its numbers as one vector."""

from collections.abc import Mapping

import numpy as np
import torch
from scipy import special
from sklearn.base import BaseEstimator
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from skabi._params import check_count, check_real, check_sizes
from skabi._random import integer_seed, seed_sequence
from skabi._torch import seeded
from skabi.elicitation._family_space import Coordinate, check_parameter_name
from skabi.elicitation._flow_network import JointPriorNetwork, to_support
from skabi.elicitation._flow_prior import FlowPrior

# Where searches for location and scale start, on the logarithm or logit of a parameter with an end.
_LOG_LOC, _LOG_SCALE = (-4.6, 6.9), (0.1, 3.0)
_LOGIT_LOC, _LOGIT_SCALE = (-3.0, 3.0), (0.3, 3.0)


class JointFlow(BaseEstimator):
    """Parameters of any joint distribution: a coupling flow of splines on a triangular map [1]_.

    It holds correlations, skewed and curved shapes that families do not, and so needs more answers: of quantiles of
    each parameter or of what depends on it, and of correlations. Where these leave it open, it stays near independent
    normals (of logarithms, for positive parameters).

    Parameters
    ----------
    support : dict of str to (float, float) or None
        Parameters and their ends, `(0, inf)` for a positive one; None for the real line.
    n_transforms : int, default=4
        Couplings.
    n_bins : int, default=6
        Bins of each spline.
    bound : float, default=4.0
        In standard deviations, beyond which splines are the identity.
    hidden_layer_sizes : tuple of int, default=(16,)

    References
    ----------
    .. [1] F. Bockting, S. Radev, P.-C. Bürkner (2025). Expert-elicitation method for non-parametric joint priors using
       normalizing flows. Statistics and Computing. arXiv 2411.15826.

    Examples
    --------
    >>> from skabi.elicitation import JointFlow
    >>> JointFlow({"slope": None, "spread": (0.0, float("inf"))}).prior(random_state=0)
    FlowPrior of slope, spread
    """

    def __init__(self, support, *, n_transforms=4, n_bins=6, bound=4.0, hidden_layer_sizes=(16,)):
        self.support = support
        self.n_transforms = n_transforms
        self.n_bins = n_bins
        self.bound = bound
        self.hidden_layer_sizes = hidden_layer_sizes

    def checked_support(self):
        """Return parameter names and their supports, an ndarray `(n_parameters, 2)`."""
        if not isinstance(self.support, Mapping) or not self.support:
            raise TypeError(
                f"support must be a non-empty dict of parameter to (low, high) or None; got {self.support!r}."
            )
        ends = []
        for name, pair in self.support.items():
            check_parameter_name(name)
            low, high = (-np.inf, np.inf) if pair is None else map(float, pair)
            if not low < high:
                raise ValueError(f"the support of {name!r} must have low below high; got {pair!r}.")
            ends.append((low, high))
        return list(self.support), np.array(ends)

    def build(self, loc, scale):
        """Return a new network, given location and scale of each parameter on the real line, `(n_parameters,)`."""
        _, support = self.checked_support()
        return JointPriorNetwork(
            *(torch.tensor(part, dtype=torch.float64) for part in (loc, scale, support)),
            n_transforms=check_count(self.n_transforms, "n_transforms"),
            n_bins=check_count(self.n_bins, "n_bins", minimum=2),
            bound=check_real(self.bound, "bound", low=0.0),
            hidden_layer_sizes=check_sizes(self.hidden_layer_sizes, "hidden_layer_sizes"),
        )

    def prior(self, *, random_state=None):
        """Return the prior before anything is learned, near independent standard normals."""
        names, support = self.checked_support()
        with seeded(integer_seed(seed_sequence(random_state))):
            network = self.build(np.zeros(len(names)), np.ones(len(names)))
        return FlowPrior(network, names, support)


class MarginalSpace:
    """Location and scale of each parameter on the real line: where flows start."""

    is_scaled_by_slope = True

    def __init__(self, recipe):
        self.parameter_names, support = recipe.checked_support()
        self.support = torch.from_numpy(support)
        self.coordinates = [c for ends in support for c in _marginal_coordinates(ends)]
        self.n_base = len(support)
        self.is_positive = np.array([c.is_positive for c in self.coordinates])

    def start(self, u):
        """Return where searches start, `(n, n_coordinates)`, for points `u` of the unit cube."""
        return np.stack([c.start(column) for c, column in zip(self.coordinates, u.T, strict=True)], axis=1)

    def ends(self, name):
        """Return the ends of a parameter's support."""
        return tuple(self.support[self.parameter_names.index(name)].tolist())

    def draws(self, x, base):
        """Return a dict of parameter to draws `(n,)` at the vector `x` from uniform numbers `(n, n_base)`."""
        z = torch.from_numpy(special.ndtri(base))
        y = to_support(x[0::2] + x[1::2].clamp(-700, 700).exp() * z, self.support)
        return dict(zip(self.parameter_names, y.unbind(1), strict=True))


class FlowSpace:
    """All weights of a network, near one that was made from location and scale.

    Parameters
    ----------
    recipe : JointFlow
    x : ndarray
        Of a `MarginalSpace`.
    seed : SeedSequence
    """

    # Steps are the smallest in the weights: what is not asked stays as it was.
    is_scaled_by_slope = False

    def __init__(self, recipe, x, *, seed):
        self.parameter_names, self._support = recipe.checked_support()
        self.n_base = len(self._support)
        with seeded(integer_seed(seed)):
            self.network = recipe.build(x[0::2], np.exp(x[1::2]))
        self.first = parameters_to_vector(self.network.parameters()).detach().numpy().copy()
        self.is_positive = np.zeros(len(self.first), dtype=bool)

    def draws(self, x, base):
        """Return a dict of parameter to draws `(n,)` at the vector `x` from uniform numbers `(n, n_base)`."""
        weights, start = {}, 0
        for name, weight in self.network.named_parameters():
            weights[name] = x[start : start + weight.numel()].reshape(weight.shape)
            start += weight.numel()
        y = functional_call(self.network, weights, (torch.from_numpy(special.ndtri(base)),))
        return dict(zip(self.parameter_names, y.unbind(1), strict=True))

    def prior(self, x):
        """Return the prior at the vector `x`."""
        vector_to_parameters(torch.from_numpy(x.copy()), self.network.parameters())
        return FlowPrior(self.network.requires_grad_(False), self.parameter_names, self._support)


def _marginal_coordinates(ends):
    n_ends = np.isfinite(ends).sum()
    if n_ends == 0:
        return Coordinate("loc", False), Coordinate("scale", True)
    loc, scale = (_LOG_LOC, _LOG_SCALE) if n_ends == 1 else (_LOGIT_LOC, _LOGIT_SCALE)
    if n_ends == 1 and np.isfinite(ends[1]):
        loc = -loc[1], -loc[0]
    return Coordinate("loc", False, *loc), Coordinate("scale", True, *scale)
