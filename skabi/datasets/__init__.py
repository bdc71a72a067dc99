"""Problems that know their answer, and small real data sets."""

from skabi.datasets._bernoulli_glm import BernoulliGLM, BernoulliGLMRaw
from skabi.datasets._gaussian import ConjugateGaussian, TruncatedGaussian
from skabi.datasets._gaussian_linear import GaussianLinear, GaussianLinearUniform
from skabi.datasets._gaussian_mixture import GaussianMixture
from skabi.datasets._influenza import load_influenza
from skabi.datasets._lotka_volterra import LotkaVolterra
from skabi.datasets._sir import SIR
from skabi.datasets._slcp import SLCP
from skabi.datasets._two_moons import TwoMoons

__all__ = [
    "SIR",
    "SLCP",
    "BernoulliGLM",
    "BernoulliGLMRaw",
    "ConjugateGaussian",
    "GaussianLinear",
    "GaussianLinearUniform",
    "GaussianMixture",
    "LotkaVolterra",
    "TruncatedGaussian",
    "TwoMoons",
    "load_influenza",
]
