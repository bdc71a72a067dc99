"""One call that makes every check."""

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from skabi._names import names_of
from skabi._params import check_count, check_real
from skabi._random import seed_sequence
from skabi._shapes import check_draws_and_parameters, check_parameters
from skabi.reports._calibration import check_central_coverage, check_highest_density, check_ranks, check_tarp
from skabi.reports._case import Case
from skabi.reports._data import check_observed, check_predictions
from skabi.reports._learning import check_contraction, check_gap, check_score
from skabi.reports._report import Report
from skabi.reports._subject import Subject, without_warning_of_what_is_unusual
from skabi.reports._verdicts import OF_PROBABILITY, judge, n_datasets_needed, smallest_error_seen, table_of
from skabi.reports._weights import check_weights
from skabi.simulators import is_simulator

# Fewer say nothing.
_FEWEST = 20
_CHECKS = {
    "ranks": check_ranks,
    "central intervals": check_central_coverage,
    "highest density": check_highest_density,
    "TARP": check_tarp,
    "contraction": check_contraction,
    "log score": check_score,
    "training": check_gap,
    "predictions": check_predictions,
    "weights": check_weights,
    "observed data": check_observed,
}
_SEEDS = ("data", "draws", "ranks", "densities", "points", "replicates", "ties", "prior", "batches")


