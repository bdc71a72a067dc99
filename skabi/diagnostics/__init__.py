"""Does the posterior deserve trust? Draws and true parameters in, numbers out."""

from skabi.diagnostics._bayes_factor_recovery import bayes_factor_recovery
from skabi.diagnostics._break_even import BreakEven, break_even
from skabi.diagnostics._c2st import c2st
from skabi.diagnostics._coverage import CentralCoverage, central_coverage
from skabi.diagnostics._ecdf import ECDFBands, RankECDF, ecdf_bands, sbc_ecdf
from skabi.diagnostics._energy_score import energy_score, energy_scorer
from skabi.diagnostics._highest_density import HighestDensityCoverage, highest_density_coverage
from skabi.diagnostics._joint_sbc import joint_sbc_ranks
from skabi.diagnostics._local_c2st import LocalC2ST, local_c2st
from skabi.diagnostics._mahalanobis import mahalanobis
from skabi.diagnostics._mmd import mmd, mmd_test
from skabi.diagnostics._model_calibration import CalibrationError, ModelCalibration, model_calibration
from skabi.diagnostics._nested_r_hat import nested_r_hat
from skabi.diagnostics._pit import pit_ecdf, pit_values
from skabi.diagnostics._predictive_check import PredictiveCheck, posterior_predictive_check
from skabi.diagnostics._recovery import recovery
from skabi.diagnostics._sbc import sbc_ranks
from skabi.diagnostics._sliced_wasserstein import sliced_wasserstein, sliced_wasserstein_test
from skabi.diagnostics._tarp import TARP, tarp
from skabi.diagnostics._two_sample import TwoSampleTest
from skabi.diagnostics._uniformity import uniformity_test

__all__ = [
    "TARP",
    "BreakEven",
    "CalibrationError",
    "CentralCoverage",
    "ECDFBands",
    "HighestDensityCoverage",
    "LocalC2ST",
    "ModelCalibration",
    "PredictiveCheck",
    "RankECDF",
    "TwoSampleTest",
    "bayes_factor_recovery",
    "break_even",
    "c2st",
    "central_coverage",
    "ecdf_bands",
    "energy_score",
    "energy_scorer",
    "highest_density_coverage",
    "joint_sbc_ranks",
    "local_c2st",
    "mahalanobis",
    "mmd",
    "mmd_test",
    "model_calibration",
    "nested_r_hat",
    "pit_ecdf",
    "pit_values",
    "posterior_predictive_check",
    "recovery",
    "sbc_ecdf",
    "sbc_ranks",
    "sliced_wasserstein",
    "sliced_wasserstein_test",
    "tarp",
    "uniformity_test",
]
