"""What every loss recipe can do."""

import copy
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator


class Batch(NamedTuple):
    """Rows that a network sees at once.

    Attributes
    ----------
    x : Tensor of shape (n, ...)
        Scaled data sets.
    theta : Tensor of shape (n, n_parameters) or None
        Their parameters, standardised and on the real line; None where these are not known.
    rows : Tensor of int of shape (n,) or None
        Numbers by which a `JointDensity` knows the data sets; None where no loss asks for one.
    """

    x: Any
    theta: Any
    rows: Any = None


class Loss:
    """What turns a network and a batch into one value a row: a recipe, or a sum of recipes.

    Losses are added by `+`, each with the weight that it has itself: see `SumLoss`.
    """

    @property
    def is_penalty(self):
        """Whether it is there to be added to a loss: alone, it has no minimum at the posterior."""
        return False

    @property
    def needs_parameters(self):
        """Whether data sets must come with the parameters that made them."""
        return not self.is_penalty

    @property
    def needs_joint_density(self):
        """Whether it asks for prior and likelihood, and must be bound to them by `bind`."""
        return False

    @property
    def needs_density(self):
        """Whether it asks for log densities of draws, which not every engine has."""
        return False

    @property
    def teaches_likelihood(self):
        """Whether a likelihood that is learned at the same time may learn from it, too."""
        return False

    @property
    def settles_at(self):
        """Share of the training from which on it stays the same."""
        return 0.0

    def __add__(self, other):
        """Return the sum of two losses, a `SumLoss`.

        Raises
        ------
        ValueError
            If a class of losses would be in it twice.
        """
        if not isinstance(other, Loss):
            return NotImplemented
        from skabi.losses._sum import SumLoss, terms_of

        total = SumLoss([*terms_of(self), *terms_of(other)])
        total.check()
        return total

    def bind(self, model, generator):
        """Return the loss for one training: a copy that knows what is given here, where it needs that.

        Parameters
        ----------
        model : object or None
            With `joint_density(loss, differentiable)`, which returns what tells log p(theta) + log p(x | theta) when it
            is called with theta `(n, n_draws, n_parameters)` and numbers of rows, and by `is_trained` whether weights
            in it are being trained; and `read(X)`, which returns further data sets as a `Batch`.
        generator : torch.Generator
            Of the training; draws of a loss come from it.

        Returns
        -------
        loss : BaseLoss
        """
        return copy.copy(self)

    def proceed(self, share):
        """Take note that a share of the training, from 0 to 1, is done."""

    def __call__(self, network, batch):
        """Return what training minimises.

        Parameters
        ----------
        network : SummarizedDensity
            Has `log_prob(theta, x)`, `training_loss(theta, x)` and `context(x)`.
        batch : Batch
            `n` rows.

        Returns
        -------
        loss : Tensor of shape (n,)
            In nats where the loss is a negative log density.
        """
        raise NotImplementedError

    def of_mixture(self, losses):
        """Return the held-out loss of an equal mixture of networks.

        Parameters
        ----------
        losses : Tensor of shape (n_networks, n)

        Returns
        -------
        loss : Tensor of shape (n,)
            Here the mean over networks.
        """
        return losses.mean(dim=0)


class BaseLoss(Loss, BaseEstimator):
    """A recipe that turns a network and a batch into one value a row.

    Losses are added by `+`, each with the weight that it has itself: see `SumLoss`.
    """
