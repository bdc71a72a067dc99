"""A prior and a function that simulates data, run in parallel with seeds that do not depend on how."""

from skabi.simulators._simulator import Simulator, is_simulator
from skabi.simulators._store_view import open_store

__all__ = ["Simulator", "is_simulator", "open_store"]
