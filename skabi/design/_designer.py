"""An adaptive experiment, step by step: ask for a design, tell the outcome."""

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._shapes import as_float_array
from skabi.design._draws_after import draws_after
from skabi.design._experiment import Experiment, check_experiment, check_histories
from skabi.design._greedy import GreedyDesign
from skabi.design._histories import next_designs
from skabi.exceptions import ShapeError


class AdaptiveDesigner:
    """Runs an experiment in steps: `next_design` says what to do, `tell` what came of it.

    Parameters
    ----------
    experiment : Experiment
    posterior : AmortizedPosterior, optional
        Fitted to `HistorySimulator(experiment, n_steps=(1, ...))`; what `posterior_so_far` draws from. Without one,
        draws of the prior follow what is told, by sequential Monte Carlo under the experiment's likelihood.
    policy : object with next_design, optional
        What chooses designs: a fitted `AmortizedGreedyDesign` or `DeepAdaptiveDesign`, or another; by default
        `GreedyDesign(experiment, posterior=posterior)`.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Attributes
    ----------
    history : ndarray of shape (n_steps, n_designs + n_outcomes)
        What has been told.

    Raises
    ------
    TypeError
        If `experiment` is none, or the policy has no `next_design`.
    ValueError
        If there is neither policy, likelihood nor posterior.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.design import AdaptiveDesigner, DesignBox, Experiment
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(threshold, design, rng):
    ...     return rng.random(len(design)) < 1 / (1 + np.exp(8 * (threshold - design[:, 0])))
    >>> def log_likelihood(outcome, design, threshold):
    ...     return -np.logaddexp(0, 8 * (threshold - design[:, 0]) * (2 * outcome[:, 0] - 1))
    >>> prior = IndependentPrior({"threshold": stats.norm(0, 1)})
    >>> experiment = Experiment(prior, simulate, space=DesignBox(-4.0, 4.0), log_likelihood=log_likelihood)
    >>> designer = AdaptiveDesigner(experiment, random_state=0)
    >>> for _ in range(6):
    ...     design = designer.next_design()
    ...     designer = designer.tell(design, design > 0.7)  # the subject's threshold is 0.7
    >>> designer.history.shape
    (6, 2)
    >>> bool(abs(designer.posterior_so_far(1000)["threshold"].mean() - 0.7) < 0.3)
    True
    """

    def __init__(self, experiment: Experiment, *, posterior=None, policy=None, random_state=None):
        self.experiment = check_experiment(experiment)
        self.posterior = posterior
        self.policy = GreedyDesign(experiment, posterior=posterior) if policy is None else policy
        if not callable(getattr(self.policy, "next_design", None)):
            raise TypeError(f"policy must have next_design(histories, random_state=); got {policy!r}.")
        self.random_state = random_state
        self._seed = seed_sequence(random_state)
        self.reset()

    def __repr__(self):
        return f"AdaptiveDesigner({self.experiment!r}, {len(self.history)} steps so far)"

    def reset(self) -> Self:
        """Begin anew, with no steps and the random numbers of the first time.

        Returns
        -------
        self : AdaptiveDesigner
        """
        self.history = np.empty((0, self.experiment.n_designs + self.experiment.n_outcomes))
        self._choosing, self._drawing = seed_sequence(self._seed).spawn(2)
        return self

    def next_design(self, history: ArrayLike | None = None) -> np.ndarray:
        """Return the design to try next. Asking again before `tell` draws new random numbers.

        Parameters
        ----------
        history : array-like of shape (n_steps, n_designs + n_outcomes), optional
            Steps in place of those that were told; an empty list is none.

        Returns
        -------
        design : ndarray of shape (n_designs,)

        Raises
        ------
        ValueError
            If the history has another shape, or designs out of the space.
        """
        steps = self.history
        if history is not None:
            if np.ndim(history) == 3:
                raise ShapeError(
                    f"history must be that of one experiment, (n_steps, {self.history.shape[1]}); got "
                    f"{np.shape(history)}. Of several histories ask policy.next_design."
                )
            (steps,) = check_histories([history], self.experiment.space, self.experiment.n_outcomes)
        seed = self._choosing.spawn(1)[0]
        return next_designs(self.policy, steps[np.newaxis], self.experiment.space, seed)[0]

    def tell(self, design: ArrayLike, outcome: ArrayLike) -> Self:
        """Append a step that was done. The design need not be the one that was asked for.

        Parameters
        ----------
        design : array-like of shape (n_designs,)
        outcome : array-like of shape (n_outcomes,)

        Returns
        -------
        self : AdaptiveDesigner

        Raises
        ------
        ValueError
            If the design is out of the space, or the outcome not finite or of another length.
        """
        design = self.experiment.space.check(np.atleast_1d(as_float_array(design, name="design"))[np.newaxis])[0]
        outcome = np.atleast_1d(as_float_array(outcome, name="outcome"))
        if outcome.shape != (self.experiment.n_outcomes,):
            raise ShapeError(
                f"outcome must have shape ({self.experiment.n_outcomes},), as simulate returns it; got {outcome.shape}."
            )
        self.history = np.vstack([self.history, np.concatenate([design, outcome])])
        return self

    def posterior_so_far(self, n_draws: int = 1000) -> pd.DataFrame:
        """Return draws of the parameters given what was told, of the prior before the first step.

        Parameters
        ----------
        n_draws : int, default=1000

        Returns
        -------
        draws : DataFrame of shape (n_draws, n_parameters)

        Raises
        ------
        ValueError
            If there is neither a likelihood nor a posterior.

        Warns
        -----
        ApproximationWarning
            If the posterior finds the history unusual.
        """
        if self.posterior is None:
            check_experiment(self.experiment, needs_likelihood="posterior_so_far without a posterior")
        draws = draws_after(
            self.experiment,
            self.posterior,
            [self.history],
            n_draws=check_count(n_draws, "n_draws"),
            random_state=self._drawing.spawn(1)[0],
        )
        return pd.DataFrame(draws[0], columns=self.experiment.prior.parameter_names)
