"""Density recipes: what q(theta | context) is."""

from skabi.engines._autoregressive_spline_flow import AutoregressiveSplineFlow
from skabi.engines._base import BaseEngine
from skabi.engines._columnwise_spline_flow import ColumnwiseSplineFlow
from skabi.engines._consistency_model import ConsistencyModel
from skabi.engines._diffusion_model import DiffusionModel
from skabi.engines._flow_matching import FlowMatching
from skabi.engines._gaussian import Gaussian
from skabi.engines._residual_network import ResidualNetwork
from skabi.engines._solvers import DormandPrince, RungeKutta
from skabi.engines._spline_flow import SplineFlow
from skabi.engines._unet import UNet

__all__ = [
    "AutoregressiveSplineFlow",
    "BaseEngine",
    "ColumnwiseSplineFlow",
    "ConsistencyModel",
    "DiffusionModel",
    "DormandPrince",
    "FlowMatching",
    "Gaussian",
    "ResidualNetwork",
    "RungeKutta",
    "SplineFlow",
    "UNet",
]
