"""Contract suites that third-party parts can run too.

Each raises an `AssertionError` that says which contract was broken. For estimators there are scikit-learn's own,
`sklearn.utils.estimator_checks`.
"""

from skabi.testing._engine import check_engine
from skabi.testing._head import check_head
from skabi.testing._instances import instances
from skabi.testing._loss import check_loss
from skabi.testing._prior import check_prior
from skabi.testing._simulator import check_simulator
from skabi.testing._summary import check_summary

__all__ = ["check_engine", "check_head", "check_loss", "check_prior", "check_simulator", "check_summary", "instances"]
