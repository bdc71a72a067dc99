"""Density recipes: what q(theta | context) is."""

from skabi.engines._base import BaseEngine
from skabi.engines._spline_flow import SplineFlow

__all__ = ["BaseEngine", "SplineFlow"]
