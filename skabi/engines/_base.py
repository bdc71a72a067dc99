"""What every engine recipe can do."""

from sklearn.base import BaseEstimator


class BaseEngine(BaseEstimator):
    """A recipe that holds hyper-parameters and builds a density network q(theta | context).

    A subclass stores its hyper-parameters in `__init__`, unchecked, and checks them in `build`.

    Examples
    --------
    >>> from skabi.engines import BaseEngine, SplineFlow
    >>> issubclass(SplineFlow, BaseEngine)
    True
    """

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression on fixed summaries leaves over, and not the parameters."""
        return True

    def build(self, n_parameters, n_context):
        """Return an untrained network for `n_parameters` given `n_context` numbers.

        Parameters
        ----------
        n_parameters : int
            Number of parameters, which are standardised and on the real line.
        n_context : int
            Number of summaries and direct conditions.

        Returns
        -------
        network : torch.nn.Module
            Its methods are `log_prob(theta, context)` of shape `(...,)`, from theta `(..., n_parameters)` and context
            `(..., n_context)`; `sample(context, n_draws, generator)` of shape `(n, n_draws, n_parameters)`, from
            context `(n, n_context)` and a `torch.Generator` that is its only source of randomness;
            `from_base(z, context)` of shape `(..., n_parameters)`, which turns standard normal `z` into draws without
            further randomness; and `training_loss(theta, context)` of shape `(...,)`. Leading axes broadcast: theta
            `(n, n_draws, n_parameters)` with context `(n, 1, n_context)` gives log densities `(n, n_draws)`. A copy
            turned into float64 by `double()` computes in float64. A network that has draws alone says so by
            `has_density = False`; it then has no `log_prob`.

        Raises
        ------
        NotImplementedError
            In this class; each engine has its own `build`.

        Notes
        -----
        A network may draw its first weights and random choices of structure, such as which parameters a layer moves,
        from torch's global generator while it is built: the estimator forks and seeds that generator first, so that
        the same `random_state` gives the same network and the caller's random numbers stay as they were. What it
        draws must be in its parameters and buffers, so that saved weights bring it back.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build(n_parameters, n_context).")

    def configure(self, network):
        """Set what of a trained network may still be chosen, and return it.

        The estimator calls this before it asks the network, with its `engine` as it is then: parameters that an engine
        reads here, such as the number of steps of a solver, may be changed by `set_params` after `fit`.

        Parameters
        ----------
        network : torch.nn.Module
            One that an engine of this class has built.

        Returns
        -------
        network : torch.nn.Module
            Here as it is.
        """
        return network
