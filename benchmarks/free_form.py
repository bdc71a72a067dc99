"""Print accuracy and time of free-form engines beside the spline flow's, BayesFlow's and published ones.

python benchmarks/free_form.py                                        # two moons and SLCP, all engines: about an hour
python benchmarks/free_form.py --tasks two_moons --engines diffusion  # some tasks, some engines
python benchmarks/free_form.py --tasks all --engines diffusion        # the nine tasks
python benchmarks/free_form.py --engines consistency consistency-training # taught by a diffusion model, by itself
python benchmarks/free_form.py --engines flow bayesflow-flow-matching # beside a peer
python benchmarks/free_form.py --seeds 0 1 2 --reference FOLDER       # several seeds; TASK.npz with reference draws
python benchmarks/free_form.py speed                                  # 2 and 10 consistency steps, 100 Euler steps
python benchmarks/free_form.py --n-observations 0                     # held-out scores and times alone
python benchmarks/free_form.py --engines diffusion --n-estimators 4   # several networks in place of one

Tasks are those of the SBIBM benchmark (Lueckmann et al., 2021) with 10,000 simulations. C2ST is the mean over
observations, the published one the least of `published.csv`; training and drawing are seconds of the processor, all
threads together, on whatever it was. Peers make 10,000 draws, whose time is multiplied by ten, and theirs are seconds
of the clock.
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
from references import N_DRAWS, load_reference
from runners import FREE_FORM_METHODS, run_cell
from sklearn.base import clone
from tables import PUBLISHED
from tasks import HELD_OUT_SEED, TASKS, write_simulations

from skabi import AmortizedPosterior
from skabi.diagnostics import c2st
from skabi.engines import ConsistencyModel, DiffusionModel, FlowMatching, RungeKutta, SplineFlow

ENGINES = {
    "spline": SplineFlow(),
    "flow": FlowMatching(),
    "diffusion": DiffusionModel(),
    "consistency": ConsistencyModel(),
    "consistency-training": ConsistencyModel(distil=False),
}
# What is asked of one fit: a name, and parameters that may be changed after it.
STEPS = [("2 steps", {"engine__n_steps": 2}), ("10 steps", {"engine__n_steps": 10})]
WAYS = {"consistency": STEPS, "consistency-training": STEPS}
N_SIMULATIONS, N_SCORED, N_TIMED, N_TIMED_OF_PEERS = 10_000, 300, 100_000, 10_000


def seconds(work):
    """Return what `work` returns, and the seconds of the processor that it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def measure(task, name, seed, arguments):
    """Fit one engine to a task, and print a line for each way to draw from it."""
    simulator = TASKS[task]()
    X, y = simulator.sample(N_SIMULATIONS, random_state=seed)
    posterior = AmortizedPosterior(clone(ENGINES[name]), prior=simulator.prior, random_state=seed)
    posterior.set_params(max_iter=arguments.max_iter, n_estimators=arguments.n_estimators)
    _, fit_seconds = seconds(lambda: posterior.fit(X, y))
    score = "none"
    if not isinstance(ENGINES[name], ConsistencyModel):
        held_out = simulator.sample(N_SCORED, random_state=HELD_OUT_SEED + seed)
        score = f"{posterior.score(*held_out):.3f}"
    observations, references = load_reference(task, arguments.reference)
    for way, parameters in WAYS.get(name, [("", {})]):
        posterior.set_params(**parameters)
        _, draw_seconds = seconds(lambda: posterior.sample(observations[:1], N_TIMED, random_state=0))
        draws = posterior.sample(observations, N_DRAWS, random_state=1)
        accuracy = accuracy_of(draws, references, arguments.n_observations)
        show(task, f"{name} {way}", seed, f"{fit_seconds:.0f}", posterior.n_iter_, score, accuracy, draw_seconds)


def measure_peer(task, name, seed, arguments):
    """Fit a peer's network to a task in processes of its own, and print a line."""
    observations, references = load_reference(task, arguments.reference)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulations.npz"
        write_simulations(path, TASKS[task](), N_SIMULATIONS, seed=seed, observations=observations)
        figures, draws = run_cell(name, path, seed=seed, n_draws=N_TIMED_OF_PEERS)
    accuracy = accuracy_of(draws, references, arguments.n_observations)
    draw_seconds = figures["draws_seconds"] * N_TIMED / N_TIMED_OF_PEERS
    show(task, name, seed, f"{figures['fit_seconds']:.0f}", 100, "none", accuracy, draw_seconds)


def accuracy_of(draws, references, n_observations):
    """Return the mean C2ST of the first observations, as a word."""
    return f"{c2st(references[:n_observations], draws[:n_observations]).mean():.3f}" if n_observations else "-"


def show(task, name, seed, fit_seconds, n_epochs, score, accuracy, draw_seconds):
    """Print a line of the table."""
    published = pd.read_csv(PUBLISHED).query("n_simulations == @N_SIMULATIONS").set_index("task").loc[task, "NPE":]
    best = f"{published.min():.3f} ({published.astype(float).idxmin()})"
    cells = [task, name, seed, fit_seconds, n_epochs, score, accuracy, best, f"{draw_seconds:.1f}"]
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def compare_speed():
    """Print the time of draws of a consistency model and of flow matching with the same network, untrained."""
    simulator = TASKS["two_moons"]()
    X, y = simulator.sample(500, random_state=0)
    engines = {
        "consistency, 2 steps": ConsistencyModel(n_steps=2),
        "consistency, 10 steps": ConsistencyModel(n_steps=10),
        "flow matching, 100 Euler steps": FlowMatching(n_steps=100, solver=RungeKutta(order=1)),
    }
    print("| engine | seconds of the processor for 20,000 draws |\n| --- | --- |")
    for name, engine in engines.items():
        posterior = AmortizedPosterior(engine, prior=simulator.prior, max_iter=1, random_state=0).fit(X, y)
        posterior.sample(X[:1], 4096, random_state=0)
        taken = [seconds(lambda p=posterior: p.sample(X[:1], 20_000, random_state=0))[1] for _ in range(3)]
        print(f"| {name} | {min(taken):.3f} |", flush=True)


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["accuracy", "speed"], default="accuracy")
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS, "all"], default=["two_moons", "slcp"], metavar="TASK")
    parser.add_argument(
        "--engines", nargs="+", choices=[*ENGINES, *FREE_FORM_METHODS], default=list(ENGINES), metavar="ENGINE"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--max-iter", type=int, default=100, help="epochs")
    parser.add_argument("--n-estimators", type=int, default=1, help="members of each posterior, whose draws are pooled")
    parser.add_argument("--n-observations", type=int, default=5, help="of which C2ST is computed; 0 for none")
    parser.add_argument("--reference", metavar="FOLDER", help="TASK.npz with observations and reference draws")
    arguments = parser.parse_args()
    if arguments.part == "speed":
        compare_speed()
        return
    print("| task | engine | seed | fit s | epochs | held-out log density | C2ST | published | 100,000 draws s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for task in TASKS if "all" in arguments.tasks else arguments.tasks:
        for name in arguments.engines:
            for seed in arguments.seeds:
                (measure_peer if name in FREE_FORM_METHODS else measure)(task, name, seed, arguments)


if __name__ == "__main__":
    main()
