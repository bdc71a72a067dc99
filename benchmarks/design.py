"""Print what adaptive designs are worth beside random, fixed and greedy ones: two known problems.

python benchmarks/design.py location                                   # one source, 10 steps
python benchmarks/design.py location --n-sources 2 --n-steps 30        # as published
python benchmarks/design.py discounting                                # 20 steps
python benchmarks/design.py location --max-iter 20 --policies random deep

Policies: random (even in the box), normal (random where the sources are; of location finding alone), fixed (a sequence
that was optimised), greedy (a search one step ahead, with the likelihood), amortized (a network that learned this
search), deep (one that looks ahead), and posterior (deep, but trained by a posterior of histories, without a
likelihood).

Location finding: sources at standard normal places in the plane, of which the log of a summed signal is measured with
noise of 0.5 (Foster et al., 2021, arXiv 2103.02438). Hyperbolic discounting: which of two sums a person prefers, one of
them at once and the other, of 100, after a delay (the same, after Vincent and Rainforth, 2017). Bounds are of the
information about the parameters, in nats, with standard errors. A decision is for one experiment, in the middle of it.
"""

import argparse
import time

import numpy as np
import torch
from scipy import special, stats

from skabi import AmortizedPosterior
from skabi.design import (
    AmortizedGreedyDesign,
    DeepAdaptiveDesign,
    DesignBox,
    Experiment,
    GreedyDesign,
    RandomDesign,
    evaluate_policy,
)
from skabi.priors import IndependentPrior

BASE, NEAREST, NOISE = 0.1, 1e-4, 0.5
LAPSE, LATER = 0.01, 100.0


def log_signal(design, source):
    """Return the log of the signal of sources `(..., 2 * n_sources)` at places `(..., 2)`, in NumPy or torch."""
    places = source.reshape(*source.shape[:-1], -1, 2)
    distances = ((places - design[..., None, :]) ** 2).sum(-1)
    signal = BASE + (1 / (NEAREST + distances)).sum(-1)
    return signal.log() if isinstance(signal, torch.Tensor) else np.log(signal)


def location(n_sources):
    """Return the experiment of location finding."""

    def simulate(source, design, rng):
        return log_signal(design, source) + NOISE * rng.normal(size=len(design))

    def log_likelihood(outcome, design, source):
        return stats.norm.logpdf(outcome[:, 0], log_signal(design, source), NOISE)

    def torch_outcome(design, generator, source):
        mean = log_signal(design, source)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return (mean + NOISE * noise)[..., None]

    def torch_log_likelihood(outcome, design, source):
        error = (outcome[..., 0] - log_signal(design, source)) / NOISE
        return -0.5 * error**2 - np.log(NOISE * np.sqrt(2 * np.pi))

    return Experiment(
        IndependentPrior({"source": stats.norm(np.zeros(2 * n_sources), 1.0)}),
        simulate,
        space=DesignBox([-4.0, -4.0], [4.0, 4.0], names=["x", "y"]),
        log_likelihood=log_likelihood,
        torch_outcome=torch_outcome,
        torch_log_likelihood=torch_log_likelihood,
    )


def discounting():
    """Return the experiment of hyperbolic discounting: a sum at once in (0, 100), and the log of the delay in days."""

    def preference(design, log_k, alpha):
        xp = torch if isinstance(design, torch.Tensor) else np
        value = LATER / (1 + xp.exp(log_k + design[..., 1]))
        return (value - design[..., 0]) / alpha

    def simulate(log_k, alpha, design, rng):
        chance = LAPSE + (1 - 2 * LAPSE) * special.ndtr(preference(design, log_k, alpha))
        return rng.random(len(design)) < chance

    def torch_outcome(design, generator, log_k, alpha):
        chance = LAPSE + (1 - 2 * LAPSE) * torch.special.ndtr(preference(design, log_k, alpha))
        return (torch.rand(chance.shape, generator=generator, device=chance.device) < chance)[..., None].to(chance)

    def torch_log_likelihood(outcome, design, log_k, alpha):
        chance = LAPSE + (1 - 2 * LAPSE) * torch.special.ndtr(preference(design, log_k, alpha))
        return torch.where(outcome[..., 0] > 0.5, chance, 1 - chance).log()

    return Experiment(
        IndependentPrior({"log_k": stats.norm(-4.25, 1.5), "alpha": stats.halfnorm(scale=2.0)}),
        simulate,
        space=DesignBox([1.0, -1.0], [99.0, 10.0], names=["at once", "log delay"]),
        torch_outcome=torch_outcome,
        torch_log_likelihood=torch_log_likelihood,
    )


