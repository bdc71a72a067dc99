"""The posterior of a simulator's parameters, learned once for all data sets."""

from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import integer_seed, seed_sequence
from skabi._torch import resolve_device
from skabi.estimators._checks import check_constructor, check_fresh
from skabi.estimators._elbo import LowerBounds
from skabi.estimators._inference import contexts, draw, draw_evenly
from skabi.estimators._stored import in_parts, is_large
from skabi.estimators._stored_draws import draw_into
from skabi.priors import check_prior
from skabi.simulators import is_simulator


class AmortizedPosterior(LowerBounds):
    """Posterior of the parameters of a simulator, learned once and then answered for any data set in one pass.

    A regressor whose prediction is a whole distribution: `fit` trains a conditional density q(y | X) on simulations
    (neural posterior estimation [1]_, [2]_), `sample` draws from it, `predict` gives its mean, `score` its mean log
    density at the true parameters.

    Parameters are mapped to the real line by the prior's bijections and standardised, so draws never leave the
    prior's support and the density integrates to one inside it. Features are brought to a common scale, robust
    against outliers and many orders of magnitude.

    Parameters
    ----------
    engine : engine recipe, optional
        What the density is, from `skabi.engines`; by default `SplineFlow()`.
    summary : summary recipe, optional
        How a data set becomes a fixed number of statistics, from `skabi.summaries`; by default chosen by
        the shape of X: rows of numbers as they are, sets, images or several sources. A series needs `SeriesSummary()`.
    loss : loss recipe, optional
        What training minimises, from `skabi.losses`; by default `ForwardKL()`. Losses add: `ForwardKL() +
        SelfConsistency()`. Some ask for the likelihood: the simulator's, or one of their own.
    prior : IndependentPrior, ChainedPrior or None
        Prior that the parameters of `fit(X, y)` were drawn from. Without one they are real numbers. A simulator brings
        its own.
    n_estimators : int, default=1
        Networks that are trained side by side; the posterior is their equal mixture. Eight take about five times the
        time of one, and are more accurate where simulations are few.
    n_simulations : int, default=10_000
        Simulations of `fit(simulator)`.
    max_iter : int, default=50
        Epochs at most.
    batch_size : int or "auto", default="auto"
        Data sets a step.
    learning_rate_init : float, default=6e-3
        Highest rate of the schedule.
    n_iter_no_change : int, default=20
        Epochs without a better held-out score after which training stops.
    validation_fraction : float, default=0.1
        Share of the data sets held out for early stopping.
    early_stopping : bool, default=True
        Whether to hold out data sets, stop when their score no longer improves and keep the best weights.
    missing : {"mask"} or None, default=None
        Whether NaN in X stands for a missing value, and an absent source of a SliceDict for one that is not there;
        without it both are errors. If X of `fit` has such values, it says how they go missing; else they are left out
        at random in training, so that the posterior can do without them.
    missing_rate : float, default=0.8
        Share of values, and of sources, left out in training at most: each data set has its own, from zero to this.
    device : str, default="auto"
        Where to train and draw: "cpu", "cuda", ...; "auto" takes a GPU where there is one. Densities and predictions
        are computed on the CPU, in double precision.
    n_jobs : int, optional
        Joblib workers that simulate in `fit(simulator)`.
    warm_start : bool, default=False
        Whether `fit` goes on from the network of the last `fit`, at a lower rate: on more simulations, or on those of
        another simulator, prior, or number of observations. It trains for `max_iter` epochs more at most, and a third
        of those of a new fit are usually enough; it never ends with a worse score of the rows that it holds out than it
        began with. See `partial_fit` for simulations that come a part at a time.
    warn_outside : bool, default=True
        Whether `sample` warns of data sets whose summaries lie outside those of the simulations, where the network was
        never trained: beyond the Mahalanobis distance that as many simulated ones exceed once in a thousand calls.
    fresh_simulations : bool, default=False
        Whether `fit(simulator)` trains on `n_simulations` new simulations each epoch, which are made in the background
        while the network is trained on the last ones. Where simulations cost little, nothing is then learned by heart.
        Scales and held-out data sets are those of the first epoch.
    checkpoint : path-like, optional
        A folder where the state of training is kept. If `fit` is interrupted, or its process killed, `fit` with the
        same parameters and data goes on from there and ends where it would have ended; with `random_state=None` the
        seed is kept, too. A fit with other parameters or data begins anew and keeps its own state beside, so that the
        fits of a search may share a folder. A fit that is complete deletes its state; what nobody goes on with is
        deleted after 60 days, when another fit uses the folder.
    callbacks : list of skorch callbacks, optional
        Called during training, besides those of skabi. What they know is not kept in a checkpoint.
    verbose : int, default=0
        Positive for progress bars of simulation and training, and of what takes longer than two seconds after `fit`.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`.

    Attributes
    ----------
    engine_, summary_, loss_ : recipes
        What was used.
    network_ : torch.nn.Module
        The trained network, on the CPU.
    prior_ : prior or None
        The simulator's or the constructor's.
    parameter_names_ : list of str
        Names of the columns of `y`.
    n_iter_, best_iter_ : int
        Epochs trained, and the one, counted from 1, whose weights were kept; 0 if none was better than the linear
        regression of the start.
    loss_curve_ : list of float
        Mean negative log density, in the units of `score`, of the training data an epoch.
    validation_scores_ : list of float
        Mean log density of held-out data sets an epoch; empty without early stopping. With a penalty in the loss
        neither this nor `loss_curve_` is a log density, and with `ReverseKL` they are evidence lower bounds. A fit that
        goes on with another loss appends its own values to both.
    elbo_ : ndarray of shape (n_datasets,)
        With `ReverseKL`, the evidence lower bound of each data set of `fit`, in nats; of those that are read, or
        simulated, first where there are more. `elbo(X)` is that of others.
    n_features_in_ : int
        Numbers in a data set; for data sets with more axes the length of the last, for several sources their sum.
    feature_names_in_ : ndarray of str
        Column names of X, where it had any.
    n_observations_in_ : (int, int)
        Smallest and largest number of observations of a data set; not for several sources.

    References
    ----------
    .. [1] G. Papamakarios, I. Murray (2016). Fast epsilon-free inference of simulation models with Bayesian conditional
       density estimation. arXiv 1605.06376.
    .. [2] S. Radev, U. Mertens, A. Voss, L. Ardizzone, U. Koethe (2020). BayesFlow: learning complex stochastic models
       with invertible neural networks. arXiv 2003.06281.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedPosterior
    >>> from skabi.engines import Gaussian
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng):
    ...     return rng.poisson(rate, size=(8, len(rate))).T
    >>> simulator = Simulator(IndependentPrior({"rate": stats.gamma(3.0)}), simulate, vectorized=True)
    >>> posterior = AmortizedPosterior(Gaussian((16,)), n_simulations=500, max_iter=10, random_state=0)
    >>> draws = posterior.fit(simulator).sample([[2, 3, 1, 2, 4, 2, 3, 1]], n_draws=100, random_state=0)
    >>> draws.shape, bool((draws > 0).all())
    ((1, 100, 1), True)
    """

    elbo_: np.ndarray

    def __init__(
        self,
        engine=None,
        *,
        summary=None,
        loss=None,
        prior=None,
        n_estimators=1,
        n_simulations=10_000,
        max_iter=50,
        batch_size="auto",
        learning_rate_init=6e-3,
        n_iter_no_change=20,
        validation_fraction=0.1,
        early_stopping=True,
        missing=None,
        missing_rate=0.8,
        device="auto",
        n_jobs=None,
        warm_start=False,
        warn_outside=True,
        fresh_simulations=False,
        checkpoint=None,
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.engine = engine
        self.summary = summary
        self.loss = loss
        self.prior = prior
        self.n_estimators = n_estimators
        self.n_simulations = n_simulations
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.missing = missing
        self.missing_rate = missing_rate
        self.device = device
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.warn_outside = warn_outside
        self.fresh_simulations = fresh_simulations
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y: ArrayLike | None = None) -> Self:
        """Train on simulations.

        Ctrl-C ends training: what was best so far is kept, and a warning says so. In the first epoch, or while data
        sets are simulated, nothing is fitted, and `KeyboardInterrupt` is raised.

        Parameters
        ----------
        X : Simulator, array-like of shape (n_datasets, n_features) or (n_datasets, ...), list of arrays, or SliceDict
            A simulator, of which `n_simulations` are drawn, or data sets already simulated: an array, a list of arrays
            `(n_observations, ...)` where their lengths differ, or a dict of these where there are several sources.
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
            The parameters that made them; columns of a DataFrame name them. None for a simulator, and for data sets
            whose parameters nobody knows under a loss that needs none (`ReverseKL()`): an epoch then has at least 20
            batches, and from fewer than 100 data sets none is held out.

        Returns
        -------
        self : AmortizedPosterior

        Raises
        ------
        ValueError
            If X or y are not finite numbers of matching shapes (NaN may stand in X with `missing="mask"`), y leaves the
            prior's support, or a parameter is constant; the loss asks for a prior or a likelihood that is not there, or
            two of its likelihoods disagree; or the checkpoint cannot be read.
        SimulatorError
            If a simulation fails.
        DensityError
            If the loss asks for densities and the engine has draws alone.
        TrainingError
            If the loss stays NaN or infinite.
        FloatingPointError
            If a loss asks for draws, and the solver of a free-form engine fails.
        """
        check_constructor(self)
        check_fresh(self, X)
        self._begin_fit()
        prior, fresh, simulator = None if self.prior is None else check_prior(self.prior), None, None
        if is_simulator(X):
            fresh, simulator = self._fresh_simulations_of(X), X
            X, y, prior = self._simulate(X, y)
        return self._fit_simulations(X, y, prior=prior, fresh=fresh, simulator=simulator)

    def partial_fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Train for one pass over simulations, from where the last pass or `fit` ended.

        For simulations that come one part at a time, or do not fit into memory. No rows are held out, so that there is
        no early stopping, and scales are those of the first part, which should have hundreds of rows. `fit` with
        `warm_start=True` goes on, too, but in many epochs and with held-out rows.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features) or (n_datasets, ...), list of arrays, or SliceDict
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets,), optional
            As in `fit`.

        Returns
        -------
        self : AmortizedPosterior

        Raises
        ------
        TypeError
            If X is a simulator.
        ValueError
            As in `fit`; or if shapes or parameters are not those of earlier passes.
        TrainingError
            If the loss stays NaN or infinite.
        """
        return self._pass_over(X, y)

    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, n_replicates: int | None = None, store=None, random_state=None
    ):
        """Draw from the posterior of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
            Draws a data set.
        n_replicates : int, optional
            Draws are independent by default. A divisor of `n_draws` makes them so many replicates, one after the other,
            that are independent of each other, but within which draws are spread more evenly than by chance: randomized
            quasi-Monte Carlo [1]_. Means over them are closer to the posterior's, and their spread over replicates says
            how close.
        store : path-like, optional
            A folder that draws are written to, a chunk of data sets at a time by `n_jobs` workers, for more of them
            than memory holds. The same call, made again, draws what is missing. Each chunk has a seed of its own, so
            that draws are others than without a store.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray or zarr.Array of shape (n_datasets, n_draws, n_parameters)
            In the units of `y`, inside the prior's support. With a store an array on disk, of which `draws[rows]` reads
            a part.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not finite numbers of the shape seen in `fit`, `n_draws` is below 1, or `n_replicates` does not
            divide it.
        StoreError
            If the store has draws of something else, or cannot be written to.

        Warns
        -----
        ApproximationWarning
            If data sets lie outside what was simulated; `warn_outside=False` switches it off.

        References
        ----------
        .. [1] P. L'Ecuyer, C. Lemieux (2002). Recent advances in randomized quasi-Monte Carlo methods. In: Modeling
           Uncertainty. Springer.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        if n_replicates is not None and n_draws % check_count(n_replicates, "n_replicates"):
            raise ValueError(f"n_replicates must divide n_draws={n_draws}; got {n_replicates}.")
        if store is not None:
            options = {"n_draws": n_draws, "n_replicates": n_replicates, "random_state": random_state}
            return draw_into(store, self, X, **options)
        device = resolve_device(self.device)
        way = draw if n_replicates is None else partial(draw_evenly, n_replicates=n_replicates)
        network = self._network(device, torch.float32)
        context = contexts(network, self._scaled(X, device, torch.float32), verbose=self.verbose)
        if self.warn_outside:
            self._warn_of_outside(context)
        return way(
            network,
            context,
            n_draws,
            seed=integer_seed(seed_sequence(random_state)),
            parameter_map=self._parameter_map,
            verbose=self.verbose,
        )

    def usual_p_values(self, X: ArrayLike) -> np.ndarray:
        """Return how usual data sets are among those of `fit`, by the Mahalanobis distance of their summaries.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        p_values : ndarray of shape (n_datasets,)
            Share of simulated data sets that are as far from the mean or farther. Small for data on which the network
            was not trained, and for one in a thousand on which it was.
        """
        check_is_fitted(self)
        if is_large(X):
            return in_parts(self.usual_p_values, X, doing="summarizing", verbose=self.verbose)
        return self._p_values_of(contexts(self._network(), self._scaled(X), verbose=self.verbose))

    def _finish(self, task, record):
        """Keep, besides the trained network, where the summaries of simulated data sets lie."""
        super()._finish(task, record)
        self._keep_usual_summaries(task)
        return self

    @property
    def n_observations_in_(self):
        """Smallest and largest number of observations of a data set in `fit`."""
        readers = self._reader.each if hasattr(self, "_reader") else {}
        name = "data" if set(readers) == {"data", "statistics"} else None
        if name not in readers:
            raise AttributeError("n_observations_in_ is there after fit, for data sets of one source.")
        return readers[name].lengths

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags
