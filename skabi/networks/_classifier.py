"""Model probabilities given a data set, through the data set's summaries."""

import torch
from torch import nn

from skabi.networks._ensemble import Ensemble, log_mean_exp
from skabi.networks._summarized import Summarized


class SummarizedClassifier(Summarized):
    """A summary network under a head, trained as one.

    The head adds to the log-odds of a logistic regression on the context, so that a network starts from there.

    Parameters
    ----------
    summary : module
        `summary(x, mask)` returns `(n, n_summaries)`.
    head : Head
    conditions : module, optional
        As in `SummarizedDensity`.
    """

    def __init__(self, summary, head, conditions=None):
        super().__init__(summary, conditions)
        self.head = head
        self.register_buffer("weight", torch.zeros(head.n_models, self.n_context))
        self.register_buffer("bias", torch.zeros(head.n_models))

    def offset(self, context):
        """Return the log-odds of the logistic regression, `(n, n_models)`; it is not trained."""
        return nn.functional.linear(context, self.weight, self.bias)

    def log_proba_given(self, context):
        """Return log probabilities of the models, `(n, n_models)`."""
        return self.head.log_proba(context, self.offset(context))

    def concentration_given(self, context):
        """Return the concentration of the Dirichlet distribution of probabilities, `(n, 1, n_models)`."""
        return self.head.concentration(context, self.offset(context))[:, None]

    def training_loss(self, theta, x):
        """Return the head's loss of labels `theta` `(n, 1)`, `(n,)`."""
        context = self.context(x)
        return self.head.training_loss(theta[:, 0].long(), context, self.offset(context))


class ClassifierEnsemble(Ensemble):
    """The mixture of `members`, each a `SummarizedClassifier`."""

    def log_proba_given(self, context):
        """Return the log of the members' mean probabilities, `(n, n_models)`."""
        return log_mean_exp(torch.stack([m.log_proba_given(part) for m, part in self._each(context)]))

    def concentration_given(self, context):
        """Return the concentrations of all members, `(n, n_members, n_models)`."""
        return torch.cat([m.concentration_given(part) for m, part in self._each(context)], dim=1)

    def _each(self, context):
        return [(member, self._of_member(context, i)) for i, member in enumerate(self.members)]
