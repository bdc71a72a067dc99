"""Call every public method of every estimator with inputs good and bad, and print what comes of it.

python benchmarks/fuzz.py --n-examples 2000             # two minutes on one core
python benchmarks/fuzz.py --n-examples 500 --only Joint

A call gives a result of the documented shape, or an error that is raised on purpose and says what is wrong. All else
is a finding: other errors, messages of NumPy and torch, other warnings than of approximations, arguments that were
changed, and estimators that answer otherwise after a call. Of each finding hypothesis gives the simplest call.
"""

import argparse
import copy
import re
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import joblib
import numpy as np
import pandas as pd
import torch
from fuzz_cases import Case, cases, n_datasets
from fuzz_inputs import CHANGES, ROLES  # noqa: F401
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError

from skabi.exceptions import ApproximationWarning, SkabiError

TRAINING = {"fit", "fit_transform", "fit_predict", "partial_fit"}
EACH = {"X", "y", "labels", "theta", "draws", "proba"}
DOCUMENTED = {ValueError, TypeError, NotFittedError}
BARE = re.compile(
    r"operands could not|mat1 and mat2|index .* out of bounds|setting an array element|object of type|could not convert"
    r"|shape mismatch|cannot reshape|all the input array|The size of tensor|can't convert|zero-size array|unhashable"
    r"|unsupported operand|'.*' object|ufunc|only .* can be converted|inhomogeneous|must be real number",
)


class Finding(AssertionError):
    """A call that broke the contract; `key` tells one fault from another."""

    def __init__(self, key, text):
        super().__init__(text)
        self.key = key


@dataclass
class Record:
    """What became of calls of one method: number of outcomes by name, and findings by key."""

    outcomes: Counter = field(default_factory=Counter)
    findings: dict = field(default_factory=dict)


