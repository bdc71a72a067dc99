"""Rows of measured cells as a CSV and as a Markdown page."""

from pathlib import Path

import pandas as pd

# C2ST. Lueckmann et al. (2021, arXiv 2101.04653), means over ten observations, gaussian_mixture as rerun after a
# correction of the task; marked 2025, Vetter et al. (2025, arXiv 2504.17660), means over five runs.
PUBLISHED = Path(__file__).parent / "published.csv"
KEYS = ["scaled", "n_simulations", "task", "method"]
# Column, heading, format.
FIGURES = [
    ("fit_seconds", "fit s", ".1f"),
    ("log_density", "held-out log density", ".3f"),
    ("exact_log_density", "that of the exact posterior", ".3f"),
    ("c2st", "C2ST", ".3f"),
    ("draws_seconds", "100,000 draws s", ".2f"),
    ("draw_milliseconds", "1,000 draws ms", ".1f"),
    ("fit_mib", "fit MiB", ".0f"),
    ("sampling_mib", "sampling MiB", ".0f"),
]
# Figures that are compared by differences.
_EXACTNESS = {"log_density", "c2st"}


def write_tables(rows, folder, *, tasks, others, methods):
    """Write `side_by_side.csv`, one line a cell, and `side_by_side.md`, the mean over seeds; other tasks come last."""
    if not rows:
        return
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "side_by_side.csv", index=False)
    frame["task"] = pd.Categorical(frame["task"], [*tasks, *others])
    frame["method"] = pd.Categorical(frame["method"], methods)
    parts = ["# Side by side", machines(frame)]
    for (is_scaled, n_simulations), group in frame.groupby(["scaled", "n_simulations"]):
        scaled = ", tasks rescaled" if is_scaled else ""
        parts.append(f"## {n_simulations:,} simulations{scaled}")
        is_other = group["task"].isin(others)
        kinds = group[~is_other], group[is_other]
        parts += [table(kind) for kind in kinds for table in (by_task, over_tasks, beside_peers)]
        if not is_scaled:
            parts.append(beside_published(group, n_simulations))
    (folder / "side_by_side.md").write_text("\n\n".join(filter(None, parts)) + "\n")


def markdown(headings, lines):
    """Return a table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, ["---"] * len(headings), *lines])


def machines(frame):
    """Return on what, with which versions, the rows were measured."""
    days = frame["date"].str[:10]
    lines = [f"Measured from {days.min()} to {days.max()} on: {'; '.join(sorted(set(frame['machine'])))}.", ""]
    family = frame["method"].astype(str).str.split("-").str[0]
    lines += [f"- {name}: {'; '.join(sorted(set(group)))}" for name, group in frame["versions"].groupby(family)]
    return "\n".join(lines)


def by_task(group):
    """Return a table with a line for each task and method; C2ST of each observation is the mean over seeds."""
    if group.empty:
        return ""
    lines, figures = [], [figure for figure in FIGURES if figure[0] in group]
    for (task, method), cells in group.groupby(["task", "method"], observed=True):
        values = [with_spread(cells[name], form) for name, _, form in figures]
        each = cells[[name for name in cells if name.startswith("c2st_")]].mean()
        lines.append([task, method, str(len(cells)), *values, " ".join(f"{value:.3f}" for value in each)])
    headings = ["task", "method", "seeds", *(heading for _, heading, _ in figures), "C2ST of each observation"]
    return markdown(headings, lines)


def with_spread(values, form):
    """Return the mean, and the standard deviation if there are several values; nothing where there is none."""
    if values.isna().all():
        return ""
    spread = f" ± {values.std():{form}}" if len(values) > 1 else ""
    return f"{values.mean():{form}}{spread}"


def over_tasks(group):
    """Return a table of means over the tasks that every one of the methods has finished."""
    if group.empty:
        return ""
    means = group.groupby(["task", "method"], observed=True)[["fit_seconds", "c2st"]].mean().unstack("method").dropna()
    lines = [
        [
            str(method),
            str(len(means)),
            f"{means['c2st', method].mean():.3f}"
            + _spread_over_seeds(group[(group["method"] == method) & group["task"].isin(means.index)]),
            f"{means['fit_seconds', method].sum():.0f}",
        ]
        for method in means["c2st"].columns
        if len(means)
    ]
    return markdown(["method", "tasks that all finished", "mean C2ST", "all fits s"], lines) if lines else ""


def _spread_over_seeds(cells):
    """Return the spread of one method's mean C2ST over the seeds that all tasks have; nothing where there is one."""
    of_seeds = cells.pivot_table("c2st", "task", "seed", observed=True).dropna(axis=1).mean()
    return f" ± {of_seeds.std():.3f}" if len(of_seeds) > 1 else ""


def beside_peers(group):
    """Return a table of skabi beside each peer, means over the seeds that both have."""
    figures = [figure for figure in FIGURES if figure[0] in group and figure[0] != "exact_log_density"]
    names = [name for name, *_ in figures]
    cells = group.set_index(["task", "seed"])
    ours, peers = cells[cells["method"] == "skabi"], cells[~cells["method"].astype(str).str.startswith("skabi")]
    lines = []
    for (task, method), peer in peers.groupby(["task", "method"], observed=True):
        both = ours.index.intersection(peer.index)
        if both.empty:
            continue
        our_mean, peer_mean = ours.loc[both, names].mean(), peer.loc[both, names].mean()
        compared = [
            f"{our_mean[name] - peer_mean[name]:+.3f}"
            if name in _EXACTNESS
            else f"{our_mean[name] / peer_mean[name]:.2f}"
            for name in names
        ]
        lines.append([task, str(method), *compared])
    if not lines:
        return ""
    note = "skabi beside each peer: differences of log density and C2ST, times and memory as shares of the peer's."
    return f"{note}\n\n{markdown(['task', 'peer', *(heading for _, heading, _ in figures)], lines)}"


def beside_published(group, n_simulations):
    """Return a table of C2ST beside that of published methods."""
    published = pd.read_csv(PUBLISHED).query("n_simulations == @n_simulations").set_index("task")
    published = published.drop(columns="n_simulations").add_prefix("published ")
    measured = group.groupby(["task", "method"], observed=True)["c2st"].mean().unstack("method")
    measured.index = measured.index.astype(str)
    table = measured.join(published, how="inner")
    if table.empty:
        return ""
    table.loc["mean"] = table.mean(skipna=False)
    lines = [
        [task, *("" if pd.isna(v) else f"{v:.3f}" for v in row)]
        for task, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return f"{_PUBLISHED_NOTE}\n\n{markdown(['task', *table], lines)}"


_PUBLISHED_NOTE = (
    "C2ST at equal numbers of simulations. NPE and NPE-PFN are amortized, as skabi is; SNPE, SNLE, SNRE and SMC-ABC "
    "spend all simulations anew on each data set. Published means are over ten observations; those marked 2025, over "
    "five runs."
)
