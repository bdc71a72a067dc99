"""The posterior of hyper-parameters and trajectories of a model whose parameters move."""

from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from skabi._random import seed_sequence
from skabi.dynamic._answers import exact
from skabi.dynamic._drawing import log_density
from skabi.dynamic._forecasts import Forecasts
from skabi.dynamic._learning import check_numbers, learn
from skabi.dynamic._series import as_series
from skabi.dynamic._simulator import DynamicSimulator
from skabi.dynamic._trajectories import Trajectories, TrajectoryDraws
from skabi.exceptions import ShapeError

# Data sets that a fit needs.
_FEWEST = 11
# Times of trajectories whose density is computed at once.
_PLACES = 20_000


class DynamicPosterior(Forecasts):
    """Posterior of trajectories and hyper-parameters, learned once and then answered for any series.

    Neural superstatistics [1]_ with joint trajectories. A network reads a series forwards in time, and what it
    remembers at a time is all that three densities are given: of hyper-parameters, of states given these, and of states
    given hyper-parameters and the states of the next time. The first two are the filtering posterior at any time, which
    costs the same at each however long the series is; drawn backwards from the last time, as in forward filtering and
    backward sampling [2]_, all three are the smoothing posterior of whole trajectories. Since every beginning of a
    series is one, too, series shorter than those of `fit` need nothing further.

    Parameters
    ----------
    engine : engine recipe, optional
        Of hyper-parameters and of filtered states; by default a small `SplineFlow`.
    step_engine : engine recipe, optional
        Of one state given those of the next time; by default one that is smaller still.
    width : int, default=48
        Width of layers.
    n_layers : int, default=2
        Layers of the memory.
    n_simulations : int, default=5000
        Data sets that are simulated by `fit`.
    n_looks : int, default=16
        Times of each series that a step of training looks at.
    max_iter : int, default=50
        Epochs at most.
    batch_size : int, default=32
        Data sets a step.
    learning_rate_init : float, default=3e-3
        Highest rate of the schedule.
    n_iter_no_change : int, default=20
        Epochs without a better held-out score after which training stops.
    validation_fraction : float, default=0.1
        Share of the data sets held out.
    missing : {"mask"} or None, default=None
        Whether NaN in X stands for a missing value. If simulations have none, values are left out at random in
        training.
    missing_rate : float, default=0.8
        Share of values left out in training at most.
    fresh_simulations : bool, default=False
        Whether each epoch has `n_simulations` new simulations, made in the background. Where simulations cost little,
        nothing is then learned by heart.
    warn_outside : bool, default=True
        Whether `sample`, and what rests on it, warns of series that lie outside what was simulated.
    device : str, default="auto"
        Where to train. Draws are made on the CPU.
    n_jobs : int, optional
        Joblib workers that simulate.
    verbose : int, default=0
        Positive for progress bars.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`.

    Attributes
    ----------
    learned_ : object
        The trained network, the transitions, and units.
    parameter_names_, hyper_names_ : list of str
    n_times_in_, n_features_in_ : int
    loss_curve_, validation_scores_ : list of float
        Minus the mean log density, and the mean log density of held-out data sets, of hyper-parameters, of one filtered
        state and of one step back, an epoch.
    n_iter_, best_iter_ : int

    References
    ----------
    .. [1] L. Schumacher, P. Buerkner, A. Voss, U. Koethe, S. Radev (2023). Neural superstatistics for Bayesian
       estimation of dynamic cognitive models. Scientific Reports 13. arXiv 2211.13165.
    .. [2] S. Fruehwirth-Schnatter (1994). Data augmentation and dynamic linear models. Journal of Time Series Analysis
       15(2), 183-202.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.dynamic import DynamicPosterior, DynamicSimulator, RandomWalk
    >>> rate = RandomWalk(stats.halfnorm(scale=0.2), bounds=(0.0, None))
    >>> simulator = DynamicSimulator({"rate": rate}, None, lambda rate, rng: rng.poisson(rate), n_times=20)
    >>> posterior = DynamicPosterior(width=16, n_simulations=200, max_iter=3, random_state=0).fit(simulator)
    >>> X, y = simulator.sample(2, random_state=1)
    >>> draws = posterior.sample(X, n_draws=50, random_state=0)
    >>> draws.values.shape, draws.hyper.shape
    ((2, 50, 20, 1), (2, 50, 1))
    """

    def __init__(
        self,
        engine=None,
        *,
        step_engine=None,
        width=48,
        n_layers=2,
        n_simulations=5000,
        n_looks=16,
        max_iter=50,
        batch_size=32,
        learning_rate_init=3e-3,
        n_iter_no_change=20,
        validation_fraction=0.1,
        missing=None,
        missing_rate=0.8,
        fresh_simulations=False,
        warn_outside=True,
        device="auto",
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.engine = engine
        self.step_engine = step_engine
        self.width = width
        self.n_layers = n_layers
        self.n_simulations = n_simulations
        self.n_looks = n_looks
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.missing = missing
        self.missing_rate = missing_rate
        self.fresh_simulations = fresh_simulations
        self.warn_outside = warn_outside
        self.device = device
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: Trajectories | None = None) -> Self:
        """Train, on data sets that a simulator makes or has made.

        Parameters
        ----------
        X : DynamicSimulator, or array-like of shape (n_datasets, n_times, n_features)
            A simulator, of which `n_simulations` data sets are drawn, or data sets already simulated, 11 at least;
            with an axis of subjects before that of times where there are several.
        y : Trajectories, optional
            What made them, as `DynamicSimulator.sample` returns it; None for a simulator.

        Returns
        -------
        self : DynamicPosterior

        Raises
        ------
        TypeError, ValueError
            If X is no simulator and y no `Trajectories`, they do not fit together, or a parameter of the constructor is
            wrong.
        SimulatorError, TrainingError
            If a simulation fails, or the loss does not stay finite.
        """
        check_numbers(self)
        X, y, simulate = self._simulated(X, y) if isinstance(X, DynamicSimulator) else self._given(X, y)
        lesson = learn(self, y.space, X, y, simulate=simulate)
        self.learned_, self._reader, self._usual_memories, record, offsets = lesson
        self.parameter_names_, self.hyper_names_ = y.parameter_names, y.hyper_names
        self.n_subjects_in_, self.n_times_in_, self.n_features_in_ = X.shape[1:]
        log_dets = [offsets[0], *record.log_dets] if record.log_dets else [offsets[0]] * len(record.train_losses)
        losses = zip(record.train_losses, log_dets, strict=False)
        self.loss_curve_ = [float(loss - log_det) for loss, log_det in losses]
        self.validation_scores_ = [float(offsets[1] - loss) for loss in record.valid_losses]
        self.n_iter_, self.best_iter_ = len(self.loss_curve_), record.best_iter
        return self

    def _simulated(self, simulator, y):
        """Return series and trajectories with an axis of subjects, and what simulates others for each epoch."""
        if y is not None:
            raise ValueError("a simulator brings its own trajectories; leave y at None.")
        if simulator.allow_nan and self.missing is None:
            raise ValueError('the simulator has allow_nan=True, so the estimator needs missing="mask".')
        self._several = simulator.n_subjects is not None

        def simulate(seed, verbose=0):
            X, y = simulator.sample(self.n_simulations, random_state=seed, n_jobs=self.n_jobs, verbose=verbose)
            return X if self._several else X[:, np.newaxis], y.with_subjects()

        X, y = simulate(seed_sequence(self.random_state).spawn(1)[0], self.verbose)
        return X, y, simulate if self.fresh_simulations else None

    def _given(self, X, y):
        """Return series and trajectories that are given, with an axis of subjects, and None."""
        if not isinstance(y, Trajectories):
            raise TypeError(
                "fit needs a DynamicSimulator, or X and y as DynamicSimulator.sample returns them; got X of class "
                f"{type(X).__name__} and y of class {type(y).__name__}."
            )
        if self.fresh_simulations:
            raise ValueError("fresh_simulations=True needs a simulator: fit(simulator).")
        if len(y) < _FEWEST:
            raise ShapeError(f"fit needs at least {_FEWEST} data sets; got {len(y)}.")
        self._several = y.states.ndim == 4
        series = as_series(X, several=self._several, allow_nan=self.missing is not None)
        if (series.lengths != series.lengths[0]).any():
            raise ShapeError("series of fit must be of one length; the fit knows all that are shorter.")
        return series.values, _of_series(y.with_subjects(), series), None

    def log_prob(self, X: ArrayLike, y) -> np.ndarray:
        """Return the log density of hyper-parameters and trajectories given series.

        Parameters
        ----------
        X : array-like
            As in `sample`.
        y : Trajectories or TrajectoryDraws
            One for each data set, as `DynamicSimulator.sample` gives them, or draws of whole trajectories.

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,), or (n_datasets, n_draws) of draws
            The density is one of hyper-parameters and of states on the real line. Where a parameter stays as it is, the
            probability of that stands in the place of a density.
        """
        series = self._series(X)
        y = self._matching(y, series)
        hyper, states = y.hyper, y.states
        has_draws = isinstance(y, TrajectoryDraws)
        if not has_draws:
            hyper, states = hyper[:, np.newaxis], states[:, np.newaxis]
        learned, log_prob = exact(self.learned_), np.empty(hyper.shape[:2])
        n_subjects, n_times = states.shape[2:4]
        n_each = max(1, _PLACES // (n_subjects * n_times))
        for rows, memory in self._memories(series, torch.float64, learned.network):
            lengths = series.lengths[rows]
            i, j = (places.ravel() for places in np.indices(log_prob[rows].shape))
            found = []
            for start in range(0, len(i), n_each):
                at, draw = i[start : start + n_each], j[start : start + n_each]
                path = np.nan_to_num(states[rows][at, draw])  # NaN stands after the ends of series
                with torch.no_grad():
                    found.append(log_density(learned, memory[at], lengths[at], hyper[rows][at, draw], path))
            log_prob[rows] = np.concatenate(found).reshape(log_prob[rows].shape)
        return log_prob if has_draws else log_prob[:, 0]

    def score(self, X: ArrayLike, y) -> float:
        """Return the mean log density of hyper-parameters and trajectories; higher is better.

        Parameters
        ----------
        X : array-like
            As in `sample`.
        y : Trajectories

        Returns
        -------
        score : float
        """
        return float(self.log_prob(X, y).mean())

    def _matching(self, y, series):
        """Return the trajectories of `Series`, or draws of them, with an axis of subjects."""
        if not isinstance(y, (Trajectories, TrajectoryDraws)):
            raise TypeError(
                "y must be Trajectories, as DynamicSimulator.sample returns them, or TrajectoryDraws; got "
                f"{type(y).__name__}."
            )
        names, wanted = (y.parameter_names, y.hyper_names), (self.parameter_names_, self.hyper_names_)
        if names != wanted:
            raise ValueError(f"y must have the parameters and hyper-parameters {wanted}, as in fit; got {names}.")
        if isinstance(y, TrajectoryDraws) and y.hyper.ndim == 4:
            raise ValueError('y must be draws of whole trajectories; draws of kind="filtering" are of single times.')
        return _of_series(y.with_subjects(), series)


def _of_series(y, series):
    """Return trajectories, or draws of them, with an axis of subjects; raise unless they are of `Series`."""
    n_datasets, *_, n_subjects, n_times, _ = y.states.shape
    if (n_datasets, n_subjects, n_times) != series.values.shape[:3]:
        raise ShapeError(
            f"y must have trajectories of X, whose series have shape {series.values.shape[:3]}; got "
            f"{(n_datasets, n_subjects, n_times)}."
        )
    return y
