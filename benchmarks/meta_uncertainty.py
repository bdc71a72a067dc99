"""Print how well meta-uncertainty foretells replications, on three regressions whose evidences are known.

python benchmarks/meta_uncertainty.py                                # three seeds, a quarter of an hour
python benchmarks/meta_uncertainty.py --seeds 0 --n-responses 5

Constant, line and parabola at N places, coefficients and noise standard normal. First table: means of model
probabilities over the draws of `sample` for an observed data set of each model, against the mean over Monte Carlo
replications: a model is drawn from the predicted probabilities, parameters from its prior, and a data set from these.
The largest difference, and the largest in standard errors; these are of both the replications and the finite number of
simulations. Second table: of the data sets whose `replication_risk` lies between 10 and 20 %, the share that flips in
one such replication each, and the share where the replication is of the model that made the data set; then the same
where the risk is that of the draws of `sample`. Data sets are of all models in equal numbers, as many as it takes for
500 at such a risk, or 100,000. With 100 places or fewer no risk is truly below 0.2: hence the 300.
Probabilities are exact, or those of a comparator trained on 10,000 simulations of each model.
"""

import argparse

import numpy as np
from scipy import special, stats

from skabi import AmortizedModelComparator
from skabi.model_selection import Dirichlet, LogisticNormal, MetaUncertainty
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

META_MODELS = {
    "logistic normal": LogisticNormal(),
    "the same, mean not matched": LogisticNormal(match_mean=False),
    "Dirichlet": Dirichlet(),
}
N_REPLICATIONS, N_OBSERVED = 20_000, 10_000
N_CASES, N_BATCHES = 500, 10
LOW, HIGH = 0.1, 0.2


class Polynomial(Simulator):
    """Responses at fixed places with standard normal coefficients and noise, whose evidence is known."""

    def __init__(self, degree, n_responses):
        self.design = np.vander(np.linspace(-1, 1, n_responses), degree + 1, increasing=True)
        prior = IndependentPrior({"coefficient": stats.norm(np.zeros(degree + 1), 1.0)})
        super().__init__(prior, self._respond, vectorized=True)

    def _respond(self, coefficient, rng):
        return coefficient @ self.design.T + rng.normal(size=(len(coefficient), len(self.design)))

    def log_evidence(self, X):
        precision = np.eye(self.design.shape[1]) + self.design.T @ self.design
        score = X @ self.design
        explained = np.sum(score * np.linalg.solve(precision, score.T).T, axis=1)
        log_scale = np.linalg.slogdet(precision)[1] + len(self.design) * np.log(2 * np.pi)
        return -0.5 * (np.sum(X**2, axis=1) - explained + log_scale)


class ExactComparator:
    """Probabilities of equally probable models from their exact evidences."""

    def __init__(self, models):
        self.models, self.classes_ = models, np.array(list(models))

    def predict_proba(self, X):
        return special.softmax([model.log_evidence(X) for model in self.models.values()], axis=0).T


def replicate(models, index, rng):
    """Return one data set of model `index[i]` for each i, its parameters drawn from the prior."""
    simulators = list(models.values())
    X = np.empty((len(index), len(simulators[0].design)))
    for j, simulator in enumerate(simulators):
        if (rows := index == j).any():
            X[rows] = simulator.sample(np.count_nonzero(rows), random_state=rng)[0]
    return X


def draw_models(proba, rng):
    """Return one index of a model for each row of `proba`."""
    return (rng.random((len(proba), 1)) > proba.cumsum(axis=1)[:, :-1]).sum(axis=1)


