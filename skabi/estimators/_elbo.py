"""Posteriors whose losses ask for the likelihood: what is checked before training, and the evidence lower bound."""

from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import integer_seed, seed_sequence
from skabi._torch import seeded, to_array, torch_generator
from skabi._warnings import warn
from skabi.engines import SplineFlow
from skabi.estimators._base import or_default
from skabi.estimators._inference import chunks, each
from skabi.estimators._joint_density import Asked, KnownModel
from skabi.estimators._posterior_answers import PosteriorAnswers
from skabi.estimators._stored import in_memory, in_parts, is_large
from skabi.exceptions import ApproximationWarning, DensityError, TrainingError
from skabi.losses import Batch, ReverseKL
from skabi.losses._sum import terms_of
from skabi.networks._data_sets import map_tensors, take, without_padding

# Pairs of draws of each data set, and of all of them, and how many go through a network at once.
_MOST_PAIRS, _FEWEST_PAIRS, _ALL_PAIRS, _CHUNK = 1000, 16, 200_000, 4096


class LowerBounds(PosteriorAnswers):
    """Base class of posteriors whose losses may ask for prior and likelihood."""

    def elbo(self, X: ArrayLike, *, n_draws: int | None = None, random_state=None) -> np.ndarray:
        """Return the evidence lower bound of data sets, of a posterior that was fitted with `ReverseKL`.

        It needs no parameters, and is higher the closer the posterior is, so that searches over data sets without
        parameters may go by it: `scoring=lambda estimator, X, y=None: estimator.elbo(X).mean()`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, optional
            Draws of each data set, which come in opposite pairs. By default between 32 and 2,000, the fewer the more
            data sets there are.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        elbo : ndarray of shape (n_datasets,)
            In nats. Minus infinity where a draw has no likelihood.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the loss is not `ReverseKL`, alone or in a sum; if it has no `likelihood` of its own, for that of a
            simulator is not kept; or if X does not have the shape seen in `fit`.
        FloatingPointError
            If the solver of a free-form engine fails.
        """
        check_is_fitted(self)
        n_pairs = None if n_draws is None else -(-check_count(n_draws, "n_draws") // 2)
        loss, seed = self._bounding_loss(), integer_seed(seed_sequence(random_state))
        if is_large(X):
            answer = partial(self.elbo, n_draws=n_draws, random_state=seed)
            return in_parts(answer, X, doing="lower bounds", verbose=self.verbose)
        x = self._scaled(X)
        how = {"log_likelihood": None, "torch_log_likelihood": None, "read": None, "device": torch.device("cpu")}
        model = KnownModel(self._parameter_map, **how)
        rows = model.add(in_memory(X))
        return elbo(self._network(), loss, model, x, rows, n_pairs=n_pairs, seed=seed, verbose=self.verbose)

    def _bounding_loss(self):
        """Return the `ReverseKL` of the last fit, which may have been given a likelihood since."""
        fitted, given = (
            [term for term in ([] if loss is None else terms_of(loss)) if isinstance(term, ReverseKL)]
            for loss in (self.loss_, self.loss)
        )
        if not fitted:
            raise ValueError(
                f"elbo is that of a posterior that was fitted with ReverseKL; its loss was {self.loss_!r}. For other "
                "losses score(X, y) is the log density of true parameters."
            )
        known = [term for term in fitted + given if term.likelihood is not None]
        if not known:
            raise ValueError(
                "elbo(X) needs a likelihood in the loss; that of a simulator, or one that was learned, is not kept. "
                "Set it: posterior.set_params(loss=ReverseKL(likelihood=f)), with f(X, **parameters) -> "
                "(n_datasets,) in torch."
            )
        return known[0]

    def _check_engine(self, n_parameters):
        """Refuse, before simulations are spent, an engine that cannot be built, or not be trained by the loss."""
        super()._check_engine(n_parameters)
        if self.loss is not None and self.loss.needs_density:
            with seeded(0):
                network = or_default(self.engine, SplineFlow).build(n_parameters, 1)
            _check_has_density(network, self.loss, or_default(self.engine, SplineFlow))

    def _with_model(self, task, X, simulator):
        """Return a task whose losses can ask for prior and likelihood, or raise if they cannot ask for densities."""
        for member in getattr(task.network, "members", [task.network]):
            _check_has_density(member, self.loss_, self.engine_)
        return super()._with_model(task, X, simulator)

    def _train(self, task):
        """Train the network of a task in place, and say where likelihoods have stood in the way."""
        asked = {} if task.model is None else task.model.asked
        try:
            record = super()._train(task)
        except TrainingError as error:
            said = asked.get("ReverseKL", Asked())
            if said.n_without:
                raise TrainingError(f"the evidence lower bound is not finite: {_without_density(said)}") from error
            raise
        said = asked.get("SelfConsistency", Asked())
        if said.n_without:
            share = f"the likelihood is -inf at {said.n_without} of {said.n} parameters, one of them {said.example}"
            if said.n_without == said.n:
                raise TrainingError(
                    f"SelfConsistency could not be computed: {share}. Among these are the parameters that made the "
                    "data sets, where they are known: look at the likelihood."
                )
            warn(f"SelfConsistency has left out what has no density: {share}.", ApproximationWarning)
        return record

    def _finish(self, task, record):
        """Keep, besides the trained network, the evidence lower bounds of the data sets."""
        super()._finish(task, record)
        self.__dict__.pop("elbo_", None)
        for loss in terms_of(self.loss_):
            if isinstance(loss, ReverseKL):
                model, x = task.model.on("cpu"), map_tensors(_in_double, task.x)
                rows, how = task.rows.cpu(), {"seed": task.seed, "verbose": self.verbose}
                self.elbo_ = elbo(self._network(), loss, model, x, rows, n_pairs=None, **how)
                said = model.asked[type(loss).__name__]
                if said.n_without:
                    n = int(np.isneginf(self.elbo_).sum())
                    warn(
                        f"the evidence lower bound, elbo_, is -inf for {n} of {len(self.elbo_)} data sets, and epochs "
                        f"with such a draw were undone: {_without_density(said)}",
                        ApproximationWarning,
                    )
        return self


@torch.no_grad()
def elbo(network, loss, model, x, rows, *, n_pairs, seed, verbose=0):
    """Return the evidence lower bound of each data set, `(n_datasets,)`.

    Parameters
    ----------
    network : SummarizedDensity or Ensemble
        In evaluation, on the CPU, of the type of x.
    loss : ReverseKL
    model : KnownModel
        On the CPU.
    x : Tensor or DataSets
    rows : Tensor of int of shape (n_datasets,)
        Numbers by which the model knows the data sets.
    n_pairs : int or None
        Opposite draws of each data set; None for as many as there is time for.
    seed : int
    verbose : int
    """
    n = len(rows)
    if n_pairs is None:
        n_pairs = int(np.clip(_ALL_PAIRS // n, _FEWEST_PAIRS, _MOST_PAIRS))
    bound, total = loss.bind(model, torch_generator(seed)), np.zeros(n)

    def work(index, part, columns):
        # A stream of random numbers a chunk, so that draws do not depend on the number of threads.
        generator = torch_generator(integer_seed(np.random.SeedSequence([seed, index])))
        batch, n_columns = Batch(without_padding(take(x, part)), None, rows[part]), columns.stop - columns.start
        return part, n_columns * to_array(bound.lower_bound(network, batch, n_columns, generator))

    parts = ((i, *chunk) for i, chunk in enumerate(chunks(n, n_pairs, _CHUNK)))
    for part, values in each(work, parts, doing="lower bounds", verbose=verbose):
        total[part] += values
    return total / n_pairs


def _check_has_density(network, loss, engine):
    """Raise if a term of a loss asks for densities, and the network of an engine has none."""
    asking = [type(term).__name__ for term in terms_of(loss) if term.needs_density]
    if asking and not getattr(network, "has_density", True):
        raise DensityError(
            f"{' and '.join(asking)} asks for the log density of draws, and {type(engine).__name__} has draws alone. "
            "Take FlowMatching() or SplineFlow(), or leave that loss out."
        )


def _without_density(said):
    return (
        f"the likelihood is -inf at {said.n_without} of {said.n} draws of the posterior that ReverseKL asked about, "
        f"one of them {said.example}. Fit with ForwardKL() to simulations first, which keeps draws where data are "
        "possible, and then with warm_start=True and ReverseKL(); or take a prior whose support is where the "
        "likelihood is positive."
    )


def _in_double(part):
    return part.cpu().double() if part.is_floating_point() else part.cpu()
