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
            turned into float64 by `double()` computes in float64.

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
