"""From figures to verdicts: by p-values of the whole report together, and by the size of the error."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

VERDICTS = ("good", "doubtful", "bad")
# Errors of stated probabilities, up to which they are harmless, and above which they are bad.
OF_PROBABILITY = (0.03, 0.1)
_LONGEST_NAME = 20


@dataclass(frozen=True)
class Row:
    """A line of the report before it is judged.

    Attributes
    ----------
    check, parameter : str
        What was looked at; no parameter where it is all of them.
    figure : float
        What came out.
    expected : str
        What was to come out.
    error : float
        What is judged; the larger, the worse.
    limits : (float, float)
        Errors above the first are doubtful, above the second bad.
    p_value : float
        NaN where the error is no matter of chance.
    finding, what_to_try : str
        Said unless the verdict is good.
    family : str
        Rows whose p-values are adjusted together.
    verdict : str
    adjusted_p_value : float
    """

    check: str
    figure: float
    expected: str
    error: float
    limits: tuple[float, float]
    finding: str
    what_to_try: str
    parameter: str = ""
    p_value: float = np.nan
    family: str = "posterior"
    verdict: str = field(default="")
    adjusted_p_value: float = field(default=np.nan)


def fault_row(check, finding, what_to_try):
    """Return the row of a check that could not be made because something is wrong: it is bad."""
    return Row(check=check, figure=np.nan, expected="", error=np.inf, limits=(0.0, 0.0), finding=finding,
               what_to_try=what_to_try)  # fmt: skip


def judge(rows, level):
    """Return the rows with verdicts.

    A row with a p-value is good unless that is below `level` after Holm's adjustment over all rows of its family: of
    reports on exact posteriors at most a share `level` has another verdict for chance alone. What is no chance is
    judged by its size.
    """
    p_values, families = np.array([row.p_value for row in rows]), np.array([row.family for row in rows])
    adjusted = np.empty(len(rows))
    for family in set(families):
        adjusted[families == family] = holm(p_values[families == family])
    return [_judge_one(row, p_value, level) for row, p_value in zip(rows, adjusted, strict=True)]


def _judge_one(row, p_value, level):
    by_chance = p_value >= level
    if by_chance or row.error <= row.limits[0]:
        return replace(row, verdict="good", adjusted_p_value=p_value, finding="", what_to_try="")
    return replace(row, verdict="doubtful" if row.error <= row.limits[1] else "bad", adjusted_p_value=p_value)


def holm(p_values):
    """Return p-values adjusted so that all of them together keep the level (Holm, 1979); NaN are left out."""
    adjusted = np.full(len(p_values), np.nan)
    there = np.flatnonzero(~np.isnan(p_values))
    order = there[np.argsort(p_values[there], kind="stable")]
    multiples = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(multiples), 1.0) if len(order) else multiples
    return adjusted


def smallest_error_seen(n_datasets, n_tests, level):
    """Return the error of a probability below which chance alone may be the reason (Massart, 1990)."""
    return float(np.sqrt(np.log(2 * n_tests / level) / (2 * n_datasets)))


def n_datasets_needed(n_tests, level):
    """Return how many data sets show an error that is bad, where `smallest_error_seen` is the largest doubtful one."""
    return int(np.ceil(np.log(2 * n_tests / level) / (2 * OF_PROBABILITY[1] ** 2)))


def table_of(rows):
    """Return judged rows as a DataFrame."""
    columns = ("check", "parameter", "figure", "expected", "error", "p_value", "adjusted_p_value", "verdict", "finding")
    return pd.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in (*columns, "what_to_try")},
    )


def worst(verdicts):
    """Return the worst of verdicts, good if there are none."""
    return max(verdicts, key=VERDICTS.index, default="good")


def shortened(names):
    """Return names that leave a table or a legend in its place, with their numbers if they would be the same."""
    names = [str(name) for name in names]
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..." for name in names]
    return short if len(set(short)) == len(short) else [f"{j}: {name}" for j, name in enumerate(short)]
