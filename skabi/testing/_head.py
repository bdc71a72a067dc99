"""The contract of heads."""

import torch
from torch import nn
from torch.func import functional_call, vmap

from skabi.testing._recipe import build, build_random, check_build, check_close, check_recipe, normals

_N_CONTEXT = 2
_N_ROWS = 6


def check_head(head):
    """Check that a head's networks are probabilities of models, learned from labels, in double precision too.

    Networks for two and for three models, with random weights, must have a `log_proba` that is normalised and rises
    with `offset`, rows that do not interact, a `training_loss` that reaches every weight and is least where the most
    probable model has the highest probability, and weights that carry all that `build` drew and may be stacked. If the
    head says `is_strictly_proper`, the loss must be least at the true probabilities. Where there is a `concentration`,
    `log_proba` must be the mean of that Dirichlet distribution.

    Parameters
    ----------
    head : BaseHead

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from skabi.heads import Softmax
    >>> from skabi.testing import check_head
    >>> check_head(Softmax(1, block_width=8))
    """
    check_recipe(head)
    for n_models in (2, 3):
        check_build(head, n_models, _N_CONTEXT)
        network = build_random(head, n_models, _N_CONTEXT)
        _check_log_proba(network, n_models)
        _check_offset(network, n_models)
        _check_training_loss(network, n_models)
        _check_minimum(network, n_models, is_strictly_proper=head.is_strictly_proper)
        _check_state(head, network, n_models)
        if hasattr(network, "concentration"):
            _check_concentration(network, n_models)


def _inputs(n_models):
    """Return labels, context and offset of six rows."""
    return torch.arange(_N_ROWS) % n_models, normals(_N_ROWS, _N_CONTEXT), normals(_N_ROWS, n_models, seed=3)


@torch.no_grad()
def _check_log_proba(network, n_models):
    found = getattr(network, "n_models", None)
    assert found == n_models, f"the network must say its number of models in n_models; got {found!r} for {n_models}."
    _, context, offset = _inputs(n_models)
    state = torch.random.get_rng_state()
    log_proba = network.log_proba(context, offset)
    assert log_proba.shape == (_N_ROWS, n_models), (
        f"log_proba must have shape (n, n_models) = {(_N_ROWS, n_models)}; got {tuple(log_proba.shape)}."
    )
    assert log_proba.dtype == torch.float64, f"a double network must compute in float64; got {log_proba.dtype}."
    for scale in (1.0, 400.0):
        far = network.log_proba(scale * context, scale * offset)
        assert far.isfinite().all(), f"log_proba must be finite; got {far.tolist()}."
        check_close(far.logsumexp(dim=1), torch.zeros(_N_ROWS).double(), "probabilities must sum to one")
    assert torch.equal(network.log_proba(context, offset), log_proba), "log_proba must repeat for the same context."
    assert torch.equal(state, torch.random.get_rng_state()), "log_proba must leave torch's global generator alone."
    check_close(network.log_proba(context[:1], offset[:1]), log_proba[:1], "rows of log_proba must not interact")
    gap = (network.log_proba(context + 1.0, offset) - log_proba).abs().amax(dim=1)
    assert gap.min() > 0, "log_proba must depend on the context."


@torch.no_grad()
def _check_offset(network, n_models):
    """Raise unless log-odds that are higher for one model make it more probable."""
    _, context, offset = _inputs(n_models)
    for model in range(n_models):
        higher = offset + nn.functional.one_hot(torch.tensor(model), n_models)
        gain = network.log_proba(context, higher)[:, model] - network.log_proba(context, offset)[:, model]
        assert gain.min() > 0, f"a higher offset must make a model more probable; the gain is {gain.min().item():.2g}."


def _check_training_loss(network, n_models):
    label, context, offset = _inputs(n_models)
    loss = network.training_loss(label, context, offset)
    assert loss.shape == (_N_ROWS,) and loss.isfinite().all(), "training_loss must be one finite number a row."
    alone = torch.cat(
        [network.training_loss(*(part[i : i + 1] for part in (label, context, offset))) for i in range(6)]
    )
    check_close(loss, alone, "rows of training_loss must not interact")
    gradients = torch.autograd.grad(loss.square().sum(), list(network.parameters()), allow_unused=True)
    for (name, _), gradient in zip(network.named_parameters(), gradients, strict=True):
        assert gradient is not None and gradient.abs().max() > 0, f"training_loss must reach every weight; not {name}."
        assert gradient.isfinite().all(), f"gradients of training_loss must be finite; those of {name} are not."


def _check_minimum(network, n_models, *, is_strictly_proper):
    """Minimise the expected loss over the offset: with it, a network of any weights can say any probabilities."""
    context = normals(_N_ROWS, _N_CONTEXT)
    truth = normals(_N_ROWS, n_models, seed=4).softmax(dim=1)
    offset = torch.zeros(_N_ROWS, n_models, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(n_models).repeat_interleave(_N_ROWS)
    optimizer = torch.optim.LBFGS([offset], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def expected_loss():
        optimizer.zero_grad()
        loss = network.training_loss(labels, context.repeat(n_models, 1), offset.repeat(n_models, 1))
        total = (truth.T.flatten() * loss).sum()
        total.backward()
        return total

    optimizer.step(expected_loss)
    with torch.no_grad():
        proba = network.log_proba(context, offset).exp()
    if is_strictly_proper:
        message = "is_strictly_proper: the expected loss must be least at the true probabilities"
        check_close(proba, truth, message, tolerance=1e-4)
    assert torch.equal(proba.argmax(dim=1), truth.argmax(dim=1)), (
        f"where the expected loss is least the most probable model must be the true one; got {proba.tolist()} for the "
        f"true probabilities {truth.tolist()}."
    )


class _Called(nn.Module):
    """Log probabilities and loss of a head's network by a call, as `functional_call` needs it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, label, context, offset):
        return self.network.log_proba(context, offset), self.network.training_loss(label, context, offset)


@torch.no_grad()
def _check_state(head, network, n_models):
    """Raise unless weights make the network: those of another bring it back, and those of several may be stacked."""
    inputs = _inputs(n_models)
    other = build(head, n_models, _N_CONTEXT, seed=7).double().eval()
    other.load_state_dict(network.state_dict())
    called, expected = _Called(network), _Called(network)(*inputs)
    stacked = {name: torch.stack([value, value]) for name, value in called.state_dict().items()}
    try:
        several = vmap(lambda state: functional_call(called, state, inputs), randomness="different")(stacked)
    except RuntimeError as error:
        raise AssertionError(f"torch.func.vmap over weights must work; it raised {error!r}.") from error
    for found, together, one in zip(_Called(other)(*inputs), several, expected, strict=True):
        check_close(found, one, "state_dict must bring a network back", tolerance=0)
        check_close(together[1], one, "torch.func.vmap over weights must give what each network gives")


@torch.no_grad()
def _check_concentration(network, n_models):
    _, context, offset = _inputs(n_models)
    concentration = network.concentration(context, offset)
    assert concentration.shape == (_N_ROWS, n_models) and (concentration > 0).all(), (
        f"concentration must be positive, {(_N_ROWS, n_models)}; got shape {tuple(concentration.shape)}."
    )
    mean = concentration / concentration.sum(dim=1, keepdim=True)
    check_close(network.log_proba(context, offset), mean.log(), "log_proba must be the mean under the concentration")
