"""Bayes' rule as a loss: the evidence must not depend on the parameters by which it is computed."""

import torch

from skabi._params import check_choice, check_count, check_real
from skabi.exceptions import ShapeError
from skabi.losses._base import BaseLoss, Batch
from skabi.losses._draws import check_weight, draws_of_training, have_failed
from skabi.networks._data_sets import n_rows, take

# Unlabelled data sets that a step looks at.
_MOST_UNLABELLED = 32


class SelfConsistency(BaseLoss):
    """How far the posterior is from Bayes' rule, to be added to a loss: fewer simulations go further [1]_, [2]_.

    With the exact posterior, `v = log p(theta) + log p(x | theta) - log q(theta | x)` is the log evidence of a data set
    whatever theta is. The loss is its population variance over `n_draws` parameters: draws of the current posterior,
    through which no gradient goes, and the parameters that made the data set, where these are known. No simulation is
    needed for it. Draws to which prior or likelihood give no density are left out, and a warning after training says
    how many.

    The likelihood is the one that the simulator knows, or `likelihood`; NumPy is enough, since gradients go through the
    posterior alone. A `JointEstimator` that learns its likelihood trains both halves at once, and each learns from the
    other; where it has several networks of each, fresh simulations, or goes on from an earlier fit, the likelihood is
    trained first, and then asked here.

    Unlabelled data sets have this loss, too, beside those of each batch: real ones, for example, whose parameters
    nobody knows and which may lie outside of what was simulated. Their mean is added to the loss of all rows.

    Held-out data sets are judged by the sum of all terms at the full weight, with random numbers that are the same each
    time, so that epochs can be compared, and training does not stop before the weight has reached its end.
    `loss_curve_` and `validation_scores_` then hold the sum; `score` is a log density.

    Engines whose draws are solutions of a differential equation (`FlowMatching`, `DiffusionModel`) take tens of times
    longer under this loss, which solves it in each step.

    Parameters
    ----------
    weight : float, default=1.0
        Of the variance, in nats squared, beside a loss in nats. With 0 nothing is asked: what searches compare with.
    n_draws : int, default=10
        Parameters of each data set, at least 2.
    start : float, default=0.2
        Share of the training during which the weight is zero: draws of a network that has learned nothing yet say
        little.
    proposal : {"posterior", "prior"}, default="posterior"
        Where parameters are drawn from.
    ramp : float, default=0.2
        Share of the training, after `start`, in which the weight rises in a straight line; 0 for a step.
    likelihood : callable, optional
        `likelihood(X, **parameters) -> (n_datasets,)` in NumPy, as `log_likelihood` of a `Simulator`, whose place it
        takes.
    X_unlabelled : data sets, optional
        Further data sets, as X of `fit`.

    References
    ----------
    .. [1] M. Schmitt, D. Ivanova, D. Habermann, U. Köthe, P.-C. Bürkner, S. Radev (2024). Leveraging self-consistency
       for data-efficient amortized Bayesian inference. ICML 2024. arXiv 2310.04395.
    .. [2] A. Mishra, D. Habermann, M. Schmitt, S. Radev, P.-C. Bürkner (2025). Robust amortized Bayesian inference with
       self-consistency losses on unlabeled data. arXiv 2501.13483.

    Examples
    --------
    >>> from skabi.losses import ForwardKL, SelfConsistency
    >>> loss = ForwardKL() + SelfConsistency(weight=0.5, n_draws=32)
    >>> loss.get_params()["selfconsistency__weight"]
    0.5
    """

    def __init__(
        self,
        weight=1.0,
        n_draws=10,
        start=0.2,
        *,
        proposal="posterior",
        ramp=0.2,
        likelihood=None,
        X_unlabelled=None,
    ):
        self.weight = weight
        self.n_draws = n_draws
        self.start = start
        self.proposal = proposal
        self.ramp = ramp
        self.likelihood = likelihood
        self.X_unlabelled = X_unlabelled

    @property
    def is_penalty(self):
        """Return True."""
        return True

    @property
    def needs_joint_density(self):
        """Return True."""
        return True

    @property
    def needs_density(self):
        """Return True."""
        return True

    @property
    def teaches_likelihood(self):
        """Whether it asks the likelihood that is learned, and not one of its own."""
        return self.likelihood is None

    @property
    def settles_at(self):
        """Return where the weight has reached its end."""
        return self.start + self.ramp if self.weight else 0.0

    def bind(self, model, generator):
        """Return a copy that knows prior, likelihood and unlabelled data sets.

        Raises
        ------
        TypeError, ValueError
            If a parameter of the recipe does not make sense, `X_unlabelled` are not data sets as those of `fit`, or
            there is no prior or no likelihood.
        """
        check_weight(self.weight)
        check_count(self.n_draws, "n_draws", minimum=2)
        start, ramp = check_real(self.start, "start"), check_real(self.ramp, "ramp")
        if start < 0 or ramp < 0 or start + ramp > 1:
            raise ValueError(f"start and ramp must be shares of the training, at most 1 together; got {start}, {ramp}.")
        check_choice(self.proposal, "proposal", ("posterior", "prior"))
        loss = super().bind(model, generator)
        loss._joint, loss._generator, loss._share = model.joint_density(self), generator, 0.0
        loss._unlabelled = None if self.X_unlabelled is None else self._read_unlabelled(model)
        return loss

    def _read_unlabelled(self, model):
        try:
            return model.read(self.X_unlabelled)
        except (TypeError, ValueError) as error:
            kind = next(kind for kind in (ShapeError, ValueError, TypeError) if isinstance(error, kind))
            raise kind(f"X_unlabelled of {type(self).__name__} must be data sets as X of fit: {error}") from error

    def proceed(self, share):
        """Raise the weight."""
        self._share = share

    def _weight_now(self, *, is_training):
        """Return the weight; that of held-out data sets is always the last."""
        gone = self._share - self.start
        if not is_training:
            return self.weight
        if gone < 0:
            return 0.0
        return self.weight * (gone / self.ramp if gone < self.ramp else 1.0)

    def __call__(self, network, batch):
        """Return the weighted variance of each row, and on top the mean of unlabelled data sets, `(n,)`.

        Raises
        ------
        RuntimeError
            If `bind` was not called.
        """
        if not hasattr(self, "_joint"):
            raise RuntimeError("SelfConsistency must be bound to a prior and a likelihood before it is called.")
        weight = self._weight_now(is_training=network.training)
        if not weight:
            return network.context(batch.x).new_zeros(n_rows(batch.x))
        generator = draws_of_training(network, self._generator)
        value = self._variance(network, batch, generator)
        if self._unlabelled is not None:
            value = value + self._variance(network, self._some_unlabelled(generator), generator).mean()
        return weight * value

    def _some_unlabelled(self, generator):
        n = n_rows(self._unlabelled.x)
        if n <= _MOST_UNLABELLED:
            return self._unlabelled
        rows = torch.randperm(n, generator=generator)[:_MOST_UNLABELLED]
        return Batch(*(None if part is None else take(part, rows.to(self._joint.device)) for part in self._unlabelled))

    def _variance(self, network, batch, generator):
        """Return the variance of the log evidence of each row, `(n,)`; NaN where training came to no numbers."""
        name = type(self).__name__
        context = network.context(batch.x)
        theta = self._proposed(network, context, generator, has_theta=batch.theta is not None)
        if batch.theta is not None:
            theta = torch.cat([theta, batch.theta[:, None].to(theta)], dim=1)
        if have_failed(theta, network, name):
            return torch.nan * theta.flatten(1).sum(dim=1)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._joint.is_trained):
            log_joint = self._joint(theta, batch.rows).to(context)
        if network.training:
            self._joint.note(log_joint, theta, batch.rows)
        log_q = network.log_prob_given(theta, context[:, None])
        if have_failed(torch.where(log_q.isinf(), 0.0, log_q), network, name):
            return torch.nan * log_q.sum(dim=1)
        log_evidence = log_joint - log_q
        # Where there is no density there is no evidence either.
        counts = log_evidence.isfinite()
        log_evidence = torch.where(counts, log_evidence, 0.0)
        n = counts.sum(dim=1).clamp_min(1)
        gaps = log_evidence - (log_evidence.sum(dim=1) / n)[:, None]
        return torch.where(counts, gaps.square(), 0.0).sum(dim=1) / n

    @torch.no_grad()
    def _proposed(self, network, context, generator, *, has_theta):
        """Return parameters `(n, n_draws, n_parameters)`, one fewer where the true ones come on top."""
        n_draws = self.n_draws - has_theta
        z = torch.randn((len(context), n_draws, network.n_parameters), generator=generator, dtype=context.dtype).to(
            context.device
        )
        if self.proposal == "prior":
            return self._joint.from_prior(z)
        return network.from_base_given(z, context[:, None]).to(context)
