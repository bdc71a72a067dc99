"""From amortized draws to importance sampling to Markov chains, for each data set as far as it needs."""

import copy
import time
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count, check_real
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.estimators._known_likelihood import data_sets_of, n_data_sets_of
from skabi.exceptions import ApproximationWarning
from skabi.model_selection._data_sets import said_before
from skabi.model_selection._evidence import check_likelihood
from skabi.refine._base import BaseSampler
from skabi.refine._result import Refined
from skabi.refine._rungs import Ladder
from skabi.refine._slice import SliceSampler
from skabi.refine._spot_check import complaint

_OTHER_SIMULATOR = "Is the simulator that the posterior was fitted to the one of the likelihood?"


def refine(
    posterior,
    X: ArrayLike,
    likelihood=None,
    *,
    detector=None,
    contamination: float = 0.2,
    sampler=None,
    n_draws: int = 1000,
    force_psis: bool = False,
    max_rounds: int = 4,
    verbose: int = 0,
    random_state=None,
) -> Refined:
    """Draw from the posterior of each data set, by the cheapest method that passes its own check [1]_.

    A ladder of three rungs. A data set goes up only where the rung it stands on has failed it, and each rung goes on
    from the draws of the one before:

    1. Amortized draws, for data sets that the detector takes for usual, the network having been trained on their like,
       if the likelihood of one or more of 16 draws is above zero.
    2. Pareto smoothed importance sampling [2]_ by likelihood times prior, if the Pareto k of the weights is at most
       `min(1 - 1 / log10(S), 0.7)` for S draws of weight above zero, and these are worth at least half as many as are
       wanted, and 100; resampled to equal weight. Where k is small enough and draws too few, up to eight times as many
       are taken.
    3. Many short Markov chains from the best of those draws, until nested R-hat [3]_ is below 1.01: between
       superchains, and between earlier and later draws of all.

    That a data set is usual says where it lies and not how well the network has learned what is there: draws accepted
    on rung 1 are approximate. The weights of up to 20 such data sets are looked at, and a warning says so if their
    draws are far from the posterior; the draws stay as they are. Where stakes are high pass `force_psis=True`: then the
    weights of every data set are looked at, and rung 1 answers none.

    Parameters
    ----------
    posterior : AmortizedPosterior or JointEstimator
        Fitted, with a prior.
    X : array-like of shape (n_datasets, ...), list of arrays, or SliceDict
    likelihood : Simulator or likelihood, optional
        A simulator with a `log_likelihood`, or an object with `log_likelihood(X, y)` for y `(n_datasets, n_draws,
        n_parameters)`. By default the one of a `JointEstimator`; if that is learned, draws are of the posterior that
        belongs to it.
    detector : outlier detector, optional
        Fitted, with `predict(X)` in {1, -1}, from `skabi.misspecification` say. By default the Mahalanobis distance of
        the posterior's own summaries.
    contamination : float, default=0.2
        Share of simulated data sets that are taken for unusual by default. Networks are less exact far from where most
        of their training was, and a second look costs little.
    sampler : sampler recipe, optional
        For rung 3; by default `SliceSampler()`, which needs no gradients.
    n_draws : int, default=1000
        Draws a data set.
    force_psis : bool, default=False
        Whether every data set starts on rung 2.
    max_rounds : int, default=4
        How often chains are run, the first time included; where they have not converged they go on for twice as long.
    verbose : int, default=0
        Positive for progress bars.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Returns
    -------
    refined : Refined
        `draws` `(n_datasets, n_draws, n_parameters)`, and the `rung`, checks and times of each.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ImportError
        If arviz-stats is not installed; `pip install "skabi[arviz]"` installs it.
    TypeError
        If there is no posterior or no likelihood, or the likelihood returns what are no real numbers.
    ShapeError, ValueError
        If the likelihood does not return one log density for each draw, or the posterior has no prior.

    Warns
    -----
    ApproximationWarning
        If chains of some data sets have not converged, no parameters make a data set possible, or of the amortized
        draws that were looked at means are more than 0.25 posterior standard deviations off on average, or more than
        5 % of data sets have a Pareto k above 0.7; but for chance.

    References
    ----------
    .. [1] C. Li, A. Vehtari, P.-C. Bürkner, S. Radev, L. Acerbi, M. Schmitt (2024). Amortized Bayesian workflow.
       arXiv 2409.04332.
    .. [2] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry (2024). Pareto smoothed importance sampling. Journal of
       Machine Learning Research 25(72). arXiv 1507.02646.
    .. [3] C. Margossian, M. Hoffman, P. Sountsov, L. Riou-Durand, A. Vehtari, A. Gelman (2024). Nested R-hat: assessing
       the convergence of Markov chain Monte Carlo when running many short chains. arXiv 2110.13017.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.refine import refine
    >>> simulator = ConjugateGaussian()
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=20, random_state=0).fit(simulator)
    >>> refined = refine(posterior, [[0.5, -1.0], [9.0, 9.0]], simulator, random_state=0)
    >>> refined.rung[0], refined.draws.shape
    (np.str_('amortized'), (2, 1000, 2))
    """
    posterior, likelihood = _halves(posterior, likelihood)
    sampler = _checked(sampler, detector=detector, contamination=contamination, force_psis=force_psis)
    n_draws, max_rounds = check_count(n_draws, "n_draws"), check_count(max_rounds, "max_rounds")
    X = _data_sets_with_names(X)
    seconds: dict[str, float] = {}
    with _timed(seconds, "detector"):
        # Says, too, what is wrong with data sets, and in what they are unlike those of fit.
        p_value = posterior.usual_p_values(X)
        is_usual = _is_usual(X, p_value, detector=detector, contamination=contamination) & (not force_psis)
    ladder = Ladder(posterior, likelihood, n_datasets=n_data_sets_of(X), n_draws=n_draws, verbose=verbose)
    seeds = seed_sequence(random_state).spawn(4)
    with said_before():
        with _timed(seconds, "amortized"):
            impossible = ladder.draw(X, np.flatnonzero(is_usual), seed=seeds[0])
            checked = ladder.check_spots(X, seed=seeds[3])
        with _timed(seconds, "psis"):
            climbing = np.union1d(np.flatnonzero(~is_usual), impossible)
            ladder.weigh(X, climbing, seed=seeds[1], n_starts=sampler.n_superchains)
        with _timed(seconds, "mcmc"):
            ladder.run(X, sampler, max_rounds=max_rounds, seed=seeds[2])
    _warn(ladder, checked)
    return Refined(
        draws=ladder.draws,
        rung=ladder.rung,
        is_accepted=ladder.is_accepted,
        is_usual=is_usual,
        p_value=p_value,
        force_psis=force_psis,
        pareto_k=ladder.pareto_k,
        largest_k=ladder.largest_k,
        n_effective=ladder.n_effective,
        r_hat=ladder.r_hat,
        seconds=seconds,
        spot_check=checked,
    )


