"""Summary recipes: a data set in, a fixed number of statistics out."""

from skabi.summaries._base import BaseSummary
from skabi.summaries._identity import IdentitySummary

__all__ = ["BaseSummary", "IdentitySummary"]
