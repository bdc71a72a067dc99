"""What every sampler recipe can do."""

from sklearn.base import BaseEstimator

from skabi._params import check_count

# Draws of a superchain from which nested R-hat says more of convergence than of Monte Carlo error.
_FEWEST_DRAWS = 256


class BaseSampler(BaseEstimator):
    """A recipe of Markov chains for many posteriors at once.

    A subclass has the hyper-parameters `n_superchains`, at least 2, `n_chains` in each of them, and `n_warm_up`, which
    `refine` doubles where chains have not converged.
    """

    n_superchains: int
    n_chains: int
    n_warm_up: int

    def check(self):
        """Raise unless the number of chains and the length of their warm-up make sense."""
        check_count(self.n_superchains, "n_superchains", minimum=2)
        check_count(self.n_chains, "n_chains")
        check_count(self.n_warm_up, "n_warm_up")

    def n_kept(self, n_draws):
        """Return how many draws each chain is to keep, where at least `n_draws` of a data set are wanted."""
        return max(2, -(-n_draws // (self.n_superchains * self.n_chains)), -(-_FEWEST_DRAWS // self.n_chains))

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
