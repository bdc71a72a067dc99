"""Data sets whose observations come in groups, with the groups' labels and covariates."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError


class GroupedData:
    """Data sets of groups: pupils of schools, trials of people.

    It has a length and can be indexed, so that searches and cross-validation split it like an array.

    Parameters
    ----------
    data : array-like or list of lists of array-like
        One entry a data set, of which each has one entry a group: an array `(n_observations, n_features)`, or a row of
        numbers `(n_features,)` where a group is one observation. Groups, and data sets, may differ in size. Of groups
        of one size, arrays `(n_datasets, n_groups, n_observations, n_features)` or `(n_datasets, n_groups,
        n_features)`.
    covariates : dict of str to list of array-like of shape (n_groups,), optional
        What is known of each group besides its data, by name: one array a data set.
    labels : list of array-like of shape (n_groups,), optional
        What the groups are called, one array a data set; by default they are counted from 0.

    Attributes
    ----------
    data : list of lists of ndarray
    n_groups : ndarray of int of shape (n_datasets,)
    n_features : int
    has_observations : bool
        Whether groups have an axis of observations.

    Raises
    ------
    ShapeError
        If there are no groups, a group has no observations, or shapes do not fit together.
    ValueError
        If values are not finite numbers, or labels repeat.

    See Also
    --------
    GroupedData.from_frame : From a table with a column that names the group of each row.

    Examples
    --------
    >>> from skabi.hierarchical import GroupedData
    >>> X = GroupedData([[[[1.0], [2.0]], [[0.5]]]], labels=[["north", "south"]])
    >>> X
    GroupedData of 1 data set: 2 groups of 1 to 2 observations
    >>> X.labels[0].tolist()
    ['north', 'south']
    """

    def __init__(self, data, *, covariates=None, labels=None):
        self.data = [_read_groups(groups, f"data[{i}]") for i, groups in enumerate(_data_sets(data))]
        self.n_groups = np.array([len(groups) for groups in self.data])
        shapes = {(group.ndim, group.shape[-1]) for groups in self.data for group in groups}
        if len(shapes) > 1:
            raise ShapeError(
                "all groups must be arrays (n_observations, n_features) with the same n_features, or rows of numbers "
                f"(n_features,) where a group is one observation; got numbers of axes and of features {sorted(shapes)}."
            )
        (n_axes, self.n_features) = shapes.pop()
        self.has_observations = n_axes == 2
        self.covariates = {
            str(name): _read_by_group(values, self.n_groups, f"covariates[{name!r}]")
            for name, values in ({} if covariates is None else covariates).items()
        }
        self.labels = _read_labels(labels, self.n_groups)

    @classmethod
    def from_frame(cls, frame, *, group, features, covariates=(), dataset=None):
        """Return the data sets of a table with one row an observation.

        Parameters
        ----------
        frame : DataFrame
        group : str
            The column that names the group of each row. Groups keep the order in which they come first.
        features : str or list of str
            Columns of what was observed.
        covariates : str or list of str, default=()
            Columns of what is known of a group: one value in all its rows.
        dataset : str, optional
            The column that names the data set of each row; by default there is one.

        Returns
        -------
        X : GroupedData

        Raises
        ------
        ValueError
            If there are no rows, a column is not there, a row has no group or data set, a covariate differs within a
            group, or a value is not a finite number.
        """
        features, covariates = _as_list(features), _as_list(covariates)
        wanted = [group, *features, *covariates, *([] if dataset is None else [dataset])]
        absent = [name for name in wanted if name not in frame.columns]
        if absent:
            raise ValueError(f"frame has no columns {absent}; it has {list(frame.columns)}.")
        if not features:
            raise ValueError("features must name at least one column; got none.")
        for what, column in (("group", group), ("data set", dataset)):
            if column is not None and frame[column].isna().any():
                raise ValueError(
                    f"every row needs a {what}; {int(frame[column].isna().sum())} have none in {column!r}."
                )
        if frame.empty:
            raise ValueError("frame must have at least one row; got none.")
        is_missing = frame[[*features, *covariates]].isna().any(axis=1)
        if is_missing.any():
            raise ValueError(
                f"{', '.join([*features, *covariates])} must have no missing values; {int(is_missing.sum())} of "
                f"{len(frame)} rows do, the first in group {frame.loc[is_missing, group].iloc[0]!r}. Drop them, by "
                "frame.dropna() say: groups may differ in size."
            )
        parts = [frame] if dataset is None else [part for _, part in frame.groupby(dataset, sort=False, observed=True)]
        data: list[list[np.ndarray]] = []
        known: dict[str, list[np.ndarray]] = {name: [] for name in covariates}
        labels: list[list] = []
        for part in parts:
            groups = part.groupby(group, sort=False, observed=True)
            data.append([each[features].to_numpy() for _, each in groups])
            labels.append([name for name, _ in groups])
            for name in covariates:
                uneven = groups[name].nunique(dropna=False) > 1
                if uneven.any():
                    raise ValueError(f"covariate {name!r} must be one number a group; it differs in {uneven.idxmax()}.")
                known[name].append(groups[name].first().to_numpy())
        return cls(data, covariates=known, labels=labels)

    def __len__(self):
        return len(self.data)

    @property
    def shape(self):
        """The number of data sets, `(n_datasets,)`."""
        return (len(self),)

    def __getitem__(self, rows):
        rows = rows[0] if isinstance(rows, tuple) else rows
        index = np.atleast_1d(np.arange(len(self))[rows])
        return self._with([self.data[i] for i in index], lambda values: [values[i] for i in index])

    def __repr__(self):
        n = f"{len(self)} data set{'s' * (len(self) != 1)}"
        text = f"GroupedData of {n}: {_range(self.n_groups)} groups"
        if self.has_observations:
            text += f" of {_range([len(group) for groups in self.data for group in groups])} observations"
        return text + (f", covariates {', '.join(self.covariates)}" if self.covariates else "")

    def take_groups(self, groups):
        """Return the data sets with some of their groups.

        Parameters
        ----------
        groups : list of array-like of int
            Positions of the groups to keep, one array a data set.

        Returns
        -------
        X : GroupedData
        """
        data = [[own[j] for j in kept] for own, kept in zip(self.data, groups, strict=True)]
        return self._with(data, lambda values: [v[np.asarray(k, int)] for v, k in zip(values, groups, strict=True)])

    def as_rows(self):
        """Return the data sets with each group as a row of numbers, where all are one observation, else themselves.

        Returns
        -------
        X : GroupedData
        """
        if not self.has_observations or any(len(group) > 1 for groups in self.data for group in groups):
            return self
        other = self._with([[group[0] for group in groups] for groups in self.data], lambda values: values)
        other.has_observations = False
        return other

    def covariate_columns(self, names):
        """Return covariates of all groups, one data set after the other, `(n_all_groups, n_names)`."""
        columns = [np.concatenate(self.covariates[name]) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((self.n_groups.sum(), 0))

    def _with(self, data, chosen):
        """Return what is `chosen` from covariates and labels, lists by data set, with `data` that was checked."""
        other = object.__new__(GroupedData)
        other.data, other.n_groups = data, np.array([len(groups) for groups in data])
        if not data or not other.n_groups.all():
            raise ShapeError(
                "a data set needs at least one group, and there must be one data set; some have none left."
            )
        other.n_features, other.has_observations = self.n_features, self.has_observations
        other.covariates = {name: chosen(values) for name, values in self.covariates.items()}
        other.labels = chosen(self.labels)
        return other


def as_grouped(X) -> GroupedData:
    """Return X as `GroupedData`, if it is not that already."""
    return X if isinstance(X, GroupedData) else GroupedData(X)


def _data_sets(data):
    """Return a sequence with one entry a data set."""
    if isinstance(data, Mapping) or not hasattr(data, "__len__") or isinstance(data, (str, pd.DataFrame)):
        raise TypeError(
            f"data must be a list with one entry a data set, each with one array a group; got {type(data).__name__}. "
            "For a table see GroupedData.from_frame."
        )
    if not len(data):
        raise ShapeError("there must be at least one data set; got none.")
    return data


def _read_groups(groups, name):
    """Return the groups of a data set as a list of float64 arrays."""
    if not hasattr(groups, "__len__") or len(groups) == 0:
        raise ShapeError(f"{name} has no groups; a data set needs at least one. Leave it out.")
    arrays = [as_float_array(group, name=f"{name}[{j}]") for j, group in enumerate(groups)]
    for j, array in enumerate(arrays):
        if array.ndim not in (1, 2):
            raise ShapeError(
                f"{name}[{j}] must be the observations of a group, (n_observations, n_features), or one row of "
                f"numbers; got shape {array.shape}. {_advice(array)}"
            )
        if not array.size:
            raise ShapeError(f"{name}[{j}] has no observations; a group needs at least one. Leave it out.")
    return arrays


def _advice(array):
    """Return what to try instead of a group with too few or too many axes."""
    if array.ndim:
        return "For one data set pass [groups]."
    return "Where a group is one number, a data set is a list of rows: [[[1.3], [0.2]]] has two groups."


def _read_by_group(values, n_groups, name):
    """Return one float64 array `(n_groups,)` a data set."""
    arrays = [as_float_array(each, name=f"{name}[{i}]") for i, each in enumerate(values)]
    if [array.shape for array in arrays] != [(n,) for n in n_groups]:
        raise ShapeError(
            f"{name} must have one number for each group of each data set, arrays of shapes "
            f"{[(int(n),) for n in n_groups[:5]]}; got {[array.shape for array in arrays[:5]]}."
        )
    return arrays


def _read_labels(labels, n_groups):
    """Return one array of distinct labels a data set."""
    if labels is None:
        return [np.arange(n) for n in n_groups]
    arrays = [np.asarray(each) for each in labels]
    if [array.shape for array in arrays] != [(n,) for n in n_groups]:
        raise ShapeError(
            f"labels must have one entry for each group of each data set, {n_groups[:5].tolist()}; got arrays of "
            f"shapes {[array.shape for array in arrays[:5]]}."
        )
    for i, array in enumerate(arrays):
        if len(set(array.tolist())) != len(array):
            raise ValueError(f"labels of one data set must differ; those of data set {i} repeat.")
    return arrays


def _as_list(names):
    return [names] if isinstance(names, str) else list(names)


def _range(counts):
    low, high = int(np.min(counts)), int(np.max(counts))
    return str(low) if low == high else f"{low} to {high}"
