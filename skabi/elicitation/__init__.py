"""From what an expert expects to see to a prior."""

from skabi.elicitation._elicitor import PriorElicitor
from skabi.elicitation._families import BaseFamily, Beta, Exponential, Gamma, HalfNormal, LogNormal, Normal, Unknown
from skabi.elicitation._flow_prior import FlowPrior
from skabi.elicitation._joint_flow import JointFlow
from skabi.elicitation._losses import BaseMatchLoss, DynamicWeights, EnergyDistance, SquaredError
from skabi.elicitation._quantities import BaseQuantity, FunctionOf, GroupMean, Outcome, Parameter, RSquared
from skabi.elicitation._smooth_draws import SmoothDraws
from skabi.elicitation._statements import BaseStatement, Correlation, Histogram, Moments, Quantiles, Stated
from skabi.elicitation._targets import Target

__all__ = [
    "BaseFamily",
    "BaseMatchLoss",
    "BaseQuantity",
    "BaseStatement",
    "Beta",
    "Correlation",
    "DynamicWeights",
    "EnergyDistance",
    "Exponential",
    "FlowPrior",
    "FunctionOf",
    "Gamma",
    "GroupMean",
    "HalfNormal",
    "Histogram",
    "JointFlow",
    "LogNormal",
    "Moments",
    "Normal",
    "Outcome",
    "Parameter",
    "PriorElicitor",
    "Quantiles",
    "RSquared",
    "SmoothDraws",
    "SquaredError",
    "Stated",
    "Target",
    "Unknown",
]
