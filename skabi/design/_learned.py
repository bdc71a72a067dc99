"""What policies that are trained beforehand have in common."""

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count, check_real, check_sizes
from skabi.design._evaluation import PolicyGain, evaluate_policy
from skabi.files._savable import Savable


class LearnedDesign(Savable, BaseEstimator):
    """Base class of policies that `fit` trains in simulated experiments, as its parameters say."""

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def evaluate(
        self, experiment, *, n_rollouts: int = 1000, n_contrastive: int = 10_000, random_state=None
    ) -> PolicyGain:
        """Return bounds of the information that the policy brings in its `n_steps`.

        Parameters
        ----------
        experiment : Experiment
            That of `fit`, or another with designs and outcomes of the same shapes.
        n_rollouts, n_contrastive, random_state
            As in `evaluate_policy`.

        Returns
        -------
        gain : PolicyGain

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, SimulatorError
            As in `evaluate_policy`.
        """
        check_is_fitted(self)
        return evaluate_policy(
            experiment,
            self,
            n_steps=self.n_steps,
            n_rollouts=n_rollouts,
            n_contrastive=n_contrastive,
            random_state=random_state,
        )

    def _check_training(self):
        for name in ("n_steps", "n_features", "n_batches", "max_iter", "n_iter_no_change"):
            check_count(getattr(self, name), name)
        for name in ("batch_size", "n_contrastive"):
            check_count(getattr(self, name), name, minimum=2)
        check_real(self.learning_rate_init, "learning_rate_init", low=0.0)
        check_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
