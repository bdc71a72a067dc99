"""What a policy is worth: the information that its histories bring, in bounds from both sides."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from skabi._params import check_count
from skabi._random import generators, seed_sequence
from skabi.design._contrastive import (
    block_sizes,
    lower_terms,
    mean_and_error,
    upper_terms,
    warn_of_ceiling,
    warn_of_negative,
)
from skabi.design._experiment import check_experiment
from skabi.design._histories import next_designs, roll_out
from skabi.design._likelihood import check_true, check_twins, log_likelihood_rows, log_likelihood_table

# Contrastive parameters whose densities are held at once, of each history.
_PART = 4096


@dataclass(frozen=True)
class PolicyGain:
    """Bounds of the information that a policy brings, in nats, with their standard errors.

    Attributes
    ----------
    lower, lower_error : float
        Of all steps together: sequential prior contrastive estimate (sPCE).
    upper, upper_error : float
        Sequential nested Monte Carlo (sNMC).
    lower_by_step, lower_error_by_step, upper_by_step, upper_error_by_step : ndarray of shape (n_steps,)
        After each step.
    histories : ndarray of shape (n_rollouts, n_steps, n_designs + n_outcomes)
        What happened.
    y : DataFrame of shape (n_rollouts, n_parameters)
        Parameters that made it.
    n_contrastive : int
    """

    lower_by_step: np.ndarray
    lower_error_by_step: np.ndarray
    upper_by_step: np.ndarray
    upper_error_by_step: np.ndarray
    histories: np.ndarray
    y: pd.DataFrame
    n_contrastive: int

    @property
    def lower(self) -> float:
        """Lower bound after the last step."""
        return float(self.lower_by_step[-1])

    @property
    def lower_error(self) -> float:
        """Its standard error."""
        return float(self.lower_error_by_step[-1])

    @property
    def upper(self) -> float:
        """Upper bound after the last step."""
        return float(self.upper_by_step[-1])

    @property
    def upper_error(self) -> float:
        """Its standard error."""
        return float(self.upper_error_by_step[-1])

    def __repr__(self):
        return (
            f"PolicyGain({self.lower:.3f} ± {self.lower_error:.3f} to {self.upper:.3f} ± {self.upper_error:.3f} nats "
            f"in {len(self.lower_by_step)} steps)"
        )


def evaluate_policy(
    experiment,
    policy,
    *,
    n_steps: int,
    n_rollouts: int = 1000,
    n_contrastive: int = 10_000,
    random_state=None,
) -> PolicyGain:
    """Return how much a policy tells about the parameters, in simulated experiments.

    The parameters that made a history are contrasted with others from the prior [1]_. The lower bound never exceeds
    `log(n_contrastive + 1)`.

    Parameters
    ----------
    experiment : Experiment
        With a likelihood.
    policy : object with next_design
        `AmortizedGreedyDesign`, `GreedyDesign`, `RandomDesign`, `FixedDesign`, or what has
        `next_design(histories, random_state=)`, of histories `(n, n_steps_so_far, n_designs + n_outcomes)`.
    n_steps : int
    n_rollouts : int, default=1000
        Simulated experiments; rounded up to a multiple of 20, parts whose contrastive parameters are independent.
    n_contrastive : int, default=10_000
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Parameters of the experiments depend on it alone, so that policies are compared on the same ones.

    Returns
    -------
    gain : PolicyGain

    Raises
    ------
    TypeError
        If there is no experiment or no policy.
    ValueError
        If there is no likelihood, or it is no log density, or the policy's designs are out of the space.
    SimulatorError
        If a simulation fails.

    Warns
    -----
    ApproximationWarning
        If the lower bound comes close to the most that it can be, or the upper one is negative.

    References
    ----------
    .. [1] A. Foster, D. Ivanova, I. Malik, T. Rainforth (2021). Deep adaptive design: amortizing sequential Bayesian
       experimental design. arXiv 2103.02438.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.design import DesignBox, Experiment, FixedDesign, evaluate_policy
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(slope, design, rng):
    ...     return slope * design[:, 0] + rng.normal(size=len(design))
    >>> def log_likelihood(outcome, design, slope):
    ...     return stats.norm.logpdf(outcome[:, 0], slope * design[:, 0])
    >>> prior = IndependentPrior({"slope": stats.norm(0, 1)})
    >>> experiment = Experiment(prior, simulate, space=DesignBox(0.0, 1.0), log_likelihood=log_likelihood)
    >>> gain = evaluate_policy(
    ...     experiment, FixedDesign([0.5, 1.0]), n_steps=2, n_rollouts=4000, n_contrastive=500, random_state=0
    ... )
    >>> gain.lower_by_step.round(1), gain.upper_by_step.round(1)  # exactly log(1.25) / 2 and log(2.25) / 2
    (array([0.1, 0.4]), array([0.1, 0.4]))
    """
    check_experiment(experiment, needs_likelihood="evaluate_policy")
    if not callable(getattr(policy, "next_design", None)):
        raise TypeError(f"policy must have next_design(histories, random_state=); got {policy!r}.")
    check_twins(experiment)
    n_steps, n_contrastive = check_count(n_steps, "n_steps"), check_count(n_contrastive, "n_contrastive")
    n_blocks, size = block_sizes(check_count(n_rollouts, "n_rollouts", minimum=2))
    own, noise, others = seed_sequence(random_state).spawn(3)
    y = experiment.prior.sample(n_blocks * size, random_state=own)
    histories = roll_out(
        experiment,
        experiment.prior.split(y),
        lambda past, rng: next_designs(policy, past, experiment.space, rng),
        shape=(len(y), n_steps),
        rng=generators(noise, 1)[0],
    )
    terms = np.empty((2, n_blocks, size, n_steps))
    for block, seed in enumerate(others.spawn(n_blocks)):
        rows = slice(block * size, (block + 1) * size)
        densities = _densities(experiment, histories[rows], y.to_numpy()[rows], n_contrastive, seed)
        terms[:, block] = lower_terms(*densities), upper_terms(*densities)
    (lower, lower_error), (upper, upper_error) = (mean_and_error(each) for each in terms)
    warn_of_ceiling(lower[-1], n_contrastive)
    warn_of_negative(upper, upper_error, n_blocks)
    return PolicyGain(lower, lower_error, upper, upper_error, histories, y, n_contrastive)


def _densities(experiment, histories, y, n_contrastive, seed):
    """Return log densities after each step, under the true parameters and summed over others, and their number."""
    n, n_steps, _ = histories.shape
    designs, outcomes = np.split(histories, [experiment.n_designs], axis=2)
    true = np.stack([log_likelihood_rows(experiment, outcomes[:, t], designs[:, t], y) for t in range(n_steps)], axis=1)
    log_sum = np.full((n, n_steps), -np.inf)
    rng = np.random.default_rng(seed)
    for start in range(0, n_contrastive, _PART):
        others = experiment.prior.sample(min(_PART, n_contrastive - start), random_state=rng).to_numpy()
        so_far = np.zeros((n, len(others)))
        for t in range(n_steps):
            so_far += log_likelihood_table(experiment, outcomes[:, t], designs[:, t], others)
            log_sum[:, t] = np.logaddexp(log_sum[:, t], special.logsumexp(so_far, axis=1))
    return check_true(true).cumsum(axis=1), log_sum, n_contrastive
