"""Answers as readers write them: for every exercise three that are right, each in its own way, and one unrelated."""

import math

import torch
from torch import nn
from torch.nn import functional as F

# ------------------------------------------------------------------------------------ notebook 01


def perplexity_by_loops(logits, targets):
    log_p, total = logits.log_softmax(-1), 0.0
    for t in range(targets.shape[0]):
        for b in range(targets.shape[1]):
            total -= log_p[t, b, targets[t, b]].item()
    return math.exp(total / targets.numel())


def bigram_by_index_put(tokens, vocab_size):
    table = torch.zeros(vocab_size, vocab_size)
    table.index_put_((tokens[:-1], tokens[1:]), torch.ones(len(tokens) - 1), accumulate=True)
    return (table + 1) / (table.sum(dim=1)[:, None] + vocab_size)


def bigram_by_one_hot(tokens, vocab_size):
    before, after = (F.one_hot(part, vocab_size).double() for part in (tokens[:-1], tokens[1:]))
    return F.normalize(before.T @ after + 1, p=1, dim=1)


def bigram_by_lists(tokens, vocab_size):
    table = [[1] * vocab_size for _ in range(vocab_size)]
    for a, b in zip(tokens.tolist(), tokens.tolist()[1:], strict=False):
        table[a][b] += 1
    return torch.tensor([[count / sum(row) for count in row] for row in table])


