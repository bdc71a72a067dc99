"""What every loss recipe can do."""

from typing import Any, NamedTuple

from sklearn.base import BaseEstimator


class Batch(NamedTuple):
    """Rows that a network sees at once.

    Attributes
    ----------
    x : Tensor of shape (n, ...)
        Scaled data sets.
    theta : Tensor of shape (n, n_parameters)
        Their parameters, standardised and on the real line.
    """

    x: Any
    theta: Any


class BaseLoss(BaseEstimator):
    """A recipe that turns a network and a batch into one value a row.

    Losses are added by `+`, each with the weight that it has itself: see `SumLoss`.
    """

    @property
    def is_penalty(self):
        """Whether it is there to be added to a loss: alone, it has no minimum at the posterior."""
        return False

    def __add__(self, other):
        """Return the sum of two losses, a `SumLoss`.

        Raises
        ------
        ValueError
            If a class of losses would be in it twice.
        """
        if not isinstance(other, BaseLoss):
            return NotImplemented
        from skabi.losses._sum import SumLoss

        total = SumLoss(self, other)
        total.check()
        return total

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
