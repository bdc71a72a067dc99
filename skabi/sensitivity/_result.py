"""What an analysis of sensitivity found, as tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class SensitivityResult:
    """Changes of posteriors under other choices.

    Attributes
    ----------
    table : DataFrame
        One row a choice, data set and parameter. First the columns `choice_names`, then `data_set` (counted from 0) and
        `parameter`. Of each statistic, `mean`, `sd` and quantiles such as `q5`, there are its value; `_change`, the
        difference to the baseline in the parameter's units; `_change_sd`, the same in the baseline's posterior standard
        deviations; and `_se`, the Monte Carlo standard error of the difference. `distance` is Wasserstein's first
        distance of the marginal posteriors, in the baseline's standard deviations, and `distance_noise` what chance
        alone exceeds once in a hundred times, of independent draws: of draws that were weighed that is too much.
        `beyond_noise` says whether the distance is beyond that, or the mean or standard deviation have changed by more
        than three standard errors. `joint_distance`, the same in each row of a data set, is the energy distance of the
        joint posteriors, of draws in the baseline's standard deviations, which sees correlations, too; and
        `joint_distance_noise` what chance alone exceeds once in a hundred times. `pareto_k` is there where draws were
        weighed: above `largest_k` do not believe the row.

        Of a comparator, each `parameter` is the "probability of" a model. It is the mean of the indicator of the model,
        and `sd` is that of the indicator; `log_odds_change`, in nats, is of the model against all others. There are no
        quantiles, no joint distance and no Monte Carlo error, so that each change is beyond noise.
    baseline : DataFrame
        Statistics of the baseline, one row a data set and parameter.
    choice_names : list of str
        Columns that say what was chosen.
    quantiles : list of float
        Which quantiles there are.
    n_draws : int
        Draws of each posterior; none of a comparator.
    largest_k : float or None
        Up to which weights are relied on, where draws were weighed.

    See Also
    --------
    SensitivityAnalysis : Makes it.
    skabi.plotting.SensitivityDisplay : Shows it.
    """

    table: pd.DataFrame
    baseline: pd.DataFrame
    choice_names: list[str]
    quantiles: list[float]
    n_draws: int
    largest_k: float | None = None

    @property
    def parameter_names(self) -> list[str]:
        """Names of the parameters, in their order."""
        return list(dict.fromkeys(self.baseline["parameter"]))

    @property
    def n_datasets(self) -> int:
        """Number of data sets."""
        return self.baseline["data_set"].nunique()

    def summary(self) -> pd.DataFrame:
        """Return one row a choice and parameter, over all data sets.

        Returns
        -------
        summary : DataFrame
            `mean_change_sd` and `distance` averaged over data sets, the mean's largest change, the ratio of standard
            deviations, the share of data sets whose change is beyond noise, and, where draws were weighed, of those
            whose weights can be relied on.
        """
        table = self.table.assign(
            sd_ratio=self.table["sd"] / (self.table["sd"] - self.table["sd_change"]).replace(0.0, np.nan),
            largest_change_sd=self.table["mean_change_sd"].abs(),
        )
        wanted = {
            "mean_change_sd": ("mean_change_sd", "mean"),
            "largest_change_sd": ("largest_change_sd", "max"),
            "sd_ratio": ("sd_ratio", "mean"),
            "distance": ("distance", "mean"),
            "beyond_noise": ("beyond_noise", "mean"),
        }
        if self.largest_k is not None:
            table["reliable"] = table["pareto_k"] <= self.largest_k
            wanted["reliable"] = ("reliable", "mean")
        return table.groupby([*self.choice_names, "parameter"], sort=False, dropna=False).agg(**wanted).reset_index()

    def __repr__(self):
        n_choices = len(self.table[self.choice_names].drop_duplicates())
        choices = f"{type(self).__name__} of {n_choices} choices of {', '.join(self.choice_names)}"
        if not self.n_draws:
            return f"{choices}: {self.n_datasets} data sets, {len(self.parameter_names)} models"
        return (
            f"{choices}: {self.n_datasets} data sets, {len(self.parameter_names)} parameters, {self.n_draws} draws "
            f"each; {self.table['beyond_noise'].mean():.0%} of changes beyond noise"
        )

    def _repr_html_(self):
        styled = self.summary().to_html(index=False, border=0, float_format=lambda number: f"{number:.3f}")
        return (
            f"<p><b>{self!r}</b></p><p>Changes of means and distances are in standard deviations of the baseline's "
            f"posterior, averaged over data sets; all numbers are in <code>table</code>.</p>{styled}"
        )


def baseline_table(answers, parameter_names):
    """Return the baseline's statistics, one row a data set and parameter."""
    return _rows(answers.values, parameter_names, range(len(answers.values["mean"])))


def result_of(blocks, baseline, *, choice_names, parameter_names, quantiles, n_draws, largest_k=None):
    """Return a `SensitivityResult` of blocks: triples of a dict of choices, data sets and columns of changes."""
    parts = []
    for choice, data_sets, columns in blocks:
        part = _rows(columns, parameter_names, data_sets)
        for place, name in enumerate(choice_names):
            part.insert(place, name, [choice[name]] * len(part))
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return SensitivityResult(
        table,
        baseline_table(baseline, parameter_names),
        list(choice_names),
        [float(q) for q in quantiles],
        n_draws,
        largest_k,
    )


def _rows(columns, parameter_names, data_sets):
    n, p = len(data_sets), len(parameter_names)
    frame = {"data_set": np.repeat(np.asarray(data_sets), p), "parameter": np.tile(parameter_names, n)}
    return pd.DataFrame(frame | {name: np.ravel(values) for name, values in columns.items()})
