"""Which model, and how well does it predict: evidence, and cross-validation of many data sets at once."""

from skabi.model_selection._compare import compare
from skabi.model_selection._cross_validation import cross_val_elpd
from skabi.model_selection._elpd import CrossValElpd, PsisLoo
from skabi.model_selection._evidence import log_evidence
from skabi.model_selection._evidence_comparator import EvidenceComparator
from skabi.model_selection._meta_models import Dirichlet, LogisticNormal
from skabi.model_selection._meta_uncertainty import MetaUncertainty, ReplicationRisk
from skabi.model_selection._psis import psis_loo
from skabi.model_selection._routes import RouteAgreement, check_routes

__all__ = [
    "CrossValElpd",
    "Dirichlet",
    "EvidenceComparator",
    "LogisticNormal",
    "MetaUncertainty",
    "PsisLoo",
    "ReplicationRisk",
    "RouteAgreement",
    "check_routes",
    "compare",
    "cross_val_elpd",
    "log_evidence",
    "psis_loo",
]
