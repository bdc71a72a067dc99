"""One call, one report: every check that a posterior can be given, with verdicts and what to try."""

from skabi.reports._check import check
from skabi.reports._report import Report

__all__ = ["Report", "check"]
