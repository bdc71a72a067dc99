"""The tables of the benchmarks say what the rows say, and their problems know their answers."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FIGURES = ["fit_seconds", "log_density", "draws_seconds", "draw_milliseconds", "fit_mib", "sampling_mib"]


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    tables = __import__("tables")
    rows = [
        {
            **dict.fromkeys(FIGURES, 2.0),
            **{"task": task, "method": "skabi", "seed": seed, "n_simulations": 10_000, "scaled": False},
            **{"c2st": c2st, "c2st_1": c2st, "date": "2026-01-01", "machine": "M", "versions": "V"},
        }
        for task, seed, c2st in [("two_moons", 0, 0.5), ("two_moons", 1, 0.6), ("slcp", 0, 0.8)]
    ]
    tables.write_tables(rows, tmp_path, tasks=["two_moons", "slcp"], methods=["skabi"])
    yield (tmp_path / "side_by_side.md").read_text()
    sys.modules.pop("tables")


def test_figures_of_several_seeds_are_means_with_their_spread(page):
    assert "| two_moons | skabi | 2 | 2.0 ± 0.0 | 2.000 ± 0.000 | 0.550 ± 0.071 |" in page
    assert "| slcp | skabi | 1 | 2.0 | 2.000 | 0.800 |" in page


def test_published_figures_stand_beside_those_of_the_same_task_and_number_of_simulations(page):
    assert "| two_moons | 0.550 | 0.606 | 0.554 |" in page
    assert "| slcp | 0.800 | 0.901 | 0.874 |" in page
    assert "| mean | 0.675 | 0.754 | 0.714 |" in page


def test_what_the_ablation_replaces_is_what_a_fit_uses(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    ablation, tasks = __import__("ablation"), __import__("tasks")
    replacing = [choice for choice, (replacements, _) in ablation.CHOICES.items() if replacements]
    simulator = tasks.TASKS["two_moons"]()
    scores = [ablation.held_out(simulator, choice, n_simulations=60, seed=0)[0] for choice in ["defaults", *replacing]]
    assert len(set(scores)) == 1 + len(replacing)
    for name in ("ablation", "tasks", "other_tasks"):
        sys.modules.pop(name)


@pytest.mark.parametrize("name", ["lighthouse", "detectors", "oscillation", "elimination"])
def test_posteriors_of_the_other_tasks_are_those_of_their_simulators(name, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    tasks = __import__("tasks")
    simulator = tasks.OTHER_TASKS[name]()
    X, y = simulator.sample(100, random_state=0)
    draws = simulator.sample_posterior(X, 99, random_state=1)
    ranks = (draws < y.to_numpy()[:, np.newaxis]).mean(axis=1)
    for column in ranks.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
        # How far ranks are from the middle says whether posteriors are too narrow or too wide.
        assert stats.kstest(2 * np.abs(column - 0.5), "uniform").pvalue > 1e-3
    # The density integrates over a box to the share of draws in it.
    data_set = X[:1]
    some = simulator.sample_posterior(data_set, 10_000, random_state=2)[0]
    low, high = np.quantile(some, [0.1, 0.9], axis=0)
    share = np.all((some > low) & (some < high), axis=1).mean()
    points = np.random.default_rng(3).uniform(low, high, (20_000, 2))
    density = np.prod(high - low) * np.exp(simulator.log_posterior(np.repeat(data_set, len(points), axis=0), points))
    error = np.hypot(density.std() / np.sqrt(len(points)), np.sqrt(share * (1 - share) / len(some)))
    assert abs(density.mean() - share) < 4 * error
    for name in ("tasks", "other_tasks"):
        sys.modules.pop(name)
