"""The upper level: what it sees of all groups of a data set."""

import numpy as np


def hyper_data(X, covariate_names):
    """Return data sets of groups as an estimator takes them, covariates as further features of each observation.

    Parameters
    ----------
    X : GroupedData
    covariate_names : list of str

    Returns
    -------
    X : list of lists of ndarray (n_observations, n_features), or list or array of (n_groups, n_features)
        Sets of sets, or sets where groups are one observation.
    """
    if not X.has_observations:
        sets = [np.stack(groups) for groups in X.data]
        if covariate_names:
            sets = [
                np.column_stack([own, *(X.covariates[name][i] for name in covariate_names)])
                for i, own in enumerate(sets)
            ]
        return np.stack(sets) if len(set(X.n_groups)) == 1 else sets
    if not covariate_names:
        return X.data
    known = X.covariate_columns(covariate_names)
    return [
        [
            np.hstack([group, np.broadcast_to(row, (len(group), len(row)))])
            for group, row in zip(groups, rows, strict=True)
        ]
        for groups, rows in zip(X.data, np.split(known, np.cumsum(X.n_groups)[:-1]), strict=True)
    ]
