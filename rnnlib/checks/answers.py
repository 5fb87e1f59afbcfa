"""An answer to every exercise, as it could stand in the notebook: plain torch, and nothing else.

Knows nothing of the other files.  A reader's function is compared with the one of its name here; after the
third wrong try its source is shown.
"""

import torch

# ---------------------------------------------------------------------------------------- notebook 01


def perplexity(logits: torch.Tensor, targets: torch.Tensor) -> float:
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return float(loss.exp())


def smoothed_bigram(tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    table = torch.ones(vocab_size, vocab_size)
    for previous, following in zip(tokens[:-1], tokens[1:], strict=True):
        table[previous, following] += 1
    return table / table.sum(1, keepdim=True)


def sequential_batches(tokens: torch.Tensor, batch_size: int, num_steps: int) -> list[tuple[torch.Tensor, ...]]:
    length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps  # of each of the B rows
    inputs = tokens[: batch_size * length].view(batch_size, length).T
    targets = tokens[1 : batch_size * length + 1].view(batch_size, length).T
    return list(zip(inputs.split(num_steps), targets.split(num_steps), strict=True))


# ---------------------------------------------------------------------------------------- notebook 02


def rnn_step(
    x: torch.Tensor, h: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor
) -> torch.Tensor:
    return torch.tanh(x @ W_xh + h @ W_hh + b_h)


def rnn_forward(
    xs: torch.Tensor, h: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    states = []
    for x in xs:
        h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
        states.append(h)
    return torch.stack(states), h


def unrolled_twice(
    x_1: torch.Tensor, x_2: torch.Tensor, h_0: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor
) -> torch.Tensor:
    return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)


# ---------------------------------------------------------------------------------------- notebook 03


def bptt(h: torch.Tensor, direct: torch.Tensor, W_hh: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    dh, dW_hh, later = torch.empty_like(direct), torch.zeros_like(W_hh), torch.zeros_like(h[0])
    for t in reversed(range(len(direct))):
        dh[t] = direct[t] + later  # from o_t directly, and by way of h_{t+1}
        da = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh; h[t + 1] is the state after this step
        dW_hh += h[t].T @ da  # every step shares W_hh
        later = da @ W_hh.T
    return dh, dW_hh


def missing_detach(model, batches, state):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        losses.append(loss.item())
        state = tuple(part.detach() for part in state)
    return losses, state


def truncated(xs: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor, loss_of, k: int) -> torch.Tensor:
    W_hh, losses = W_hh.requires_grad_(), []
    for t, x in enumerate(xs):
        if t > 0 and t % k == 0:
            h = h.detach()
        h = torch.tanh(x + h @ W_hh)
        losses.append(loss_of(t, h))
    return torch.autograd.grad(torch.stack(losses).sum(), W_hh)[0]


# ---------------------------------------------------------------------------------------- notebook 04


def clip_by_norm(gradients: list[torch.Tensor], threshold: float) -> None:
    norm = float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5
    for gradient in gradients:
        gradient *= min(1.0, threshold / norm)


def clip_by_value(gradients: list[torch.Tensor], threshold: float) -> None:
    for gradient in gradients:
        gradient.clamp_(-threshold, threshold)


def lstm_step(
    x_in: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor], W_hh: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    h, c = state
    a_i, a_f, a_g, a_o = x_in + h @ W_hh
    c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
    return torch.sigmoid(a_o) * torch.tanh(c), c


def gru_step(x_in: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor) -> torch.Tensor:
    x_r, x_z, x_n = x_in
    h_r, h_z, h_n = h @ W_hh
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def clipped_once(parameters, gradients_of, learning_rate, threshold):
    parameters = list(parameters)  # a generator can be gone through once
    squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
    scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
    for number, parameter in enumerate(parameters):
        parameter -= learning_rate * scale * gradients_of(number)


def time_stays_time(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten())


# --------------------------------------------------------------------------------- notebooks 05 and 06


class MyModel(torch.nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = torch.nn.RNN(vocab_size, hidden_size)
        self.output = torch.nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state


def my_training(corpus):
    from rnnlib import models, text, training

    generator = torch.Generator().manual_seed(0)
    network = models.LanguageModel("gru", vocab_size=len(corpus.vocab), hidden_size=256, generator=generator)
    trainer = training.Trainer(network, text.SequentialBatches(corpus.train), optimizer="adam")
    for steps, learning_rate in ((150, 0.01), (80, 0.005), (40, 0.002), (30, 0.0005)):  # short steps in the end
        trainer.set(learning_rate=learning_rate)
        trainer.run(steps)
    return trainer


def my_rescue(session):
    session.set(clip_threshold=0.25)


def my_start(rnn):
    torch.nn.init.orthogonal_(rnn.weight_hh_l0)
