"""From what an expert says to a prior."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from scipy import special
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.elicitation._answers import as_numbers, check_gradients, check_possible, checked_answers
from skabi.elicitation._family_space import FamilySpace
from skabi.elicitation._identifiability import are_apart, as_good, flat_direction, identification, moments_of
from skabi.elicitation._joint_flow import JointFlow, MarginalSpace
from skabi.elicitation._losses import BaseMatchLoss, DynamicWeights, SquaredError
from skabi.elicitation._matching import Matching, uniform_points
from skabi.elicitation._searches import Searches
from skabi.elicitation._tables import PriorSpace, in_words, residual_table
from skabi.elicitation._targets import Predictions, check_targets
from skabi.exceptions import ApproximationWarning
from skabi.files._savable import Savable
from skabi.priors._base import check_prior

_FEWEST_SIMULATIONS = 64
_N_TO_DESCRIBE = 65536
# In spreads of the statements: answers that no prior of the family comes nearer to are worth a warning.
_MISFIT = 0.1
# Of the draws that a fitted prior is judged by.
_FRESH = 20_240


class PriorElicitor(Savable, BaseEstimator):
    """Learn a prior from what an expert expects to see [1]_ [2]_.

    An expert answers questions about what can be seen, outcomes at design points, group means, R squared, or about
    parameters themselves. Hyper-parameters are those whose simulated prior predictive distribution gives the same
    answers. Simulations are smooth functions of the hyper-parameters: parameters and outcomes are quantiles of fixed
    quasi-random numbers, counts included (see `SmoothDraws`), so that each search takes a few damped Gauss-Newton
    steps, from the best of many candidates.

    Parameters
    ----------
    prior_family : dict of str to family, or JointFlow
        Parameters by name, with families whose hyper-parameters are to be learned: `{"slope": Normal(), "spread":
        HalfNormal()}`. Parameters are independent; with `JointFlow` they have any joint distribution.
    simulator : callable, optional
        Takes parameters by their names, tensors `(n_simulations,)`, and `rng`, a `SmoothDraws`, if it draws. Returns
        the outcome, a tensor `(n_simulations, n_points)`, or a dict of several. Operations must be torch's. Not needed
        if all targets are parameters.
    targets : dict of str to Target
        What is asked.
    loss : loss recipe, optional
        `SquaredError()` by default, or `EnergyDistance()`, for targets that have none of their own.
    weighting : DynamicWeights, optional
        Weights of targets that follow how fast they are matched; by default those of the targets stay.
    n_simulations : int, default=8192
        Draws from the prior in each step, best a power of two.
    n_candidates : int, default=128
        Quasi-random candidates from which searches start.
    n_starts : int, default=4
        Searches, from the best of these; of `JointFlow`, from other weights.
    max_iter : int, default=50
        Most iterations of each search.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Governs `fit`.

    Attributes
    ----------
    prior_ : IndependentPrior or FlowPrior
        For a `Simulator`.
    hyperparameters_ : DataFrame
        By hyper-parameter: `value`; `lowest` and `highest` over the starts that match as well; and `unsure`, how far it
        moves if each answer is off by one per cent of its spread (in prior standard deviations, or as a logarithm of
        what is positive). Of a `JointFlow` the means, standard deviations and correlations of parameters, without
        `unsure`.
    residuals_ : DataFrame
        `target`, `row`, `statistic`, `stated`, `implied`, `difference` and `relative`, the difference in the unit of
        what was stated: its spread, or one for shares and correlations. Implied by draws that `fit` did not see.
    starts_ : DataFrame
        `loss`, `n_iter` and where each search ended, best first.
    loss_ : float
        Of the best search.
    loss_curve_ : list of float
        Its loss after each iteration.
    n_iter_ : int
    parameter_names_ : list of str

    References
    ----------
    .. [1] F. Bockting, S. Radev, P.-C. Bürkner (2024). Simulation-based prior knowledge elicitation for parametric
       Bayesian models. Scientific Reports 14:17330. arXiv 2308.11672.
    .. [2] F. Bockting, S. Radev, P.-C. Bürkner (2025). Expert-elicitation method for non-parametric joint priors using
       normalizing flows. Statistics and Computing. arXiv 2411.15826.

    Examples
    --------
    How many of 30 patients recover, without treatment and with it?

    >>> from skabi.elicitation import Normal, Outcome, PriorElicitor, Quantiles, Target
    >>> def recovered(level, effect, rng):
    ...     logit = level[:, None] + effect[:, None] * level.new_tensor([0.0, 1.0])
    ...     return rng.binomial(30, logit.sigmoid())
    >>> elicitor = PriorElicitor(
    ...     {"level": Normal(), "effect": Normal()},
    ...     recovered,
    ...     targets={"recovered": Target(Outcome(), Quantiles((0.25, 0.5, 0.75)))},
    ...     n_simulations=1024,
    ...     n_starts=2,
    ...     random_state=0,
    ... )
    >>> elicitor.fit({"recovered": [[8, 11, 14], [14, 18, 22]]})
    PriorElicitor(...)
    >>> elicitor.hyperparameters_["value"].round(1)
    level.loc      -0.6
    ...
    >>> print(elicitor.describe())
    A prior that fits the answers: ...
    """

    def __init__(
        self,
        prior_family,
        simulator=None,
        *,
        targets,
        loss=None,
        weighting=None,
        n_simulations=8192,
        n_candidates=128,
        n_starts=4,
        max_iter=50,
        random_state=None,
    ):
        self.prior_family = prior_family
        self.simulator = simulator
        self.targets = targets
        self.loss = loss
        self.weighting = weighting
        self.n_simulations = n_simulations
        self.n_candidates = n_candidates
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, answers: Mapping[str, Any], y=None) -> Self:
        """Learn the prior.

        Parameters
        ----------
        answers : dict of str to array-like
            An answer for each target, `(n_columns, n_statistics)`, a row for each column of its quantity.
        y : None
            Not used; here for scikit-learn.

        Returns
        -------
        self : PriorElicitor

        Raises
        ------
        TypeError
            If a family, target, loss, answer or the simulator is none.
        ValueError
            If answers are missing, of unknown targets, contradict each other or are those of no prior of the family,
            probabilities are outside (0, 1), or a target cannot be computed or has no gradient.
        SimulatorError
            If the simulator fails, or returns something that is not a tensor of simulations.
        TrainingError
            If no candidate gives finite outcomes; NaN is none.

        Warns
        -----
        ApproximationWarning
            If answers leave the prior open: they hardly change in some direction, or searches that match them as well
            end elsewhere. If no prior of the family comes near them. And if simulations from the prior are NaN.
        ConvergenceWarning
            If the best search had not ended after `max_iter`.
        """
        searching, probing = seed_sequence(self.random_state).spawn(2)
        counts = {name: check_count(getattr(self, name), name) for name in ("n_candidates", "n_starts", "max_iter")}
        space, predictions = self._problem()
        stated = self._stated(answers, space, predictions, probing)
        weights, losses = self._weights(predictions.targets), self._losses(predictions.targets)
        searches = Searches(
            predictions,
            stated,
            losses,
            weights=weights,
            weighting=self._checked_weighting(),
            n_simulations=check_count(self.n_simulations, "n_simulations", minimum=_FEWEST_SIMULATIONS),
            max_iter=counts["max_iter"],
        )
        settings = {"n_candidates": counts["n_candidates"], "n_starts": counts["n_starts"], "seed": searching}
        if isinstance(self.prior_family, JointFlow):
            ends = searches.flow_ends(self.prior_family, space, **settings)
            messages = self._keep_flows(ends)
        else:
            ends = [(space, search) for search in searches.ends(space, **settings)]
            messages = self._keep_families(space, [search for _, search in ends], searches, probing)
        best = ends[0][1]
        self.loss_, self.loss_curve_, self.n_iter_ = best.loss, best.curve, len(best.curve) - 1
        self.parameter_names_ = space.parameter_names
        self.residuals_ = self._residuals(stated, predictions)
        if not best.has_converged:
            warn(
                f"the search had not ended after max_iter={self.max_iter} iterations; raise it, or see whether the "
                "loss curve still falls.",
                ConvergenceWarning,
            )
        for message in [*messages, self._misfit()]:
            if message is not None:
                warn(message, ApproximationWarning)
        return self

    def score(self, answers: Mapping[str, Any], y=None) -> float:
        """Return minus the weighted loss of answers, those of `fit` or of another expert: higher is better.

        Parameters
        ----------
        answers : dict of str to array-like
            As in `fit`.
        y : None

        Returns
        -------
        score : float
            At most zero, by quasi-random draws that `fit` did not see.
        """
        check_is_fitted(self)
        _, predictions = self._problem()
        matching = self._judging(predictions, [])
        with torch.no_grad():
            stated = checked_answers(answers, predictions.targets, matching.values(None))
            matching = self._judging(predictions, stated)
            each = matching.each_loss(matching.implied(None)).numpy()
        return -float(self._weights(predictions.targets) @ each)

    def ideal_answers(self, prior, *, n_simulations: int = 65536, random_state=None) -> dict[str, np.ndarray]:
        """Return what an expert would answer whose belief is `prior`: to check targets before they are asked.

        If `fit(ideal_answers(prior))` does not find a prior of the family again, or warns, the targets do not say what
        it is, and no expert's answers to them will.

        Parameters
        ----------
        prior : prior
            With the parameters of the family.
        n_simulations : int, default=65536
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        answers : dict of str to ndarray of shape (n_columns, n_statistics)
        """
        space, predictions = self._problem()
        names = check_prior(prior).entry_names
        if set(names) != set(space.parameter_names):
            raise ValueError(f"prior must have the parameters {space.parameter_names}; got {list(names)}.")
        n = check_count(n_simulations, "n_simulations", minimum=_FEWEST_SIMULATIONS)
        matching = Matching(PriorSpace(prior), predictions, [], [], n_simulations=n, seed=seed_sequence(random_state))
        targets = predictions.targets
        with torch.no_grad():
            values = as_numbers(targets, matching.values(None))
        return {name: t.statement.shown(value) for (name, t), value in zip(targets.items(), values, strict=True)}

    def describe(self) -> str:
        """Return the prior and what it implies beside what was stated, in words that an expert can read.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        return in_words(self.residuals_, repr(self.prior_))

    def _problem(self):
        """Return the space of priors and what they predict."""
        space: FamilySpace | MarginalSpace
        if isinstance(self.prior_family, JointFlow):
            space = MarginalSpace(self.prior_family)
        elif isinstance(self.prior_family, Mapping) and self.prior_family:
            space = FamilySpace(self.prior_family)
        else:
            raise TypeError(
                "prior_family must be a dict of parameter to family, such as {'slope': Normal()}, or a JointFlow; got "
                f"{self.prior_family!r}."
            )
        targets = check_targets(self.targets, space.parameter_names, self.simulator)
        return space, Predictions(self.simulator, targets, space.parameter_names)

    def _stated(self, answers, space, predictions, seed):
        """Return answers, checked against some draws, which must have gradients."""
        matching = Matching(space, predictions, [], [], n_simulations=_FEWEST_SIMULATIONS, seed=seed)
        middle = torch.from_numpy(space.start(np.full((1, len(space.coordinates)), 0.5))[0])
        with torch.enable_grad():
            values = matching.values(middle.requires_grad_())
        targets = predictions.targets
        check_gradients(targets, values, middle)
        stated = checked_answers(answers, targets, values)
        check_possible(targets, stated, space)
        return stated

    def _weights(self, targets):
        return np.array([float(target.weight) for target in targets.values()])

    def _losses(self, targets):
        usual = SquaredError() if self.loss is None else self.loss
        if not isinstance(usual, BaseMatchLoss):
            raise TypeError(f"loss must be SquaredError(), EnergyDistance() or the like; got {usual!r}.")
        return [usual if target.loss is None else target.loss for target in targets.values()]

    def _checked_weighting(self):
        if not (self.weighting is None or isinstance(self.weighting, DynamicWeights)):
            raise TypeError(f"weighting must be None or DynamicWeights(); got {self.weighting!r}.")
        return self.weighting

    def _keep_families(self, space, found, searches, seed):
        """Store the best prior and the spread over starts; return messages of warnings."""
        best = found[0]
        self.prior_ = space.prior(best.x)
        names, losses = space.names(), np.array([search.loss for search in found])
        ends = np.array([space.numbers(search.x) for search in found])
        # More simulations are not needed for how fast answers change.
        slopes = searches.matching(space, seed).slopes(best.x)[1]
        found_out = identification(slopes, space.units(best.x))
        self._keep_spread(names, losses, ends, [len(search.curve) - 1 for search in found])
        self.hyperparameters_["unsure"] = found_out.unsure
        positions = np.array([search.x for search in found]) / space.units(best.x)
        return [flat_direction(found_out, names), self._elsewhere(are_apart(losses, positions))]

    def _keep_flows(self, ends):
        priors = [space.prior(search.x) for space, search in ends]
        self.prior_ = priors[0]
        base = special.ndtri(uniform_points(_N_TO_DESCRIBE, len(priors[0].parameter_names), np.random.default_rng(0)))
        moments = [moments_of(prior, base) for prior in priors]
        losses = np.array([search.loss for _, search in ends])
        n_iter = [len(search.curve) - 1 for _, search in ends]
        self._keep_spread(moments[0][0].index, losses, np.array([m.to_numpy() for m, _, _ in moments]), n_iter)
        positions = np.array([position / moments[0][2] for _, position, _ in moments])
        return [self._elsewhere(are_apart(losses, positions))]

    def _keep_spread(self, names, losses, ends, n_iter):
        good = ends[as_good(losses)]
        table = {"value": ends[0], "lowest": good.min(axis=0), "highest": good.max(axis=0)}
        self.hyperparameters_ = pd.DataFrame(table, index=list(names))
        starts = pd.DataFrame({"loss": losses, "n_iter": n_iter})
        self.starts_ = pd.concat([starts, pd.DataFrame(ends, columns=list(names))], axis=1)

    def _elsewhere(self, differ):
        if not differ.any():
            return None
        table = self.hyperparameters_[differ]
        ranges = [f"{name} from {row.lowest:.3g} to {row.highest:.3g}" for name, row in table.iterrows()]
        return (
            f"Several priors fit the answers as well, {', '.join(ranges)}: which one is found depends on where the "
            "search starts. Ask more, fix one of these, or say where to look with Unknown(low=..., high=...)."
        )

    def _judging(self, predictions, stated):
        losses = self._losses(predictions.targets)
        n = max(self.n_simulations, _N_TO_DESCRIBE)
        seed = np.random.SeedSequence(_FRESH)
        return Matching(PriorSpace(self.prior_), predictions, stated, losses, n_simulations=n, seed=seed)

    def _residuals(self, stated, predictions):
        with torch.no_grad():
            values = as_numbers(predictions.targets, self._judging(predictions, []).values(None))
        return residual_table(predictions, stated, values)

    def _misfit(self):
        table = self.residuals_
        worst = table.loc[table["relative"].abs().idxmax()]
        if abs(worst["relative"]) <= _MISFIT:
            return None
        return (
            f"No prior of this family comes near all answers: of target {worst['target']!r}, {worst['statistic']}, "
            f"{worst['stated']:.4g} was stated and {worst['implied']:.4g} is implied. See residuals_: the answers may "
            "contradict each other, or need a wider family or another model."
        )
