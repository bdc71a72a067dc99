"""Print how well priors are recovered from the answers of an ideal expert.

python benchmarks/elicitation.py                                  # three seeds of each case, some ten minutes
python benchmarks/elicitation.py --cases regression flow --seeds 0
python benchmarks/elicitation.py --peer elicito --seeds 0

An ideal expert answers with statistics of a million exact simulations from the true prior, made by numpy and scipy and
not by the elicitor's own draws; counts are jittered by a uniform number between -1/2 and 1/2 before quantiles are
taken, as these are interpolated. Cases are those of Bockting, Radev and Bürkner (2024, 2025): a normal regression, a
binomial and a Poisson regression, a two-level model, and a joint prior with correlations (.95, -.99, -.95). Printed are
seconds of the fit; the largest errors of prior means, in true prior standard deviations, of prior standard deviations,
relative, of implied answers, relative to those answers that are larger than a tenth of the spread that was stated, and
to this spread; and, of the joint prior, of correlations and of quantiles of the marginals, relative.

--peer elicito fits their package elicito to the same answers of the first four cases, by the settings that it documents
(benchmarks/peers/run_elicito.py), and then this one. What its prior implies is simulated as it is for this one's.
`make benchmark-elicitation` sets it up and runs this; seconds of the processor are what to go by where the machine is
shared.

--counts prints instead, of 8,192 draws of a binomial distribution of 30 trials with probability 0.3, how far standard
deviation and 95 % quantile are from those of the counts, and mean and noise of the gradient of the standard deviation,
by draws that are spread over unit intervals and by a Gumbel-softmax relaxation.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from joint import PEERS, run_peer
from scipy import stats

from skabi.elicitation import (
    Correlation,
    Gamma,
    HalfNormal,
    JointFlow,
    Moments,
    Normal,
    Outcome,
    Parameter,
    PriorElicitor,
    Quantiles,
    RSquared,
    SmoothDraws,
    Target,
)
from skabi.priors import IndependentPrior

P = (0.05, 0.25, 0.5, 0.75, 0.95)
N_EXPERT = 1_000_000
X = np.linspace(-1.5, 1.5, 7)
QUARTILES = np.quantile(stats.norm.ppf((np.arange(50) + 0.5) / 50), [0.0, 0.25, 0.5, 0.75, 1.0])
DAYS = np.arange(1.0, 6.0)
CORRELATION = np.array([[1.0, 0.95, -0.99], [0.95, 1.0, -0.95], [-0.99, -0.95, 1.0]])


def regression(b0, b1, sigma, rng):
    mean = b0[:, None] + b1[:, None] * torch.from_numpy(X)
    return {"y": rng.normal(mean, sigma[:, None]), "mean": mean}


def binomial(b0, b1, rng):
    return rng.binomial(30, (b0[:, None] + b1[:, None] * torch.from_numpy(QUARTILES)).sigmoid())


def poisson(b0, b1, b2, rng):
    columns = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    return rng.poisson((b0[:, None] + torch.stack([b1, b2], 1) @ columns.T).exp())


def two_level(b0, b1, spread0, spread1, sigma, rng):
    n = len(b0)
    level = b0 + spread0 * rng.standard_normal(n)
    slope = b1 + spread1 * rng.standard_normal(n)
    mean = level[:, None] + slope[:, None] * torch.from_numpy(DAYS)
    return {"y": rng.normal(mean, sigma[:, None]), "mean": mean, "level": level, "slope": slope}


def groups(mu1, mu2, mu3, sigma, rng):
    mean = torch.stack([mu1, mu2, mu3], dim=1)
    return rng.normal(mean, sigma[:, None])


def quantiles(y):
    return np.quantile(y, P, axis=0).T


def r_squared(mean, y):
    explained = mean.var(1, ddof=1)
    return explained / (explained + (y - mean).var(1, ddof=1))


def regression_case(rng):
    truth = {"b0": stats.norm(5, 1), "b1": stats.norm(2, 1), "sigma": stats.halfnorm(scale=7)}
    b0, b1, sigma = (d.rvs(N_EXPERT, random_state=rng) for d in truth.values())
    mean = b0[:, None] + b1[:, None] * X
    y = mean + sigma[:, None] * rng.standard_normal(mean.shape)
    targets = {"y": Target(Outcome(name="y"), Quantiles(P)), "r2": Target(RSquared(), Quantiles(P), weight=0.5)}
    answers = {"y": quantiles(y), "r2": quantiles(r_squared(mean, y))}
    return {"b0": Normal(), "b1": Normal(), "sigma": HalfNormal()}, regression, targets, answers, truth


def binomial_case(rng):
    truth = {"b0": stats.norm(-0.5, 0.5), "b1": stats.norm(0.6, 0.3)}
    b0, b1 = (d.rvs(N_EXPERT, random_state=rng) for d in truth.values())
    y = rng.binomial(30, 1 / (1 + np.exp(-(b0[:, None] + b1[:, None] * QUARTILES))))
    answers = {"y": quantiles(y + rng.uniform(-0.5, 0.5, y.shape))}
    return {"b0": Normal(), "b1": Normal()}, binomial, {"y": Target(Outcome(), Quantiles(P))}, answers, truth


def poisson_case(rng):
    truth = {"b0": stats.norm(2.9, 0.5), "b1": stats.norm(-0.8, 0.6), "b2": stats.norm(-0.4, 0.3)}
    b0, b1, b2 = (d.rvs(N_EXPERT, random_state=rng) for d in truth.values())
    y = rng.poisson(np.exp(np.stack([b0, b0 + b1, b0 + b2], 1)))
    answers = {"y": quantiles(y + rng.uniform(-0.5, 0.5, y.shape))}
    families = {"b0": Normal(), "b1": Normal(), "b2": Normal()}
    return families, poisson, {"y": Target(Outcome(), Quantiles(P))}, answers, truth


def two_level_case(rng):
    truth = {
        **{"b0": stats.norm(250, 7), "b1": stats.norm(30, 4), "spread0": stats.halfnorm(scale=33)},
        **{"spread1": stats.halfnorm(scale=23), "sigma": stats.gamma(20, scale=2)},
    }
    b0, b1, spread0, spread1, sigma = (d.rvs(N_EXPERT, random_state=rng) for d in truth.values())
    level, slope = b0 + spread0 * rng.standard_normal(N_EXPERT), b1 + spread1 * rng.standard_normal(N_EXPERT)
    mean = level[:, None] + slope[:, None] * DAYS
    y = mean + sigma[:, None] * rng.standard_normal(mean.shape)
    fixed = {"b0": b0, "b1": b1}
    targets = {
        "y": Target(Outcome(name="y"), Quantiles(P)),
        "r2": Target(RSquared(), Quantiles(P)),
        "sigma": Target(Parameter("sigma"), Moments()),
        **{name: Target(Parameter(name), Quantiles(P)) for name in fixed},
        **{name: Target(Outcome(name=name), Quantiles(P)) for name in ("level", "slope")},
    }
    answers = {
        **{"y": quantiles(y), "r2": quantiles(r_squared(mean, y)), "sigma": [sigma.mean(), sigma.std()]},
        **{name: quantiles(value) for name, value in fixed.items()},
        **{"level": quantiles(level), "slope": quantiles(slope)},
    }
    families = {"b0": Normal(), "b1": Normal(), "spread0": HalfNormal(), "spread1": HalfNormal(), "sigma": Gamma()}
    return families, two_level, targets, answers, truth


def flow_case(rng):
    scale = np.array([2.5, 1.3, 0.8])
    means = stats.multivariate_normal([10, 7, 2.5], CORRELATION * np.outer(scale, scale)).rvs(
        N_EXPERT, random_state=rng
    )
    sigma = stats.gamma(5, scale=0.5).rvs(N_EXPERT, random_state=rng)
    y = means + sigma[:, None] * rng.standard_normal(means.shape)
    names = ["mu1", "mu2", "mu3"]
    targets = {
        "y": Target(Outcome(), Quantiles(P)),
        "means": Target(Parameter(names), Quantiles(P)),
        "sigma": Target(Parameter("sigma"), Quantiles(P)),
        "correlation": Target(Parameter([*names, "sigma"]), Correlation()),
    }
    answers = {
        **{"y": quantiles(y), "means": quantiles(means), "sigma": quantiles(sigma)},
        "correlation": np.corrcoef(means.T, sigma),
    }
    family = JointFlow({**dict.fromkeys(names), "sigma": (0.0, np.inf)})
    return family, groups, targets, answers, np.column_stack([means, sigma])


CASES = {
    "regression": regression_case,
    "binomial": binomial_case,
    "poisson": poisson_case,
    "two_level": two_level_case,
    "flow": flow_case,
}
# What coefficients are multiplied by, where a peer has to know it.
DESIGNS = {
    "regression": np.column_stack([np.ones_like(X), X]),
    "binomial": np.column_stack([np.ones_like(QUARTILES), QUARTILES]),
    "poisson": np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]),
    "two_level": np.column_stack([np.ones_like(DAYS), DAYS]),
}


def errors_of_families(prior, truth):
    true, found = IndependentPrior(truth).distributions, prior.distributions
    mean = max(abs(found[n].mean() - true[n].mean()) / true[n].std() for n in true)
    sd = max(abs(found[n].std() / true[n].std() - 1) for n in true)
    return f"means {mean:.3f} sd, sds {sd:.1%}"


def errors_of_flow(prior, truth):
    y = prior.sample(N_EXPERT, random_state=1).to_numpy()
    correlation = np.abs(np.corrcoef(y.T) - np.corrcoef(truth.T))
    marginal = np.abs(quantiles(y) / quantiles(truth) - 1)
    return (
        f"correlations of means {correlation[:3, :3].max():.3f}, others {correlation[3].max():.3f}; quantiles of "
        f"marginals {marginal.max():.1%}"
    )


def errors_of_answers(table, implied=None):
    """Return a text from a table of residuals, of what its prior implies or of what another does."""
    unit = (table["difference"] / table["relative"]).abs()
    difference = table["difference"] if implied is None else implied - table["stated"]
    to_answer = (difference / table["stated"])[table["stated"].abs() > 0.1 * unit].abs().max()
    return f"answers {to_answer:.1%}, of their spread {(difference / unit).abs().max():.2%}"


def fit_by_elicito(case, answers, seed):
    """Return figures of elicito."""
    rows = {name: np.atleast_2d(answer).tolist() for name, answer in answers.items()}
    job = {"case": case, "seed": seed, "design": DESIGNS[case].tolist(), "answers": rows, "probabilities": P}
    return run_peer("run_elicito.py", ".venv-elicito", job=job)


def prior_of_elicito(hyperparameters):
    """Return the prior that elicito has found."""
    distributions = {}
    for name, of_family in hyperparameters.items():
        if "rate" in of_family:
            distributions[name] = stats.gamma(of_family["concentration"], scale=1 / of_family["rate"])
        else:
            distributions[name] = (stats.norm if "loc" in of_family else stats.halfnorm)(**of_family)
    return IndependentPrior(distributions)


def by_gumbel_softmax(temperature):
    def draw(p, seed):
        k = torch.arange(31, dtype=torch.float64)
        log_pmf = torch.distributions.Binomial(30, p[:, None]).log_prob(k)
        gumbel = torch.from_numpy(np.random.default_rng(seed).gumbel(size=log_pmf.shape))
        return ((log_pmf + gumbel) / temperature).softmax(-1) @ k

    return draw


def print_counts():
    ways = {"spread": lambda p, seed: SmoothDraws(len(p), seed).binomial(30, p)}
    ways |= {f"Gumbel-softmax, temperature {t}": by_gumbel_softmax(t) for t in (1.6, 1.0, 0.3, 0.1)}
    exact = stats.binom(30, 0.3)
    below = exact.cdf(np.arange(-1, 31))
    quantile, slope = np.interp(0.95, below, np.arange(32) - 0.5), 30 * 0.4 / (2 * exact.std())
    for name, draw in ways.items():
        rows = []
        for seed in range(20):
            p = torch.full((8192,), 0.3, dtype=torch.float64, requires_grad=True)
            sd = draw(p, seed).std()
            (gradient,) = torch.autograd.grad(sd, p)
            rows.append([sd.item(), np.quantile(draw(p, seed).detach(), 0.95), gradient.sum().item()])
        mean, noise = np.mean(rows, axis=0), np.std(rows, axis=0)
        print(
            f"{name:32} sd {mean[0] / exact.std() - 1:+.1%}, 95 % quantile {mean[1] - quantile:+.2f}, gradient "
            f"{mean[2] / slope - 1:+.1%} +- {noise[2] / slope:.1%}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--n-simulations", type=int, default=8192)
    parser.add_argument("--n-starts", type=int, default=4)
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--peer", choices=["elicito"])
    settings = parser.parse_args()
    if settings.counts:
        print_counts()
        return
    if settings.peer and not (PEERS / ".venv-elicito").exists():
        parser.error("elicito has no environment; `make benchmark-elicitation` sets it up.")
    for case in settings.cases:
        family, simulator, targets, answers, truth = CASES[case](np.random.default_rng(0))
        for seed in settings.seeds:
            of_peer = None
            if settings.peer and case in DESIGNS:
                of_peer = fit_by_elicito(case, answers, seed)
            elicitor = PriorElicitor(
                family,
                simulator,
                targets=targets,
                n_simulations=settings.n_simulations,
                n_starts=settings.n_starts,
                random_state=seed,
            )
            start, cpu_start = time.perf_counter(), time.process_time()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                elicitor.fit(answers)
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            errors = errors_of_flow if case == "flow" else errors_of_families
            print(
                f"{case:10} seed {seed}: {seconds:5.1f} s (of the processor {cpu_seconds:.1f}), "
                f"{errors(elicitor.prior_, truth)}; {errors_of_answers(elicitor.residuals_)}; warnings {len(caught)}",
                flush=True,
            )
            for warning in caught:
                print("          ", str(warning.message)[:160])
            if of_peer:
                prior = prior_of_elicito(of_peer["hyperparameters"])
                implied = elicitor.ideal_answers(prior, random_state=seed)
                implied = np.concatenate([implied[name].ravel() for name in answers])
                print(
                    f"{settings.peer:10} seed {seed}: {of_peer['seconds']:5.1f} s (of the processor "
                    f"{of_peer['cpu_seconds']:.1f}), {errors_of_families(prior, truth)}; "
                    f"{errors_of_answers(elicitor.residuals_, implied)}; {of_peer['n_epochs']} epochs, loss "
                    f"{of_peer['loss']:.3f}; {of_peer['hyperparameters']}; {of_peer['versions']}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
