"""Models whose parameters move: trajectories, filtering and forecasts."""

from skabi.dynamic._answers import FilterStep
from skabi.dynamic._base import BaseTransition, Pull
from skabi.dynamic._gaussian_process import GaussianProcess
from skabi.dynamic._jumps import Jumps
from skabi.dynamic._posterior import DynamicPosterior
from skabi.dynamic._random_walk import RandomWalk
from skabi.dynamic._regime_switching import RegimeSwitching
from skabi.dynamic._simulator import DynamicSimulator
from skabi.dynamic._static import Static
from skabi.dynamic._trajectories import Trajectories, TrajectoryDraws

__all__ = [
    "BaseTransition",
    "DynamicPosterior",
    "DynamicSimulator",
    "FilterStep",
    "GaussianProcess",
    "Jumps",
    "Pull",
    "RandomWalk",
    "RegimeSwitching",
    "Static",
    "Trajectories",
    "TrajectoryDraws",
]
