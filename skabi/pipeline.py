"""The pipeline of scikit-learn, which can also be fitted to a simulator and asked for draws and densities."""

import copy
from collections.abc import Mapping
from typing import Self

import numpy as np
import sklearn.pipeline
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skabi.files._savable import Savable
from skabi.simulators import is_simulator

__all__ = ["Pipeline", "make_pipeline"]


def _last_step_has(name):
    def check(pipeline):
        step = pipeline.steps[-1][1]
        if not hasattr(step, name):
            raise AttributeError(
                f"{name} needs a last step that has it, such as AmortizedPosterior(); the last step is {step!r}."
            )
        return True

    return check


class Pipeline(Savable, sklearn.pipeline.Pipeline):
    """Steps that transform X, and a last one that learns a posterior.

    A `sklearn.pipeline.Pipeline` that can be fitted to a simulator as well, and has `sample` and `log_prob`.

    Parameters
    ----------
    steps : list of (str, estimator) tuples
        Names and steps. All but the last transform X, or are "passthrough"; one that is fitted already goes into
        `sklearn.frozen.FrozenEstimator`.
    transform_input : list of str, optional
        Metadata that is transformed like X before a step takes it; needs scikit-learn's metadata routing.
    memory : str or joblib.Memory, optional
        Where fitted transformers are cached. Clones are fitted then.
    verbose : bool, default=False
        Whether to print the time that each step took; given a simulator, that each transformer took.

    Attributes
    ----------
    named_steps : Bunch
        Steps by name.
    n_features_in_ : int
        Number of features that the first step saw in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where they had any.

    See Also
    --------
    make_pipeline : Names the steps by itself.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.pipeline import Pipeline
    >>> posterior = AmortizedPosterior(Gaussian((16,)), n_simulations=300, max_iter=5, random_state=0)
    >>> pipeline = Pipeline([("scale", StandardScaler()), ("posterior", posterior)]).fit(ConjugateGaussian())
    >>> pipeline.sample([[0.2, -0.4]], n_draws=100, random_state=0).shape
    (1, 100, 2)
    """

    steps: list

    def __init__(self, steps, *, transform_input=None, memory=None, verbose=False):
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)

    def fit(self, X, y: ArrayLike | None = None, **params) -> Self:
        """Fit the steps one after the other.

        Given a simulator, the last step simulates as if it stood alone (its `n_simulations`, `random_state`, `n_jobs`
        and `verbose` hold), the other steps are fitted to the simulated data sets, and the last one learns from the
        transformed data sets and the simulator's prior. Its constructor parameters stay as they are.

        Parameters
        ----------
        X : Simulator, or array-like of shape (n_datasets, n_features) or (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            Parameters; None for a simulator.
        **params : dict
            Arguments of a step's `fit`, as `step__argument`, or as metadata routing asks for.

        Returns
        -------
        self : Pipeline

        Raises
        ------
        TypeError
            If the last step does not learn from a simulator.
        ValueError
            If there is a y, or a prior in the last step's constructor, besides a simulator's own.
        """
        models = list(X.values()) if isinstance(X, Mapping) else X if isinstance(X, (list, tuple)) else []
        if models and all(map(is_simulator, models)):
            raise TypeError(
                "a pipeline is fitted to one simulator; got several. Simulate first, and pass data sets and the labels "
                "of their models: fit(X, labels)."
            )
        if not is_simulator(X):
            return super().fit(X, y, **params)
        name, step = self.steps[-1]
        if not hasattr(step, "n_simulations"):
            raise TypeError(
                "fit(simulator) needs a last step that learns from a simulator, such as AmortizedPosterior(); "
                f"the last step is {step!r}."
            )
        prefix = f"{name}__"
        last_params = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
        front_params = {key: value for key, value in params.items() if not key.startswith(prefix)}
        step.fit(_TransformedSimulator(X, self, front_params), y, **last_params)
        return self

    @available_if(_last_step_has("sample"))
    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, n_replicates: int | None = None, store=None, random_state=None
    ):
        """Transform X, and draw from the posterior of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
            Draws a data set.
        n_replicates : int, optional
            As in `AmortizedPosterior.sample`.
        store : path-like, optional
            Likewise.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray or zarr.Array of shape (n_datasets, n_draws, n_parameters)

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        given = {"n_replicates": n_replicates, "store": store}
        options = {name: value for name, value in given.items() if value is not None}
        return self.steps[-1][1].sample(self._transformed(X), n_draws, **options, random_state=random_state)

    @available_if(_last_step_has("log_prob"))
    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Transform X, and return the log posterior density of parameters.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        return self.steps[-1][1].log_prob(self._transformed(X), y)

    def _transformed(self, X):
        """Return `X` as the last step sees it."""
        check_is_fitted(self)
        return self._through_front(X)

    def _through_front(self, X):
        """Return `X` as all steps but the last transform it."""
        for _, step in self.steps[:-1]:
            if step is not None and step != "passthrough":
                X = step.transform(X)
        return X

    def _fit_front(self, X, y, params):
        """Fit all steps but the last, and return transformed `X`."""
        front = copy.copy(self)
        # With something in the last place, which is never cached, all transformers are where there is a memory.
        front.steps = [*self.steps[:-1], (f"data for {self.steps[-1][0]}", "passthrough")]
        X = front.fit_transform(X, y, **params)
        self.steps = [*front.steps[:-1], self.steps[-1]]
        return X


class _TransformedSimulator:
    """A simulator whose first simulations fit the transformers of a pipeline, and come out transformed."""

    def __init__(self, simulator, pipeline, params):
        self.prior = simulator.prior
        self._simulator = simulator
        self._pipeline = pipeline
        self._params = params
        self._is_fitted = False

    def sample(self, n, **options):
        X, y = self._simulator.sample(n, **options)
        if self._is_fitted:
            return self._pipeline._through_front(X), y
        self._is_fitted = True
        return self._pipeline._fit_front(X, y, self._params), y


def make_pipeline(*steps, memory=None, transform_input=None, verbose=False) -> Pipeline:
    """Return a `Pipeline` whose steps have the lowercase names of their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers of X, and last what learns a posterior.
    memory : str or joblib.Memory, optional
        Where fitted transformers are cached.
    transform_input : list of str, optional
        Metadata that is transformed like X before a step takes it.
    verbose : bool, default=False
        Whether to print the time that each step took.

    Returns
    -------
    pipeline : Pipeline

    See Also
    --------
    Pipeline : With names of your own.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skabi import AmortizedPosterior
    >>> from skabi.pipeline import make_pipeline
    >>> list(make_pipeline(StandardScaler(), AmortizedPosterior()).named_steps)
    ['standardscaler', 'amortizedposterior']
    """
    named_steps = sklearn.pipeline.make_pipeline(*steps).steps
    return Pipeline(named_steps, memory=memory, transform_input=transform_input, verbose=verbose)
