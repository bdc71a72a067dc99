"""What every head recipe can do."""

from sklearn.base import BaseEstimator


class BaseHead(BaseEstimator):
    """A recipe that holds hyper-parameters and builds a network of model probabilities p(model | context).

    A subclass stores its hyper-parameters in `__init__`, unchecked, and checks them in `build`.

    Attributes
    ----------
    is_strictly_proper : bool
        Of the class: whether the expected loss is least at the true probabilities alone.
    """

    is_strictly_proper = False

    def build(self, n_models, n_context):
        """Return an untrained network for `n_models` given `n_context` numbers.

        Parameters
        ----------
        n_models : int
        n_context : int
            Number of summaries and direct conditions.

        Returns
        -------
        network : torch.nn.Module
            Its methods are `log_proba(context, offset)`, log probabilities `(n, n_models)` given context
            `(n, n_context)` and the log-odds of a logistic regression, `(n, n_models)`, from which an untrained network
            hardly moves; and `training_loss(label, context, offset)`, `(n,)`, of labels `(n,)` of type int64.

        Raises
        ------
        NotImplementedError
            In this class; each head has its own `build`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build(n_models, n_context).")
