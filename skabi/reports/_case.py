"""What the checks share: data sets whose parameters are known, and draws for them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skabi.reports._subject import Subject


@dataclass
class Case:
    """A posterior, data sets with their true parameters, draws, and what the checks found so far.

    Attributes
    ----------
    subject : Subject
    simulator : Simulator or None
    X : data sets
    y : ndarray of shape (n_datasets, n_parameters)
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
    names : list of str
    observed : data sets or None
    statistics : callable or None
    n_replicates : int
    level : float
    seeds : dict of str to SeedSequence
        One for each check.
    results : dict of str to object
        What diagnostics returned, for the report.
    notes : list of str
        What was left out, and why.
    """

    subject: Subject
    simulator: Any
    X: Any
    y: np.ndarray
    draws: np.ndarray
    names: list[str]
    observed: Any
    statistics: Any
    n_replicates: int
    level: float
    seeds: dict[str, np.random.SeedSequence]
    results: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def prior(self):
        """Prior of the simulator, or else of the posterior; None if it has none."""
        return self.subject.prior if self.simulator is None else self.simulator.prior

    def leave_out(self, what, why):
        """Note that a check was not made; return no rows."""
        self.notes.append(f"{what} left out: {why}{'' if why.endswith('.') else '.'}")
        return []
