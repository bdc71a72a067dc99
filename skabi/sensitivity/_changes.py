"""How much a posterior differs from another, and how much of that is chance."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skabi.sensitivity._joint import JointDistance

# A change of a statistic counts from so many standard errors; a distance from this quantile of what chance makes.
_N_ERRORS, _QUANTILE, _N_DIVISIONS = 3.0, 0.99, 200


@dataclass(frozen=True)
class Answers:
    """Marginal statistics of posterior draws, with the influence of each draw on them.

    Attributes
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
    ordered : ndarray of shape (n_datasets, n_draws, n_parameters)
        Draws in ascending order, with their weights in that order, which sum to one.
    values : dict of str to ndarray of shape (n_datasets, n_parameters)
        Mean, standard deviation and quantiles, by column name.
    influence : dict of str to ndarray of shape (n_datasets, n_draws, n_parameters)
        Of each draw on these, in the order of draws; its weighted mean is zero.
    """

    draws: np.ndarray
    ordered: np.ndarray
    weights: np.ndarray
    values: dict[str, np.ndarray]
    influence: dict[str, np.ndarray]

    @cached_property
    def noise(self):
        """The distance that chance alone makes, `(n_datasets, n_parameters)`."""
        return distance_noise(self)

    @cached_property
    def joint(self):
        """How other joint posteriors differ from this one."""
        return JointDistance(self.draws, self.values["sd"])

    def of_rows(self, rows):
        """Return the answers of some data sets."""
        if len(rows) == len(self.draws):
            return self
        parts = [getattr(self, name)[rows] for name in ("draws", "ordered", "weights")]
        some = [{name: values[rows] for name, values in each.items()} for each in (self.values, self.influence)]
        return Answers(*parts, *some)


def names_of(quantiles):
    """Return the names of statistics."""
    return ["mean", "sd", *(f"q{100 * q:g}" for q in quantiles)]


def answers_of(draws, quantiles, weights=None):
    """Return the `Answers` of draws `(n_datasets, n_draws, n_parameters)` with weights `(n_datasets, n_draws)`."""
    n = draws.shape[1]
    weights = np.full(draws.shape[:2], 1 / n) if weights is None else weights
    column = weights[:, :, np.newaxis]
    mean = (column * draws).sum(axis=1, keepdims=True)
    deviation = draws - mean
    variance = (column * deviation**2).sum(axis=1, keepdims=True)
    sd = np.sqrt(variance)
    order = np.argsort(draws, axis=1, kind="stable")
    ordered = np.take_along_axis(draws, order, axis=1)
    of_order = np.take_along_axis(np.broadcast_to(column, draws.shape), order, axis=1)
    names = names_of(quantiles)
    values = {"mean": mean[:, 0], "sd": sd[:, 0]}
    influence = {"mean": deviation, "sd": (deviation**2 - variance) / (2 * np.maximum(sd, 1e-300))}
    middles = of_order.cumsum(axis=1) - of_order / 2
    for name, q in zip(names[2:], quantiles, strict=True):
        value = _quantile(ordered, middles, q)
        values[name] = value
        # The inverse density there, by a difference as wide as the error of the quantile, at least.
        step = np.minimum(np.sqrt(q * (1 - q) / n), min(q, 1 - q) / 2)
        spread = _quantile(ordered, middles, q + step) - _quantile(ordered, middles, q - step)
        influence[name] = (q - (draws <= value[:, np.newaxis])) * (spread / (2 * step))[:, np.newaxis]
    return Answers(draws, ordered, of_order, values, influence)


def _quantile(ordered, middles, q):
    """Return quantiles `(n_datasets, n_parameters)`, between draws in a straight line."""
    last = ordered.shape[1] - 1
    above = np.clip((middles < q).sum(axis=1, keepdims=True), 1, last)
    (low, high), (start, end) = (
        [np.take_along_axis(part, above + shift, axis=1)[:, 0] for shift in (-1, 0)] for part in (ordered, middles)
    )
    share = np.clip((q - start) / np.where(end > start, end - start, 1.0), 0.0, 1.0)
    return low + share * (high - low)


def changes(baseline, answers, *, weights=None, is_paired=False):
    """Return changes of statistics, their standard errors, distance and its noise, each `(n_datasets, n_parameters)`.

    Parameters
    ----------
    baseline : Answers
        Of draws without weights.
    answers : Answers
        Of as many draws.
    weights : ndarray of shape (n_datasets, n_draws), optional
        Of the draws of `answers`.
    is_paired : bool, default=False
        Whether they are the draws of the baseline, and not independent ones.

    Returns
    -------
    columns : dict of str to ndarray
    """
    n = baseline.ordered.shape[1]
    sd = np.where(baseline.values["sd"] > 0, baseline.values["sd"], 1.0)
    relative = np.ones((len(sd), n)) if weights is None else n * weights
    columns = {}
    for name, value in answers.values.items():
        before, after = baseline.influence[name], relative[:, :, np.newaxis] * answers.influence[name]
        if is_paired:
            variance = ((after - before) ** 2).mean(axis=1)
        else:
            variance = (before**2).mean(axis=1) + (after**2).mean(axis=1)
        columns[name] = value
        columns[f"{name}_change"] = value - baseline.values[name]
        columns[f"{name}_change_sd"] = columns[f"{name}_change"] / sd
        columns[f"{name}_se"] = np.sqrt(variance / n)
    # Draws that are worth fewer make more noise.
    excess = np.sqrt((1 + (relative**2).mean(axis=1, keepdims=True)) / 2)
    columns["distance"] = _distance(baseline, answers, has_weights=weights is not None) / sd
    columns["distance_noise"] = excess * baseline.noise / sd
    joint = baseline.joint.to(answers.draws, weights), excess[:, 0] * baseline.joint.noise
    for name, of_data_sets in zip(("joint_distance", "joint_distance_noise"), joint, strict=True):
        columns[name] = np.broadcast_to(of_data_sets[:, np.newaxis], sd.shape)
    moved = [np.abs(columns[f"{name}_change"]) > _N_ERRORS * columns[f"{name}_se"] for name in ("mean", "sd")]
    # Draws that are all the same, but for rounding, have not moved.
    columns["beyond_noise"] = (columns["distance"] > columns["distance_noise"]) | (
        np.logical_or.reduce(moved) & (columns["distance"] > 1e-9)
    )
    # Where no draw has a weight there is nothing to be told.
    possible = relative.any(axis=1, keepdims=True)
    is_beyond = columns.pop("beyond_noise") & possible
    return {name: np.where(possible, values, np.nan) for name, values in columns.items()} | {"beyond_noise": is_beyond}


def _distance(baseline, answers, *, has_weights):
    """Return Wasserstein's first distance of marginals: the area between distribution functions."""
    if not has_weights:
        return np.abs(baseline.ordered - answers.ordered).mean(axis=1)
    values = np.concatenate([baseline.ordered, answers.ordered], axis=1)
    steps = np.concatenate([baseline.weights, -answers.weights], axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    gap = np.take_along_axis(steps, order, axis=1).cumsum(axis=1)[:, :-1]
    return (np.abs(gap) * np.diff(np.take_along_axis(values, order, axis=1), axis=1)).sum(axis=1)


def distance_noise(baseline):
    """Return the distance that chance alone exceeds once in a hundred times, of two sets of so many draws.

    Half of the draws of the baseline are compared with the other half, for random divisions; distances shrink with the
    square root of the number of draws.
    """
    ordered = baseline.ordered
    n = ordered.shape[1] // 2 * 2
    signs = np.ones((_N_DIVISIONS, n))
    signs[:, n // 2 :] = -1
    signs = np.random.default_rng(0).permuted(signs, axis=1)
    gap = np.abs(signs.cumsum(axis=1)[:, :-1]) / (n / 2)
    distances = np.einsum("kd,ndp->knp", gap, np.diff(ordered[:, :n], axis=1), optimize=True)
    return np.quantile(distances, _QUANTILE, axis=0) / np.sqrt(2)
