"""How much a network still knows of what it has read, against networks and states of which that is known."""

import torch

from rnnlib.models import LanguageModel
from rnnlib.topics.memory import Probe, loss_with_context, states_over

V = 5
TOKENS = torch.randint(V, (3000,), generator=torch.Generator().manual_seed(0))


def model() -> LanguageModel:
    return LanguageModel("rnn", vocab_size=V, hidden_size=6, generator=torch.Generator().manual_seed(0))


def test_a_model_is_shown_no_more_than_its_context_and_predicts_the_same_places() -> None:
    tokens, losses = TOKENS[:12], []
    for place in range(4, 12):
        logits, _ = model()(tokens[place - 2 : place, None], model().initial_state(1))
        losses.append(-torch.log_softmax(logits[-1, 0], 0)[tokens[place]])
    found = loss_with_context(model(), tokens, (4, 2))
    torch.testing.assert_close(found[1], float(torch.stack(losses).detach().mean()), rtol=1e-5, atol=0)


def test_states_over_a_text_are_those_of_a_model_that_reads_it_in_one_go() -> None:
    hidden, _ = model().hidden_states(TOKENS[:9, None], model().initial_state(1))
    assert torch.equal(states_over(model(), TOKENS[:9]), hidden[:, 0])


def test_a_probe_finds_what_a_state_holds_and_nothing_else() -> None:
    one_hot = torch.nn.functional.one_hot(TOKENS, V).float()
    states = torch.roll(one_hot, 2, dims=0)  # holds the token of two steps ago
    train, test = slice(0, 2000), slice(2000, 3000)
    assert Probe(states[train], TOKENS[train], 2, V).accuracy(states[test], TOKENS[test]) > 0.99
    assert Probe(states[train], TOKENS[train], 1, V).accuracy(states[test], TOKENS[test]) < 0.3
