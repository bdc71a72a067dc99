"""What a design is expected to tell about the parameters."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.design._contrastive import (
    block_sizes,
    lower_terms,
    mean_and_error,
    upper_terms,
    warn_of_ceiling,
    warn_of_negative,
)
from skabi.design._experiment import Experiment, check_experiment
from skabi.design._likelihood import check_true, check_twins, log_likelihood_rows, log_likelihood_table
from skabi.design._search import OptimalDesign, race, search_box
from skabi.design._spaces import DesignBox

# Designs of a box that a search begins with.
_N_CANDIDATES = 128


@dataclass(frozen=True)
class InformationGain:
    """Bounds of the expected information gain of designs, in nats, with their standard errors.

    Attributes
    ----------
    designs : ndarray of shape (n, n_designs)
    lower, lower_error : ndarray of shape (n,) or None
        Contrastive lower bound (sPCE); None without a likelihood.
    upper, upper_error : ndarray of shape (n,) or None
        Nested Monte Carlo, an upper bound (sNMC); None without a likelihood.
    posterior_bound, posterior_bound_error : ndarray of shape (n,) or None
        Lower bound of Barber and Agakov; None without a posterior.
    design_names : list of str
    """

    designs: np.ndarray
    lower: np.ndarray | None
    lower_error: np.ndarray | None
    upper: np.ndarray | None
    upper_error: np.ndarray | None
    posterior_bound: np.ndarray | None
    posterior_bound_error: np.ndarray | None
    design_names: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row a design."""
        frame = pd.DataFrame(self.designs, columns=self.design_names)
        for name in ("lower", "upper", "posterior_bound"):
            if getattr(self, name) is not None:
                frame[name], frame[f"{name}_error"] = getattr(self, name), getattr(self, f"{name}_error")
        return frame


