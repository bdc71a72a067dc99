"""Which model, and how well does it predict: evidence, and cross-validation of many data sets at once."""

from skabi.model_selection._compare import compare
from skabi.model_selection._cross_validation import cross_val_elpd
from skabi.model_selection._elpd import CrossValElpd, PsisLoo
from skabi.model_selection._evidence import log_evidence
from skabi.model_selection._psis import psis_loo

__all__ = ["CrossValElpd", "PsisLoo", "compare", "cross_val_elpd", "log_evidence", "psis_loo"]
