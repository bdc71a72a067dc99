"""Models with levels: hyper-parameters, groups that scatter by them, and the data of each group."""

from skabi.hierarchical._calibration import LevelRanks, level_ranks
from skabi.hierarchical._grouped_data import GroupedData
from skabi.hierarchical._levels import LevelDraws, Levels
from skabi.hierarchical._posterior import HierarchicalPosterior
from skabi.hierarchical._regrouping import LeftOut
from skabi.hierarchical._simulator import HierarchicalSimulator

__all__ = [
    "GroupedData",
    "HierarchicalPosterior",
    "HierarchicalSimulator",
    "LeftOut",
    "LevelDraws",
    "LevelRanks",
    "Levels",
    "level_ranks",
]
