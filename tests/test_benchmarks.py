"""The tables of the benchmarks say what the rows say."""

import sys
from pathlib import Path

import pytest

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
    for name in ("ablation", "tasks"):
        sys.modules.pop(name)
