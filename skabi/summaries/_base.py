"""What every summary recipe can do."""

from sklearn.base import BaseEstimator


class BaseSummary(BaseEstimator):
    """A recipe that builds a network from a data set to a fixed number of statistics."""

    def build(self, shape, n_parameters):
        """Return an untrained summary network.

        Parameters
        ----------
        shape : tuple of int
            Shape of one data set.
        n_parameters : int
            Number of parameters that the summaries are to inform of.

        Returns
        -------
        network : torch.nn.Module
            `network(x, mask)` returns `(n, n_summaries)`; the attribute `n_summaries` says how many. `mask`, true
            where an observation is there, is None if all are.
        """
        raise NotImplementedError
