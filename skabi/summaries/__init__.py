"""Summary recipes: a data set in, a fixed number of statistics out."""

from skabi.summaries._base import BaseSummary, SummaryCost
from skabi.summaries._by_shape import summary_by_shape
from skabi.summaries._expert import ExpertSummary
from skabi.summaries._fusion import FusionSummary
from skabi.summaries._identity import IdentitySummary
from skabi.summaries._image import ImageSummary
from skabi.summaries._module import ModuleSummary
from skabi.summaries._nested import NestedSummary
from skabi.summaries._series import SeriesSummary
from skabi.summaries._set import SetSummary

__all__ = [
    "BaseSummary",
    "ExpertSummary",
    "FusionSummary",
    "IdentitySummary",
    "ImageSummary",
    "ModuleSummary",
    "NestedSummary",
    "SeriesSummary",
    "SetSummary",
    "SummaryCost",
    "summary_by_shape",
]