def contents(value):
    """Return what an argument holds, as something that can be compared."""
    if isinstance(value, Mapping):
        return {name: contents(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [contents(part) for part in value]
    if isinstance(value, pd.DataFrame):
        return [(str(name), repr(column.tolist())) for name, column in value.items()]
    if isinstance(value, np.ma.MaskedArray):
        return contents(value.data), contents(value.mask)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes() if value.dtype != object else repr(value.tolist())
    return contents(value.toarray()) if sparse.issparse(value) else repr(value)


def calls(case: Case, method: str):
    """Return a strategy of calls: a dict of argument to (label, value)."""
    arguments = case.methods[method].arguments
    return st.fixed_dictionaries({name: ROLES[role](case, method) for name, role in arguments.items()})


def valid_call(case, method):
    """Return a call with valid arguments alone: the simplest."""
    return find(calls(case, method), lambda _: True, settings=settings(database=None, derandomize=True))


def outcome(case, method, call):
    """Make a call, and return "result" or the name of the error's class; raise a `Finding` if neither is in order."""
    arguments = {name: value for name, (_, value) in call.items()}
    shown = f"{case.name}.{method}({', '.join(f'{name}={label}' for name, (label, _) in call.items())})"
    watched = {name: value for name, value in arguments.items() if name not in ("random_state", "simulators")}
    before = contents(watched)
    model = case.model
    if method in TRAINING:
        model = copy.deepcopy(model) if method == "partial_fit" else clone(model)
    result, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = getattr(model, method)(**arguments)
        except Exception as raised:
            error = raised
    for warning in caught:
        if not _is_documented(warning, case):
            key = (method, warning.category.__name__, warning.filename, warning.lineno)
            raise Finding(key, f"{shown} warned: {warning.category.__name__}: {warning.message} {key[2:]}")
    if contents(watched) != before:
        raise Finding((method, "changed arguments"), f"{shown} changed its arguments")
    is_as_it_was = method not in TRAINING or (method == "partial_fit" and error is not None)
    if is_as_it_was and joblib.hash(case.probe(model)) != case.answer:
        raise Finding((method, "changed estimator"), f"{shown} changed the estimator")
    if error is not None:
        _check_error(case, error, shown, is_valid=all(label == "valid" for label, _ in call.values()))
        return type(error).__name__
    _check_result(case, method, call, arguments, result, shown)
    return "result"


def _is_documented(warning, case):
    """Return whether a warning is of an approximation, or one that scikit-learn gives."""
    if issubclass(warning.category, (ApproximationWarning, DataConversionWarning)):
        return True
    if case.starts_elsewhere and issubclass(warning.category, RuntimeWarning):
        return True
    return "feature names" in str(warning.message)


def _check_error(case, error, shown, *, is_valid):
    frames = traceback.extract_tb(error.__traceback__)
    if case.knows_likelihood and any("/skabi/datasets/" in frame.filename for frame in frames):
        # A likelihood that is the user's own checks its data itself.
        return
    own = [frame for frame in frames if "/skabi/" in frame.filename]
    place = f"{own[-1].filename.rpartition('/skabi/')[2]}:{own[-1].lineno}" if own else "the call"
    text = f"{shown} raised {type(error).__name__} at {place}: {error}"
    key = (type(error).__name__, place)
    if type(error) not in DOCUMENTED and not isinstance(error, SkabiError) and not _is_own(error):
        raise Finding(key, text)
    in_scikit_learn = any("/sklearn/" in frame.filename for frame in frames)
    is_meant = own and frames[-1] is own[-1] and (frames[-1].line or "").startswith("raise")
    is_bare = BARE.match(str(error)) and not (in_scikit_learn and "Pipeline" in shown)
    if not (is_meant or in_scikit_learn) or is_bare:
        raise Finding((*key, "bare"), text)
    if is_valid:
        raise Finding((*key, "valid"), f"a valid call: {text}")


def _is_own(error):
    return isinstance(error, ValueError) and type(error).__module__.startswith("skabi.")


def _check_result(case, method, call, arguments, result, shown):
    roles = case.methods[method].arguments
    for name, role in roles.items():
        _, value = call[name]
        if role in ("X", "train_X", "y", "train_y", "theta") and not case.may_take(value, role, method):
            raise Finding((method, role, "taken"), f"{shown} gave a result for such {name}")
    each = [arguments[name] for name, role in roles.items() if role in EACH]
    lengths = set(map(n_datasets, each)) if len(each) > 1 else {}
    if len(lengths) > 1:
        raise Finding((method, "lengths"), f"{shown} gave a result for {lengths} data sets")
    if case.methods[method].shape is None:
        return
    spec, leaves = case.methods[method], _leaves(result)
    shapes = spec.shape(case.sizes(method, arguments))
    if isinstance(shapes, tuple):
        shapes = [shapes] * len(leaves)
    if shapes is not None and [np.shape(leaf) for leaf in leaves] != list(shapes):
        raise Finding((method, "shape"), f"{shown} has shapes {[np.shape(leaf) for leaf in leaves]}, not {shapes}")
    for leaf in leaves:
        values = np.asarray(leaf)
        if values.dtype.char not in spec.dtype:
            raise Finding((method, "dtype"), f"{shown} has dtype {values.dtype}")
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise Finding((method, "nan"), f"{shown} is NaN")
        is_valid = all(label == "valid" for label, _ in call.values())
        if values.dtype.kind == "f" and is_valid and not np.isfinite(values).all():
            raise Finding((method, "finite"), f"{shown} is not finite")


def _leaves(result):
    """Return the arrays of which a result is made."""
    if isinstance(result, dict):
        return [leaf for part in result.values() for leaf in _leaves(part)]
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in _leaves(part)]
    if hasattr(result, "__dataclass_fields__"):
        return [leaf for name in result.__dataclass_fields__ for leaf in _leaves(getattr(result, name))]
    return [result]


def examine(case, method, *, n_examples, derandomize=False, most_findings=6):
    """Return a `Record` of calls of one method; a fault that was found is looked for no more."""
    record = Record()

    @settings(
        max_examples=n_examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(case, method))
    def check(call):
        try:
            name = outcome(case, method, call)
        except Finding as finding:
            if finding.key in record.findings:
                return
            check.last = finding
            raise
        record.outcomes[name] += 1

    for _ in range(most_findings):
        try:
            check()
            break
        except Finding:
            record.findings[check.last.key] = str(check.last)
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-examples", type=int, default=2000, help="calls in all")
    parser.add_argument("--only", default="", help="part of the name of what is called")
    parser.add_argument("--derandomize", action="store_true", help="the same calls each time")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [(case, method) for case in cases() for method in case.methods if options.only in f"{case.name}.{method}"]
    rows, findings = [], []
    for case, method in pairs:
        n_examples = max(1, -(-options.n_examples // len(pairs)))
        record = examine(case, method, n_examples=n_examples, derandomize=options.derandomize)
        counts = dict(record.outcomes)
        errors = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if name != "result")
        n_calls = sum(counts.values())
        rows.append((f"{case.name}.{method}", n_calls, counts.get("result", 0), errors, len(record.findings)))
        findings += record.findings.values()
    table = pd.DataFrame(rows, columns=["method", "examples", "results", "documented errors", "findings"])
    print(table.to_string(index=False))
    print(f"\n{table.examples.sum()} examples, {len(findings)} findings")
    print(*findings, sep="\n")


if __name__ == "__main__":
    main()
