"""What every engine recipe can do."""

from sklearn.base import BaseEstimator


class BaseEngine(BaseEstimator):
    """A recipe that holds hyper-parameters and builds a density network q(theta | context)."""

    def build(self, n_parameters, n_context, *, generator=None):
        """Return an untrained network for `n_parameters` given `n_context` numbers.

        Parameters
        ----------
        n_parameters : int
            Number of parameters, which are standardised and on the real line.
        n_context : int
            Number of summaries and direct conditions.
        generator : torch.Generator, optional
            Source of random choices of structure, such as which parameters a layer moves.

        Returns
        -------
        network : DensityNetwork
        """
        raise NotImplementedError
