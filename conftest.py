"""What every test and doctest shares: pictures are drawn without a screen, and none stays open."""

import os
import sys

import pytest

os.environ["MPLBACKEND"] = "Agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # there is one a core
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_terminal_summary(terminalreporter):
    """Print how many of scikit-learn's checks of estimators ran, and how many passed."""
    outcomes = ("passed", "failed", "skipped", "xfailed")
    counts = {
        outcome: sum("test_scikit_learn_contract[" in report.nodeid for report in terminalreporter.getreports(outcome))
        for outcome in outcomes
    }
    if any(counts.values()):
        n_run = counts["passed"] + counts["failed"] + counts["xfailed"]
        parts = [f"{n_run} run", *(f"{count} {outcome}" for outcome, count in counts.items() if count)]
        terminalreporter.write_line(f"scikit-learn checks: {', '.join(parts)}")
