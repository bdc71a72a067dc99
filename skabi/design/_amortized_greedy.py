"""A network that proposes the next design from draws of the parameters, one step ahead."""

from collections import deque
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._torch import resolve_device, single_thread, to_array, to_tensor
from skabi.design._draws_after import by_length
from skabi.design._experiment import check_experiment, check_histories
from skabi.design._learned import LearnedDesign
from skabi.design._learning_by_particles import ParticleLearning, best_designs, build_proposals
from skabi.design._likelihood import check_functions
from skabi.design._particles import Particles

# Which random numbers draws follow histories with, so that the same history always has the same next design.
_SEED = 0
# What each policy followed last: an experiment that goes on has one step more, and several may go on side by side.
_FOLLOWED: WeakKeyDictionary = WeakKeyDictionary()
_N_FOLLOWED = 8
# Histories that the network sees at once.
_N_AT_ONCE = 500


class AmortizedGreedyDesign(LearnedDesign):
    """A network that chooses the next design which tells most, from draws of the parameters given what happened so far.

    Draws follow a history by sequential Monte Carlo, under the likelihood. The network proposes a design around each
    of them (of a pool, it looks at all), says how much it expects of each, and the best is taken: what `GreedyDesign`
    searches for in each step anew is learned once. Training simulates experiments that go as the network says, and
    maximises the information of one further outcome about which of the draws is true [1]_; designs learn by its
    gradient, and expectations by its value.

    Decisions depend on the draws alone, so that an experiment may go on beyond the `n_steps` of training.

    Parameters
    ----------
    n_steps : int, default=10
        Steps of a simulated experiment.
    n_particles : int, default=200
        Draws that follow a history.
    n_proposals : int, default=8
        Designs after each history that are trained at once.
    n_outcomes : int, default=16
        Outcomes of each, by which it is judged.
    n_contrastive : int, default=64
        Draws between which an outcome should tell. Its information never exceeds `log(n_contrastive)`.
    n_features : int, default=32
        What is kept of the shape of the draws.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Of the network.
    batch_size : int, default=32
        Simulated experiments a batch.
    n_batches : int, default=50
        Batches an epoch.
    max_iter : int, default=50
        Epochs at most.
    learning_rate_init : float, default=5e-3
        Highest rate of the schedule.
    n_iter_no_change : int, default=20
        Epochs without a better score of held-out experiments after which training stops.
    device : str, default="auto"
        Where the network is trained: "cpu", "cuda", ...; "auto" takes a GPU where there is one. Decisions are made on
        the CPU.
    verbose : int, default=0
        Positive for a progress bar.
    random_state : int, RandomState, Generator or None
        Governs all randomness of `fit`.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network, on the CPU.
    experiment_ : Experiment
        Whose likelihood draws follow.
    n_iter_, best_iter_ : int
        Epochs trained, and the one, counted from 1, whose weights were kept.
    loss_curve_ : list of float
        Mean negative information of an experiment's steps an epoch, in nats, each expected before it was taken.
    validation_scores_ : list of float
        The same of held-out experiments after each epoch, with the opposite sign.

    See Also
    --------
    GreedyDesign : The search; it needs no training.
    DeepAdaptiveDesign : Looks further ahead, and sees the history itself.

    References
    ----------
    .. [1] A. Foster, M. Jankowiak, M. O'Meara, Y. W. Teh, T. Rainforth (2020). A unified stochastic gradient approach
       to designing Bayesian-optimal experiments. AISTATS. arXiv 1911.00294.

    Examples
    --------
    >>> import torch
    >>> from scipy import stats
    >>> from skabi.design import AmortizedGreedyDesign, DesignBox, Experiment
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
    >>> policy = AmortizedGreedyDesign(2, n_particles=50, n_batches=20, max_iter=3, random_state=0).fit(experiment)
    >>> bool(policy.next_design([[[1.9, 0.4]]]).item() > 1.8)  # a slope is measured best far out
    True
    """

    def __init__(
        self,
        n_steps=10,
        *,
        n_particles=200,
        n_proposals=8,
        n_outcomes=16,
        n_contrastive=64,
        n_features=32,
        hidden_layer_sizes=(64, 64),
        batch_size=32,
        n_batches=50,
        max_iter=50,
        learning_rate_init=5e-3,
        n_iter_no_change=20,
        device="auto",
        verbose=0,
        random_state=None,
    ):
        self.n_steps = n_steps
        self.n_particles = n_particles
        self.n_proposals = n_proposals
        self.n_outcomes = n_outcomes
        self.n_contrastive = n_contrastive
        self.n_features = n_features
        self.hidden_layer_sizes = hidden_layer_sizes
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
            With `torch_outcome` and `torch_log_likelihood`.
        y : None
            Not used.

        Returns
        -------
        self : AmortizedGreedyDesign

        Raises
        ------
        TypeError
            If `experiment` is none, or a function in torch returns no tensor.
        ValueError
            If the experiment lacks functions in torch, or they are not of one model with those in NumPy.
        SimulatorError
            If a simulation fails.
        TrainingError
            If the information is not finite.

        Warns
        -----
        ApproximationWarning
            If steps of training are left out, since their gradients are not finite.
        """
        self._check_constructor()
        check_experiment(experiment)
        check_functions(experiment, "AmortizedGreedyDesign")
        building, learning = seed_sequence(self.random_state).spawn(2)
        network = build_proposals(self, experiment, seed=building)
        course = ParticleLearning(self, experiment, resolve_device(self.device), seed=learning)
        course.run(network)
        self.network_ = network.to("cpu").eval()
        self.experiment_ = experiment
        self.loss_curve_, self.validation_scores_ = course.losses, course.scores
        self.n_iter_, self.best_iter_ = len(course.losses), course.best_iter
        _FOLLOWED.pop(self, None)
        return self

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
            If histories have another shape, or designs out of the space, or no draw could have made an outcome.
        """
        check_is_fitted(self)
        self._check_n_particles()
        space = self.experiment_.space
        checked = check_histories(histories, space, self.experiment_.n_outcomes)
        designs = np.empty((len(checked), space.n_designs))
        for rows, steps in by_length(checked):
            particles = self._follow(steps)
            with torch.no_grad(), single_thread():
                designs[rows] = np.concatenate(
                    [
                        to_array(best_designs(self.network_, to_tensor(part)))
                        for part in np.array_split(particles.u, 1 + len(rows) // _N_AT_ONCE)
                    ]
                )
        return space.inside(designs)

    def _follow(self, histories):
        """Return particles that were told histories of one length, going on from those that were followed before."""
        followed = _FOLLOWED.setdefault(self, deque(maxlen=_N_FOLLOWED))
        known = [each for each in followed if each.n_particles == self.n_particles and each.are_before(histories)]
        particles = max(known, key=lambda each: each.n_steps, default=None) or Particles(
            self.experiment_, len(histories), self.n_particles, seed=np.random.SeedSequence(_SEED)
        )
        if particles in known:
            followed.remove(particles)
        for step in histories[:, particles.n_steps :].transpose(1, 0, 2):
            particles = particles.told(step)
        followed.append(particles)
        return particles

    def _check_constructor(self):
        self._check_training()
        check_count(self.n_proposals, "n_proposals")
        check_count(self.n_outcomes, "n_outcomes", minimum=2)
        self._check_n_particles()

    def _check_n_particles(self):
        check_count(self.n_particles, "n_particles")
        if self.n_particles < self.n_proposals + 2:
            raise ValueError(
                f"n_particles must be n_proposals + 2 at least, {self.n_proposals + 2}; got {self.n_particles}."
            )
