"""From amortized draws to exact ones: a ladder that each data set climbs as far as it needs."""

from skabi.refine._base import BaseSampler
from skabi.refine._nuts import NUTSSampler
from skabi.refine._refine import refine
from skabi.refine._result import Refined
from skabi.refine._slice import SliceSampler

__all__ = ["BaseSampler", "NUTSSampler", "Refined", "SliceSampler", "refine"]
