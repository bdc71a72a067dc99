"""Contract suites that third-party parts can run too."""

from skabi.testing._instances import instances

__all__ = ["instances"]
