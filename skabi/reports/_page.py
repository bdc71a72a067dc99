"""A page of pictures of one report."""

import numpy as np

from skabi.plotting import (
    CoverageDisplay,
    HighestDensityCoverageDisplay,
    LossCurveDisplay,
    RecoveryDisplay,
    SBCDisplay,
    TARPDisplay,
)
from skabi.plotting._canvas import many_axes

_N_COLS = 3
# Of more than these, the ones furthest off are drawn.
_N_SHOWN = 6
_PROB_OF_INTERVALS = 0.9


def draw_page(results, *, names, n_draws, ax):
    """Return figure and panels, `(n_rows, n_cols)`, of all pictures that there are results for."""
    coverage = results["central_coverage"]
    shown = _furthest_off(np.abs(coverage.coverage - coverage.levels[:, np.newaxis]).max(axis=0))
    names = [names[j] for j in shown]
    pictures = list(_pictures(results, shown, names, n_draws))
    n_panels = len(pictures) + len(shown)
    n_rows = -(-n_panels // _N_COLS)
    used = (np.arange(n_rows * _N_COLS) < n_panels).reshape(n_rows, _N_COLS)
    figure, _, axes = many_axes(ax, used=used, figsize=(5.2 * _N_COLS, 4.9 * n_rows))
    panels = axes[used]
    for (title, draw), panel in zip(pictures, panels, strict=False):
        draw(panel)
        panel.set_title(title, fontsize=10)
    _recovery(results, shown, names).plot(ax=panels[len(pictures) :])
    return figure, axes


def _pictures(results, shown, names, n_draws):
    """Yield title and drawing of each picture that is one panel; a drawing takes its Axes."""
    ranks = results["sbc_ranks"][:, shown]
    yield "Ranks of the truth", lambda ax: SBCDisplay.from_ranks(ranks, n_draws, parameter_names=names, ax=ax)
    central = {name: getattr(results["central_coverage"], name)[:, shown] for name in ("coverage", "lower", "upper")}
    coverage = CoverageDisplay(levels=results["central_coverage"].levels, parameter_names=names, **central)
    yield "Central intervals", lambda ax: coverage.plot(ax=ax)
    if "highest_density_coverage" in results:
        density = results["highest_density_coverage"]
        yield "Regions of highest density", lambda ax: HighestDensityCoverageDisplay._of(density, ax=ax)
    yield "Balls around random points (TARP)", lambda ax: TARPDisplay._of(results["tarp"], ax=ax)
    if "loss_curve" in results:
        yield "Training", lambda ax: LossCurveDisplay(**results["loss_curve"]).plot(ax=ax)
    if "predictive_check" in results:
        yield "Posterior predictive check", lambda ax: _draw_predictions(results["predictive_check"], ax)


def _draw_predictions(result, ax):
    """Draw ranks of statistics among replicates."""
    shown = _furthest_off(-result.overall)
    names = [f"statistic {j}" for j in shown]
    SBCDisplay.from_ranks(result.ranks[:, shown], result.n_replicates, parameter_names=names, ax=ax)
    ax.set(xlabel="rank of the statistic among replicates, as a fraction")


def _recovery(results, shown, names):
    intervals = {name: values[:, shown] for name, values in results["intervals"].items()}
    table = results["recovery"]
    return RecoveryDisplay(
        **intervals,
        correlation=table["correlation"].to_numpy()[shown],
        rmse=table["rmse"].to_numpy()[shown],
        prob=_PROB_OF_INTERVALS,
        parameter_names=names,
    )


def _furthest_off(errors):
    """Return the places of the largest errors, in order of place."""
    return np.sort(np.argsort(-errors, kind="stable")[:_N_SHOWN])
