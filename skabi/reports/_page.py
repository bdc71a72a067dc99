"""A page of pictures of one report."""

import numpy as np

from skabi.diagnostics import sbc_ecdf
from skabi.plotting import (
    CoverageDisplay,
    HighestDensityCoverageDisplay,
    LossCurveDisplay,
    RecoveryDisplay,
    SBCDisplay,
    TARPDisplay,
)
from skabi.plotting._canvas import import_matplotlib, many_axes
from skabi.reports._verdicts import shortened, worst

_N_COLS = 3
# Of more than these, the ones furthest off are drawn.
_N_SHOWN = 6
_PROB_OF_INTERVALS = 0.9
_SMALL_LEGENDS = {"legend.fontsize": 8, "legend.columnspacing": 1.0, "legend.handlelength": 1.5}


def draw_page(report, *, ax):
    """Return figure and panels, `(n_rows, n_cols)`, of all pictures that there are results for."""
    results = report.results
    coverage = results["central_coverage"]
    shown = _furthest_off(np.abs(coverage.coverage - coverage.levels[:, np.newaxis]).max(axis=0))
    names = shortened(report.parameter_names[j] for j in shown)
    pictures = list(_pictures(report, shown, names))
    n_panels = len(pictures) + len(shown)
    n_rows = -(-n_panels // _N_COLS)
    used = (np.arange(n_rows * _N_COLS) < n_panels).reshape(n_rows, _N_COLS)
    # A third of a page is less than the width that displays have by themselves.
    with import_matplotlib().rc_context(_SMALL_LEGENDS):
        figure, _, axes = many_axes(ax, used=used, figsize=(5.6 * _N_COLS, 4.9 * n_rows))
        panels = axes[used]
        for (title, check, draw), panel in zip(pictures, panels, strict=False):
            draw(panel)
            verdicts = report.table["verdict"][report.table["check"] == check]
            panel.set_title(f"{title}: {worst(verdicts)}" if len(verdicts) else title, fontsize=10)
        _recovery(results, shown, names).plot(ax=panels[len(pictures) :])
    return figure, axes


def _pictures(report, shown, names):
    """Yield title, check and drawing of each picture that is one panel; a drawing takes its Axes."""
    results, level = report.results, report.level
    rows = report.table[report.table["check"] == "SBC ranks"]
    ranks, p_values = results["sbc_ranks"], rows["adjusted_p_value"].to_numpy()[shown]
    yield (
        "Ranks of the truth",
        "SBC ranks",
        lambda ax: _draw_ranks(ranks, shown, report.n_draws, names=names, p_values=p_values, level=level, ax=ax),
    )
    central = {name: getattr(results["central_coverage"], name)[:, shown] for name in ("coverage", "lower", "upper")}
    coverage = CoverageDisplay(levels=results["central_coverage"].levels, parameter_names=names, **central)
    yield "Central intervals", "coverage: central intervals", lambda ax: coverage.plot(ax=ax)
    if "highest_density_coverage" in results:
        density = results["highest_density_coverage"]
        yield (
            "Regions of highest density",
            "coverage: highest density",
            lambda ax: HighestDensityCoverageDisplay._of(density, ax=ax),
        )
    yield "Balls around random points", "coverage: balls (TARP)", lambda ax: TARPDisplay._of(results["tarp"], ax=ax)
    if "loss_curve" in results:
        check = "training score above new data"
        yield "Training", check, lambda ax: LossCurveDisplay(**results["loss_curve"]).plot(ax=ax)
    if "predictive_check" in results:
        check = "posterior predictive check"
        yield "Posterior predictive check", check, lambda ax: _draw_predictions(results, level=level, ax=ax)


def _draw_predictions(results, *, level, ax):
    """Draw ranks of statistics among replicates."""
    result = results["predictive_check"]
    shown = _furthest_off(-result.overall)
    names = shortened(results["statistic_names"][j] for j in shown)
    _draw_ranks(result.ranks, shown, result.n_replicates, names=names, p_values=None, level=level, ax=ax)
    ax.set(xlabel="rank of the statistic among replicates, as a fraction")


def _draw_ranks(ranks, shown, n_draws, *, names, p_values, level, ax):
    """Draw the ranks of some columns, with bands that any of all of them leaves with a probability of `level`."""
    result = sbc_ecdf(ranks[:, shown], n_draws, prob=1 - level / ranks.shape[1])
    SBCDisplay(
        z=result.z,
        ecdf=result.ecdf,
        lower=result.bands.lower,
        upper=result.bands.upper,
        inside=result.inside,
        p_value=p_values,
        prob=result.bands.prob,
        parameter_names=names,
    ).plot(ax=ax)


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
