"""How far what a prior implies is from what an expert stated, and what each target counts."""

import torch
from sklearn.base import BaseEstimator

from skabi._params import check_real


class BaseMatchLoss(BaseEstimator):
    """Base class of losses: two sets of numbers in, one value out, twice differentiable and least if they agree."""

    def loss(self, implied, stated):
        """Return the loss, a tensor of shape ().

        Parameters
        ----------
        implied, stated : tensor of shape (n_rows, n_points)
            In the unit of the statements' spread.
        """
        raise NotImplementedError


class SquaredError(BaseMatchLoss):
    """Mean squared difference between implied and stated numbers.

    Examples
    --------
    >>> import torch
    >>> from skabi.elicitation import SquaredError
    >>> SquaredError().loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]]))
    tensor(2.)
    """

    def loss(self, implied, stated):
        """Return the mean squared difference."""
        return (implied - stated).square().mean()


class EnergyDistance(BaseMatchLoss):
    """Maximum mean discrepancy with the energy kernel, of the numbers of each row as a sample [1]_.

    Distances `|a - b|` are `sqrt((a - b)^2 + softening^2)`, a kernel of the same kind that is smooth at zero. Numbers
    far off weigh less than by `SquaredError`: answers that fit no prior pull less.

    Parameters
    ----------
    softening : float, default=0.05
        In the unit of the statements' spread.

    References
    ----------
    .. [1] F. Bockting, S. Radev, P.-C. Bürkner (2024). Simulation-based prior knowledge elicitation for parametric
       Bayesian models. Scientific Reports 14:17330. arXiv 2308.11672.

    Examples
    --------
    >>> import torch
    >>> from skabi.elicitation import EnergyDistance
    >>> EnergyDistance().loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.0]]))
    tensor(0.)
    """

    def __init__(self, softening=0.05):
        self.softening = softening

    def loss(self, implied, stated):
        """Return the mean over rows of the distance."""
        softening = check_real(self.softening, "softening", low=0.0)

        def mean_distance(a, b):
            return ((a[:, :, None] - b[:, None, :]).square() + softening**2).sqrt().mean((1, 2))

        across = mean_distance(implied, stated)
        return (2 * across - mean_distance(implied, implied) - mean_distance(stated, stated)).mean()


class DynamicWeights(BaseEstimator):
    """Weights that follow how fast the loss of each target falls: dynamic weight averaging [1]_.

    A target whose loss fell little from one iteration to the next counts more in the one after: weights are
    `n_targets * softmax(ratio / temperature)`, averaged over the iterations so far, times the targets' own.

    Parameters
    ----------
    temperature : float, default=1.6
        Large ones make weights equal.

    References
    ----------
    .. [1] S. Liu, E. Johns, A. Davison (2019). End-to-end multi-task learning with attention. CVPR 2019.
       arXiv 1803.10704.

    Examples
    --------
    >>> import torch
    >>> from skabi.elicitation import DynamicWeights
    >>> DynamicWeights().weights([torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.1])]).round(decimals=2)
    tensor([1.2700, 0.7300])
    """

    def __init__(self, temperature=1.6):
        self.temperature = temperature

    def weights(self, losses):
        """Return weights, `(n_targets,)`, given the losses of the iterations before, a list of such tensors."""
        temperature = check_real(self.temperature, "temperature", low=0.0)
        if len(losses) < 2:
            return torch.ones_like(losses[-1])
        ratio = losses[-1] / losses[-2].clamp_min(1e-300)
        # What was matched before is not to count as if it got worse without end.
        return len(ratio) * torch.softmax(ratio.clamp(0.0, 10.0) / temperature, dim=0)
