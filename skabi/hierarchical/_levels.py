"""Parameters of both levels: those that made data sets, and draws of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skabi._names import order_of, vector_columns
from skabi._optional import import_optional
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError


@dataclass(frozen=True, repr=False)
class Levels:
    """One value of all parameters for each data set: those that made it, or their posterior means.

    It has a length and can be indexed, so that searches and cross-validation split it.

    Attributes
    ----------
    hyper : DataFrame of shape (n_datasets, n_hyper)
        Hyper-parameters, and others that all groups share.
    groups : list of DataFrame of shape (n_groups, n_group_parameters)
        Parameters of the groups of each data set; the index has the labels of groups. What is asked of these and of
        `GroupedData` is matched by label, unless labels of either are counted from 0, and are places.
    """

    hyper: pd.DataFrame
    groups: list[pd.DataFrame]

    def __len__(self):
        return len(self.hyper)

    @property
    def shape(self):
        """The number of data sets, `(n_datasets,)`."""
        return (len(self),)

    def __getitem__(self, rows):
        index = _rows(rows, len(self))
        return Levels(self.hyper.iloc[index].reset_index(drop=True), [self.groups[i] for i in index])

    def __repr__(self):
        names = list(self.groups[0].columns) if self.groups else []
        return f"Levels of {len(self)} data sets: hyper {list(self.hyper.columns)}, groups {names}"


@dataclass(frozen=True, repr=False)
class LevelDraws:
    """Joint posterior draws of both levels: draw s of the groups belongs to draw s of the hyper-parameters.

    Attributes
    ----------
    hyper : ndarray of shape (n_datasets, n_draws, n_hyper)
        Hyper-parameters, and others that all groups share.
    groups : list of ndarray of shape (n_draws, n_groups, n_group_parameters)
        Parameters of the groups of each data set.
    hyper_names, group_names : list of str
        Names of the parameters.
    labels : list of ndarray of shape (n_groups,)
        Names of the groups of each data set.
    """

    hyper: np.ndarray
    groups: list[np.ndarray]
    hyper_names: list[str]
    group_names: list[str]
    labels: list[np.ndarray]

    def __len__(self):
        return len(self.hyper)

    def __getitem__(self, rows):
        index = _rows(rows, len(self))
        groups, labels = [self.groups[i] for i in index], [self.labels[i] for i in index]
        return LevelDraws(self.hyper[index], groups, self.hyper_names, self.group_names, labels)

    def __repr__(self):
        return (
            f"LevelDraws of {len(self)} data sets, {self.hyper.shape[1]} draws each: hyper {self.hyper_names}, groups "
            f"{self.group_names}"
        )

    def mean(self):
        """Return posterior means, as `Levels`."""
        return self._levels(self.hyper.mean(axis=1), [draws.mean(axis=0) for draws in self.groups])

    def std(self):
        """Return posterior standard deviations, as `Levels`."""
        return self._levels(self.hyper.std(axis=1), [draws.std(axis=0) for draws in self.groups])

    def quantiles(self, probs=(0.05, 0.5, 0.95)):
        """Return posterior quantiles, a list with one `Levels` for each of `probs`.

        Parameters
        ----------
        probs : sequence of float in [0, 1], default=(0.05, 0.5, 0.95)

        Returns
        -------
        quantiles : list of Levels
        """
        probs = as_float_array(np.atleast_1d(probs), name="probs")
        hyper, groups = np.quantile(self.hyper, probs, axis=1), [np.quantile(own, probs, axis=0) for own in self.groups]
        return [self._levels(hyper[k], [own[k] for own in groups]) for k in range(len(probs))]

    def to_frame(self, level="groups"):
        """Return draws as a DataFrame.

        Parameters
        ----------
        level : {"hyper", "groups"}, default="groups"

        Returns
        -------
        frame : DataFrame
            One row a draw, with the index levels `dataset` and `draw`; of groups one row a draw and group, with the
            index level `group`, the label, too.

        Raises
        ------
        ValueError
            If there is no such level.
        """
        if level not in ("hyper", "groups"):
            raise ValueError(f"level must be 'hyper' or 'groups'; got {level!r}.")
        n_datasets, n_draws, n_hyper = self.hyper.shape
        if level == "hyper":
            index = pd.MultiIndex.from_product([range(n_datasets), range(n_draws)], names=["dataset", "draw"])
            return pd.DataFrame(self.hyper.reshape(-1, n_hyper), index=index, columns=self.hyper_names)
        parts = []
        for i, (draws, labels) in enumerate(zip(self.groups, self.labels, strict=True)):
            index = pd.MultiIndex.from_product([[i], range(n_draws), labels], names=["dataset", "draw", "group"])
            parts.append(pd.DataFrame(draws.reshape(-1, draws.shape[-1]), index=index, columns=self.group_names))
        return pd.concat(parts)

    def to_datatree(self):
        """Return draws as an ArviZ DataTree, whose group `posterior` has a dimension `group` with the labels.

        Returns
        -------
        tree : xarray.DataTree
            Variables have the dimensions `chain` (of length 1) and `draw`, then `dataset` if there are several data
            sets, then `group` for the parameters of groups.

        Raises
        ------
        ImportError
            If ArviZ is not installed; `pip install "skabi[arviz]"` installs it.
        ShapeError
            If data sets have different groups: these take one call each, as in `draws[0].to_datatree()`.
        """
        arviz_base = import_optional("arviz_base", extra="arviz", purpose="to_datatree")
        xarray = import_optional("xarray", extra="arviz", purpose="to_datatree")
        if any(not np.array_equal(labels, self.labels[0]) for labels in self.labels):
            raise ShapeError("data sets with different groups take one tree each: draws[i].to_datatree().")
        leading = ["dataset"] if len(self) > 1 else []
        variables, dims = {}, {}
        for names, draws, own in (
            (self.hyper_names, self.hyper, []),
            (self.group_names, np.stack(self.groups), ["group"]),
        ):
            by_draw = np.swapaxes(draws, 0, 1)[np.newaxis] if leading else draws
            for name, columns in vector_columns(names).items():
                variables[name] = by_draw[..., columns]
                dims[name] = leading + own + ([f"{name}_dim_0"] if isinstance(columns, list) else [])
        posterior = arviz_base.dict_to_dataset(
            variables, dims=dims, coords={"group": self.labels[0]}, sample_dims=["chain", "draw"]
        )
        return xarray.DataTree.from_dict({"posterior": posterior})

    def _levels(self, hyper, groups):
        return as_levels(hyper, groups, self.hyper_names, self.group_names, self.labels)


def as_levels(hyper, groups, hyper_names, group_names, labels):
    """Return arrays `(n_datasets, n_hyper)` and `(n_groups, n_group_parameters)` as `Levels`."""
    return Levels(
        pd.DataFrame(hyper, columns=hyper_names),
        [
            pd.DataFrame(each, columns=group_names, index=pd.Index(own, name="group"))
            for each, own in zip(groups, labels, strict=True)
        ],
    )


def arrays_of(y, labels, hyper_names, group_names, *, of="X"):
    """Return `Levels` or `LevelDraws` as arrays with an axis of draws, groups in the order of `labels`.

    Parameters
    ----------
    y : Levels or LevelDraws
    labels : list of ndarray of shape (n_groups,)
        Names of the groups of each data set.
    hyper_names, group_names : list of str
    of : str, default="X"
        Whose groups these are, for messages.

    Returns
    -------
    hyper : ndarray of shape (n_datasets, n_draws, n_hyper)
    groups : list of ndarray of shape (n_draws, n_groups, n_group_parameters)
    has_draws : bool
        Whether y came with the axis of draws.

    Raises
    ------
    TypeError
        If y is neither.
    ShapeError
        If they are not of as many data sets, or groups.
    ValueError
        If they have other parameters or groups, or values that are not finite.
    """
    upper, lower, own_labels = _names_of(y)
    other = next((names for names in lower if names != group_names), group_names)
    if upper != hyper_names or other != group_names:
        raise ValueError(
            f"y must have the parameters {hyper_names} and, of groups, {group_names}; got {upper} and {other}."
        )
    hyper = as_float_array(y.hyper, name="y.hyper")
    groups = [as_float_array(each, name=f"y.groups[{i}]") for i, each in enumerate(y.groups)]
    has_draws = isinstance(y, LevelDraws)
    if not has_draws:
        hyper, groups = hyper[:, np.newaxis], [each[np.newaxis] for each in groups]
    wanted, sizes = [len(each) for each in labels], [each.shape[1] for each in groups]
    if sizes != wanted or len(hyper) != len(wanted):
        raise ShapeError(
            f"y must have the groups of {of}, {wanted[:5]} in the first data sets; got {sizes[:5]}, and {len(hyper)} "
            f"data sets for {len(wanted)}."
        )
    for i, (own, theirs) in enumerate(zip(own_labels, labels, strict=True)):
        order = order_of(theirs, own, f"y.groups[{i}]", of=of)
        groups[i] = groups[i] if order is None else groups[i][:, order]
    return hyper, groups, has_draws


def _names_of(y):
    """Return names of hyper-parameters, and lists of the names of group parameters and of labels of groups."""
    if isinstance(y, LevelDraws):
        return y.hyper_names, [y.group_names], y.labels
    if isinstance(y, Levels):
        return list(y.hyper.columns), [list(each.columns) for each in y.groups], [each.index for each in y.groups]
    raise TypeError(f"y must be Levels, or LevelDraws, with the parameters of both levels; got {type(y).__name__}.")


def _rows(rows, n):
    return np.atleast_1d(np.arange(n)[rows[0] if isinstance(rows, tuple) else rows])
