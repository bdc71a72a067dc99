"""An experiment: a prior, outcomes that depend on parameters and on what is set, and what can be set."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skabi._random import generators
from skabi._shapes import check_parameters
from skabi.design._spaces import check_space
from skabi.exceptions import ShapeError, SimulatorError
from skabi.priors import check_prior
from skabi.simulators._data_sets import as_numbers

# Words of a function's arguments, which no parameter may have as its name.
_WORDS = ("design", "outcome", "generator")


class Experiment:
    """An experiment whose outcome depends on parameters and on a design, of which there may be several steps.

    Outcomes of different steps are independent given parameters and designs.

    Parameters
    ----------
    prior : IndependentPrior or ChainedPrior
        What is believed of the parameters before the experiment.
    simulate : callable
        `simulate(design=, rng=, **parameters) -> (n, n_outcomes)` or `(n,)`: outcomes of n steps, one a row of
        `design` `(n, n_designs)`. Parameters come by the names of the prior's entries, `(n,)`, or `(n, k)` for a
        vector. `rng` is a `numpy.random.Generator`.
    space : DesignBox or DesignPool
        Designs that there are.
    log_likelihood : callable, optional
        `log_likelihood(outcome, design, **parameters) -> (n,)`: the log density of each outcome `(n, n_outcomes)`.
    torch_outcome : callable, optional
        `torch_outcome(design, generator, **parameters)` returns outcomes `(..., n_outcomes)` of designs
        `(..., n_designs)`, with gradients with respect to the design where outcomes are continuous. Its noise is drawn
        with `generator=generator`. Of parameters a number is `(...)`, a vector `(..., k)`.
    torch_log_likelihood : callable, optional
        `torch_log_likelihood(outcome, design, **parameters)` returns `(...)`, the log density in torch, for any leading
        axes that broadcast against each other. `AmortizedGreedyDesign` and `DeepAdaptiveDesign` need both functions in
        torch; what is evaluated with both likelihoods at hand uses this one, which repeats no arrays.

    Attributes
    ----------
    n_designs, n_outcomes : int
        How many numbers a design, and an outcome, has.

    Raises
    ------
    TypeError
        If the prior or the space is none, or a function does not take what it is called with.
    ValueError
        If the space is empty, or a parameter is called `design`, `outcome` or `generator`.
    SimulatorError
        If `simulate` does not return finite numbers of that shape.

    See Also
    --------
    ExpectedInformationGain : What a design is worth.
    AdaptiveDesigner : Which design next.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.design import DesignBox, Experiment
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(slope, design, rng):
    ...     return slope * design[:, 0] + rng.normal(size=len(design))
    >>> def log_likelihood(outcome, design, slope):
    ...     return stats.norm.logpdf(outcome[:, 0], slope * design[:, 0])
    >>> prior = IndependentPrior({"slope": stats.norm(0, 1)})
    >>> experiment = Experiment(prior, simulate, space=DesignBox(-1.0, 1.0), log_likelihood=log_likelihood)
    >>> experiment.observe([[0.5], [1.0]], prior.sample(2, random_state=0), random_state=0).shape
    (2, 1)
    """

    def __init__(
        self,
        prior,
        simulate: Callable[..., ArrayLike],
        *,
        space,
        log_likelihood: Callable[..., np.ndarray] | None = None,
        torch_outcome: Callable[..., Any] | None = None,
        torch_log_likelihood: Callable[..., Any] | None = None,
    ):
        self.prior = check_prior(prior)
        self.space = check_space(space)
        for name in set(_WORDS) & set(prior.entry_names):
            raise ValueError(f"the prior has a parameter {name!r}, a word of Experiment's own; call it something else.")
        names = prior.entry_names
        self.simulate = _check_callable(simulate, "simulate", ["design", "rng"], names, by_name=True)
        self.log_likelihood = _check_callable(log_likelihood, "log_likelihood", ["outcome", "design"], names)
        self.torch_outcome = _check_callable(torch_outcome, "torch_outcome", ["design", "generator"], names)
        self.torch_log_likelihood = _check_callable(
            torch_log_likelihood, "torch_log_likelihood", ["outcome", "design"], names
        )
        self.n_designs = space.n_designs
        self.n_outcomes = self._find_n_outcomes()

    def __repr__(self):
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"Experiment({self.prior!r}, {name}, space={self.space!r})"

    @property
    def has_likelihood(self) -> bool:
        """Whether a likelihood is known."""
        return self.log_likelihood is not None or self.torch_log_likelihood is not None

    def observe(self, designs: ArrayLike, y: ArrayLike, *, random_state=None) -> np.ndarray:
        """Simulate the outcome of each design under the parameters of the same row.

        Parameters
        ----------
        designs : array-like of shape (n, n_designs)
        y : array-like or DataFrame of shape (n, n_parameters)
            Parameters.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        outcomes : ndarray of shape (n, n_outcomes)

        Raises
        ------
        ValueError
            If a design is out of the space, or there are not as many designs as rows of y.
        SimulatorError
            If what `simulate` returns is not finite, or of another shape.
        """
        checked, entries = self.space.check(designs), self.prior.split(y)
        n_rows = len(check_parameters(y))
        if len(checked) != n_rows:
            raise ShapeError(f"designs and y must have the same number of rows; got {len(checked)} and {n_rows}.")
        return self.outcomes(checked, entries, generators(random_state, 1)[0])

    def outcomes(self, designs, entries, rng) -> np.ndarray:
        """Simulate outcomes `(n, n_outcomes)` for designs of the space and a dict of parameters by entry."""
        # A copy, since a function may change what it is given.
        outcome = as_numbers(self.simulate(design=designs.copy(), rng=rng, **entries))
        outcome = outcome[:, np.newaxis] if outcome.ndim == 1 else outcome
        n_outcomes = getattr(self, "n_outcomes", outcome.shape[-1])
        if outcome.ndim != 2 or outcome.shape != (len(designs), n_outcomes) or not n_outcomes:
            raise SimulatorError(
                f"simulate must return (n, n_outcomes), one row for each of {len(designs)} designs; got shape "
                f"{outcome.shape}."
            )
        if not np.isfinite(outcome).all():
            i = int(np.argmin(np.isfinite(outcome).all(axis=1)))
            values = {name: np.asarray(values)[i].tolist() for name, values in entries.items()}
            raise SimulatorError(
                f"simulate returned NaN or infinity, at design {designs[i].tolist()} and {values}, for example."
            )
        return outcome

    def _find_n_outcomes(self):
        rng = np.random.default_rng(0)
        y = self.prior.sample(3, random_state=0)
        return self.outcomes(self.space.sample(3, random_state=0), self.prior.split(y), rng).shape[1]


def check_histories(histories, space, n_outcomes):
    """Return histories as a list of arrays `(n_steps, n_designs + n_outcomes)` with designs of the space."""
    width = space.n_designs + n_outcomes
    checked = []
    for i, history in enumerate(histories):
        history = np.asarray(history, dtype=float)
        if history.shape == (0,):
            history = np.empty((0, width))
        if history.ndim != 2 or history.shape[1] != width:
            advice = " For one history pass history[np.newaxis]." if history.ndim == 1 else ""
            raise ShapeError(
                f"a history must have shape (n_steps, {width}), in each row {space.n_designs} numbers of the design "
                f"and {n_outcomes} of the outcome; history {i} has {history.shape}.{advice}"
            )
        if not np.isfinite(history).all():
            raise ValueError(f"histories must be finite; history {i} has NaN or infinity.")
        if len(history):
            space.check(history[:, : space.n_designs])
        checked.append(history)
    if not checked:
        raise ShapeError("there must be at least one history; got none.")
    return checked


def check_experiment(experiment, *, needs_likelihood=""):
    """Return `experiment`, or raise unless it is one; `needs_likelihood` names what needs a likelihood, if any."""
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment must be a skabi.design.Experiment; got {experiment!r}.")
    if needs_likelihood and not experiment.has_likelihood:
        raise ValueError(f"{needs_likelihood} needs an experiment with log_likelihood or torch_log_likelihood.")
    return experiment


def _check_callable(function, name, words, names, *, by_name=False):
    """Return `function`, or raise unless it can be called with the words and the names of parameters."""
    if function is None and not by_name:
        return None
    if not callable(function):
        raise TypeError(f"{name} must be callable; got {function!r}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some compiled functions do not tell
        return function
    try:
        if by_name:
            signature.bind(**dict.fromkeys([*words, *names]))
        else:
            signature.bind(*words, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"{name} must take {', '.join([*words, *names])}; it is {name}{signature} ({error}).") from None
    return function
