"""What is asked of a posterior, whatever it is made of."""

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skabi.dynamic import DynamicPosterior
from skabi.exceptions import ApproximationWarning
from skabi.hierarchical import HierarchicalPosterior
from skabi.losses import ForwardKL

# What checks posteriors whose draws are no arrays.
_OTHERS = {
    HierarchicalPosterior: "skabi.hierarchical.level_ranks",
    DynamicPosterior: "skabi.plotting.TimeCalibrationDisplay",
}
# Share of the epochs after which the best one is among the last.
_NEAR_THE_END = 0.9


class Subject:
    """A fitted posterior, or a pipeline or a pair that has one.

    Parameters
    ----------
    posterior : object
        With `sample(X, n_draws, *, random_state)`.

    Raises
    ------
    TypeError
        If it cannot draw, or its draws are of several levels.
    NotFittedError
        If it is not fitted.
    """

    def __init__(self, posterior):
        if not callable(getattr(posterior, "sample", None)) or hasattr(posterior, "simulate_from"):
            raise TypeError(
                "posterior must have sample(X, n_draws, *, random_state), as AmortizedPosterior and JointEstimator "
                f"have; got {posterior!r:.200}."
            )
        for cls, instead in _OTHERS.items():
            if isinstance(posterior, cls):
                raise TypeError(f"a {cls.__name__} has draws of several levels, which are checked by {instead}.")
        if hasattr(posterior, "fit"):
            check_is_fitted(posterior)
        self.posterior = posterior
        last = posterior.steps[-1][1] if hasattr(posterior, "steps") else posterior
        # The part that was trained, which sees transformed data in a pipeline.
        self.trained = getattr(last, "posterior_", last)
        # Else the loss is not that of the density alone.
        loss = getattr(self.trained, "loss_", None)
        self._is_log_density = isinstance(loss, ForwardKL) and not getattr(last, "share_summary", False)

    def sample(self, X, n_draws, *, random_state):
        """Return draws `(n_datasets, n_draws, n_parameters)`."""
        return self.posterior.sample(X, n_draws=n_draws, random_state=random_state)

    def log_prob(self, X, y):
        """Return log densities, or None if there is no density."""
        try:
            return np.asarray(self.posterior.log_prob(X, y), dtype=float)
        except (AttributeError, NotImplementedError):
            return None

    def usual_p_values(self, X):
        """Return the share of simulated data sets as unusual as each of X, or None if that is not known."""
        if not hasattr(self.trained, "usual_p_values"):
            return None
        steps = self.posterior.steps[:-1] if hasattr(self.posterior, "steps") else []
        for _, step in steps:
            if step is not None and step != "passthrough":
                X = step.transform(X)
        return self.trained.usual_p_values(X)

    @property
    def prior(self):
        """Prior that the posterior was trained with, or None."""
        return getattr(self.trained, "prior_", None)

    @property
    def training_score(self):
        """Mean log density of the training data in the epoch that was kept, or None."""
        curve, best = getattr(self.trained, "loss_curve_", []), getattr(self.trained, "best_iter_", 0)
        return -float(curve[best - 1]) if len(curve) and best and self._is_log_density else None

    @property
    def is_trained_out(self):
        """Whether training ended, or the best epoch came, well before the last one allowed."""
        n_iter, best = getattr(self.trained, "n_iter_", None), getattr(self.trained, "best_iter_", None)
        if not n_iter:
            return False
        return n_iter < getattr(self.trained, "max_iter", n_iter) or (best or n_iter) < _NEAR_THE_END * n_iter

    @property
    def loss_curve(self):
        """What `LossCurveDisplay` takes, as a dict, or None."""
        curve = np.array(getattr(self.trained, "loss_curve_", []), dtype=float)
        scores = np.array(getattr(self.trained, "validation_scores_", []), dtype=float)
        if not len(curve):
            return None
        held_out = -scores if len(scores) == len(curve) else None
        return {
            "training_loss": curve,
            "validation_loss": held_out,
            "best_iter": getattr(self.trained, "best_iter_", None),
        }


@contextmanager
def without_warning_of_what_is_unusual(is_simulated):
    """Leave out what posteriors warn of: of a thousand simulated data sets some are far out."""
    with warnings.catch_warnings():
        if is_simulated:
            warnings.simplefilter("ignore", ApproximationWarning)
        yield
