"""Does the posterior deserve trust? Draws and true parameters in, numbers out."""

from skabi.diagnostics._bayes_factor_recovery import bayes_factor_recovery
from skabi.diagnostics._break_even import BreakEven, break_even
from skabi.diagnostics._c2st import c2st
from skabi.diagnostics._coverage import CentralCoverage, central_coverage
from skabi.diagnostics._ecdf import ECDFBands, RankECDF, ecdf_bands, sbc_ecdf
from skabi.diagnostics._joint_sbc import joint_sbc_ranks
from skabi.diagnostics._mahalanobis import mahalanobis
from skabi.diagnostics._model_calibration import CalibrationError, ModelCalibration, model_calibration
from skabi.diagnostics._recovery import recovery
from skabi.diagnostics._sbc import sbc_ranks

__all__ = [
    "BreakEven",
    "CalibrationError",
    "CentralCoverage",
    "ECDFBands",
    "ModelCalibration",
    "RankECDF",
    "bayes_factor_recovery",
    "break_even",
    "c2st",
    "central_coverage",
    "ecdf_bands",
    "joint_sbc_ranks",
    "mahalanobis",
    "model_calibration",
    "recovery",
    "sbc_ecdf",
    "sbc_ranks",
]
