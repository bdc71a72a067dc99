"""The design that tells most about the parameters, as far as the next step goes."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.design._draws_after import N_PARTICLES, draws_after
from skabi.design._experiment import Experiment, check_experiment, check_histories
from skabi.design._likelihood import log_likelihood_table
from skabi.design._spaces import DesignBox

# Rounds of candidates around the best one so far, by which their spread shrinks each time.
_N_ROUNDS, _SHRINKAGE = 5, 0.3


class GreedyDesign:
    """Chooses the design whose next outcome is expected to tell most, given what is known so far.

    Candidates, quasi-random designs of a box and then others around the best, or the designs of a pool, are compared by
    outcomes that are simulated for parameters drawn from the posterior so far. With a likelihood, the information is
    that of these draws contrasted with each other; without one, it is how likely the posterior after a further step
    finds the parameters that made the outcome.

    Parameters
    ----------
    experiment : Experiment
    posterior : AmortizedPosterior, optional
        Fitted to `HistorySimulator(experiment, n_steps=(1, ...))`. Without one, draws of the prior follow the
        history by sequential Monte Carlo, under the likelihood.
    n_candidates : int, default=64
        Of a box, and of a pool at most.
    n_draws : int, default=128
        Posterior draws that are contrasted.
    n_outcomes : int, default=64
        Simulated outcomes a candidate, of as many of these draws.
    n_particles : int, default=512
        Draws that follow a history where there is no posterior.

    Raises
    ------
    TypeError
        If `experiment` is none.
    ValueError
        If there is neither a likelihood nor a posterior.

    See Also
    --------
    AmortizedGreedyDesign : The same, learned once; decides in milliseconds.
    DeepAdaptiveDesign : A policy that looks further ahead, and decides at once.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.design import DesignBox, Experiment, GreedyDesign
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(threshold, design, rng):
    ...     return rng.random(len(design)) < 1 / (1 + np.exp(8 * (threshold - design[:, 0])))
    >>> def log_likelihood(outcome, design, threshold):
    ...     return -np.logaddexp(0, 8 * (threshold - design[:, 0]) * (2 * outcome[:, 0] - 1))
    >>> prior = IndependentPrior({"threshold": stats.norm(0, 1)})
    >>> experiment = Experiment(prior, simulate, space=DesignBox(-4.0, 4.0), log_likelihood=log_likelihood)
    >>> policy = GreedyDesign(experiment)
    >>> higher = policy.next_design([[[0.0, 0.0]]], random_state=0)  # the answer at 0 was no
    >>> bool(0.3 < higher.item() < 1.3)
    True
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        posterior=None,
        n_candidates: int = 64,
        n_draws: int = 128,
        n_outcomes: int = 64,
        n_particles: int = N_PARTICLES,
    ):
        self.experiment = check_experiment(experiment)
        if posterior is None and not experiment.has_likelihood:
            raise ValueError(
                "without log_likelihood or torch_log_likelihood of the experiment, give a posterior: "
                "AmortizedPosterior().fit(HistorySimulator(experiment, n_steps=(1, ...)))."
            )
        self.posterior = posterior
        self.n_candidates = check_count(n_candidates, "n_candidates", minimum=2)
        self.n_draws = check_count(n_draws, "n_draws", minimum=2)
        self.n_outcomes = min(check_count(n_outcomes, "n_outcomes"), self.n_draws)
        self.n_particles = check_count(n_particles, "n_particles")

    def __repr__(self):
        return f"GreedyDesign({self.experiment!r}, posterior={self.posterior!r})"

    def next_design(self, histories: ArrayLike, *, random_state=None) -> np.ndarray:
        """Return the best next design for each history.

        Parameters
        ----------
        histories : array-like of shape (n, n_steps, n_designs + n_outcomes), or list of arrays
            Of no step at the beginning, `(n, 0, n_designs + n_outcomes)`.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        designs : ndarray of shape (n, n_designs)

        Raises
        ------
        NotFittedError
            If the posterior is not fitted.
        ValueError
            If histories have another shape, or designs out of the space.
        SimulatorError
            If a simulation fails.

        Warns
        -----
        ApproximationWarning
            If the posterior finds histories unusual.
        """
        experiment = self.experiment
        checked = check_histories(histories, experiment.space, experiment.n_outcomes)
        drawing, *seeds = seed_sequence(random_state).spawn(1 + len(checked))
        draws = draws_after(
            experiment,
            self.posterior,
            checked,
            n_draws=self.n_draws,
            random_state=drawing,
            n_particles=self.n_particles,
        )
        rows = zip(checked, draws, seeds, strict=True)
        return np.stack([self._best(history, y, seed) for history, y, seed in rows])

    def _best(self, history, y, seed):
        """Return the best design after a history, given draws of the parameters."""
        space = self.experiment.space
        spreading, noise, moving = seed.spawn(3)
        designs = space.spread(self.n_candidates, random_state=spreading)
        values = self._values(history, y, designs, noise)
        if isinstance(space, DesignBox):
            low, high = space.ends
            rng = np.random.default_rng(moving)
            spread = (high - low) * self.n_candidates ** (-1 / space.n_designs)
            for _ in range(_N_ROUNDS):
                around = rng.normal(designs[values.argmax()], spread, size=(self.n_candidates // 2, len(low)))
                around = np.clip(around, low, high)
                designs = np.concatenate([designs, around])
                values = np.concatenate([values, self._values(history, y, around, noise)])
                spread = spread * _SHRINKAGE
        return designs[values.argmax()]

    def _values(self, history, y, designs, noise):
        """Return what each design is worth, on common parameters and noise."""
        experiment, n = self.experiment, self.n_outcomes
        entries = experiment.prior.split(y[:n])
        repeated = designs.repeat(n, axis=0)
        outcomes = np.concatenate(
            [
                experiment.outcomes(part, entries, np.random.default_rng(noise))
                for part in repeated.reshape(len(designs), n, -1)
            ]
        )
        if experiment.has_likelihood:
            table = log_likelihood_table(experiment, outcomes, repeated, y)
            true = table[np.arange(len(table)), np.tile(np.arange(n), len(designs))]
            terms = true - special.logsumexp(table, axis=1)
        else:
            steps = np.concatenate([repeated, outcomes], axis=1)[:, np.newaxis]
            past = np.broadcast_to(history, (len(steps), *history.shape))
            terms = self.posterior.log_prob(np.concatenate([past, steps], axis=1), np.tile(y[:n], (len(designs), 1)))
        return terms.reshape(len(designs), n).mean(axis=1)
