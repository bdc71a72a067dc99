"""The tables of the benchmarks say what the rows say, and their problems know their answers."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FIGURES = ["fit_seconds", "log_density", "draws_seconds", "draw_milliseconds", "fit_mib", "sampling_mib"]


@pytest.fixture
def benchmarks(monkeypatch):
    """Import modules of the benchmarks by name, and forget them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def rows():
    rows = [
        {
            **dict.fromkeys(FIGURES, 2.0),
            **{"task": task, "method": "skabi", "seed": seed, "n_simulations": 10_000, "scaled": False},
            **{"c2st": c2st, "c2st_1": c2st, "date": "2026-01-01", "machine": "M", "versions": "V"},
        }
        for task, seed, c2st in [("two_moons", 0, 0.5), ("two_moons", 1, 0.6), ("slcp", 0, 0.8), ("new", 0, 0.9)]
    ]
    rows[0]["exact_log_density"] = rows[1]["exact_log_density"] = 3.0
    return rows


@pytest.fixture
def page(rows, benchmarks, tmp_path):
    benchmarks("tables").write_tables(rows, tmp_path, tasks=["two_moons", "slcp"], others=["new"], methods=["skabi"])
    return (tmp_path / "side_by_side.md").read_text()


def test_figures_of_several_seeds_are_means_with_their_spread(page):
    assert "| two_moons | skabi | 2 | 2.0 ± 0.0 | 2.000 ± 0.000 | 3.000 ± 0.000 | 0.550 ± 0.071 |" in page
    assert "| slcp | skabi | 1 | 2.0 | 2.000 |  | 0.800 |" in page


def test_the_mean_over_tasks_has_the_spread_of_seeds_that_all_tasks_have(rows, benchmarks, tmp_path):
    rows.append(rows[2] | {"seed": 1, "c2st": 0.9})
    benchmarks("tables").write_tables(rows, tmp_path, tasks=["two_moons", "slcp"], others=["new"], methods=["skabi"])
    assert "| skabi | 2 | 0.700 ± 0.071 | 4 |" in (tmp_path / "side_by_side.md").read_text()


def test_other_tasks_have_a_table_and_a_mean_of_their_own(page):
    assert "| skabi | 2 | 0.675 | 4 |" in page
    assert "| skabi | 1 | 0.900 | 2 |" in page


def test_rows_of_other_tasks_alone_make_a_page(rows, benchmarks, tmp_path):
    benchmarks("tables").write_tables(rows[3:], tmp_path, tasks=["two_moons"], others=["new"], methods=["skabi"])
    assert "| new | skabi | 1 |" in (tmp_path / "side_by_side.md").read_text()


def test_peers_stand_beside_skabi(rows, benchmarks, tmp_path):
    peer = rows[2] | {"method": "sbi-nsf", "fit_seconds": 8.0, "log_density": 2.5, "c2st": 0.7, "fit_mib": 1.0}
    known = {"tasks": ["two_moons", "slcp"], "others": ["new"], "methods": ["skabi", "sbi-nsf"]}
    benchmarks("tables").write_tables([*rows, peer], tmp_path, **known)
    page = (tmp_path / "side_by_side.md").read_text()
    assert "| slcp | sbi-nsf | 0.25 | -0.500 | +0.100 | 1.00 | 1.00 | 2.00 | 1.00 |" in page


def test_published_figures_stand_beside_those_of_the_same_task_and_number_of_simulations(page):
    assert "| two_moons | 0.550 | 0.606 | 0.554 |" in page
    assert "| slcp | 0.800 | 0.901 | 0.874 |" in page
    assert "| mean | 0.675 | 0.754 | 0.714 |" in page


def test_what_the_ablation_replaces_is_what_a_fit_uses(benchmarks):
    ablation, tasks = benchmarks("ablation"), benchmarks("tasks")
    replacing = [choice for choice, (replacements, _) in ablation.CHOICES.items() if replacements]
    simulator = tasks.TASKS["two_moons"]()
    scores = [ablation.held_out(simulator, choice, n_simulations=60, seed=0)[0] for choice in ["defaults", *replacing]]
    assert len(set(scores)) == 1 + len(replacing)


OTHER_TASKS = ["lighthouse", "detectors", "oscillation", "elimination"]


def test_all_other_tasks_are_tested(benchmarks):
    assert list(benchmarks("tasks").OTHER_TASKS) == OTHER_TASKS


@pytest.mark.parametrize("name", OTHER_TASKS)
def test_posteriors_of_other_tasks_are_those_of_their_simulators(name, benchmarks):
    simulator = benchmarks("tasks").OTHER_TASKS[name]()
    X, y = simulator.sample(25, random_state=0)
    draws = simulator.sample_posterior(X, 99, random_state=1)
    for ranks in (draws < y.to_numpy()[:, np.newaxis]).mean(axis=1).T:
        assert stats.kstest(ranks, "uniform").pvalue > 1e-3
        # How far ranks are from the middle says whether posteriors are too narrow or too wide.
        assert stats.kstest(2 * np.abs(ranks - 0.5), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", OTHER_TASKS)
def test_likelihoods_of_other_tasks_are_those_of_their_simulators(name, benchmarks):
    simulator = benchmarks("tasks").OTHER_TASKS[name]()
    n = 20_000
    y, other = simulator.prior.from_real(np.array([[0.1, -0.2], [0.12, -0.18]]))
    values, others = (simulator.prior.split(np.tile(row, (n, 1))) for row in (y, other))
    X = simulator.simulate_data(**values, rng=np.random.default_rng(0))
    # The expectation of p(X | other parameters) / p(X | parameters) is one if X has the density in the denominator.
    ratio = np.exp(simulator.log_likelihood(X, **others) - simulator.log_likelihood(X, **values))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(n)


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("lighthouse", [4.0, 0.1]),
        ("detectors", [0.0, 0.05]),
        ("oscillation", [1.93, 1.9]),
        ("elimination", [2.0, 30.0]),
    ],
)
def test_evidence_of_other_tasks_is_that_of_an_even_grid(name, y, benchmarks):
    simulator = benchmarks("tasks").OTHER_TASKS[name]()
    values = simulator.prior.split(np.array([y]))
    X = simulator.simulate_data(**values, rng=np.random.default_rng(0))
    # 3,000 nodes a side need no zoom, which could cut a posterior.
    low, high = simulator.box.T[:, :, np.newaxis]
    nodes = low + (high - low) * (np.arange(3000) + 0.5) / 3000
    log_joint = simulator._log_joint(X, *nodes[:, np.newaxis])
    cell = np.prod(high - low) / 3000**2
    assert simulator.log_evidence(X) == pytest.approx(special.logsumexp(log_joint) + np.log(cell), abs=5e-3)


@pytest.mark.parametrize("name", OTHER_TASKS)
def test_observations_of_other_tasks_are_in_no_training_set(name, benchmarks):
    simulator = benchmarks("tasks").OTHER_TASKS[name]()
    observations, draws = benchmarks("references").compute_reference(simulator)
    assert draws.shape == (5, 5000, 2)
    for seed in range(3):
        X, _ = simulator.sample(1000, random_state=seed)
        # Counts may be the same by chance, but not those of all five.
        assert not (observations[:, np.newaxis] == X).all(axis=2).any(axis=1).all()
