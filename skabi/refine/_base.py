"""What every sampler recipe can do."""

from sklearn.base import BaseEstimator


class BaseSampler(BaseEstimator):
    """A recipe of Markov chains for many posteriors at once."""

    def run(self, target, starts, archive, *, n_draws, rng):
        """Return draws of each posterior.

        Parameters
        ----------
        target : Target
            Log density of posteriors on the real line.
        starts : ndarray of shape (n_datasets, n_superchains, n_parameters)
            One point for each superchain, on the real line, where the density is positive.
        archive : ndarray of shape (n_datasets, n_archived, n_parameters)
            Points that tell how far posteriors reach, roughly.
        n_draws : int
            At least so many draws are wanted of each data set.
        rng : numpy.random.Generator

        Returns
        -------
        chains : ndarray of shape (n_datasets, n_superchains, n_chains, n_kept, n_parameters)
            On the real line.
        """
        raise NotImplementedError