def _checked(sampler, *, detector, contamination, force_psis):
    """Return the sampler recipe, or raise if an argument makes no sense."""
    if not isinstance(force_psis, (bool, np.bool_)):
        raise TypeError(f"force_psis must be True or False; got {force_psis!r}.")
    if detector is not None and not callable(getattr(detector, "predict", None)):
        raise TypeError(f"detector must be a fitted outlier detector with predict(X), or None; got {detector!r}.")
    sampler = SliceSampler() if sampler is None else sampler
    if not isinstance(sampler, BaseSampler):
        raise TypeError(
            f"sampler must be a recipe from skabi.refine, such as SliceSampler(), or None; got {sampler!r}."
        )
    sampler.check()
    check_real(contamination, "contamination", low=0.0, high=1.0)
    return sampler


def _halves(posterior, likelihood):
    """Return a posterior that does not warn of what the ladder sees to, and a likelihood of the same parameters."""
    if hasattr(posterior, "fit"):
        check_is_fitted(posterior)
    if hasattr(posterior, "likelihood_"):
        likelihood = posterior.likelihood_ if likelihood is None else likelihood
        posterior = posterior.posterior_
    if not hasattr(posterior, "usual_p_values") or not hasattr(posterior, "prior_"):
        raise TypeError(
            "posterior must be an AmortizedPosterior or a JointEstimator. Of a pipeline take the last step, "
            f"pipeline[-1], and data sets and a likelihood as it sees them; got {posterior!r:.200}."
        )
    if likelihood is None:
        raise TypeError(
            "refine needs a likelihood: pass a simulator with a log_likelihood, refine(posterior, X, simulator), or a "
            "JointEstimator, which has learned one."
        )
    if posterior.prior_ is None:
        raise ValueError(
            "refine needs the density of the prior. Fit to a simulator, or pass prior=... to the constructor."
        )
    return copy.copy(posterior).set_params(warn_outside=False), check_likelihood(posterior, likelihood)


def _data_sets_with_names(X):
    """Return data sets; columns of a table keep their names, which the posterior may know."""
    return X if hasattr(X, "iloc") else data_sets_of(X)


def _is_usual(X, p_value, *, detector, contamination):
    """Return which data sets the detector takes for usual, `(n_datasets,)`."""
    if detector is None:
        return p_value > contamination
    verdict = np.asarray(detector.predict(X))
    if verdict.shape != p_value.shape or not np.isin(verdict, (-1, 1)).all():
        raise ValueError(
            f"detector.predict(X) must return 1 or -1 for each of {len(p_value)} data sets; got {verdict!r}."
        )
    return verdict == 1


@contextmanager
def _timed(seconds, name):
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def _warn(ladder, checked):
    _warn_of_failures(ladder)
    _warn_of_amortized(ladder, checked)


def _warn_of_failures(ladder):
    n_datasets = len(ladder.rung)
    if ladder.n_from_prior:
        warn(
            f"{ladder.n_from_prior} of {n_datasets} data sets were made possible by no amortized draw, so that chains "
            f"started from draws of the prior. {_OTHER_SIMULATOR}",
            ApproximationWarning,
        )
    impossible = np.flatnonzero(~ladder.is_accepted & (ladder.rung == "amortized"))
    if impossible.size:
        warn(
            f"{impossible.size} of {n_datasets} data sets are made possible by no parameters that were found, neither "
            f"amortized draws nor draws of the prior: {_listed(impossible)}. Their draws are amortized and not to be "
            f"trusted. {_OTHER_SIMULATOR}",
            ApproximationWarning,
        )
    unconverged = np.flatnonzero(~ladder.is_accepted & (ladder.rung == "mcmc"))
    if unconverged.size:
        warn(
            f"the chains of {unconverged.size} of {n_datasets} data sets have not converged: {_listed(unconverged)}. "
            "Look at r_hat, and let them go on by a larger max_rounds.",
            ApproximationWarning,
        )


def _warn_of_amortized(ladder, checked):
    found = complaint(checked)
    if found:
        n_amortized = np.count_nonzero(ladder.is_accepted & (ladder.rung == "amortized"))
        warn(
            f"the amortized draws of {n_amortized} of {len(ladder.rung)} data sets may be far from the posterior: "
            f"{found}. Pass force_psis=True to have all of them looked at and corrected; more simulations, or longer "
            "training, make fewer corrections necessary.",
            ApproximationWarning,
        )


def _listed(rows):
    return ", ".join(map(str, rows[:5])) + (", ..." if rows.size > 5 else "") + ", counted from 0"
