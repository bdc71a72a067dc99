"""How much the members of an ensemble differ, for each data set and parameter."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Disagreement:
    """How much the members of an ensemble differ, for each data set and parameter.

    Members that were trained on the same simulations agree where these decide, and differ where each extrapolates in
    its own way [1]_. That they agree does not make them right: what they have in common does not show.

    Attributes
    ----------
    variance_share : ndarray of shape (n_datasets, n_parameters)
        Share of the mixture's variance that lies between the members' means, from 0 to 1.
    mean_distance : ndarray of shape (n_datasets, n_parameters)
        Largest distance between the means of two members, in standard deviations of the mixture.
    spread_ratio : ndarray of shape (n_datasets, n_parameters)
        Largest standard deviation of a member over the smallest; at least 1.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell (2017). Simple and scalable predictive uncertainty estimation
       using deep ensembles. NeurIPS 2017. arXiv 1612.01474.
    """

    variance_share: np.ndarray
    mean_distance: np.ndarray
    spread_ratio: np.ndarray


def disagreement_of(weights, means, stds):
    """Return the `Disagreement` of members, whose moments are `(n_members, n_datasets, n_parameters)`."""
    _, between, within = moments_of(weights, means, stds)
    total = between + within
    # Where all draws of all members are one number nothing differs.
    total = np.where(total > 0, total, 1.0)
    smallest = stds.min(axis=0)
    ratio = np.where(smallest > 0, stds.max(axis=0) / np.where(smallest > 0, smallest, 1.0), np.inf)
    return Disagreement(
        variance_share=between / total,
        mean_distance=np.ptp(means, axis=0) / np.sqrt(total),
        spread_ratio=np.where(stds.max(axis=0) > 0, ratio, 1.0),
    )


def moments_of(weights, means, stds):
    """Return a mixture's mean, and its variance between members and within them, each `(n_datasets, n_parameters)`."""
    mean = np.tensordot(weights, means, axes=1)
    between = np.tensordot(weights, (means - mean) ** 2, axes=1)
    return mean, between, np.tensordot(weights, stds**2, axes=1)
