"""Trajectories: those that were simulated, and draws of those that may have been."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skabi._optional import import_optional
from skabi._params import check_choice
from skabi._shapes import as_float_array
from skabi.dynamic._state_space import StateSpace


@dataclass(frozen=True, repr=False)
class Trajectories:
    """Hyper-parameters and trajectories that made data sets.

    It has a length and can be indexed, so that searches and cross-validation split it.

    Attributes
    ----------
    hyper : ndarray of shape (n_datasets, n_hyper)
    values : ndarray of shape (n_datasets, n_times, n_parameters) or (n_datasets, n_subjects, n_times, n_parameters)
    states : ndarray of shape (n_datasets, [n_subjects,] n_times, n_states)
        What moves, on the real line.
    jumped : ndarray of bool, of the shape of `states`
    space : StateSpace
        The transitions that they follow, and the prior of hyper-parameters.
    """

    hyper: np.ndarray
    values: np.ndarray
    states: np.ndarray
    jumped: np.ndarray
    space: StateSpace

    @property
    def hyper_names(self):
        """Names of the columns of `hyper`."""
        return self.space.hyper_names

    @property
    def parameter_names(self):
        """Names of the parameters that `values` has."""
        return self.space.parameter_names

    def __len__(self):
        return len(self.hyper)

    @property
    def shape(self):
        """The number of data sets, `(n_datasets,)`."""
        return (len(self),)

    def __getitem__(self, rows):
        index = _index(rows, len(self))
        return Trajectories(self.hyper[index], self.values[index], self.states[index], self.jumped[index], self.space)

    def __repr__(self):
        return (
            f"Trajectories of {len(self)} data sets, {self.values.shape[-2]} times each: parameters "
            f"{self.parameter_names}, hyper {self.hyper_names}"
        )

    def with_subjects(self):
        """Return trajectories of data sets of one subject with an axis of subjects, others as they are."""
        if self.states.ndim == 4:
            return self
        values, states, jumped = (part[:, np.newaxis] for part in (self.values, self.states, self.jumped))
        return Trajectories(self.hyper, values, states, jumped, self.space)


@dataclass(frozen=True, repr=False)
class TrajectoryDraws:
    """Posterior draws of hyper-parameters and trajectories.

    They have a length and can be indexed, by data sets.

    Attributes
    ----------
    hyper : ndarray of shape (n_datasets, n_draws, n_hyper), or (n_datasets, n_draws, n_times, n_hyper)
        The latter where each time has draws of its own, given the data up to it; NaN after the end of a series.
    values : ndarray of shape (n_datasets, n_draws, n_times, n_parameters)
        Or `(n_datasets, n_draws, n_subjects, n_times, n_parameters)`. NaN after the end of a series that is shorter
        than others.
    hyper_names, parameter_names : list of str
    times : ndarray of shape (n_times,)
        As they were given, or counted from 0.
    states : ndarray of shape (n_datasets, n_draws, [n_subjects,] n_times, n_states)
        What moves, on the real line.
    """

    hyper: np.ndarray
    values: np.ndarray
    hyper_names: list[str]
    parameter_names: list[str]
    times: np.ndarray
    states: np.ndarray

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        index = _index(rows, len(self))
        parts = {name: getattr(self, name)[index] for name in ("hyper", "values", "states")}
        return dataclasses.replace(self, **parts)

    def __repr__(self):
        n_datasets, n_draws, *_, n_times, _ = self.values.shape
        return (
            f"TrajectoryDraws of {n_datasets} data sets, {n_draws} draws of {n_times} times each: parameters "
            f"{self.parameter_names}, hyper {self.hyper_names}"
        )

    def mean(self):
        """Return means over draws, `(n_datasets, n_times, n_parameters)` or with an axis of subjects."""
        return self.values.mean(axis=1)

    def std(self):
        """Return standard deviations over draws, of the shape of `mean()`."""
        return self.values.std(axis=1)

    def quantiles(self, probs=(0.05, 0.5, 0.95)):
        """Return quantiles over draws.

        Parameters
        ----------
        probs : sequence of float in [0, 1], default=(0.05, 0.5, 0.95)

        Returns
        -------
        quantiles : ndarray of shape (n_probs, n_datasets, [n_subjects,] n_times, n_parameters)
        """
        return np.quantile(self.values, as_float_array(np.atleast_1d(probs), name="probs"), axis=1)

    def with_subjects(self):
        """Return draws of data sets of one subject with an axis of subjects, others as they are."""
        if self.values.ndim == 5:
            return self
        return dataclasses.replace(self, values=self.values[:, :, np.newaxis], states=self.states[:, :, np.newaxis])

    def to_frame(self, level="trajectories"):
        """Return draws as a DataFrame, one column a parameter.

        Parameters
        ----------
        level : {"trajectories", "hyper"}, default="trajectories"

        Returns
        -------
        frame : DataFrame
            One row a time of a draw, with the index levels `dataset`, `draw`, `subject` where there are several, and
            `time`; of hyper-parameters one row a draw, and for each time where these have draws of their own.

        Raises
        ------
        ValueError
            If there is no such level.
        """
        check_choice(level, "level", ("trajectories", "hyper"))
        if level == "hyper":
            n_axes = self.hyper.ndim - 1
            levels = [*map(range, self.hyper.shape[:2]), self.times][:n_axes]
            index = pd.MultiIndex.from_product(levels, names=["dataset", "draw", "time"][:n_axes])
            rows = self.hyper.reshape(-1, len(self.hyper_names)) if self.hyper_names else np.empty((len(index), 0))
            return pd.DataFrame(rows, index=index, columns=self.hyper_names)
        n_datasets, n_draws, *middle, _, n_parameters = self.values.shape
        levels = [range(n_datasets), range(n_draws), *(range(size) for size in middle), self.times]
        names = ["dataset", "draw", *(["subject"] if middle else []), "time"]
        index = pd.MultiIndex.from_product(levels, names=names)
        return pd.DataFrame(self.values.reshape(-1, n_parameters), index=index, columns=self.parameter_names)

    def to_datatree(self):
        """Return draws as an ArviZ DataTree, whose group `posterior` has the dimension `time`.

        Returns
        -------
        tree : xarray.DataTree
            Variables have the dimensions `chain` (of length 1), `draw`, `dataset` if there are several data sets,
            `subject` if there are several subjects, and `time`; hyper-parameters the first three.

        Raises
        ------
        ImportError
            If ArviZ is not installed; `pip install "skabi[arviz]"` installs it.
        """
        arviz_base = import_optional("arviz_base", extra="arviz", purpose="to_datatree")
        xarray = import_optional("xarray", extra="arviz", purpose="to_datatree")
        several = len(self.values) > 1
        middle = ["subject"] if self.values.ndim == 5 else []
        leading = ["dataset"] if several else []
        variables, dims = {}, {}
        for array, names, axes in (
            (self.values, self.parameter_names, [*middle, "time"]),
            (self.hyper, self.hyper_names, ["time"] if self.hyper.ndim == 4 else []),
        ):
            by_draw = np.swapaxes(array, 0, 1)[np.newaxis] if several else array
            for i, name in enumerate(names):
                variables[name], dims[name] = by_draw[..., i], [*leading, *axes]
        posterior = arviz_base.dict_to_dataset(
            variables, dims=dims, coords={"time": self.times}, sample_dims=["chain", "draw"]
        )
        return xarray.DataTree.from_dict({"posterior": posterior})


def _index(rows, n):
    """Return the numbers of the data sets that an index stands for."""
    return np.atleast_1d(np.arange(n)[rows[0] if isinstance(rows, tuple) else rows])
