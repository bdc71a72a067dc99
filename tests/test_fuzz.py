"""Whatever a public method is given, it answers in the documented shape or says what is wrong."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# scikit-learn's own, what all estimators share, and what has tests of its own.
ELSEWHERE = {
    *("elbo", "get_feature_names_out", "get_metadata_routing", "get_params", "save"),
    *("set_callbacks", "set_output", "set_params"),
}
_N_EXAMPLES = 4
# Calls that once gave errors of NumPy, torch or pandas, other warnings, or answers to what are no numbers.
CHANGED = [
    ("Posterior", "log_prob", "y", "datetime"),
    ("Posterior", "transform", "X", "structured"),
    ("Posterior", "predict", "X", "tensor with gradient"),
    ("Posterior with gaps", "score", "y", "largest"),
    ("Posterior", "fit", "X", "largest"),
    ("Posterior of sets", "transform", "X", "datetime"),
    ("Posterior of sets", "transform", "X", "complex"),
    ("Posterior of sets", "transform", "X", "masked"),
    ("Posterior of sets", "score", "X", "sparse array"),
    ("Likelihood of sets", "score", "X", "0-d"),
    ("Likelihood of sets", "sample_data", "y", "largest"),
    ("Joint", "sample_data", "y", "huge"),
    ("KnownLikelihood", "score", "X", "object"),
    ("KnownLikelihood", "score", "X", "one number"),
    ("KnownLikelihood", "score", "X", "datetime"),
    ("EvidenceComparator", "predict_proba", "X", "digits"),
    ("EvidenceComparator", "predict_log_proba", "X", "huge"),
    ("MahalanobisDetector alone", "predict", "X", "words"),
    ("MahalanobisDetector alone", "fit", "X", "datetime"),
    ("SummaryMMDDetector alone", "test", "X", "masked"),
    ("SummaryMMDDetector alone", "test", "X", "uneven list"),
]
OTHER = [
    ("Likelihood", "partial_fit", "y", pd.DataFrame(np.ones((30, 2)), columns=["a", "a"])),
    ("Comparator", "log_bayes_factors", "reference", [0, 1]),
    ("EvidenceComparator", "log_bayes_factors", "reference", ()),
    ("EvidenceComparator", "fit", "simulators", 1.5),
    ("KnownLikelihood of sets", "sample_data", "n_observations", [[2, 2, 2]]),
    ("KnownLikelihood of sets", "sample_like", "X", {}),
    ("Comparator", "fit", "y", [1e300] * 20 + [-1e300] * 10),
]


@pytest.fixture(scope="module")
def fuzz():
    """The benchmark, whose cases are fitted once."""
    sys.path.insert(0, str(BENCHMARKS))
    yield __import__("fuzz")
    sys.path.remove(str(BENCHMARKS))
    for name in ("fuzz", "fuzz_cases", "fuzz_inputs"):
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def cases(fuzz):
    return fuzz.cases()


def test_calls_give_what_is_documented_or_errors_that_are_meant(fuzz, cases):
    pairs = [(case, method) for case in cases for method in case.methods]
    records = [
        fuzz.examine(case, method, n_examples=_N_EXAMPLES, derandomize=True, most_findings=1) for case, method in pairs
    ]
    findings = [text for record in records for text in record.findings.values()]
    assert not findings, "\n".join(findings)
    # The first call of each method is valid.
    assert all(record.outcomes["result"] for record in records)
    assert sum(record.outcomes["ValueError"] + record.outcomes["ShapeError"] for record in records) > len(pairs) / 2


@pytest.mark.parametrize(("name", "method", "argument", "change"), CHANGED)
def test_calls_that_were_answered_wrongly(fuzz, cases, name, method, argument, change):
    case = next(case for case in cases if case.name == name)
    call = fuzz.valid_call(case, method)
    made, (_, valid) = fuzz.CHANGES[change], call[argument]
    call[argument] = change, [made(x) for x in valid] if isinstance(valid, list) else made(valid)
    fuzz.outcome(case, method, call)


@pytest.mark.parametrize(("name", "method", "argument", "value"), OTHER)
def test_other_calls_that_were_answered_wrongly(fuzz, cases, name, method, argument, value):
    case = next(case for case in cases if case.name == name)
    call = fuzz.valid_call(case, method)
    call[argument] = "another", value
    fuzz.outcome(case, method, call)


def test_every_public_method_is_called(cases):
    called = {}
    for case in cases:
        called.setdefault(type(case.model), set()).update(case.methods)
    for case in cases:
        public = {name for name in dir(case.model) if not name.startswith("_") and callable(getattr(case.model, name))}
        public = {name for name in public if not name.endswith(("_", "_request"))}
        assert public - ELSEWHERE == called[type(case.model)], case.name
