"""What is believed before the data: named parameters with `scipy.stats` distributions."""

from skabi.priors._base import BasePrior, check_prior
from skabi.priors._chained import ChainedPrior
from skabi.priors._independent import IndependentPrior

__all__ = ["BasePrior", "ChainedPrior", "IndependentPrior", "check_prior"]
