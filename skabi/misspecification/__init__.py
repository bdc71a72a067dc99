"""Could the simulator have made this? Outlier detectors, with scikit-learn's contract, and tests of data sets."""

from skabi.misspecification._batch_test import BatchTest
from skabi.misspecification._mahalanobis_detector import MahalanobisDetector
from skabi.misspecification._summary_mmd_detector import SummaryMMDDetector

__all__ = ["BatchTest", "MahalanobisDetector", "SummaryMMDDetector"]
