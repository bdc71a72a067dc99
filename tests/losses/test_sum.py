import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skabi
from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.losses import BaseLoss, Batch, ForwardKL, SelfConsistency, SumLoss, SummaryRegularizer
from skabi.losses._sum import terms_of
from skabi.networks._ensemble import Ensemble, StackedMembers
from skabi.networks._summarized import SummarizedDensity
from skabi.summaries import ModuleSummary


class Bias(BaseLoss):
    """A loss that is the mean of the summaries."""

    def __call__(self, network, batch):
        """Return `(n,)`."""
        return network.context(batch.x).mean(dim=1)


def network(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        summary = ModuleSummary(torch.nn.Linear, {"in_features": 3, "out_features": 2}).build((3,), 2)
        return SummarizedDensity(summary, Gaussian((8,)).build(2, 2)).double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return Batch(*(torch.randn(30, n, generator=generator, dtype=torch.float64) for n in (3, 2)))


def test_a_sum_is_the_sum_of_its_terms(batch):
    terms = [ForwardKL(), SummaryRegularizer(3.0), Bias()]
    total = terms[0] + terms[1] + terms[2]
    torch.testing.assert_close(total(network(), batch), sum(term(network(), batch) for term in terms))
    assert [type(term) for term in terms_of(total)] == [ForwardKL, SummaryRegularizer, Bias]


def test_data_sets_are_read_once_a_batch(batch):
    net, calls = network(), []
    net.summary.register_forward_hook(lambda *_: calls.append(1))
    loss = ForwardKL() + SummaryRegularizer()
    loss(net, batch)
    assert len(calls) == 1
    loss(net, Batch(batch.x.clone(), batch.theta))
    assert len(calls) == 2


def test_terms_go_by_the_names_of_their_classes():
    loss = clone(ForwardKL() + SummaryRegularizer(2.0))
    assert loss.get_params()["summaryregularizer__weight"] == 2.0
    assert loss.set_params(summaryregularizer__weight=0.5).terms[1].weight == 0.5
    loss.set_params(summaryregularizer=SummaryRegularizer(4.0))
    assert repr(loss) == "ForwardKL() + SummaryRegularizer(weight=4.0)"
    assert set(loss.get_params(deep=False)) == {"terms"}
    with pytest.raises(ValueError, match="Invalid parameter"):
        loss.set_params(second__weight=1.0)


def test_a_sum_is_printed_as_it_is_written():
    posterior = AmortizedPosterior(loss=ForwardKL() + SelfConsistency(weight=0.5))
    assert repr(posterior) == "AmortizedPosterior(loss=ForwardKL() + SelfConsistency(weight=0.5))"
    assert repr(eval(repr(posterior))) == repr(posterior)
    posterior.set_params(loss__selfconsistency__weight=2.0, n_simulations=123456, max_iter=33, batch_size=17)
    for text in (repr(posterior), repr(make_pipeline(StandardScaler(), posterior)), posterior._repr_html_()):
        assert "loss=ForwardKL() + SelfConsistency(weight=2.0)," in text


def test_a_term_that_is_dropped_is_left_out(batch):
    loss = ForwardKL() + SummaryRegularizer(3.0)
    dropped = clone(loss).set_params(summaryregularizer="drop")
    torch.testing.assert_close(dropped(network(), batch), ForwardKL()(network(), batch))
    assert [type(term) for term in terms_of(dropped.bind(None, None))] == [ForwardKL]
    assert dropped.get_params()["summaryregularizer"] == "drop" and "forwardkl" in dropped.get_params()
    again = clone(dropped)
    assert repr(again) == repr(eval(repr(dropped))) == "SumLoss([ForwardKL(), ('summaryregularizer', 'drop')])"
    with pytest.raises(ValueError, match="'summaryregularizer' is dropped and has no weight"):
        again.set_params(summaryregularizer__weight=1.0)
    # As searches do, which set a term and what is in it at once.
    again.set_params(summaryregularizer__weight=2.0, summaryregularizer=SummaryRegularizer())
    assert repr(again) == "ForwardKL() + SummaryRegularizer(weight=2.0)"


def test_what_is_left_must_train_a_posterior():
    X = np.random.default_rng(0).normal(size=(20, 2))
    posterior = AmortizedPosterior(loss=ForwardKL() + SummaryRegularizer(), max_iter=1)
    with pytest.raises(ValueError, match="trains no posterior by itself"):
        posterior.set_params(loss__forwardkl="drop").fit(X, X)
    with pytest.raises(ValueError, match="at least one term; all are dropped"):
        posterior.set_params(loss__summaryregularizer="drop").fit(X, X)


def test_dropping_a_term_is_the_fit_without_it(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 2))
    posterior = AmortizedPosterior(Gaussian(()), loss=ForwardKL() + SummaryRegularizer(), max_iter=2, random_state=0)
    dropped = posterior.set_params(loss__summaryregularizer="drop").fit(X, X)
    alone = clone(posterior).set_params(loss=ForwardKL()).fit(X, X)
    assert dropped.loss_curve_ == alone.loss_curve_
    dropped.save(tmp_path / "posterior")
    assert repr(skabi.load(tmp_path / "posterior").loss) == repr(dropped.loss)


