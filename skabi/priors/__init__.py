"""What is believed before the data: named parameters with `scipy.stats` distributions."""

from skabi.priors._base import BasePrior, check_prior
from skabi.priors._chained import ChainedPrior
from skabi.priors._independent import IndependentPrior
from skabi.priors._narrowed import NarrowedPrior, narrowed
from skabi.priors._power_scaled import power_scaled

__all__ = ["BasePrior", "ChainedPrior", "IndependentPrior", "NarrowedPrior", "check_prior", "narrowed", "power_scaled"]
