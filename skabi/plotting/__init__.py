"""Displays: pictures of posteriors, of training and of diagnostics, in scikit-learn's Display idiom.

A display keeps the numbers it shows as attributes. `from_estimator` and `from_draws` compute them and plot at once;
`plot` draws them again, into other axes. matplotlib comes with the extra `plots` and is imported by the first picture.
"""

from skabi.plotting._bayes_factor_recovery import BayesFactorRecoveryDisplay
from skabi.plotting._c2st import C2STDisplay
from skabi.plotting._coverage import CoverageDisplay
from skabi.plotting._elicitation import ElicitationDisplay
from skabi.plotting._elpd_difference import ElpdDifferenceDisplay
from skabi.plotting._evidence import EvidenceDisplay
from skabi.plotting._highest_density import HighestDensityCoverageDisplay
from skabi.plotting._information_gain import InformationGainDisplay, PolicyGainDisplay
from skabi.plotting._joint_sbc import JointSBCDisplay
from skabi.plotting._levels import LevelsDisplay
from skabi.plotting._local_c2st import LocalC2STDisplay
from skabi.plotting._loss_curve import LossCurveDisplay
from skabi.plotting._meta_uncertainty import MetaUncertaintyDisplay
from skabi.plotting._misspecification import MisspecificationDisplay
from skabi.plotting._model_calibration import ModelCalibrationDisplay
from skabi.plotting._pairs import PairsDisplay
from skabi.plotting._pareto_k import ParetoKDisplay
from skabi.plotting._pit import PITDisplay
from skabi.plotting._predictive_check import PredictiveCheckDisplay
from skabi.plotting._recovery import RecoveryDisplay
from skabi.plotting._rungs import RungDisplay
from skabi.plotting._sbc import SBCDisplay
from skabi.plotting._sensitivity import SensitivityDisplay
from skabi.plotting._tarp import TARPDisplay
from skabi.plotting._time_calibration import TimeCalibrationDisplay
from skabi.plotting._trajectories import TrajectoryDisplay
from skabi.plotting._two_sample import TwoSampleDisplay

__all__ = [
    "BayesFactorRecoveryDisplay",
    "C2STDisplay",
    "CoverageDisplay",
    "ElicitationDisplay",
    "ElpdDifferenceDisplay",
    "EvidenceDisplay",
    "HighestDensityCoverageDisplay",
    "InformationGainDisplay",
    "JointSBCDisplay",
    "LevelsDisplay",
    "LocalC2STDisplay",
    "LossCurveDisplay",
    "MetaUncertaintyDisplay",
    "MisspecificationDisplay",
    "ModelCalibrationDisplay",
    "PITDisplay",
    "PairsDisplay",
    "ParetoKDisplay",
    "PolicyGainDisplay",
    "PredictiveCheckDisplay",
    "RecoveryDisplay",
    "RungDisplay",
    "SBCDisplay",
    "SensitivityDisplay",
    "TARPDisplay",
    "TimeCalibrationDisplay",
    "TrajectoryDisplay",
    "TwoSampleDisplay",
]
