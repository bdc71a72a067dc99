"""Simulation-based calibration of both levels."""

from dataclasses import dataclass

import numpy as np

from skabi._random import seed_sequence
from skabi.diagnostics import sbc_ranks
from skabi.hierarchical._levels import LevelDraws, Levels, arrays_of


@dataclass(frozen=True)
class LevelRanks:
    """Ranks of true parameters among posterior draws.

    Attributes
    ----------
    hyper : ndarray of int of shape (n_datasets, n_hyper)
    groups : ndarray of int of shape (n_datasets, n_group_parameters)
        Of one group of each data set, drawn at random: groups of one data set have draws of hyper-parameters in common,
        and their ranks are not independent.
    """

    hyper: np.ndarray
    groups: np.ndarray


def level_ranks(draws: LevelDraws, y: Levels, *, random_state=None) -> LevelRanks:
    """Return the ranks of the true parameters of both levels among their posterior draws.

    Of exact posteriors they are uniform [1]_; see `skabi.diagnostics.uniformity_test` and
    `skabi.plotting.SBCDisplay`.

    Parameters
    ----------
    draws : LevelDraws
    y : Levels
        True parameters of the same data sets; groups are matched by label.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Governs which groups are taken, and breaks ties.

    Returns
    -------
    ranks : LevelRanks
        Between 0 and n_draws.

    Raises
    ------
    TypeError
        If y is not of the class `Levels`.
    ShapeError
        If draws and parameters are not of as many data sets and groups.
    ValueError
        If they are of other groups, or other parameters.

    References
    ----------
    .. [1] S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman (2018). Validating Bayesian inference algorithms
       with simulation-based calibration. arXiv:1804.06788.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skabi.hierarchical import LevelDraws, Levels, level_ranks
    >>> hyper, groups = np.array([[[0.1], [0.2]]]), [np.array([[[1.0]], [[2.0]]])]
    >>> draws = LevelDraws(hyper, groups, ["mu"], ["theta"], labels=[np.array(["a"])])
    >>> y = Levels(pd.DataFrame({"mu": [0.15]}), [pd.DataFrame({"theta": [3.0]})])
    >>> level_ranks(draws, y)
    LevelRanks(hyper=array([[1]]), groups=array([[2]]))
    """
    if not isinstance(y, Levels):
        raise TypeError(f"y must be Levels, the true parameters of both levels; got {type(y).__name__}.")
    hyper, own_groups, _ = arrays_of(y, draws.labels, draws.hyper_names, draws.group_names, of="draws")
    choosing, upper, lower = seed_sequence(random_state).spawn(3)
    rng = np.random.default_rng(choosing)
    chosen = [int(rng.integers(own.shape[1])) for own in draws.groups]
    groups = np.stack([own[:, j] for own, j in zip(draws.groups, chosen, strict=True)])
    truth = np.stack([own[0, j] for own, j in zip(own_groups, chosen, strict=True)])
    return LevelRanks(
        sbc_ranks(draws.hyper, hyper[:, 0], random_state=np.random.default_rng(upper)),
        sbc_ranks(groups, truth, random_state=np.random.default_rng(lower)),
    )