class NormalDesign:
    """Chooses standard normal designs, as the sources are: the published random policy of location finding."""

    def __init__(self, space):
        self.space = space

    def next_design(self, histories, *, random_state=None):
        rng = np.random.default_rng(random_state)
        return np.clip(rng.normal(size=(len(histories), self.space.n_designs)), *self.space.ends)


def decision_milliseconds(policy, histories, n=20):
    """Return the median time of a decision in an experiment that goes on."""
    seconds = []
    for history in histories[:n, : histories.shape[1] // 2]:
        policy.next_design(history[np.newaxis, :-1], random_state=0)
        start = time.perf_counter()
        policy.next_design(history[np.newaxis], random_state=0)
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds))


def policies(experiment, args):
    """Yield names, policies, and seconds of training."""
    options = {"max_iter": args.max_iter, "n_contrastive": args.train_contrastive, "batch_size": args.batch_size}
    options |= {"learning_rate_init": args.rate, "random_state": args.seed, "verbose": args.verbose}
    posterior = AmortizedPosterior(n_simulations=args.n_simulations, random_state=args.seed)
    makers = {
        "random": lambda: RandomDesign(experiment.space),
        "normal": lambda: NormalDesign(experiment.space),
        "greedy": lambda: GreedyDesign(experiment),
        "amortized": lambda: AmortizedGreedyDesign(
            args.n_steps, max_iter=args.max_iter, random_state=args.seed, verbose=args.verbose
        ).fit(experiment),
        "fixed": lambda: DeepAdaptiveDesign(args.n_steps, adaptive=False, **options).fit(experiment),
        "deep": lambda: DeepAdaptiveDesign(args.n_steps, **options).fit(experiment),
        "posterior": lambda: DeepAdaptiveDesign(
            args.n_steps, posterior=posterior, n_rounds=args.n_rounds, **options
        ).fit(experiment),
    }
    for name in args.policies:
        start = time.perf_counter()
        policy = makers[name]()
        yield name, policy, time.perf_counter() - start


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=["location", "discounting"])
    parser.add_argument("--policies", nargs="+", default=["random", "fixed", "greedy", "amortized", "deep"])
    parser.add_argument("--n-sources", type=int, default=1)
    parser.add_argument("--n-steps", type=int)
    parser.add_argument("--n-rollouts", type=int, default=1000)
    parser.add_argument("--greedy-rollouts", type=int, default=200)
    parser.add_argument("--n-contrastive", type=int, default=100_000)
    parser.add_argument("--max-iter", type=int, default=50)
    parser.add_argument("--train-contrastive", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--n-simulations", type=int, default=20_000)
    parser.add_argument("--n-rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(argv)
    experiment = location(args.n_sources) if args.problem == "location" else discounting()
    args.n_steps = args.n_steps or (10 if args.problem == "location" else 20)
    print(f"{args.problem}, {args.n_steps} steps, {vars(args)}")
    print("| policy | lower bound | upper bound | training s | evaluation s | decision ms |")
    print("|---|---|---|---|---|---|", flush=True)
    for name, policy, seconds in policies(experiment, args):
        start = time.perf_counter()
        gain = evaluate_policy(
            experiment,
            policy,
            n_steps=args.n_steps,
            n_rollouts=args.greedy_rollouts if name == "greedy" else args.n_rollouts,
            n_contrastive=args.n_contrastive,
            random_state=1 + args.seed,
        )
        evaluation = time.perf_counter() - start
        bounds = f"{gain.lower:.3f} ± {gain.lower_error:.3f} | {gain.upper:.3f} ± {gain.upper_error:.3f}"
        milliseconds = decision_milliseconds(policy, gain.histories)
        print(f"| {name} | {bounds} | {seconds:.0f} | {evaluation:.0f} | {milliseconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