class ExpectedInformationGain:
    """The information about the parameters that the outcome of a design is expected to bring, in nats.

    That is the mutual information of parameters and outcome, under the prior. With a likelihood it is bounded from both
    sides by contrasting the parameters that made an outcome with others [1]_; the lower bound never exceeds
    `log(n_contrastive + 1)`, and the bounds close with `n_contrastive`. A learned posterior gives a lower bound without
    any likelihood [2]_, [3]_, whose gap is the posterior's own error.

    Parameters
    ----------
    experiment : Experiment
    posterior : AmortizedPosterior, optional
        Fitted to `HistorySimulator(experiment, n_steps=...)` of numbers of steps that include 1, so that it sees design
        and outcome.
    n_draws : int, default=1000
        Simulated outcomes a design.
    n_contrastive : int, default=1000
        Other parameters with which those of an outcome are contrasted.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        All designs are judged by the same parameters and the same noise, so that their differences are more exact than
        the values.

    Raises
    ------
    TypeError
        If `experiment` is none.
    ValueError
        If there is neither a likelihood nor a posterior, or two likelihoods disagree.

    References
    ----------
    .. [1] A. Foster, D. Ivanova, I. Malik, T. Rainforth (2021). Deep adaptive design: amortizing sequential Bayesian
       experimental design. arXiv 2103.02438.
    .. [2] D. Barber, F. Agakov (2003). The IM algorithm: a variational approach to information maximization. NeurIPS.
    .. [3] A. Foster, M. Jankowiak, E. Bingham, P. Horsfall, Y. W. Teh, T. Rainforth, N. Goodman (2019). Variational
       Bayesian optimal experimental design. arXiv 1903.05480.

    Examples
    --------
    The slope of a line is best measured far from the origin:

    >>> from scipy import stats
    >>> from skabi.design import DesignBox, ExpectedInformationGain, Experiment
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(slope, design, rng):
    ...     return slope * design[:, 0] + rng.normal(size=len(design))
    >>> def log_likelihood(outcome, design, slope):
    ...     return stats.norm.logpdf(outcome[:, 0], slope * design[:, 0])
    >>> prior = IndependentPrior({"slope": stats.norm(0, 2)})
    >>> experiment = Experiment(prior, simulate, space=DesignBox(0.0, 3.0), log_likelihood=log_likelihood)
    >>> gain = ExpectedInformationGain(experiment, n_draws=1000, n_contrastive=500, random_state=11)
    >>> gain.evaluate([[1.0], [3.0]]).to_frame()[["design[0]", "lower", "upper"]].round(1)
       design[0]  lower  upper
    0        1.0    0.8    0.8
    1        3.0    1.8    1.8
    >>> gain.optimize().design.round(1)
    array([3.])
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        posterior=None,
        n_draws: int = 1000,
        n_contrastive: int = 1000,
        random_state=None,
    ):
        self.experiment = check_experiment(experiment)
        if posterior is None and not experiment.has_likelihood:
            raise ValueError(
                "an expected information gain needs an experiment with log_likelihood or torch_log_likelihood, or a "
                "posterior: AmortizedPosterior().fit(HistorySimulator(experiment, n_steps=1))."
            )
        check_twins(experiment)
        self.posterior = posterior
        self.n_draws = check_count(n_draws, "n_draws", minimum=2)
        self.n_contrastive = check_count(n_contrastive, "n_contrastive")
        self.random_state = random_state
        self._judging, self._searching = seed_sequence(random_state).spawn(2)

    def __repr__(self):
        return f"ExpectedInformationGain({self.experiment!r}, posterior={self.posterior!r})"

    def evaluate(self, designs: ArrayLike) -> InformationGain:
        """Return bounds of the expected information gain of each design.

        Parameters
        ----------
        designs : array-like of shape (n, n_designs)

        Returns
        -------
        gain : InformationGain

        Raises
        ------
        ValueError
            If a design is out of the space, or the likelihood is no log density.
        SimulatorError
            If a simulation fails.

        Warns
        -----
        ApproximationWarning
            If a lower bound comes close to the most that it can be, or an upper one is negative.
        """
        return self._bounds(self.experiment.space.check(designs), self._judging)

    def optimize(self, *, n_candidates: int = _N_CANDIDATES, max_iter: int = 100) -> OptimalDesign:
        """Search the space for the design of the largest lower bound.

        Candidates, quasi-random designs of a box or all of a pool, run a race: those that are worse than the best
        beyond doubt are given no further simulations. In a box the best three begin a local search. What is returned of
        the best one is computed with fresh random numbers, and is thus not too good by having been chosen.

        Parameters
        ----------
        n_candidates : int, default=128
            Candidates of a box.
        max_iter : int, default=100
            Iterations of each local search at most.

        Returns
        -------
        optimum : OptimalDesign
            Its design, bounds, and candidates with their values.

        Raises
        ------
        ValueError, SimulatorError
            As in `evaluate`.

        Warns
        -----
        ApproximationWarning
            As in `evaluate`.
        """
        check_count(n_candidates, "n_candidates", minimum=2)
        check_count(max_iter, "max_iter")
        space = self.experiment.space
        racing, searching, judging = _children(self._searching, 3)
        is_box = isinstance(space, DesignBox)
        candidates = space.spread(n_candidates, random_state=0) if is_box else space.members  # type: ignore[attr-defined]
        outcome = race(self._terms, candidates, n_draws=self.n_draws, seed=racing, n_kept=3 if is_box else 1)
        best = candidates[outcome.best]
        if is_box:
            starts = candidates[outcome.order[:3]]
            best = search_box(
                lambda design: self._terms(design[np.newaxis], self.n_draws, searching).mean(),
                starts,
                space,
                max_iter=max_iter,
                step=len(candidates) ** (-1 / space.n_designs),
            )
        gain = self._bounds(best[np.newaxis], judging)
        return OptimalDesign(best, gain, candidates, outcome.means, outcome.n_draws)

    def _bounds(self, designs, seed):
        """Return bounds for checked designs, with parameters and noise of a seed, and warn of what is odd in them."""
        n_blocks, size = block_sizes(self.n_draws)
        has_likelihood, has_posterior = self.experiment.has_likelihood, self.posterior is not None
        terms = np.full((3, n_blocks, size, len(designs)), np.nan)
        for block, child in enumerate(_children(seed, n_blocks)):
            y, others, noise = self._parameters(child, size)
            for j, design in enumerate(designs):
                outcomes, repeated = self._simulate(design, y, noise)
                if has_likelihood:
                    densities = self._densities(outcomes, repeated, y, others)
                    terms[:2, block, :, j] = lower_terms(*densities), upper_terms(*densities)
                if has_posterior:
                    terms[2, block, :, j] = self._posterior_terms(outcomes, repeated, y)
        known: dict[str, np.ndarray | None] = dict.fromkeys(
            name + end for name in ("lower", "upper", "posterior_bound") for end in ("", "_error")
        )
        for name, own, is_there in zip(
            ("lower", "upper", "posterior_bound"), terms, (has_likelihood, has_likelihood, has_posterior), strict=True
        ):
            if is_there:
                known[name], known[f"{name}_error"] = mean_and_error(own)
        if has_likelihood:
            warn_of_ceiling(known["lower"], self.n_contrastive)
            warn_of_negative(known["upper"], known["upper_error"], n_blocks)
        return InformationGain(designs=designs, design_names=self.experiment.space.design_names, **known)

    def _terms(self, designs, n, seed):
        """Return terms `(len(designs), n)` whose mean is the lower bound, with parameters and noise of a seed."""
        y, others, noise = self._parameters(seed, n)
        terms = np.empty((len(designs), n))
        for j, design in enumerate(designs):
            outcomes, repeated = self._simulate(design, y, noise)
            if self.experiment.has_likelihood:
                terms[j] = lower_terms(*self._densities(outcomes, repeated, y, others))
            else:
                terms[j] = self._posterior_terms(outcomes, repeated, y)
        return terms

    def _parameters(self, seed, n):
        """Return parameters, contrastive ones, and the seed of the noise."""
        own, contrastive, noise = _children(seed, 3)
        prior = self.experiment.prior
        others = prior.sample(self.n_contrastive, random_state=contrastive).to_numpy()
        return prior.sample(n, random_state=own).to_numpy(), others, noise

    def _simulate(self, design, y, noise):
        designs = np.broadcast_to(design, (len(y), len(design))).copy()
        outcomes = self.experiment.outcomes(designs, self.experiment.prior.split(y), np.random.default_rng(noise))
        return outcomes, designs

    def _densities(self, outcomes, designs, y, others):
        true = check_true(log_likelihood_rows(self.experiment, outcomes, designs, y))
        table = log_likelihood_table(self.experiment, outcomes, designs, others)
        return true, special.logsumexp(table, axis=1), len(others)

    def _posterior_terms(self, outcomes, designs, y):
        check_is_fitted(self.posterior)
        histories = np.concatenate([designs, outcomes], axis=1)[:, np.newaxis]
        return self.posterior.log_prob(histories, y) - self.experiment.prior.log_prob(y)


def _children(seed, n):
    """Return n children of a seed, the same ones at each call."""
    return seed_sequence(seed).spawn(n)