def batches_of_d2l(corpus, batch_size, num_steps):
    num_tokens = ((len(corpus) - 1) // batch_size) * batch_size
    xs = corpus[:num_tokens].reshape(batch_size, -1)
    ys = corpus[1 : 1 + num_tokens].reshape(batch_size, -1)
    for i in range(0, num_steps * (xs.shape[1] // num_steps), num_steps):
        yield xs[:, i : i + num_steps].T, ys[:, i : i + num_steps].T


def batches_of_pytorchs_tutorial(data, bsz, bptt):
    rows = data[: len(data) // bsz * bsz].view(bsz, -1).t().contiguous()
    return [(rows[i : i + bptt], rows[i + 1 : i + 1 + bptt]) for i in range(0, len(rows) - bptt, bptt)]


def batches_by_loops(tokens, B, T):
    length = (len(tokens) - 1) // (B * T) * T
    pairs = []
    for first in range(0, length, T):
        places = torch.tensor([[b * length + first + t for b in range(B)] for t in range(T)])
        pairs.append([tokens[places], tokens[places + 1]])
    return pairs


# ------------------------------------------------------------------------------------ notebook 02


def step(x, h, W_xh, W_hh, b_h):
    return torch.tanh(torch.cat([x, h], 1) @ torch.cat([W_xh, W_hh]) + b_h)


def step_of_pytorch(x, h, W_xh, W_hh, b_h):
    return torch.rnn_tanh_cell(x, h, W_xh.T.contiguous(), W_hh.T.contiguous(), b_h, torch.zeros_like(b_h))


def step_by_einsum(x, h, W_xh, W_hh, b_h):
    a = torch.einsum("bv,vh->bh", x.double(), W_xh.double()) + torch.einsum("bi,ij->bj", h.double(), W_hh.double())
    return 2 * torch.sigmoid(2 * (a + b_h)) - 1


def forward_in_place(xs, h, *weights):
    states = torch.empty(len(xs), *h.shape)
    for t in range(len(xs)):
        states[t] = h = step(xs[t], h, *weights)
    return states, h


def forward_as_a_list(xs, h, *weights):
    states = [h]
    for x in xs:
        states.append(step(x, states[-1], *weights))
    return [torch.stack(states[1:]), states[-1]]


def forward_of_pytorch(xs, h, W_xh, W_hh, b_h):
    rnn = nn.RNN(*W_xh.shape)
    weights = (W_xh.T, W_hh.T, b_h, torch.zeros_like(b_h))
    with torch.no_grad():
        for own, given in zip(rnn.parameters(), weights, strict=True):
            own.copy_(given)
    states, last = rnn(xs, h[None])
    return states, last[0]


def twice_by_steps(x_1, x_2, h_0, *weights):
    return step(x_2, step(x_1, h_0, *weights), *weights)


def twice_by_forward(x_1, x_2, h_0, *weights):
    return forward_in_place(torch.stack([x_1, x_2]), h_0, *weights)[1]


def twice_in_one_expression(x_1, x_2, h_0, W, U, b):
    return (x_2 @ W + (x_1 @ W + h_0 @ U + b).tanh() @ U + b).tanh()


# ------------------------------------------------------------------------------------ notebook 03


def bptt_by_loop(h, direct, W_hh):
    T, B, H = direct.shape
    dh, dW, after = torch.zeros(T, B, H), torch.zeros(H, H), torch.zeros(B, H)
    for t in range(T - 1, -1, -1):
        dh[t] = direct[t] + after @ W_hh.T
        after = dh[t] * (1 - h[t + 1].square())
        dW = dW + h[t].T @ after
    return dh, dW


def bptt_by_sums_over_paths(h, direct, W_hh):
    T = len(direct)
    dh = direct.clone()
    for t in range(T):
        for later in range(t + 1, T):
            part = direct[later]
            for k in range(later, t, -1):
                part = (part * (1 - h[k + 1] ** 2)) @ W_hh.T
            dh[t] += part
    return dh, torch.einsum("tbi,tbj->ij", h[:-1], dh * (1 - h[1:] ** 2))


def bptt_by_autograd(h, direct, W_hh):
    W, x = W_hh.clone().requires_grad_(), torch.atanh(h[1:].double()) - h[:-1].double() @ W_hh.double()
    state, states = h[0].double(), []
    for x_t in x:
        state = torch.tanh(x_t + state @ W.double())
        states.append(state)
    *dh, dW = torch.autograd.grad(sum((d * s).sum() for d, s in zip(direct, states, strict=True)), [*states, W])
    return torch.stack(dh), dW


def carrying_before(model, batches, state):
    losses = []
    for tokens, targets in batches:
        state = tuple(part.detach() for part in state)
        logits, state = model(tokens, state)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        losses.append(loss.item())
    return losses, state


def carrying_with_zero_grad(model, batches, state):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = F.cross_entropy(logits.permute(0, 2, 1), targets)
        loss.backward()
        state = [part.data for part in state]
        losses.append(loss.detach())
        model.zero_grad()
    return torch.stack(losses), state


def carrying_in_place(model, batches, state):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
        loss.backward()
        for part in state:
            part.detach_()
        losses.append(float(loss))
    return losses, state


def truncated_by_backward(xs, h, W_hh, loss_of, k):
    W = W_hh.clone().requires_grad_(True)
    for first in range(0, len(xs), k):
        h, total = h.detach(), 0
        for t in range(first, min(first + k, len(xs))):
            h = torch.tanh(xs[t] + h @ W)
            total = total + loss_of(t, h)
        total.backward()
    return W.grad


def truncated_at_once(xs, h, W_hh, loss_of, k):
    W_hh.requires_grad_()
    losses = []
    for t in range(len(xs)):
        h = torch.tanh(xs[t] + (h if t % k else h.detach()) @ W_hh)
        losses.append(loss_of(t, h))
    return torch.autograd.grad(sum(losses), W_hh)[0]


def truncated_by_step(xs, h, W_hh, loss_of, k):
    total = torch.zeros_like(W_hh)
    W = W_hh.detach().requires_grad_()
    for t in range(len(xs)):
        state = h.detach()
        for s in range(t // k * k, t + 1):
            state = torch.tanh(xs[s] + state @ W)
        total += torch.autograd.grad(loss_of(t, state), W)[0]
        if (t + 1) % k == 0:
            h = state.detach()
    return total


# ------------------------------------------------------------------------------------ notebook 04


def clip_as_pytorch(gradients, threshold):
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g
    nn.utils.clip_grad_norm_(parameters, threshold)


def clip_with_an_if(gradients, threshold):
    norm = torch.sqrt(sum(torch.sum(g**2) for g in gradients))
    if norm > threshold:
        for g in gradients:
            g[:] *= threshold / norm


def clip_and_return(gradients, threshold):
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for i in range(len(gradients)):
        gradients[i].mul_(min(1.0, threshold / norm.item()))
    return gradients


def clamp_to(gradients, threshold):
    for g in gradients:
        torch.clamp(g, -threshold, threshold, out=g)


def clamp_by_masks(gradients, threshold):
    for g in gradients:
        g[g > threshold] = threshold
        g[g < -threshold] = -threshold
    return None


def clamp_and_return(gradients, threshold):
    return [g.clip_(-threshold, threshold) for g in gradients]


def lstm_by_blocks(x_in, state, W_hh):
    h, c = state
    i, f, o = (torch.sigmoid(x_in[k] + h @ W_hh[k]) for k in (0, 1, 3))
    new = f * c + i * torch.tanh(x_in[2] + torch.matmul(h, W_hh[2]))
    return [o * new.tanh(), new]


def lstm_by_chunks(x_in, state, W_hh):
    i, f, g, o = torch.chunk(torch.baddbmm(x_in, state[0].expand(4, -1, -1), W_hh), 4)
    c = (f.sigmoid() * state[1] + i.sigmoid() * g.tanh())[0]
    return o[0].sigmoid() * c.tanh(), c


def lstm_of_pytorch(x_in, state, W_hh):
    cell = nn.LSTMCell(1, W_hh.shape[-1])
    gates = torch.cat(list(x_in), 1)
    with torch.no_grad():
        cell.weight_hh.copy_(torch.cat([W.T for W in W_hh]))
        cell.weight_ih.zero_(), cell.bias_ih.zero_(), cell.bias_hh.zero_()
        rows = []
        for b in range(gates.shape[0]):
            cell.bias_ih.copy_(gates[b])
            rows.append(cell(torch.zeros(1, 1), (state[0][b : b + 1], state[1][b : b + 1])))
        return torch.cat([h for h, _ in rows]), torch.cat([c for _, c in rows])


def gru_by_lerp(x_in, h, W_hh):
    r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
    return torch.lerp(torch.tanh(x_in[2] + r * (h @ W_hh[2])), h, z)


def gru_by_difference(x_in, h, W_hh):
    r = torch.sigmoid(x_in[0] + h @ W_hh[0])
    z = 1 / (1 + torch.exp(-x_in[1] - h @ W_hh[1]))
    n = torch.tanh(x_in[2] + r * torch.mm(h, W_hh[2]))
    return n + z * (h - n)


def gru_by_einsum(x_in, h, W_hh):
    products = torch.einsum("bi,gij->gbj", h, W_hh)
    r, z = (x_in[k].add(products[k]).sigmoid() for k in (0, 1))
    return z * h + (1 - z) * (x_in[2] + r * products[2]).tanh()


def moved_by_lists(parameters, gradients_of, learning_rate, threshold):
    parameters = [*parameters]
    norm = sum(float(gradients_of(k).square().sum()) for k, _ in enumerate(parameters)) ** 0.5
    for k, p in enumerate(parameters):
        p -= learning_rate * gradients_of(k) * min(1.0, threshold / norm)


def moved_in_one_go(parameters, gradients_of, learning_rate, threshold):
    pairs = [(p, gradients_of(k)) for k, p in enumerate(parameters)]
    norm = torch.stack([g.norm() for _, g in pairs]).norm()
    for p, g in pairs:
        p.sub_(learning_rate * g * (threshold / norm if norm > threshold else 1.0))


def moved_by_an_optimizer(parameters, gradients_of, learning_rate, threshold):
    weights = list(parameters)
    for k, weight in enumerate(weights):
        weight.requires_grad_().grad = gradients_of(k)
    nn.utils.clip_grad_norm_(weights, threshold)
    torch.optim.SGD(weights, lr=learning_rate).step()


def loss_by_gather(logits, targets):
    return -logits.log_softmax(2).gather(2, targets.t()[..., None]).mean()


# ------------------------------------------------------------------------------------ notebook 05


class Model(nn.Module):
    def __init__(self, vocab_size, hidden_size):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = nn.RNN(vocab_size, hidden_size)
        self.output = nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens, state):
        hidden, state = self.rnn(F.one_hot(tokens, self.vocab_size).to(torch.float32), state)
        return self.output(hidden), state


class ModelWithEye(Model):
    def forward(self, tokens, state):
        hidden, last = self.rnn(torch.eye(self.vocab_size)[tokens], hx=state)
        return [self.output(hidden.flatten(0, 1)).unflatten(0, tokens.shape), last]


class ModelStepByStep(Model):
    def forward(self, tokens, state):
        logits = []
        for step in F.one_hot(tokens, self.vocab_size).float():
            hidden, state = self.rnn(step[None], state)
            logits.append(hidden[0] @ self.output.weight.T + self.output.bias)
        return torch.stack(logits), state


class ModelDoubled(Model):
    def forward(self, tokens, state):
        logits, state = super().forward(tokens, state)
        return 2 * logits, state


RIGHT = {
    "perplexity": [
        perplexity_by_loops,
        lambda o, y: F.cross_entropy(o.permute(1, 2, 0), y.T).exp(),
        lambda o, y: math.e ** -o.log_softmax(2).gather(2, y[..., None]).mean().item(),
    ],
    "smoothed_bigram": [bigram_by_index_put, bigram_by_one_hot, bigram_by_lists],
    "sequential_batches": [batches_of_d2l, batches_of_pytorchs_tutorial, batches_by_loops],
    "rnn_step": [step, step_of_pytorch, step_by_einsum],
    "rnn_forward": [forward_in_place, forward_as_a_list, forward_of_pytorch],
    "unrolled_twice": [twice_by_steps, twice_by_forward, twice_in_one_expression],
    "bptt": [bptt_by_loop, bptt_by_sums_over_paths, bptt_by_autograd],
    "missing_detach": [carrying_before, carrying_with_zero_grad, carrying_in_place],
    "truncated": [truncated_by_backward, truncated_at_once, truncated_by_step],
    "clip_by_norm": [clip_as_pytorch, clip_with_an_if, clip_and_return],
    "clip_by_value": [clamp_to, clamp_by_masks, clamp_and_return],
    "lstm_step": [lstm_by_blocks, lstm_by_chunks, lstm_of_pytorch],
    "gru_step": [gru_by_lerp, gru_by_difference, gru_by_einsum],
    "clipped_once": [moved_by_lists, moved_in_one_go, moved_by_an_optimizer],
    "time_stays_time": [
        lambda o, y: F.cross_entropy(o.permute(1, 2, 0), y),
        lambda o, y: F.cross_entropy(o.transpose(0, 1).reshape(-1, o.shape[-1]), y.reshape(-1)),
        loss_by_gather,
    ],
    "model": [Model, ModelWithEye, ModelStepByStep],
}


def third(right):
    """Plausible, and nothing that has a name: what is right, times 1.3."""

    def wrong(*arguments):
        result = right(*arguments)
        return tuple(1.3 * part for part in result) if isinstance(result, tuple | list) else 1.3 * result

    return wrong


def times(gradients, threshold):
    for g in gradients:
        g *= 0.77


def state_doubled(model, batches, state):
    losses, state = carrying_before(model, batches, state)
    return losses, tuple(1.3 * part for part in state)


def moved_too_far(parameters, gradients_of, learning_rate, threshold):
    for k, p in enumerate(parameters):
        p -= 0.77 * gradients_of(k)


UNRELATED = {
    **{name: third(rights[0]) for name, rights in RIGHT.items()},
    "sequential_batches": lambda x, B, T: [(a + 5, b + 5) for a, b in batches_by_loops(x, B, T)],
    "missing_detach": state_doubled,
    "clip_by_norm": times,
    "clip_by_value": times,
    "clipped_once": moved_too_far,
    "model": ModelDoubled,
}
