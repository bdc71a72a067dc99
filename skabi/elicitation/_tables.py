"""What was stated beside what the prior implies, as a table and in words."""

import numpy as np
import pandas as pd
import torch
from scipy import special

COLUMNS = ["target", "row", "statistic", "stated", "implied", "difference", "relative"]


def residual_table(predictions, stated, values):
    """Return a row for each statistic of each target.

    Parameters
    ----------
    predictions : Predictions
    stated : list of Stated
    values : list of tensor of shape (n_simulations, n_columns)
    """
    rows = []
    for (name, target), asked, value in zip(predictions.targets.items(), stated, values, strict=True):
        implied = target.statement.shown(value, asked)
        labels, columns = target.statement.labels(value.shape[1]), target.statement.rows(value.shape[1])
        unit = _unit(asked)
        for i, column in enumerate(columns):
            for j, label in enumerate(labels):
                difference = implied[i, j] - asked.shown[i, j]
                values_of_row = (asked.shown[i, j], implied[i, j], difference, difference / unit[i, j])
                rows.append((name, column, label, *values_of_row))
    return pd.DataFrame(rows, columns=COLUMNS)


def _unit(asked):
    """Return what one is of a difference: the statements' spread, or one for shares and correlations."""
    if asked.scale.shape == asked.shown.shape and np.isfinite(asked.scale).all():
        return asked.scale
    return np.ones_like(asked.shown)


def in_words(table, prior_text):
    """Return lines that an expert can read."""
    lines = [f"A prior that fits the answers: {prior_text}"]
    for name, of_target in table.groupby("target", sort=False):
        lines.append(f"{name}")
        several = of_target["row"].nunique() > 1
        for row in of_target.itertuples():
            where = f"{row.row}, {row.statistic}" if several else row.statistic
            lines.append(f"  {where}: you said {row.stated:.4g}, the prior gives {row.implied:.4g}")
    return "\n".join(lines)


def tensors_of(prior, base):
    """Return a dict of parameter to tensor of draws of any prior, from standard normals `(n, n_parameters)`."""
    y = prior.split(prior.from_real(base))
    return {name: torch.from_numpy(np.array(part)) for name, part in y.items()}


class PriorSpace:
    """A prior that is not to be learned, in the place of a space of them."""

    def __init__(self, prior):
        self.prior = prior
        self.n_base = len(prior.parameter_names)

    def draws(self, x, base):
        """Return a dict of parameter to draws, from uniform numbers `(n, n_base)`."""
        return tensors_of(self.prior, special.ndtri(base))