def check(
    posterior,
    X,
    y: ArrayLike | None = None,
    *,
    observed=None,
    statistics=None,
    n_datasets: int = 1000,
    n_draws: int = 500,
    n_replicates: int = 4,
    level: float = 0.05,
    n_jobs: int | None = None,
    verbose: int = 0,
    random_state=None,
) -> Report:
    """Make every check that a posterior can be given, and say which it failed, how badly, and what to try.

    Parameters are known for simulated data sets, and so it is known what draws should be like [1]_ [2]_ [3]_:

    - ranks of the truth among draws (SBC), and coverage of central intervals, for each parameter;
    - coverage of regions of highest density and of balls around random points (TARP), for all parameters at once;
    - contraction for each parameter; log density at the truth, against the prior's and against that in training;
    - with a simulator, a posterior predictive check at one draw a data set;
    - with a simulator that has a `log_likelihood`, importance weights of draws, for 50 data sets;
    - how usual observed data sets are among those simulated, each by itself and all together.

    A verdict has two sides. An error that chance explains is good: p-values are adjusted by Holm's method over all rows
    that judge the posterior [4]_, and apart over those of observed data, so that of exact posteriors at most a share
    `level` gets another verdict for chance alone. Where data sets are so few that a bad error may be chance, the
    verdict of the report is "good so far". An error that chance does not explain is judged by its size. For ranks and
    coverage this is the largest difference between a probability that the posterior states and the share that comes
    out: up to 0.03 is good, up to 0.1 doubtful, more is bad. A Gaussian posterior whose sd is 6 % too small, or whose
    mean is off by 0.08 sd, has an error of 0.03; with 20 % or 0.25 sd it is 0.1. Where there is no p-value the limits
    in the column `expected` judge.

    Parameters
    ----------
    posterior : AmortizedPosterior, JointEstimator, or Pipeline that ends in one
        Fitted. Others do with `sample(X, n_draws, *, random_state)`, which returns draws `(n_datasets, n_draws,
        n_parameters)`; what needs `log_prob(X, y)` is left out without it.
    X : Simulator, or data sets as the posterior takes them
        A simulator, of which `n_datasets` are drawn, or data sets that the posterior was not fitted on, all of which
        are used.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        The parameters that made them, drawn from the prior. None for a simulator.
    observed : data sets, optional
        Real ones, whose usualness is reported: the smallest p-value, and of several that of a `MahalanobisDetector`
        that takes them as one batch.
    statistics : callable, optional
        For the posterior predictive check: takes data sets, returns `(n_datasets, n_statistics)`, a DataFrame for
        statistics with names. By default the summaries of the posterior, which for rows of numbers are the columns
        themselves unless it learned others; of a posterior without, mean and standard deviation of each data set.
    n_datasets : int, default=1000
        Data sets that are simulated. With 1,000, errors of a probability below some 0.05 may be chance.
    n_draws : int, default=500
        Draws for each data set.
    n_replicates : int, default=4
        Data sets that are simulated for each one of the posterior predictive check; 0 leaves it out.
    level : float in (0, 1), default=0.05
        Share of reports that may have a false alarm.
    n_jobs : int, optional
        Joblib workers that simulate.
    verbose : int, default=0
        Positive for progress bars.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Returns
    -------
    report : Report
        `verdict`, `table`, `notes` of what was left out, and `plot()`; it prints as a table.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If the posterior cannot draw.
    ValueError
        If there is a y besides a simulator, or none besides data sets, or draws or parameters are not finite numbers,
        or there are fewer than 20 data sets.
    ShapeError
        If shapes do not fit together, or `statistics` does not return one row for each data set.

    See Also
    --------
    skabi.diagnostics : Each check by itself.
    skabi.refine.refine : Draws that are corrected where a likelihood is known.

    References
    ----------
    .. [1] S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman (2018). Validating Bayesian inference algorithms
       with simulation-based calibration. arXiv 1804.06788.
    .. [2] J. Hermans, A. Delaunoy, F. Rozet, A. Wehenkel, V. Begy, G. Louppe (2022). A trust crisis in
       simulation-based inference? Your posterior approximations can be unfaithful. arXiv 2110.06581.
    .. [3] P. Lemos, A. Coogan, Y. Hezaveh, L. Perreault-Levasseur (2023). Sampling-based accuracy testing of posterior
       estimators for general inference. arXiv 2302.03026.
    .. [4] S. Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
       Statistics 6.

    Examples
    --------
    >>> from skabi import AmortizedPosterior, reports
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> simulator = ConjugateGaussian()
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=10, random_state=0).fit(simulator)
    >>> report = reports.check(posterior, simulator, n_datasets=300, n_draws=100, random_state=0)
    >>> report.verdict
    'good'
    """
    subject = Subject(posterior)
    n_datasets = check_count(n_datasets, "n_datasets", minimum=_FEWEST)
    n_draws, n_replicates = (
        check_count(n_draws, "n_draws", minimum=2),
        check_count(n_replicates, "n_replicates", minimum=0),
    )
    level = check_real(level, "level", low=0.0, high=1.0)
    seeds = dict(zip(_SEEDS, seed_sequence(random_state).spawn(len(_SEEDS)), strict=True))
    simulator = _check_simulator(X, y)
    if simulator is not None:
        X, y = simulator.sample(n_datasets, random_state=seeds["data"], n_jobs=n_jobs, verbose=verbose)
    with without_warning_of_what_is_unusual(simulator is not None):
        draws = subject.sample(X, n_draws, random_state=seeds["draws"])
        draws, truth = check_draws_and_parameters(draws, check_parameters(y))
        check_count(len(truth), "the number of data sets", minimum=_FEWEST)
        names = names_of(subject.trained, y, n_parameters=draws.shape[2])
        case = Case(subject, simulator, X, truth, draws, names, observed, statistics, n_replicates, level, seeds)
        rows = [row for make in tqdm(_CHECKS.values(), desc="checking", disable=not verbose) for row in make(case)]
    rows = judge(rows, level)
    n_tests = sum(not np.isnan(row.p_value) for row in rows if row.family == "posterior")
    n_needed = n_datasets_needed(n_tests, level)
    enough = (
        "" if len(truth) >= n_needed else f": {n_needed} would show those above {OF_PROBABILITY[1]:g}, which are bad"
    )
    case.notes.append(
        f"Errors of a probability below {smallest_error_seen(len(truth), n_tests, level):.2f} may be chance in "
        f"{len(truth)} data sets{enough}."
    )
    table = table_of(rows)
    return Report(
        table,
        results=case.results,
        notes=case.notes,
        parameter_names=names,
        n_draws=n_draws,
        level=level,
        has_few=len(truth) < n_needed,
    )


def _check_simulator(X, y):
    """Return X if it is a simulator, or None if it is data sets with their parameters."""
    if not is_simulator(X):
        if y is None:
            raise ValueError(
                "data sets X can be checked only with the parameters that made them: check(posterior, X, y). Or pass a "
                "simulator, check(posterior, simulator), and real data sets as observed=."
            )
        return None
    if y is not None:
        raise ValueError("check(posterior, simulator) simulates its own parameters; y must be None.")
    return X
