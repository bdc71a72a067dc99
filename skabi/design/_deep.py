"""A policy that is trained beforehand, and then decides at once."""

from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._torch import resolve_device, single_thread, to_array, to_tensor
from skabi._warnings import warn
from skabi.design._experiment import check_experiment, check_histories
from skabi.design._learned import LearnedDesign
from skabi.design._learning import LikelihoodLearning, build_network
from skabi.design._learning_by_posterior import PosteriorLearning, fit_posterior
from skabi.design._likelihood import check_functions
from skabi.exceptions import ApproximationWarning


class DeepAdaptiveDesign(LearnedDesign):
    """A network that chooses each next design from all that happened before, trained in simulated experiments [1]_.

    Training maximises a lower bound of the information that all steps bring together, by contrasting the parameters of
    a simulated experiment with others. The network thus looks ahead: an early design may be one that makes later ones
    worth more. A decision is one pass through it.

    Gradients go through outcomes where these move with the design; where they do not, as counts, and where designs are
    of a pool, choices and outcomes are weighed by what they bring (the score function, with a baseline).

    Without a likelihood, or where nothing is in torch, a posterior that is learned from simulated histories gives the
    bound: the log density that it has, more than the prior, of the parameters behind a history [2]_, [3]_. Designs are
    drawn around the network's, ever closer, and weighed by what they bring. The gap of that bound is the posterior's
    error, and it takes more experiments.

    Parameters
    ----------
    n_steps : int, default=10
        Steps of an experiment.
    posterior : AmortizedPosterior, optional
        With it the bound is the posterior's, and only `simulate` of an experiment is needed. `fit` fits clones of it to
        histories of 1 to `n_steps` steps; one that is fitted already goes into `sklearn.frozen.FrozenEstimator`, and
        stays as it is.
    n_rounds : int, default=1
        With a posterior, how many times it is fitted, to histories of random designs at first and of the policy so far
        in each further round, and the policy trained on. A posterior is best near what it was trained on.
    adaptive : bool, default=True
        Whether designs depend on outcomes. Else the best fixed sequence is learned, to compare with.
    n_features : int, default=16
        What is kept of each step; these are summed.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Of the network that reads a step and of the one that chooses.
    n_contrastive : int, default=1000
        Other parameters in each batch. The bound never exceeds `log(n_contrastive + 1)`, and there is little to learn
        from experiments that come close to it. Not used with a posterior.
    batch_size : int, default=64
        Simulated experiments a batch.
    n_batches : int, default=100
        Batches an epoch.
    max_iter : int, default=50
        Epochs at most, of each round.
    learning_rate_init : float, default=2e-3
        Highest rate of the schedule.
    n_iter_no_change : int, default=20
        Epochs without a better score of held-out experiments after which training stops.
    device : str, default="auto"
        Where to train: "cpu", "cuda", ...; "auto" takes a GPU where there is one. Decisions are made on the CPU.
    verbose : int, default=0
        Positive for a progress bar.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network, on the CPU.
    space_ : DesignBox or DesignPool
        The experiment's.
    posterior_ : AmortizedPosterior or None
        The last one that was fitted, or the one that was given.
    n_designs_, n_outcomes_ : int
        How many numbers a design, and an outcome, has.
    n_iter_, best_iter_ : int
        Epochs trained in all rounds, and the one, counted from 1, whose weights were kept.
    loss_curve_ : list of float
        Mean negative bound an epoch, in nats.
    validation_scores_ : list of float
        Bound of held-out experiments after each epoch, in nats. With more contrastive parameters, `evaluate` says more.

    See Also
    --------
    AmortizedGreedyDesign : Sees draws of the parameters instead, one step ahead; better where there is a likelihood.
    evaluate_policy : Compares policies.
    AdaptiveDesigner : Runs an experiment with it.

    References
    ----------
    .. [1] A. Foster, D. Ivanova, I. Malik, T. Rainforth (2021). Deep adaptive design: amortizing sequential Bayesian
       experimental design. arXiv 2103.02438.
    .. [2] D. Barber, F. Agakov (2003). The IM algorithm: a variational approach to information maximization. NeurIPS.
    .. [3] T. Blau, I. Chades, A. Dezfouli, D. Steinberg, E. Bonilla (2023). Cross-entropy estimators for sequential
       experiment design with reinforcement learning. arXiv 2305.18435.

    Examples
    --------
    >>> import torch
    >>> from scipy import stats
    >>> from skabi.design import DeepAdaptiveDesign, DesignBox, Experiment
    >>> from skabi.priors import IndependentPrior
    >>> def simulate(slope, design, rng):
    ...     return slope * design[:, 0] + rng.normal(size=len(design))
    >>> def torch_outcome(design, generator, slope):
    ...     return slope[..., None] * design + torch.randn(design.shape, generator=generator)
    >>> def torch_log_likelihood(outcome, design, slope):
    ...     return torch.distributions.Normal(slope * design[..., 0], 1.0).log_prob(outcome[..., 0])
    >>> experiment = Experiment(
    ...     IndependentPrior({"slope": stats.norm(0, 1)}),
    ...     simulate,
    ...     space=DesignBox(0.0, 2.0),
    ...     torch_outcome=torch_outcome,
    ...     torch_log_likelihood=torch_log_likelihood,
    ... )
    >>> small = {"n_contrastive": 30, "batch_size": 32, "n_batches": 20, "max_iter": 4, "learning_rate_init": 0.01}
    >>> policy = DeepAdaptiveDesign(2, hidden_layer_sizes=(32,), random_state=0, **small).fit(experiment)
    >>> bool(policy.next_design([[[1.9, 0.4]]]).item() > 1.8)  # a slope is measured best far out
    True
    """

    def __init__(
        self,
        n_steps=10,
        *,
        posterior=None,
        n_rounds=1,
        adaptive=True,
        n_features=16,
        hidden_layer_sizes=(128, 128),
        n_contrastive=1000,
        batch_size=64,
        n_batches=100,
        max_iter=50,
        learning_rate_init=2e-3,
        n_iter_no_change=20,
        device="auto",
        verbose=0,
        random_state=None,
    ):
        self.n_steps = n_steps
        self.posterior = posterior
        self.n_rounds = n_rounds
        self.adaptive = adaptive
        self.n_features = n_features
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_contrastive = n_contrastive
        self.batch_size = batch_size
        self.n_batches = n_batches
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, experiment, y=None) -> Self:
        """Train in simulated experiments, new ones in each batch.

        Ctrl-C ends training: what was best so far is kept, and a warning says so. In the first epoch nothing is kept,
        and `KeyboardInterrupt` is raised.

        Parameters
        ----------
        experiment : Experiment
            With `torch_outcome` and `torch_log_likelihood`, unless there is a posterior.
        y : None
            Not used.

        Returns
        -------
        self : DeepAdaptiveDesign

        Raises
        ------
        NotFittedError
            If a posterior in `FrozenEstimator` is not fitted.
        TypeError
            If `experiment` is none, the posterior has no `log_prob`, or a function in torch returns no tensor.
        ValueError
            If there is no posterior and the experiment lacks functions in torch, or they are not of one model with
            those in NumPy.
        DensityError
            If the posterior's engine has draws alone.
        SimulatorError
            If a simulation fails.
        TrainingError
            If the bound is not finite.

        Warns
        -----
        ApproximationWarning
            If steps of training are left out, since their gradients are not finite.
        """
        self._check_constructor()
        check_experiment(experiment)
        if self.posterior is None:
            check_functions(
                experiment,
                "DeepAdaptiveDesign",
                advice="Without them, give a posterior that it fits to simulated histories: "
                "DeepAdaptiveDesign(posterior=AmortizedPosterior()).",
            )
        building, learning = seed_sequence(self.random_state).spawn(2)
        network = build_network(self, experiment, seed=building)
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] = []
        for course in self._courses(experiment, learning):
            course.run(network)
            self.network_ = network.to("cpu", torch.float64).eval()
            self.space_ = experiment.space
            self.n_designs_, self.n_outcomes_ = experiment.n_designs, experiment.n_outcomes
            self.best_iter_ = len(self.loss_curve_) + course.best_iter
            self.loss_curve_ += course.losses
            self.validation_scores_ += course.scores
            self.n_iter_ = len(self.loss_curve_)
        return self

    def _courses(self, experiment, seed):
        """Yield what trains the network in each round; in later ones a posterior has seen what it does so far."""
        device = resolve_device(self.device)
        self.posterior_ = None
        if self.posterior is None:
            yield LikelihoodLearning(self, experiment, device, seed=seed)
            return
        for n_before, own in enumerate(seed.spawn(self.n_rounds)):
            fitting, training = own.spawn(2)
            self.posterior_ = fit_posterior(self, experiment, policy=self if n_before else None, seed=fitting)
            yield PosteriorLearning(self, experiment, device, seed=training, posterior=self.posterior_)

    def next_design(self, histories: ArrayLike, *, random_state=None) -> np.ndarray:
        """Return the next design for each history.

        Parameters
        ----------
        histories : array-like of shape (n, n_steps, n_designs + n_outcomes), or list of arrays
            Of no step at the beginning, `(n, 0, n_designs + n_outcomes)`.
        random_state : object
            Not used: the same history always has the same next design.

        Returns
        -------
        designs : ndarray of shape (n, n_designs)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If histories have another shape, or designs out of the space.

        Warns
        -----
        ApproximationWarning
            If a history has all `n_steps` already, beyond which the network was not trained.
        """
        check_is_fitted(self)
        checked = check_histories(histories, self.space_, self.n_outcomes_)
        counts = [len(history) for history in checked]
        n_steps = self.network_.policy.n_steps
        if max(counts) >= n_steps:
            warn(
                f"a history has {max(counts)} steps already, and the policy was trained for {n_steps} in all: further "
                "designs are a guess. Fit DeepAdaptiveDesign(n_steps=...) of more.",
                ApproximationWarning,
            )
        with torch.no_grad(), single_thread():
            steps = to_tensor(np.concatenate(checked), dtype=torch.float64)
            designs = self.network_(steps, torch.tensor(counts))
        return self.space_.check(to_array(designs))

    def _check_constructor(self):
        self._check_training()
        check_count(self.n_rounds, "n_rounds")
        if self.posterior is not None and not hasattr(self.posterior, "log_prob"):
            raise TypeError(f"posterior must have log_prob(X, y), as AmortizedPosterior has; got {self.posterior!r}.")
