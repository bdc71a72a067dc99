"""Problems that know their answer, and small real data sets."""

from skabi.datasets._autoregressive_series import AutoregressiveSeries
from skabi.datasets._batting import load_batting
from skabi.datasets._bernoulli_glm import BernoulliGLM, BernoulliGLMRaw
from skabi.datasets._blob_image import BlobImage
from skabi.datasets._coal import load_coal
from skabi.datasets._drift_diffusion import DriftDiffusion
from skabi.datasets._gaussian import ConjugateGaussian, TruncatedGaussian
from skabi.datasets._gaussian_linear import GaussianLinear, GaussianLinearUniform
from skabi.datasets._gaussian_mean_scale import GaussianMeanScale
from skabi.datasets._gaussian_mixture import GaussianMixture
from skabi.datasets._gaussian_regression import GaussianRegression
from skabi.datasets._influenza import load_influenza
from skabi.datasets._linear_gaussian_state_space import LinearGaussianStateSpace
from skabi.datasets._lotka_volterra import LotkaVolterra
from skabi.datasets._sir import SIR
from skabi.datasets._slcp import SLCP
from skabi.datasets._two_level_gaussian import TwoLevelGaussian
from skabi.datasets._two_moons import TwoMoons

__all__ = [
    "SIR",
    "SLCP",
    "AutoregressiveSeries",
    "BernoulliGLM",
    "BernoulliGLMRaw",
    "BlobImage",
    "ConjugateGaussian",
    "DriftDiffusion",
    "GaussianLinear",
    "GaussianLinearUniform",
    "GaussianMeanScale",
    "GaussianMixture",
    "GaussianRegression",
    "LinearGaussianStateSpace",
    "LotkaVolterra",
    "TruncatedGaussian",
    "TwoLevelGaussian",
    "TwoMoons",
    "load_batting",
    "load_coal",
    "load_influenza",
]
