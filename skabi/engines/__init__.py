"""Density recipes: what q(theta | context) is."""

from skabi.engines._autoregressive_spline_flow import AutoregressiveSplineFlow
from skabi.engines._base import BaseEngine
from skabi.engines._columnwise_spline_flow import ColumnwiseSplineFlow
from skabi.engines._gaussian import Gaussian
from skabi.engines._spline_flow import SplineFlow

__all__ = ["AutoregressiveSplineFlow", "BaseEngine", "ColumnwiseSplineFlow", "Gaussian", "SplineFlow"]