def means(meta, comparator, models, rng):
    """Return the largest difference of mean probabilities, and the largest in standard errors."""
    X = replicate(models, np.arange(len(models)), rng)
    observed, draws = comparator.predict_proba(X), meta.sample(X, N_REPLICATIONS, random_state=rng)
    gaps, errors = [], []
    simulated_variance = meta.simulated_proba_.var(axis=1) / meta.simulated_proba_.shape[1]
    for proba, drawn in zip(observed, draws, strict=True):
        source = draw_models(np.tile(proba, (N_REPLICATIONS, 1)), rng)
        replicated = comparator.predict_proba(replicate(models, source, rng))
        variance = proba**2 @ simulated_variance + (drawn.var(axis=0) + replicated.var(axis=0)) / N_REPLICATIONS
        gaps.append(drawn.mean(axis=0) - replicated.mean(axis=0))
        errors.append(gaps[-1] / np.sqrt(variance))
    return np.abs(gaps).max(), np.abs(errors).max()


def flips(meta, models, risk_of, rng):
    """Return the number of data sets at a risk of 10 to 20 %, their mean risk, and the shares that flip.

    Of one replication of a model drawn from the predicted probabilities, and of the model that made the data set.
    """
    risks, flipped = [], []
    for _ in range(N_BATCHES):
        made_by = rng.integers(len(models), size=N_OBSERVED)
        X = replicate(models, made_by, rng)
        observed, risk = meta.predict_proba(X), risk_of(X)
        rows = (risk >= LOW) & (risk <= HIGH)
        if rows.any():
            selected = observed[rows].argmax(axis=1)
            sources = [draw_models(observed[rows], rng), made_by[rows]]
            again = [meta.predict_proba(replicate(models, source, rng)).argmax(axis=1) for source in sources]
            flipped.extend(np.transpose(again) != selected[:, np.newaxis])
            risks.extend(risk[rows])
        if len(risks) >= N_CASES:
            break
    return len(risks), np.mean(risks) if risks else np.nan, *(np.mean(flipped, axis=0) if risks else [np.nan] * 2)


def risk_by_draws(meta, rng):
    """Return a function of data sets: the share of the draws of the fitted distributions that select another model."""
    n_models = len(meta.classes_)
    selected = [part.sample(N_REPLICATIONS, rng).argmax(axis=1) for part in meta.meta_models_]
    shares = np.stack([np.bincount(row, minlength=n_models) for row in selected]) / N_REPLICATIONS

    def risk(X):
        observed = meta.predict_proba(X)
        return 1 - np.sum(observed * shares[:, observed.argmax(axis=1)].T, axis=1)

    return risk


def comparators(models, seed):
    """Return comparators by name."""
    trained = AmortizedModelComparator(n_simulations=10_000, max_iter=20, random_state=seed)
    return {"exact": ExactComparator(models), "trained": trained.fit(models)}


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--n-responses", type=int, nargs="+", default=[5, 10, 100, 300])
    arguments = parser.parse_args()
    columns = "data sets | mean risk | flip | true model: flip"
    table = [f"| N | probabilities | seed | {columns} | by draws: {columns} |", "|" + "---|" * 11]
    print("| N | probabilities | meta-model | seed | largest difference of means | in standard errors |")
    print("|---|---|---|---|---|---|")
    for n_responses in arguments.n_responses:
        models = {f"degree {degree}": Polynomial(degree, n_responses) for degree in range(3)}
        for seed in arguments.seeds:
            for kind, comparator in comparators(models, seed).items():
                for name, meta_model in META_MODELS.items():
                    meta = MetaUncertainty(meta_model=meta_model, random_state=seed).fit(comparator, models)
                    gap, error = means(meta, comparator, models, np.random.default_rng(1000 + seed))
                    print(f"| {n_responses} | {kind} | {name} | {seed} | {gap:.4f} | {error:.1f} |", flush=True)
                rng = np.random.default_rng(2000 + seed)
                meta = MetaUncertainty(random_state=seed).fit(comparator, models)
                cells = []
                for risk_of in (lambda X, meta=meta: meta.replication_risk(X).risk, risk_by_draws(meta, rng)):
                    n_cases, *shares = flips(meta, models, risk_of, rng)
                    cells += [n_cases, *(f"{share:.3f}" for share in shares)]
                table.append(f"| {n_responses} | {kind} | {seed} | " + " | ".join(map(str, cells)) + " |")
    print("\n".join(["", *table]))


if __name__ == "__main__":
    main()
