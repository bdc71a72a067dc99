"""A prior and a function that simulates data, run in parallel with seeds that do not depend on how."""

from skabi.simulators._simulator import Simulator, is_simulator
from skabi.simulators._store_view import StoredDataSets, open_store

__all__ = ["Simulator", "StoredDataSets", "is_simulator", "open_store"]
