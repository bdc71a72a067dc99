"""Reverse Kullback-Leibler divergence."""

import torch
from torch.func import functional_call

from skabi._params import check_count, check_real
from skabi.losses._base import BaseLoss
from skabi.losses._draws import draws_of_training, have_failed
from skabi.losses._sum import module_of


class ReverseKL(BaseLoss):
    """Minus the evidence lower bound (ELBO): variational inference, for one data set or amortized over many [1]_.

    The mean of `log q(theta | x) - log p(theta) - log p(x | theta)` over draws of q is the divergence
    KL(q(theta | x) || p(theta | x)) less the log evidence. It needs a likelihood with gradients, written in torch, and
    no parameters: `fit(X)` goes without y, also on real data sets. With one data set that is plain variational
    inference; an epoch then has as many steps as one of 20 batches.

    Where q is the posterior the gradient is zero for each draw, not only on average, because the density is
    differentiated along the path of the draw alone ("sticking the landing", [2]_).

    The divergence seeks modes: a q that cannot be the posterior is too narrow, and modes where q has no draws are never
    found. Start from `ForwardKL`, which covers them: fit with it first, then again with `warm_start=True` and this
    loss. That also keeps draws away from where the likelihood is zero, at one of which the bound is minus infinity.
    `loss_curve_` is minus the ELBO, `validation_scores_` that of held-out data sets, `elbo_` that of each data set of
    `fit`, and `elbo(X)` that of others.

    Engines whose draws are solutions of a differential equation (`FlowMatching`, `DiffusionModel`) take tens of times
    longer under this loss, which solves it in each step.

    Parameters
    ----------
    n_draws : int, default=8
        Draws of each data set and step.
    weight : float, default=1.0
        Beside other losses.
    likelihood : callable, optional
        `likelihood(X, **parameters) -> (n_datasets,)` in torch: the log density of row i of X given row i of the
        parameters, tensors in double precision. By default the simulator's `torch_log_likelihood`, or the likelihood
        that a `JointEstimator` learns.

    References
    ----------
    .. [1] D. Kingma, M. Welling (2014). Auto-encoding variational Bayes. arXiv 1312.6114.
    .. [2] G. Roeder, Y. Wu, D. Duvenaud (2017). Sticking the landing: simple, lower-variance gradient estimators for
       variational inference. arXiv 1703.09194.

    Examples
    --------
    >>> import torch
    >>> from scipy import stats
    >>> from skabi import AmortizedPosterior
    >>> from skabi.engines import Gaussian
    >>> from skabi.losses import ReverseKL
    >>> from skabi.priors import IndependentPrior
    >>> def log_likelihood(X, mean):
    ...     return torch.distributions.Normal(mean[:, None], 1.0).log_prob(X).sum(dim=1)
    >>> prior = IndependentPrior({"mean": stats.norm()})
    >>> posterior = AmortizedPosterior(Gaussian(()), loss=ReverseKL(likelihood=log_likelihood), prior=prior)
    >>> X = [[1.0, 2.0, 3.0]]
    >>> posterior.set_params(max_iter=15, learning_rate_init=0.03, random_state=0).fit(X).predict(X).round(1)
    array([[1.5]])
    """

    def __init__(self, n_draws=8, *, weight=1.0, likelihood=None):
        self.n_draws = n_draws
        self.weight = weight
        self.likelihood = likelihood

    @property
    def needs_parameters(self):
        """Return False."""
        return False

    @property
    def needs_joint_density(self):
        """Return True."""
        return True

    @property
    def needs_density(self):
        """Return True."""
        return True

    def bind(self, model, generator):
        """Return a copy that knows prior and likelihood.

        Raises
        ------
        TypeError, ValueError
            If a parameter of the recipe does not make sense, there is no prior, or no likelihood with gradients.
        """
        check_real(self.weight, "weight", low=0.0)
        check_count(self.n_draws, "n_draws")
        loss = super().bind(model, generator)
        loss._joint, loss._generator = model.joint_density(self, differentiable=True), generator
        return loss

    def __call__(self, network, batch):
        """Return `weight` times minus the ELBO of each row, over `n_draws` draws, `(n,)`.

        Raises
        ------
        RuntimeError
            If `bind` was not called.
        """
        if not hasattr(self, "_joint"):
            raise RuntimeError("ReverseKL must be bound to a prior and a likelihood before it is called.")
        generator = draws_of_training(network, self._generator)
        return -self.weight * self.lower_bound(network, batch, self.n_draws, generator)

    def lower_bound(self, network, batch, n_draws, generator):
        """Return the ELBO of each row over `n_draws` draws, `(n,)`; of held-out data over so many pairs of them.

        It is NaN where training has come to no numbers any more.

        Raises
        ------
        FloatingPointError
            If the solver of a free-form engine fails.
        """
        context = network.context(batch.x)
        shape = (len(context), n_draws, network.n_parameters)
        z = torch.randn(shape, generator=generator, dtype=context.dtype).to(context.device)
        if not network.training:
            # By opposite draws a mean that is off costs what it must: chance does not choose among epochs.
            z = torch.cat([z, -z], dim=1)
        # Draws and their density are of one network: what it leaves out by chance is the same for both.
        with torch.random.fork_rng([context.device] if context.is_cuda else []):
            theta = network.from_base_given(z, context[:, None])
        if have_failed(theta, network, type(self).__name__):
            return torch.nan * theta.flatten(1).sum(dim=1).to(context)
        log_joint = self._joint(theta.to(context.device), batch.rows)
        self._joint.note(log_joint, theta, batch.rows)
        log_q = _log_prob_along_path(network, theta.to(context), context.detach()[:, None])
        have_failed(torch.where(log_q.isinf(), 0.0, log_q), network, type(self).__name__)
        return (log_joint.to(context) - log_q).mean(dim=1)


def _log_prob_along_path(network, theta, context):
    """Return the log density with a gradient with respect to `theta` alone, not to weights (Roeder et al., 2017)."""
    module = module_of(network)
    if not torch.is_grad_enabled():
        return module.log_prob_given(theta, context)
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return functional_call(module, weights, (lambda net, _: net.log_prob_given(theta, context), None))