def test_weights_are_searched():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(60, 2))
    summary = ModuleSummary(torch.nn.Linear, {"in_features": 2, "out_features": 2})
    posterior = AmortizedPosterior(Gaussian(()), summary=summary, loss=ForwardKL() + SummaryRegularizer(), max_iter=2)
    grid = {"loss__summaryregularizer__weight": [0.5, 2.0]}
    search = GridSearchCV(posterior.set_params(random_state=0), grid, cv=2).fit(y + rng.normal(size=(60, 2)), y)
    best = search.best_params_["loss__summaryregularizer__weight"]
    assert search.best_estimator_.loss_.terms[1].weight == best
    assert posterior.loss.terms[1].weight == 1.0


def test_what_is_bound_is_a_copy():
    loss = ForwardKL() + SummaryRegularizer()
    assert loss.bind(None, None).terms[1] is not loss.terms[1]


def test_the_same_class_twice_is_an_error(batch):
    with pytest.raises(ValueError, match="ForwardKL, SummaryRegularizer, ForwardKL"):
        ForwardKL() + SummaryRegularizer() + ForwardKL()
    with pytest.raises(ValueError, match="each class of losses once"):
        SumLoss([Bias(), Bias()])(network(), batch)


def test_what_is_no_loss_is_not_added(batch):
    with pytest.raises(TypeError, match="unsupported operand"):
        ForwardKL() + 1
    with pytest.raises(TypeError, match="only loss recipes are added"):
        SumLoss([ForwardKL(), 1])(network(), batch)
    with pytest.raises(TypeError, match="terms must be a list"):
        SumLoss(ForwardKL()).check()
    with pytest.raises(ValueError, match="at least one term"):
        SumLoss([]).check()


def test_a_sum_is_a_penalty_if_all_its_terms_are():
    assert not (SummaryRegularizer() + ForwardKL()).is_penalty
    assert SummaryRegularizer().is_penalty


@pytest.mark.parametrize("swapped", [False, True])
def test_members_of_an_ensemble_are_judged_as_a_mixture(batch, swapped):
    members = [network(seed) for seed in range(3)]
    loss = SummaryRegularizer() + ForwardKL() if swapped else ForwardKL() + SummaryRegularizer()
    stacked = StackedMembers(Ensemble(members))
    penalties = torch.stack([SummaryRegularizer()(member, batch).mean() for member in members])
    log_probs = torch.stack([member.log_prob(batch.theta, batch.x) for member in members])
    with torch.no_grad():
        trained, judged = stacked.train()(loss, batch), stacked.eval()(loss, batch)
    torch.testing.assert_close(trained, (penalties[:, None] - log_probs).mean(dim=0))
    shares = (log_probs - penalties[:, None]).softmax(dim=0)
    expected = (
        (penalties[:, None] * shares).sum(dim=0) - torch.special.logsumexp(log_probs, 0) + torch.tensor(3.0).log()
    )
    # The variance of the penalties over networks is what is left out.
    torch.testing.assert_close(judged, expected, rtol=0, atol=float(penalties.detach().var()))
