"""Answers as students hand them in, copied from their cells: wrong ones with words of what they are to be told.

An answer is the body of the function whose first line is in STUBS, or a whole cell if it begins with `def`, `class` or
a name.
"""

import re
from textwrap import dedent, indent
from typing import Any

import torch

STUBS = {
    "sequential_batches": "def my_batches(tokens: torch.Tensor, batch_size: int, num_steps: int):",
    "perplexity": "def my_perplexity(logits: torch.Tensor, targets: torch.Tensor) -> float:",
    "smoothed_bigram": "def my_bigram(tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:",
    "rnn_step": "def my_step(x, h, W_xh, W_hh, b_h) -> torch.Tensor:",
    "unrolled_twice": "def my_h_2(x_1, x_2, h_0, W_xh, W_hh, b_h) -> torch.Tensor:",
    "rnn_forward": "def my_forward(xs, h, W_xh, W_hh, b_h) -> tuple[torch.Tensor, torch.Tensor]:",
    "bptt": "def my_bptt(h: torch.Tensor, direct: torch.Tensor, W_hh: torch.Tensor):",
    "truncated": "def my_truncated(xs, h, W_hh, loss_of, k):\n    W_hh = W_hh.detach().requires_grad_()",
    "missing_detach": "def train(model, batches, state):",
    "clip_by_norm": "def my_clip_by_norm(gradients: list[torch.Tensor], threshold: float) -> None:",
    "clip_by_value": "def my_clip_by_value(gradients: list[torch.Tensor], threshold: float) -> None:",
    "clipped_once": "def train_clipped(parameters, gradients_of, learning_rate, threshold):",
    "lstm_step": "def my_lstm_step(x_in: torch.Tensor, state: tuple, W_hh: torch.Tensor):\n    h, c = state",
    "gru_step": "def my_gru_step(x_in: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor) -> torch.Tensor:",
    "time_stays_time": "def my_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:",
    "model": """class MyModel(torch.nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = torch.nn.RNN(vocab_size, hidden_size)
        self.output = torch.nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens, state):""",
}  # fmt: skip


def answer(exercise: str, code: str) -> Any:
    """What a cell with this code hands in."""
    stub, code = STUBS[exercise], dedent(code).strip()
    name = re.search(r"(?:def|class) (\w+)", stub)[1]  # type: ignore[index]
    depth = " " * (8 if stub.startswith("class") else 4)
    cell = (
        code if re.match(r"(def|class|import|from|\w+ =)", code) and name in code else f"{stub}\n{indent(code, depth)}"
    )
    names: dict[str, Any] = {"torch": torch, "__name__": "__main__"}
    exec(compile(cell, f"<cell of {name}>", "exec"), names)
    return names[name]


WRONG: dict[str, list[tuple[str, str]]] = {
    "sequential_batches": [
        ("""
        return torch.split(tokens, batch_size * num_steps)
        """, "batch 0 is a Tensor; expected a pair of tensors, (inputs,"),
        ("""
        batches = []
        for i in range(0, len(tokens) - num_steps, num_steps):
            batches.append((tokens[i : i + num_steps], tokens[i + 1 : i + num_steps + 1]))
        return batches
        """, "the inputs have the shape (7, 4); expected (N, T, B) = (2, 4,"),
        ("""
        n = len(tokens) // (batch_size * num_steps)
        x = tokens[: n * batch_size * num_steps].view(batch_size, -1)
        y = tokens[1 : n * batch_size * num_steps + 1].view(batch_size, -1)
        return [(x[:, i : i + num_steps].T, y[:, i : i + num_steps].T) for i in range(0, x.shape[1], num_steps)]
        """, "Perhaps n tokens have n - 1 targets: there are (n - 1) // (B"),
        ("""
        length = (len(tokens) - 1) // batch_size
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        return list(zip(x.split(num_steps), y.split(num_steps)))
        """, "the inputs of batch 2 have the shape (2, 3); the inputs of"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        for i in range(0, length, num_steps):
            return x[i : i + num_steps], y[i : i + num_steps]
        """, "it returned one pair of tensors; expected a list, with a pair"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        return [x.split(num_steps), y.split(num_steps)]
        """, "all inputs stand in one list and all targets in another; make"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(length, batch_size)
        y = tokens[1 : batch_size * length + 1].view(length, batch_size)
        return list(zip(x.split(num_steps), y.split(num_steps)))
        """, "neighbours in the text lie side by side in a batch; in time"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T.float()
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T.float()
        return list(zip(x.split(num_steps), y.split(num_steps)))
        """, "the inputs must hold torch.int64, as the tokens do; found"),
        ("""
        length = (len(tokens) - 1) / batch_size
        x = tokens[: batch_size * length].view(batch_size, length).T
        return [x]
        """, "`/` gives a fraction; `//` divides whole numbers."),
        ("""
        def seq_data_iter_sequential(corpus, batch_size, num_steps):
            offset = 0
            num_tokens = ((len(corpus) - offset - 1) // batch_size) * batch_size
            Xs = corpus[offset : offset + num_tokens].reshape(batch_size, -1)
            Ys = corpus[offset + 1 : offset + 1 + num_tokens].reshape(batch_size, -1)
            for i in range(0, num_steps * (Xs.shape[1] // num_steps), num_steps):
                yield Xs[:, i : i + num_steps], Ys[:, i : i + num_steps]

        my_batches = seq_data_iter_sequential
        """, "the batches are (B, T), as in D2L; here time comes first: (T,"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        print(list(zip(x.split(num_steps), y.split(num_steps))))
        """, "it printed something and returned None; `print` shows a"),
        ("""
        batches = []
        for i in range(0, len(tokens), batch_size * num_steps):
            x = tokens[i : i + batch_size * num_steps].view(batch_size, num_steps).T
            y = tokens[i + 1 : i + 1 + batch_size * num_steps].view(batch_size, num_steps).T
            batches.append((x, y))
        return batches
        """, "The new shape has another number of entries than the old one."),
        ("""
        n = (len(tokens) - 1) // (batch_size * num_steps)
        x = tokens[:-1].view(n, num_steps, batch_size)
        return [(x[i], x[i] + 1) for i in range(n)]
        """, "The new shape has another number of entries than the old one."),
        ("""
        n = (len(tokens) - 1) // (batch_size * num_steps)
        used = n * batch_size * num_steps
        x = tokens[:used].reshape(n, num_steps, batch_size)
        y = tokens[1:used+1].reshape(n, num_steps, batch_size)
        return x, y
        """, "it returned one pair of tensors; expected a list, with a pair"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        return [(x[i:i+num_steps], x[i+1:i+num_steps+1]) for i in range(0, length, num_steps)]
        """, "the targets of batch 1 have the shape (3, 3); the inputs of"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        return [(x[i:i+num_steps], y[i:i+num_steps].flatten()) for i in range(0, length, num_steps)]
        """, "the targets of batch 0 have the shape (12,); the inputs of"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        return [{"inputs": x[i:i+num_steps], "targets": y[i:i+num_steps]} for i in range(0, length, num_steps)]
        """, "batch 0 is a dict; expected a pair of tensors, (inputs,"),
        ("""
        return torch.utils.data.DataLoader(tokens, batch_size=batch_size)
        """, "it returned a DataLoader; expected a list of pairs (inputs,"),
        ("""
        length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        x = tokens[: batch_size * length].view(batch_size, length).T
        y = tokens[1 : batch_size * length + 1].view(batch_size, length).T
        return [(x[i:i+num_steps].tolist(), y[i:i+num_steps].tolist()) for i in range(0, length, num_steps)]
        """, "batch 0 is a tuple; expected a pair of tensors, (inputs,"),
        ("""
        length = len(tokens) // batch_size
        x = tokens[: batch_size * length].view(batch_size, length).T
        return [(x[i:i+num_steps], x[i+1:i+1+num_steps]) for i in range(0, length - 1, num_steps)]
        """, "the inputs of batch 2 have the shape (2, 3); the inputs of"),
    ],
    "perplexity": [
        ("""
        return torch.exp(torch.nn.functional.cross_entropy(logits, targets))
        """, "`cross_entropy` takes the second axis for the V tokens:"),
        ("""
        return exp(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
        """, "Is `torch.exp` meant?"),
        ("""
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp()
        """, "In full, `F` is `torch.nn.functional`."),
        ("""
        print(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp())
        """, "it printed something and returned None; `print` shows a"),
        ("""
        return torch.exp(-torch.nn.functional.nll_loss(logits.flatten(0, 1), targets.flatten()))
        """, "nll_loss was given logits; it takes log_softmax of them,"),
        ("""
        p = torch.softmax(logits, dim=-1)
        return 1 / p.gather(-1, targets.unsqueeze(-1)).mean()
        """, "1 / the mean probability: average the logarithms, not the"),
        ("""
        loss = torch.nn.CrossEntropyLoss()
        return torch.exp(loss(logits.view(-1, logits.size(1)), targets.view(-1)))
        """, "`cross_entropy` takes logits (T B, V) and targets (T B):"),
        ("""
        total = 0
        for t in range(logits.shape[0]):
            total += torch.nn.functional.cross_entropy(logits[t], targets[t]).exp()
        return total / logits.shape[0]
        """, "each time step (or row) has got a perplexity of its own, and"),
        ("""
        p = torch.softmax(logits, dim=-1)
        return torch.exp(-(p * torch.log(p)).sum(-1).mean())
        """, "the targets were not used: this is how uncertain the model"),
        ("""
        p = torch.softmax(logits, dim=-1)
        return torch.exp(-torch.log(p[targets]).mean())
        """, "`p[targets]` takes time steps, not tokens: `p.gather(-1,"),
        ("""
        return 2 ** (torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()) / 2)
        """, "the perplexity is 1.451; expected 2.927."),
        ("""
        return [torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp()]
        """, "it returned a tuple or list with one thing in it; return the"),
        ("""
        return str(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp())
        """, "it returned a str; expected numbers, or a tensor of them."),
        ("""
        return round(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp().item(), 2)
        """, "the perplexity is right but for rounding to 2 digits behind"),
        ("""
        return (
            torch.nn.functional.cross_entropy(
                logits.view(-1, logits.shape[2]), targets.view(-1), reduction="sum"
            ).exp()
            / targets.numel()
        )
        """, "the perplexity is 6.625e+05; expected 2.927."),
        ("""
        return math.exp(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
        """, "Is `import math` missing?"),
        ("""
        return torch.exp(torch.nn.functional.cross_entropy(targets.flatten(), logits.flatten(0, 1)))
        """, "Whole numbers came where others are needed: have two"),
        ("""
        return torch.exp(
            torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), torch.nn.functional.one_hot(targets).flatten(0, 1)
            )
        )
        """, "`cross_entropy` takes the numbers of the tokens, not one-hot"),
        ("""
        return torch.log(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
        """, "this is the logarithm of the loss; perplexity is its"),
        ("""
        p = logits.argmax(-1)
        return (p == targets).float().mean()
        """, "the perplexity is 0.4667; expected 2.927."),
        ("""
        return (logits / logits.sum(-1, keepdim=True)).gather(2, targets[..., None]).log().mean().neg().exp()
        """, "the perplexity is nan; expected 2.927."),
        ("""
        loss = 0
        for t in range(len(targets)):
            loss += torch.nn.functional.cross_entropy(logits[t], targets[t])
        return torch.exp(loss)
        """, "the sum of the losses was divided by B alone; there are T B"),
        ("""
        loss = 0
        for t in range(len(targets)):
            loss = torch.nn.functional.cross_entropy(logits[t], targets[t])
        return torch.exp(loss)
        """, "only the last time step was looked at; all T count."),
        ("""
        return torch.exp(
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        )
        """, "the perplexity has the shape (15,); expected ()."),
        ("""
        return torch.exp(
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduce=False).mean()
        ).long()
        """, "the perplexity holds torch.int64; expected torch.float64"),
        ("""
        return torch.exp(torch.nn.functional.cross_entropy(logits.flatten(), targets.flatten()))
        """, "Logits keep their last axis, the vocabulary's:"),
        ("""
        return torch.pow(
            2, torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))
        )
        """, "2 to the power of the loss: cross_entropy is in nats, so the"),
    ],
    "smoothed_bigram": [
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for i in range(len(tokens)):
            counts[tokens[i], tokens[i + 1]] += 1
        return counts / counts.sum(1, keepdim=True)
        """, "Counted from 0, the last of n entries has the number n - 1."),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        counts[tokens[:-1], tokens[1:]] += 1
        return counts / counts.sum(dim=1, keepdim=True)
        """, "each pair was counted once, however often it comes. `table[a,"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
            return counts / counts.sum(1, keepdim=True)
        """, "only the first pair was counted: does `return` stand inside"),
        ("""
        counts = torch.ones(vocab_size, vocab_size, dtype=torch.int64)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return counts // counts.sum(1, keepdim=True)
        """, "the table holds torch.int64; expected torch.float32 (`//` and"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[b][a] += 1
        return counts / counts.sum(1, keepdim=True)
        """, "rows and columns are swapped: row i must hold what follows"),
        ("""
        from collections import Counter
        pairs = Counter(zip(tokens, tokens[1:]))
        counts = torch.ones(vocab_size, vocab_size)
        for (a, b), n in pairs.items():
            counts[a, b] = n
        return counts / counts.sum(1, keepdim=True)
        """, "nothing was counted: all is as it began. (In a Counter equal"),
        ("""
        counts = torch.zeros(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return (counts + 1) / (counts.sum(1) + vocab_size)
        """, "column j was divided by the sum of row j: a sum without"),
        ("""
        counts = torch.ones(vocab_size)
        for a in tokens:
            counts[a] += 1
        return counts / counts.sum()
        """, "the table has the shape (5,); expected (V, V) = (5, 5)."),
        ("""
        counts = {}
        for a, b in zip(tokens.tolist(), tokens.tolist()[1:]):
            counts[a, b] = counts.get((a, b), 1) + 1
        return counts
        """, "it returned a dict; expected numbers, or a tensor of them."),
        ("""
        import numpy as np
        counts = np.ones((vocab_size, vocab_size))
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return counts / counts.sum(1, keepdims=True)
        """, "it returned a NumPy array; expected a tensor, as its inputs"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return 100 * counts / counts.sum(1, keepdim=True)
        """, "the table is right but for a factor: each number is 100 times"),
        ("""
        counts = torch.zeros(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return counts + 1 / counts.sum(1, keepdim=True) + vocab_size
        """, "right shape, wrong values: entry [0, 0] of the table (token"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return counts / counts.sum(keepdim=True)
        """, "It takes other things than what it was given: a tensor,"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] + 1
        return counts / counts.sum(1, keepdim=True)
        """, "nothing was counted: all is as it began. (In a Counter equal"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for i in range(0, len(tokens) - 1, 2):
            counts[tokens[i], tokens[i + 1]] += 1
        return counts / counts.sum(1, keepdim=True)
        """, "every other pair was left out: a token ends one pair and"),
        ("""
        counts = torch.ones(vocab_size + 1, vocab_size + 1)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return counts / counts.sum(1, keepdim=True)
        """, "the table has the shape (6, 6); expected (V, V) = (5, 5)."),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a in tokens:
            for b in tokens:
                counts[a, b] += 1
        return counts / counts.sum(1, keepdim=True)
        """, "right shape, wrong values: entry [0, 0] of the table (token"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        for row in counts:
            row /= row.sum()
        """, "it returned None; is `return` missing?"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        for row in counts:
            row = row / row.sum()
        return counts
        """, "these are counts; each row divided by its sum gives"),
        ("""
        counts = torch.ones(vocab_size, vocab_size)
        for a, b in zip(tokens, tokens[1:]):
            counts[a, b] += 1
        return torch.nn.functional.normalize(counts, dim=1)
        """, "each row was divided by its length, the root of its squares;"),
        ("""
        counts = [[1] * vocab_size] * vocab_size
        for a, b in zip(tokens.tolist(), tokens.tolist()[1:]):
            counts[a][b] += 1
        counts = torch.tensor(counts)
        return counts / counts.sum(1, keepdim=True)
        """, "all rows are one and the same list, as in `[[1] * V] * V`;"),
        ("""
        counts = [[1] * vocab_size for _ in range(vocab_size)]
        for a, b in zip(tokens.tolist(), tokens.tolist()[1:]):
            counts[a][b] += 1
        return [[c / sum(row) for c in row] for row in counts]
        """, "it returned lists of numbers; expected a tensor:"),
    ],
    "rnn_step": [
        ("return tanh(x @ W_xh + h @ W_hh + b_h)", "Is `torch.tanh` meant?"),
        ("return torch.tanh(W_xh @ x + W_hh @ h + b_h)", "Perhaps W_xh stands before x; inputs and states are rows,"),
        ("return torch.tanh(x @ W_xh + h @ W_hh + b)", "Is `b_h` meant?"),
        ("""
        return torch.tanh(x * W_xh + h * W_hh + b_h)
        """, "`*` and `+` work entry by entry, on equal shapes; the matrix"),
        ("print(torch.tanh(x @ W_xh + h @ W_hh + b_h))", "it printed something and returned None; `print` shows a"),
        ("h = torch.tanh(x @ W_xh + h @ W_hh + b_h)", "it returned None; is `return` missing?"),
        ("""
        h += torch.tanh(x @ W_xh + h @ W_hh + b_h)
        return h
        """, "the old state was added to the new one; the new one replaces"),
        ("""
        return torch.tanh(torch.cat([x, h]) @ torch.cat([W_xh, W_hh]) + b_h)
        """, "`torch.cat` goes along the first axis; along the second:"),
        ("""
        return torch.tanh(torch.cat([h, x], 1) @ torch.cat([W_xh, W_hh]) + b_h)
        """, "x and h were put side by side in another order than W_xh and"),
        ("""
        return torch.tanh(x @ W_xh) + torch.tanh(h @ W_hh) + torch.tanh(b_h)
        """, "the tanh was taken of each part, b_h too; it is one tanh, of"),
        ("""
        return torch.tanh(x @ W_xh + h @ W_hh + b_h), h
        """, "it returned 2 things; expected one: the state (B, H). Number"),
        ("""
        return torch.tanh(torch.tensor(x @ W_xh) + h @ W_hh + b_h).half()
        """, "it returned a tensor of torch.float16, which has about three"),
        ("return x @ W_xh + h @ W_hh + b_h.tanh()", "only b_h went through the tanh: put brackets around the whole"),
        ("""
        class my_step:
            def __call__(self, x, h, W_xh, W_hh, b_h):
                return torch.tanh(x @ W_xh + h @ W_hh + b_h)
        """, "this is a class; a function is asked for, `def my_step(x, h,"),
        ("""
        def rnn(inputs, state, params):
            W_xh, W_hh, b_h, W_hq, b_q = params
            H, = state
            for X in inputs:
                H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
            return H

        my_step = rnn
        """, "It is called as rnn(x, h, W_xh, W_hh, b_h)."),
        ("""
        def my_step(h, x, W_xh, W_hh, b_h):
            return torch.tanh(x @ W_xh + h @ W_hh + b_h)
        """, "Look at the order of the two factors: the inner sizes must be"),
        ("""
        def my_step(x, h, W_hh, W_xh, b_h):
            return torch.tanh(x @ W_xh + h @ W_hh + b_h)
        """, "Look at the order of the two factors: the inner sizes must be"),
        ("my_step = torch.ones(3, 4)", "hand in the function itself; this is something else, a"),
        ("return torch.tanh(x @ W_xh + ... + b_h)", "A `...` is still there: put your line in its place."),
        ("""
        return torch.sigmoid(x @ W_xh + h @ W_hh + b_h).tanh()
        """, "right shape, wrong values: entry [0, 0] of the state"),
        ("""
        return torch.tanh(x @ W_xh + h @ W_hh + b_h).numpy()
        """, "it returned a NumPy array; expected a tensor, as its inputs"),
        ("""
        return torch.tanh(x @ W_xh + h @ W_hh + b_h).sum(0)
        """, "the state is right but for the axis B: this is the sum along"),
        ("""
        return torch.tanh(x @ W_xh + h @ W_hh + b_h)[0]
        """, "the state is right but for the axis B: this is the first"),
        ("""
        h = x @ W_xh + h @ W_hh + b_h
        torch.tanh(h)
        return h
        """, "the tanh is missing: this is the sum before it."),
        ("""
        return torch.tanh(x @ W_xh.T + h @ W_hh.T + b_h)
        """, "Look at the order of the two factors: the inner sizes must be"),
        ("""
        return [torch.tanh(x @ W_xh + h @ W_hh + b_h)]
        """, "it returned a tuple or list with one thing in it; return the"),
        ("""
        return torch.tanh(h @ W_xh + x @ W_hh + b_h)
        """, "Look at the order of the two factors: the inner sizes must be"),
        ("return torch.tanh(x @ W_xh + b_h) @ W_hh + h", "right shape, wrong values: entry [0, 0] of the state"),
        ("return np.tanh(x @ W_xh + h @ W_hh + b_h)", "NumPy is not imported, and torch has all that is needed here."),
        ("""
        return torch.tanh(x @ W_xh + h @ W_hh + b_h, dim=1)
        """, "it raised TypeError: tanh() got an unexpected keyword"),
        ("return torch.Tanh(x @ W_xh + h @ W_hh + b_h)", "Is `tanh` meant?"),
        ("""
        return torch.nn.Tanh(x @ W_xh + h @ W_hh + b_h)
        """, "A layer is made first and then called: `torch.nn.Tanh()(x)`."),
        ("return torch.nn.Tanh()", "it returned something to be called (Tanh); call it, and"),
        ("return torch.tanh(x.dot(W_xh) + h.dot(W_hh) + b_h)", "`dot` is for two vectors; the matrix product is `@`."),
        ("""
        return torch.softmax(x @ W_xh + h @ W_hh + b_h, dim=1)
        """, "right shape, wrong values: entry [0, 0] of the state"),
        ("""
        yield torch.tanh(x @ W_xh + h @ W_hh + b_h)
        """, "it returned a generator: is `yield` where `return` is meant?"),
        ("return torch.tanh(x @ W_xh + h @ W_hh + 2 * b_h)", "right shape, wrong values: entry [0, 0] of the state"),
        ("return (1 - torch.tanh(x @ W_xh + h @ W_hh + b_h))", "right shape, wrong values: entry [0, 0] of the state"),
    ],
    "unrolled_twice": [
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh.T + b_h)
        """, "in the outer step: W_hh is transposed; with states as rows"),
        ("""
        return torch.tanh(x_2 @ W_xh + (x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
        """, "in the inner step: the tanh is missing: this is the sum"),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh) @ W_hh + b_h)
        """, "in the inner step: the bias b_h is missing."),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h @ W_hh) + b_h)
        """, "a bracket: `@ W_hh` multiplies b_h alone, inside the inner"),
        ("""
        return torch.tanh(torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
        """, "in the outer step: the input x is not used: nothing is read."),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) * W_hh + b_h)
        """, "`*` and `+` work entry by entry, on equal shapes; the matrix"),
        ("""
        h_1 = torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h)
        h_2 = torch.tanh(x_2 @ W_xh + h_0 @ W_hh + b_h)
        return h_2
        """, "the outer step begins with h_0; it must begin with h_1."),
        ("""
        h_1 = torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h)
        h_2 = torch.tanh(x_2 @ W_xh + h_1 @ W_hh + b_h)
        return h_1, h_2
        """, "h_1 was returned, too; h_2 alone is asked for."),
        ("""
        return torch.tanh((x_1 + x_2) @ W_xh + h_0 @ W_hh @ W_hh + 2 * b_h)
        """, "right shape, wrong values: h_2[0, 0] (sequence 0, unit 0;"),
        ("""
        return torch.tanh(x_1 @ W_xh + torch.tanh(x_2 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
        """, "x_1 and x_2 are swapped: the inner step reads x_1."),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh) + b_h
        """, "in the outer step: the bias was added after the tanh; it"),
        ("""
        return my_step(x_2, my_step(x_1, h_0, W_xh, W_hh, b_h), W_xh, W_hh, b_h)
        """, "it raised NameError: name 'my_step' is not defined"),
        ("return torch.tanh(x2 @ W_xh + torch.tanh(x1 @ W_xh + h0 @ W_hh + b_h) @ W_hh + b_h)", "Is `x_2` meant?"),
        ("""
        return lambda: torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
        """, "it returned something to be called (function); call it, and"),
        ("""
        h_1 = torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h)
        return h_1 @ W_hh + x_2 @ W_xh + b_h
        """, "in the outer step: the tanh is missing: this is the sum"),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) + b_h)
        """, "in the outer step: the state was added as it is; it is"),
        ("""
        return torch.tanh(torch.tanh(x_1 @ W_xh + x_2 @ W_xh + h_0 @ W_hh + b_h))
        """, "right shape, wrong values: h_2[0, 0] (sequence 0, unit 0;"),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh.T + b_h) @ W_hh + b_h)
        """, "in the inner step: W_hh is transposed; with states as rows"),
        ("""
        return torch.tanh(x_2 @ W_xh + W_hh @ torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) + b_h)
        """, "Perhaps W_hh stands before h; inputs and states are rows,"),
        ("""
        for x in [x_2, x_1]:
            h_0 = torch.tanh(x @ W_xh + h_0 @ W_hh + b_h)
        return h_0
        """, "x_1 and x_2 are swapped: the inner step reads x_1."),
        ("""
        for x in [x_1, x_2]:
            h = torch.tanh(x @ W_xh + h_0 @ W_hh + b_h)
        return h
        """, "the outer step begins with h_0; it must begin with h_1."),
        ("""
        return torch.stack([x_1, x_2]) @ W_xh + h_0 @ W_hh + b_h
        """, "h_2 has the shape (2, 3, 4); expected (B, H) = (3, 4)."),
        ("""
        return torch.tanh(x_2 @ W_xh + torch.sigmoid(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
        """, "in the inner step: this is a sigmoid; the cell of this"),
        ("return my_h_2(x_2, x_1, h_0, W_xh, W_hh, b_h)", "it called itself without an end (line 2)."),
    ],
    "rnn_forward": [
        ("""
        states = []
        for i in range(xs.shape[1]):
            h = torch.tanh(xs[:, i] @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h
        """, "Perhaps the loop goes through the rows of the batch; the"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return states, h
        """, "the states (T, B, H) are a list of 4; expected one tensor:"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.cat(states), h
        """, "the states hang together in one long tensor (T B, H):"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states)
        """, "only one thing was returned; expected the states and the last"),
        ("""
        states = torch.zeros(len(xs), *h.shape)
        for t in range(1, len(xs)):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            states[t] = h
        return states, h
        """, "the loop begins with step 1; the first one is step 0:"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states, dim=1), h
        """, "the batch comes first: (B, T, H); here time does: (T, B, H)."),
        ("""
        states = []
        h = torch.zeros(h.shape)
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h
        """, "the state given was not used: the first step began with"),
        ("""
        states = []
        for t in range(len(xs)):
            h = torch.tanh(xs @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h
        """, "every step read all of xs; step t reads xs[t]."),
        ("""
        states = [h]
        for t in range(len(xs)):
            states.append(torch.tanh(xs[t] @ W_xh + states[t] @ W_hh + b_h))
        return torch.stack(states), states[-1]
        """, "the states are h_0 to h_T; the one that came in is none of"),
        ("""
        states = []
        for x in xs:
            h_new = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h_new)
        return torch.stack(states), h_new
        """, "every step began with the state given; it must begin with the"),
        ("""
        outputs = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            outputs.append(h)
        return torch.stack(outputs), (h,)
        """, "the last state (B, H) is a tuple with one thing in it;"),
        ("""
        states = []
        for t in range(len(xs) + 1):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h
        """, "Counted from 0, the last of n entries has the number n - 1."),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h.detach().numpy())
        return torch.tensor(states), h.T
        """, "the states are right; the last state is right but for the"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
        states.append(h)
        return torch.stack(states), h
        """, "only the last state was kept: `append` belongs into the loop."),
        ("""
        rnn = torch.nn.RNN(5, 4)
        return rnn(xs, h)
        """, "A layer reads one-hot inputs (T, B, V) and a state (1, B, H):"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states = states.append(h)
        return torch.stack(states), h
        """, "Something is None here: what a function without `return`"),
        ("""
        states = torch.empty(0)
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states = torch.cat([states, h])
        return states, h
        """, "the states hang together in one long tensor (T B, H):"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), states
        """, "the last state (B, H) is a list of 4; expected one tensor:"),
        ("""
        states = []
        for x in xs:
            h = my_step(x, h)
            states.append(h)
        return torch.stack(states), h
        """, "it raised NameError: name 'my_step' is not defined"),
        ("""
        states = torch.zeros(xs.shape)
        for t in range(len(xs)):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            states[t] = h
        return states, h
        """, "What is put in must have the shape of the place where it is"),
        ("""
        states = []
        for x in xs:
            h.copy_(torch.tanh(x @ W_xh + h @ W_hh + b_h))
            states.append(h)
        return torch.stack(states), h
        """, "all states are the last one: one tensor was kept T times and"),
        ("""
        states = []
        for x in xs:
            h.copy_(torch.tanh(x @ W_xh + h @ W_hh + b_h))
            states.append(h.clone())
        return torch.stack(states), h
        """, "the values are right, but it changed its argument h in place,"),
        ("""
        states = []
        for x in reversed(xs):
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h
        """, "the sequence was read from its end."),
        ("""
        states = []
        for x in xs.flip(0):
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states).flip(0), h
        """, "right shape, wrong values: entry [0, 0, 0] of the states"),
        ("""
        states = {}
        for t, x in enumerate(xs):
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states[t] = h
        return states, h
        """, "the states (T, B, H) are a dict; expected numbers, or a"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states), h[None]
        """, "the states are right; the last state is right but for the"),
        ("""
        states = []
        for x in xs:
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            states.append(h)
        return torch.stack(states).mean(0), h
        """, "the states are right but for the axis T: this is the mean"),
        ("""
        caches, a = [], torch.zeros(len(xs), *h.shape)
        for t in range(len(xs)):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            a[t] = h
            caches.append((h, xs[t]))
        return a, h, caches
        """, "one of the 3 things that it returned (expected 2) is a list"),
        ("""
        a = torch.zeros(*h.shape, xs.shape[0])
        for t in range(xs.shape[0]):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            a[:, :, t] = h
        return a, h
        """, "the states are right but for the order of the axes: (B, H,"),
    ],
    "bptt": [
        ("""
        T = len(h)
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(T)):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "Perhaps the loop reaches T; the T steps are 0 to T - 1:"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = direct[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "da is made of direct[t]; it must be made of dh[t], in which"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += da.T @ h[t]
            later = da @ W_hh.T
        return dh, dW_hh
        """, "dW_hh is transposed."),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t] @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "Perhaps two (B, H) were multiplied by `@`: `h[t].T @ da` for"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = W_hh @ da
        return dh, dW_hh
        """, "Perhaps W_hh stands before da; gradients are rows, as states"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "tanh' is taken at h_{t-1}; it belongs to the state of the"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            direct[t] += later
            da = direct[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return direct, dW_hh
        """, "the values are right, but it changed its argument direct in"),
        ("""
        dh, dW_hh = direct.clone(), torch.zeros_like(W_hh)
        for t in reversed(range(len(direct))):
            if t < len(direct) - 1:
                dh[t] += dh[t + 1] @ W_hh.T
            dW_hh += h[t].T @ (dh[t] * (1 - h[t + 1] ** 2))
        return dh, dW_hh
        """, "the tanh is left out on the way from h_{t+1} to h_t: pass on"),
        ("""
        dh, dW_hh, later = [], torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh_t = direct[t] + later
            da = dh_t * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
            dh.append(dh_t)
        return torch.stack(dh), dW_hh
        """, "dh stands in the order in which the loop finds it; dh[t]"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh = h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "dW_hh has only the first step's share (the last one of your"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in range(len(direct), 0, -1):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "Perhaps the loop reaches T; the T steps are 0 to T - 1:"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - torch.tanh(h[t + 1]) ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "the tanh was taken of h again; h is behind the tanh already:"),
        ("""
        dh, later = torch.zeros_like(direct), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            later = da @ W_hh.T
        return dh
        """, "it returned 1 thing; expected 2: dh (T, B, H), dW_hh (H, H)."),
        ("""
        h.requires_grad_(); W_hh.requires_grad_()
        loss = (h[1:] * direct).sum()
        loss.backward()
        return h.grad, W_hh.grad
        """, "dW_hh (H, H) is None: nothing was put there."),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] @ (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "Perhaps two (B, H) were multiplied by `@`: `h[t].T @ da` for"),
        ("""
        dh, dW_hh, later = torch.zeros_like(h), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "dh is right but for the last step, which is one too many:"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(1, len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t] ** 2)
            dW_hh += h[t - 1].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "right shape, wrong values: of the steps 0 to 4, step 4 is"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            later = da @ W_hh.T
            dW_hh += h[t].T @ later
        return dh, dW_hh
        """, "dh is right; right shape, wrong values: dW_hh[0, 0] (unit 0,"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * 1 - h[t + 1] ** 2
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "right shape, wrong values: of the steps 0 to 4, step 4 is"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1]) ** 2
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "a bracket: tanh' is 1 - h**2; this is (1 - h)**2."),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            later = direct[t] + later
            da = later * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "dh is zero everywhere: nothing was put there; expected other"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += torch.outer(h[t], da)
            later = da @ W_hh.T
        return dh, dW_hh
        """, "`outer` is for two vectors; the matrix product is `@`."),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
        return dh, dW_hh
        """, "nothing comes from the step after: these are the direct terms"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da * W_hh.T
        return dh, dW_hh
        """, "`*` and `+` work entry by entry, on equal shapes; the matrix"),
        ("""
        dh, dW_hh, later = direct, torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] += later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh += h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "the values are right, but it changed its argument direct in"),
        ("""
        dh, dW_hh, later = torch.zeros_like(direct), torch.zeros_like(W_hh), 0
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later
            da = dh[t] * (1 - h[t + 1] ** 2)
            dW_hh -= h[t].T @ da
            later = da @ W_hh.T
        return dh, dW_hh
        """, "dh is right; dW_hh is right but for the sign."),
        ("return ..., torch.zeros_like(W_hh)", "dh (T, B, H) is still `...`."),
        ("""
        dWhh, dhnext, dhs = torch.zeros_like(W_hh), torch.zeros_like(h[0]), torch.zeros_like(direct)
        for t in reversed(range(len(direct))):
            dh = direct[t] + dhnext
            dhraw = (1 - h[t] * h[t]) * dh
            dWhh += dhraw.T @ h[t - 1]
            dhnext = W_hh.T @ dhraw
            dhs[t] = dh
        return dhs, dWhh
        """, "Perhaps W_hh stands before da; gradients are rows, as states"),
        ("""
        d_h, d_Whh, dhs = direct[-1], torch.zeros_like(W_hh), torch.zeros_like(direct)
        for t in reversed(range(len(direct))):
            temp = (1 - h[t + 1] ** 2) * d_h
            d_Whh += h[t].T @ temp
            dhs[t] = d_h
            d_h = temp @ W_hh.T
        return dhs, d_Whh
        """, "only the last direct term goes back; each step adds its own:"),
    ],
    "truncated": [
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h).item()
        total.backward()
        return W_hh.grad
        """, "It is a plain number, without graph: `.item()` and `float`"),
        ("""
        losses = []
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            losses.append(loss_of(t, h))
        torch.tensor(losses).sum().backward()
        return W_hh.grad
        """, "Nothing leads from the loss to the weights: `detach`,"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = xs[t] + h @ W_hh
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "the tanh is missing: h = tanh(xs[t] + h @ W_hh)."),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh.T)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "W_hh is transposed in the step: h = tanh(xs[t] + h @ W_hh)."),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "nothing is cut: this is the whole gradient. (`h.detach()`"),
        ("""
        total = 0
        for t in range(len(xs)):
            h = torch.tanh(xs[t] + h @ W_hh)
            if t > 0 and t % k == 0:
                h = h.detach()
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "the state was detached after its tanh, and its own loss lost"),
        ("""
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            loss_of(t, h).backward()
        return W_hh.grad
        """, "A way back frees the graph that it goes through: add up the"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        """, "it returned None; is `return` missing?"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(h, t)
        total.backward()
        return W_hh.grad
        """, "An index is a whole number: have two arguments changed places?"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            total += loss_of(t, h)
            h = torch.tanh(xs[t] + h @ W_hh)
        total.backward()
        return W_hh.grad
        """, "loss_of was given the state before its step; it takes the one"),
        ("""
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            loss = loss_of(t, h)
        loss.backward()
        return W_hh.grad
        """, "only the loss of the last step counts; every step has one."),
        ("""
        total = 0
        for t in range(1, len(xs) + 1):
            if t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "Counted from 0, the last of n entries has the number n - 1."),
        ("""
        total = 0
        for t in range(len(xs)):
            with torch.no_grad():
                h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "Nothing leads from the loss to the weights: `detach`,"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                W_hh = W_hh.detach().requires_grad_()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "only the losses since the last cut count; every step has one."),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh
        """, "this is W_hh itself; its gradient is in W_hh.grad after a"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        return torch.autograd.grad(total, W_hh)
        """, "it returned a tuple or list with one thing in it; return the"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t % k == 0:
                h = torch.zeros_like(h)
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "the state is set to zero at step 0 and at every cut; it"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h.detach_()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "it raised RuntimeError: Trying to use a saved tensor that has"),
        ("""
        total = 0
        for t in range(len(xs)):
            h = torch.tanh(xs[t] + h.detach() @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "the state is detached at every step."),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                total.backward()
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "A way back frees the graph that it goes through: add up the"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                total.backward()
                total = 0
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        return W_hh.grad
        """, "the last steps are missing: after the last whole piece of k"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return h.grad
        """, "it returned None: that is what stands behind `return`, as"),
        ("""
        total = 0
        W = W_hh.clone()
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W)
            total += loss_of(t, h)
        total.backward()
        return W.grad
        """, "it returned None: that is what stands behind `return`, as"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of
        total.backward()
        return W_hh.grad
        """, "A function is called with brackets behind its name."),
        ("""
        total = 0
        for t in range(len(xs)):
            if t == k:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "there is one cut, before step k; they go on every k steps."),
        ("""
        total = 0
        for t in reversed(range(len(xs))):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """, "right shape, wrong values: dL/dW_hh[0, 0] (unit 0, unit 0;"),
        ("""
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return total
        """, "dL/dW_hh has the shape (); expected (H, H) = (3, 3)."),
    ],
    "missing_detach": [
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state.detach()
        return losses, state
        """, "a state is a tuple, (h,) or for an LSTM (h, c): detach each"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            for part in state:
                part = part.detach()
        return losses, state
        """, "the second batch's backward pass runs into the first batch's"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward(retain_graph=True)
            losses.append(loss.item())
        return losses, state
        """, "the h that batch 1 (counted from 0) began with still belongs"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = (state[0].detach(),)
        return losses, state
        """, "right for a GRU; but for an LSTM, an LSTM's state has two"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = (part.detach() for part in state)
        return losses, state
        """, "the state is a generator, which can be gone through only"),
        ("""
        losses = []
        for tokens, targets in batches:
            state = model.initial_state(tokens.shape[1])
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "each batch begins with a state of zeros: what was read before"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).detach()
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "Nothing leads from the loss to the weights: `detach`,"),
        ("""
        losses = []
        for tokens, targets in batches:
            with torch.no_grad():
                logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "Nothing leads from the loss to the weights: `detach`,"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, _ = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = tuple(part.detach() for part in state)
        return losses, state
        """, "each batch begins with a state of zeros: what was read before"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss)
            state = tuple(part.detach() for part in state)
        return losses, state
        """, "the losses kept still belong to their graphs, which stay in"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            losses.append(loss.item())
            state = tuple(part.detach() for part in state)
        loss.backward()
        return losses, state
        """, "1 gradient reached W_hh; each of the 4 losses gives one:"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            logits = logits.detach()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "Nothing leads from the loss to the weights: `detach`,"),
        ("""
        losses = []
        optimizer = torch.optim.SGD(model.parameters(), lr=1)
        for tokens, targets in batches:
            state = tuple(part.detach() for part in state)
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            losses.append(loss.item())
        return losses, state
        """, "the weights have changed; here the loop only backpropagates"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state.detach())
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "a state is a tuple, (h,) or for an LSTM (h, c): detach each"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = state[0].detach()
        return losses, state
        """, "right for a GRU; but for an LSTM, an LSTM's state has two"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            h, c = state
            state = (h.detach(), c.detach())
        return losses, state
        """, "a GRU's state has one part, an LSTM's two: go through the"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = tuple(part.detach() for part in state)
        return losses
        """, "return two things: the list of losses, one for each batch,"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = tuple(part.detach() for part in state)
            return losses, state
        """, "it ends after the first of 4 batches: does `return` stand"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = tuple(torch.zeros_like(part) for part in state)
        return losses, state
        """, "each batch begins with a state of zeros: what was read before"),
        ("""
        total = 0
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            total += loss
            losses.append(loss.item())
        total.backward()
        return losses, state
        """, "1 gradient reached W_hh; each of the 4 losses gives one:"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = detach(state)
        return losses, state
        """, "Is `torch.detach` meant?"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = torch.stack(state).detach()
        return losses, state
        """, "A layer reads one-hot inputs (T, B, V) and a state (1, B, H):"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits, targets)
            loss.backward()
            losses.append(loss.item())
            state = tuple(part.detach() for part in state)
        return losses, state
        """, "`cross_entropy` takes the second axis for the V tokens:"),
        ("""
        losses = []
        for tokens, targets in batches:
            with torch.no_grad():
                state = tuple(part.clone() for part in state)
            logits, new_state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, new_state
        """, "each batch begins with a state of zeros: what was read before"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            state = state.data
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
        return losses, state
        """, "a state is a tuple, (h,) or for an LSTM (h, c): detach each"),
        ("""
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            for s in state:
                s.detach()
        return losses, state
        """, "the second batch's backward pass runs into the first batch's"),
    ],
    "clip_by_norm": [
        ("""
        torch.nn.utils.clip_grad_norm_(gradients, threshold)
        return ...
        """, "the `.grad` of the tensors was changed, as PyTorch's"),
        ("""
        norm = torch.norm(torch.stack([g.norm() for g in gradients]))
        if norm > threshold:
            for g in gradients:
                g = g * threshold / norm
        return ...
        """, "the gradients are as they were: change them in place (`g *="),
        ("""
        norm = sum(g.norm() for g in gradients)
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the norms of the tensors were added; their squares add, and"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients)
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the root is missing: divided by the sum of squares, not by"),
        ("""
        norm = torch.cat(gradients).norm()
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "`torch.cat` needs tensors with as many axes: flatten each of"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm < threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the comparison is the wrong way round: short gradients were"),
        ("""
        for g in gradients:
            norm = g.norm()
            if norm > threshold:
                g *= threshold / norm
        """, "each tensor was clipped alone, so the direction changes; one"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        return [g * min(1, threshold / norm) for g in gradients]
        """, "it returned new tensors and left the gradients as they were:"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        for g in gradients:
            g *= norm / threshold
        """, "divided upside down: norm / threshold; it is threshold / norm."),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            for i in range(len(gradients)):
                gradients[i] = gradients[i] * threshold / norm
        """, "a new tensor was put into the list, and the old one, which"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            gradients *= threshold / norm
        """, "A whole number is asked for: go through a list with `for`, or"),
        ("""
        norm = sum((p.grad ** 2).sum() for p in gradients).sqrt()
        if norm > threshold:
            for p in gradients:
                p.grad[:] *= threshold / norm
        """, "the `.grad` of the tensors was changed, as PyTorch's"),
        ("""
        def my_clip_by_norm(net, theta):
            params = [p for p in net.parameters() if p.requires_grad]
            norm = torch.sqrt(sum(torch.sum((p.grad ** 2)) for p in params))
            if norm > theta:
                for param in params:
                    param.grad[:] *= theta / norm
        """, "It is a list: go through what is in it, `for each in ...`."),
        ("""
        norm = math.sqrt(sum((g ** 2).sum() for g in gradients))
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "Is `import math` missing?"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            for g in gradients:
                g /= norm
        print(gradients)
        """, "the gradients have the length 1 now; the threshold is missing"),
        ("""
        for g in gradients:
            torch.nn.utils.clip_grad_norm_(g, threshold)
        """, "the `.grad` of the tensors was changed, as PyTorch's"),
        ("""
        norm = max(g.norm() for g in gradients)
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the largest of the tensors' norms decides; it is one norm, of"),
        ("""
        norm = sum(g.sum() ** 2 for g in gradients).sqrt()
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the components were added up before they were squared; each"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            for g in gradients:
                g *= threshold
                g /= norm
                break
        """, "only the first tensor was shortened: does `return` stand"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients) ** 1 / 2
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "`** 1 / 2` is the half of the square; the root is `** 0.5` or"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            g = threshold / norm * gradients
        return g
        """, "A whole number is asked for: go through a list with `for`, or"),
        ("""
        norm = torch.norm(gradients)
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "It is a list: go through what is in it, `for each in ...`."),
        ("""
        norm = sum((g ** 2).mean() for g in gradients).sqrt()
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "the first gradient is right but for a factor: each number is"),
        ("""
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        for g in gradients:
            g.clamp_(max=threshold / norm)
        """, "right shape, wrong values: entry [0, 0] of the first gradient"),
        ("""
        norm = sum(g.abs().sum() for g in gradients)
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        """, "this is the sum of absolute values; the norm is the root of"),
        ("""
        for g in gradients:
            torch.clip(g, -threshold, threshold, out=g)
        """, "this is clipping by value; the direction changes."),
        ("""
        coefficient = threshold / (sum(g.norm(2) ** 2 for g in gradients) ** 0.5 + 1e-6)
        for g in gradients:
            g.mul_(coefficient)
        """, "short gradients were made longer: scale by at most 1."),
    ],
    "clip_by_value": [
        ("""
        torch.nn.utils.clip_grad_value_(gradients, threshold)
        """, "the `.grad` of the tensors was changed, as PyTorch's"),
        ("""
        for g in gradients:
            g.clamp(-threshold, threshold)
        return ...
        """, "the gradients are as they were: change them in place; `clamp`"),
        ("""
        for g in gradients:
            g = torch.clamp(g, -threshold, threshold)
        """, "the gradients are as they were: change them in place; `clamp`"),
        ("""
        return [g.clamp(-threshold, threshold) for g in gradients]
        """, "it returned new tensors and left the gradients as they were:"),
        ("""
        for g in gradients:
            g.clamp_(0, threshold)
        """, "negative components became zero: clip to [-threshold,"),
        ("""
        for g in gradients:
            g.clamp_(max=threshold)
        """, "only large positive components were clipped."),
        ("""
        for g in gradients:
            if g > threshold:
                g = threshold
        """, "`if`, `min` and `max` take one number; for many there are"),
        ("""
        for g in gradients:
            g[g > threshold] = threshold
            g[g < threshold] = -threshold
        """, "all that is below the threshold became -threshold; that is"),
        ("""
        for g in gradients:
            g[abs(g) > threshold] = threshold
        """, "large negative components became +threshold; they keep their"),
        ("""
        for g in gradients:
            g[:] = max(min(g, threshold), -threshold)
        """, "`if`, `min` and `max` take one number; for many there are"),
        ("gradients.clamp_(-threshold, threshold)", "It is a list: go through what is in it, `for each in ...`."),
        ("""
        for g in gradients:
            g.clamp_(threshold, -threshold)
        """, "the bounds have changed places: `clamp(-threshold,"),
        ("""
        for g in gradients:
            g *= threshold / g.abs().max()
        """, "each tensor was scaled so that its largest component fits;"),
        ("""
        for i, g in enumerate(gradients):
            gradients[i] = g.clamp(-threshold, threshold)
        """, "a new tensor was put into the list, and the old one, which"),
        ("""
        for g in gradients:
            g.clip_(-1, 1)
        """, "clipped at 1; the threshold is an argument."),
        ("""
        for g in gradients:
            torch.clip(g, -threshold, threshold, out=g)
            return
        """, "only the first tensor was clipped: does `return` stand inside"),
        ("""
        for g in gradients:
            for x in g:
                x = min(max(x, -threshold), threshold)
        """, "`if`, `min` and `max` take one number; for many there are"),
        ("""
        for g in gradients:
            norm = g.norm()
            if norm > threshold:
                g *= threshold / norm
        """, "each tensor was clipped by its norm; clip component by"),
        ("""
        for g in gradients:
            g = g.clamp_(threshold)
        """, "the first number that clamp takes is the lower bound:"),
        ("""
        for g in gradients:
            g.clamp_(min=-threshold)
        """, "only large negative components were clipped."),
        ("""
        for g in gradients:
            g[g.abs() > threshold] = 0
        """, "too large components were set to zero; they go to the"),
        ("""
        for g in gradients:
            g[:] = torch.sign(g) * threshold
        """, "all components became plus or minus the threshold; only what"),
        ("""
        for g in gradients:
            g.copy_(torch.where(g > threshold, threshold, g))
        """, "only large positive components were clipped."),
        ("""
        for g in gradients:
            g.grad.clamp_(-threshold, threshold)
        """, "the `.grad` of the tensors was changed, as PyTorch's"),
        ("torch.clamp_(gradients, -threshold, threshold)", "It takes other things than what it was given: a tensor,"),
        ("""
        gradients[:] = [g.clamp(-threshold, threshold) for g in gradients]
        """, "a new tensor was put into the list, and the old one, which"),
        ("""
        for g in gradients:
            g.clamp_(-threshold)
            g.clamp_(threshold)
        """, "the first number that clamp takes is the lower bound:"),
    ],
    "clipped_once": [
        ("""
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(list(parameters))]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(list(parameters)):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "no weight has changed: the norm has consumed the generator,"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter = parameter - learning_rate * scale * gradients_of(number)
        """, "no weight has changed: `parameter = parameter - ...` makes a"),
        ("""
        parameters = list(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, threshold)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * gradients_of(number)
        """, "the weights moved, but nothing was clipped: the norm of these"),
        ("""
        for number, parameter in enumerate(parameters):
            g = gradients_of(number)
            parameter -= learning_rate * min(1.0, threshold / float(g.square().sum()) ** 0.5) * g
        """, "each gradient was clipped alone; one norm, of all together."),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)))
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the root is missing: divided by the sum of squares, not by"),
        ("""
        squares = [gradients_of(number).square().sum() for number in range(len(parameters))]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "`parameters` is a generator, which has no length: make a list"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(parameter).square().sum() for parameter in parameters]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for parameter in parameters:
            parameter -= learning_rate * scale * gradients_of(parameter)
        """, "A whole number is asked for: go through a list with `for`, or"),
        ("""
        parameters = list(parameters)
        squares = [parameter.square().sum() for parameter in parameters]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the norm is that of the parameters; it is the gradients that"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = max(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the comparison is the wrong way round: short gradients were"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        return [p - learning_rate * scale * gradients_of(n) for n, p in enumerate(parameters)]
        """, "no weight has changed: `parameter = parameter - ...` makes a"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters, 1):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "In place, a result must have the shape of what it is written"),
        ("""
        parameters = list(parameters)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * gradients_of(number).clamp(-threshold, threshold)
        """, "this clips by value; here all gradients are shortened by one"),
        ("""
        parameters = tuple(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter += learning_rate * scale * gradients_of(number)
        """, "the sign is wrong: this step goes up, not down."),
        ("""
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * gradients_of(number)
        """, "the weights moved, but nothing was clipped: the norm of these"),
        ("""
        parameters = list(parameters)
        norm = sum(gradients_of(n).norm() for n in range(len(parameters)))
        scale = min(1.0, threshold / norm)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the norms of the gradients were added up; the norm of all is"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= scale * gradients_of(number)
        """, "the learning rate is missing."),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = threshold / float(sum(squares)) ** 0.5
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "short gradients were made longer: scale by at most 1."),
        ("""
        list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the norm is 0: the generator was empty when the gradients"),
        ("""
        params = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(params)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "no weight has changed: the norm has consumed the generator,"),
        ("""
        squares, scale = [], 1.0
        for number, parameter in enumerate(parameters):
            squares.append(gradients_of(number).square().sum())
            scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
            parameter -= learning_rate * scale * gradients_of(number)
        """, "the norm of the gradients so far decides; first the norm of"),
        ("""
        parameters = list(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameters[number] = parameter - learning_rate * scale * gradients_of(number)
        """, "no weight has changed: `parameter = parameter - ...` makes a"),
        ("""
        parameters = parameters.copy()
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter -= learning_rate * scale * gradients_of(number)
        """, "A generator can only be gone through: make a list of it first."),
        ("""
        optimizer = torch.optim.SGD(parameters, lr=learning_rate)
        torch.nn.utils.clip_grad_norm_(parameters, threshold)
        optimizer.step()
        """, "no weight has changed: the norm has consumed the generator,"),
    ],
    "lstm_step": [
        ("""
        i, f, g, o = x_in + h @ W_hh
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(g), torch.sigmoid(o)
        c = f * c + i * g
        return o * torch.tanh(c), c
        """, "the candidate has a sigmoid; it is a tanh."),
        ("""
        i, f, o, g = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "candidate and output gate are swapped: the order is i, f, g,"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h
        """, "only h was returned; the state is the pair (h, c)."),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return c, h
        """, "h and c are returned in the wrong order."),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c_new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c_new
        """, "h is made of the old c; it is made of the new one."),
        ("""
        i, f, g, o = (x_in + h @ W_hh).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "h has the shape (4, 3, 4); expected (B, H) = (3, 4)."),
        ("""
        i, f, g, o = x_in + W_hh @ h
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "Perhaps W_hh stands before h; states are rows, which stand"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) @ c + torch.sigmoid(i) @ torch.tanh(g)
        return torch.sigmoid(o) @ torch.tanh(c), c
        """, "Perhaps a matrix product of two (B, H): gates multiply entry"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * c, c
        """, "h is o times c; it is o times tanh(c)."),
        ("""
        i, f, g = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.tanh(c), c
        """, "On the left stand as many names as there are entries on the"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c *= torch.sigmoid(f)
        c += torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "the values are right, but it changed its argument state in"),
        ("""
        i, f, g, o = torch.sigmoid(x_in + h @ W_hh)
        c = f * c + i * torch.tanh(g)
        return o * torch.tanh(c), c
        """, "the candidate has a sigmoid and then a tanh; it is a tanh"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)
        """, "c (B, H) is a tuple of 2; expected one tensor."),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "1 was added to the forget gate; here all biases are in x_in."),
        ("""
        def my_lstm_step(x_in, h, c, W_hh):
            i, f, g, o = x_in + h @ W_hh
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
        """, "It is called as my_lstm_step(x_in, state, W_hh)."),
        ("""
        def my_lstm_step(x_in, state, W_hh):
            c, h = state
            i, f, g, o = x_in + h @ W_hh
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
        """, "h and c were unpacked in the wrong order: the state is (h, c)."),
        ("""
        i, f, g, o = x_in @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "right shape, wrong values: h[0, 0] (sequence 0, unit 0;"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return torch.stack([h, c])
        """, "it returned 1 thing; expected 2: h (B, H), c (B, H)."),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) + c * torch.sigmoid(i) + torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "right shape, wrong values: h[0, 0] (sequence 0, unit 0;"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o * torch.tanh(c)), c
        """, "a bracket: h is sigmoid(o) * tanh(c), not the sigmoid of the"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * g
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "the candidate has no tanh."),
        ("""
        i, f, g, o = x_in + h @ W_hh + c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "right shape, wrong values: h[0, 0] (sequence 0, unit 0;"),
        ("""
        h = (x_in + h @ W_hh)
        i, f, g, o = h
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return h, c
        """, "h has the shape (4, 3, 4); expected (B, H) = (3, 4)."),
        ("""
        a = x_in + h @ W_hh
        i, f, g, o = a[:, 0], a[:, 1], a[:, 2], a[:, 3]
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "Counted from 0, the last of n entries has the number n - 1."),
        ("return torch.nn.LSTM(4, 4)(x_in, state)", "A layer reads one-hot inputs (T, B, V) and a state (1, B, H):"),
        ("""
        i, f, g, o = x_in + h @ W_hh
        c = (1 - torch.sigmoid(i)) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "the forget gate is 1 - i here; in this cell it is a gate of"),
        ("""
        i, f, g, o = x_in + W_hh @ h.T
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """, "`*` and `+` work entry by entry, on equal shapes; the matrix"),
        ("""
        i, f, o, g = (x_in[k] + h @ W_hh[k] for k in (0, 1, 3, 2))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c)
        """, "only h was returned; the state is the pair (h, c)."),
    ],
    "gru_step": [
        ("""
        r, z, n = x_in + h @ W_hh
        r, z, n = torch.sigmoid(r), torch.sigmoid(z), torch.tanh(n)
        return (1 - z) * n + z * h
        """, "the reset gate is not used."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + (r * h) @ W_hh[2])
        return (1 - z) * n + z * h
        """, "the reset gate acts before the product with W_hn; in this"),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return z * n + (1 - z) * h
        """, "z keeps the candidate here; it must keep the old state: (1 -"),
        ("""
        z = torch.sigmoid(x_in[0] + h @ W_hh[0])
        r = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + z * h
        """, "reset and update gate are swapped: the order is r, z, n."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(r * (x_in[2] + h @ W_hh[2]))
        return (1 - z) * n + z * h
        """, "the reset gate multiplies the input as well; it multiplies h"),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * h @ W_hh[2])
        return (1 - z) * n + z * h, n
        """, "it returned 2 things; expected one: h (B, H)."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        h = (1 - z) * n + z * h
        """, "it returned None; is `return` missing?"),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return ((1 - z) * n + z * h,)
        """, "it returned a tuple or list with one thing in it; return the"),
        ("""
        r = torch.sigmoid(x_in[1] + h @ W_hh[1])
        z = torch.sigmoid(x_in[2] + h @ W_hh[2])
        n = torch.tanh(x_in[3] + r * (h @ W_hh[3]))
        return (1 - z) * n + z * h
        """, "Counted from 0, the last of n entries has the number n - 1."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) @ n + z @ h
        """, "Perhaps a matrix product of two (B, H): gates multiply entry"),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return 1 - z * n + z * h
        """, "a bracket is missing around 1 - z: (1 - z) * n + z * h."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.sigmoid(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + z * h
        """, "the candidate has a sigmoid; it is a tanh."),
        ("""
        R = torch.sigmoid(x_in[0] + h @ W_hh[0])
        Z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        H_tilde = torch.tanh(x_in[2] + (R * h) @ W_hh[2])
        H = Z * h + (1 - Z) * H_tilde
        return H
        """, "the reset gate acts before the product with W_hn; in this"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r @ h @ W_hh[2])
        return (1 - z) * n + z * h
        """, "Perhaps a matrix product of two (B, H): gates multiply entry"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + h
        """, "the old state is added whole; only the share z of it stays."),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return n
        """, "this is the candidate n; it still has to be mixed with the"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2]) + r * (h @ W_hh[2])
        return (1 - z) * n + z * h
        """, "the part of the state stands outside the tanh: n = tanh(x_in"),
        ("""
        r, z, n = torch.sigmoid(x_in + h @ W_hh)
        return (1 - z) * n + z * h
        """, "right shape, wrong values: h[0, 0] (sequence 0, unit 0;"),
        ("""
        x_r, x_z, x_n = x_in
        r = torch.sigmoid(x_r + h @ W_hh[0])
        z = torch.sigmoid(x_z + r @ W_hh[1])
        n = torch.tanh(x_n + r * (h @ W_hh[2]))
        return (1 - z) * n + z * h
        """, "right shape, wrong values: h[0, 0] (sequence 0, unit 0;"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2].T))
        return (1 - z) * n + z * h
        """, "W_hn is transposed."),
        ("""
        h, c = h
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + z * h
        """, "On the left stand as many names as there are entries on the"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + z * n
        """, "this is the candidate n; it still has to be mixed with the"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        h *= z
        h += (1 - z) * n
        return h
        """, "the values are right, but it changed its argument h in place,"),
        ("""
        r, z = torch.sigmoid(x_in[:2] + h @ W_hh[:2])
        n = torch.tanh(r * x_in[2] + h @ W_hh[2])
        return (1 - z) * n + z * h
        """, "the reset gate multiplies the input; it multiplies h @ W_hn."),
        ("""
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        u = torch.sigmoid(x_in[1] + h @ W_hh[1])
        h_hat = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - u) * h + u * h_hat
        """, "z keeps the candidate here; it must keep the old state: (1 -"),
    ],
    "time_stays_time": [
        ("""
        return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
        """, "batch and time are mixed: reshape keeps the order in memory,"),
        ("""
        return torch.nn.functional.cross_entropy(logits, targets)
        """, "`cross_entropy` takes logits (T B, V) and targets (T B):"),
        ("""
        return torch.nn.functional.cross_entropy(logits, targets.T)
        """, "`cross_entropy` takes the second axis for the V tokens:"),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten()).item()
        """, "it returned a number, and a number has no gradient; return"),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.view(-1))
        """, "What was transposed lies in another order: `.reshape` copies"),
        ("""
        return torch.nn.functional.cross_entropy(
            logits.view(targets.shape[0], targets.shape[1], -1).flatten(0, 1), targets.flatten()
        )
        """, "batch and time are mixed: reshape keeps the order in memory,"),
        ("""
        return torch.nn.functional.cross_entropy(logits.permute(1, 0, 2).flatten(0, 1), targets.T.flatten())
        """, "both were transposed, so that they differ again: one is"),
        ("""
        return torch.nn.functional.cross_entropy(logits.permute(0, 2, 1), targets)
        """, "`cross_entropy` takes logits (T B, V) and targets (T B):"),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten(), reduction='none')
        """, "it returned a tensor of the shape (15,); expected the mean of"),
        ("""
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten())
        loss.backward()
        """, "it returned None; is `return` missing?"),
        ("""
        return torch.nn.functional.mse_loss(logits.argmax(-1).float(), targets.T.float())
        """, "the loss is cut off from the logits (`argmax`, `detach`,"),
        ("""
        return torch.nn.functional.nll_loss(logits.flatten(0, 1), targets.T.flatten())
        """, "nll_loss was given logits; it takes log_softmax of them,"),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).softmax(-1), targets.T.flatten())
        """, "a softmax was applied before cross_entropy, which applies its"),
        ("""
        return torch.nn.CrossEntropyLoss(logits.flatten(0, 1), targets.T.flatten())
        """, "Perhaps the loss was given its tensors where it is made:"),
        ("""
        return sum(torch.nn.functional.cross_entropy(logits[t], targets[:, t]) for t in range(len(logits)))
        """, "the losses were added over time; expected their mean."),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten(), reduction='sum')
        """, "the losses were added up; expected their mean."),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).detach(), targets.T.flatten())
        """, "the loss is cut off from the logits (`argmax`, `detach`,"),
        ("""
        return torch.nn.functional.cross_entropy(logits.permute(2, 0, 1), targets.T)
        """, "`cross_entropy` takes logits (T B, V) and targets (T B):"),
        ("""
        return torch.nn.functional.cross_entropy(logits[:, 0], targets[0])
        """, "only the first row of the batch counts."),
        ("""
        return torch.tensor(
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten()).item(),
            requires_grad=True,
        )
        """, "it raised RuntimeError: The differentiated Tensor at index 0"),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten()).exp()
        """, "this is the perplexity; the loss is its logarithm."),
        ("""
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.t().contiguous().view(-1)
        ), logits
        """, "it returned 2 things; expected one, the loss, a tensor ()."),
        ("""
        loss = 0
        for t in range(len(logits)):
            loss += torch.nn.functional.cross_entropy(logits[t], targets[t])
        return loss / len(logits)
        """, "`cross_entropy` takes logits (T B, V) and targets (T B):"),
        ("""
        loss = 0
        for t in range(len(logits)):
            loss = torch.nn.functional.cross_entropy(logits[t], targets[:, t])
        return loss
        """, "only the last step counts."),
        ("""
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten().float())
        """, "Targets are the whole numbers of tokens, as they came."),
        ("""
        return torch.nn.functional.mse_loss(
            logits, torch.nn.functional.one_hot(targets.T, logits.shape[-1]).float()
        )
        """, "the loss is 1.127; expected 1.788."),
    ],
    "model": [
        ("""
        hidden, state = self.rnn(tokens, state)
        return self.output(hidden), state
        """, "A layer reads one-hot inputs (T, B, V) and a state (1, B, H):"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size)
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state
        """, "`one_hot` gives whole numbers: `.float()` makes others of"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state
        """, "The last axis is the vocabulary's: `one_hot` needs its size,"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), (state,)
        """, "the state (1, B, H) is a tuple with one thing in it; expected"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens.T, self.vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state
        """, "The layer reads (T, B, V): have time and batch changed places?"),
        ("""
        (h,) = state
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, h = self.rnn(one_hot, h)
        return self.output(hidden), h
        """, "A layer reads one-hot inputs (T, B, V) and a state (1, B, H):"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state
        """, "Is `self.vocab_size` meant?"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return self.output(state), state
        """, "the logits are made of the last state alone, (1, B, V); they"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(one_hot, state)
        return torch.softmax(self.output(hidden), dim=1), state
        """, "a softmax went along B, the middle axis; the logits are"),
        ("""
        one_hot = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        out = self.rnn(one_hot, state)
        return self.output(out), state
        """, "A layer like `nn.RNN` returns two things: `hidden, state ="),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                self.vocab_size = vocab_size
                self.rnn = torch.nn.RNN(vocab_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "`super().__init__()` comes first in `__init__`."),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size, bias=False)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size, bias=False)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.output is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.embedding = torch.nn.Embedding(vocab_size, hidden_size)
                self.rnn = torch.nn.RNN(hidden_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(hidden_size, vocab_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(28, hidden_size)
                self.output = torch.nn.Linear(hidden_size, 28)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)

            def fwd(self, tokens, state):
                return ...
        """, "it raised NotImplementedError: Module [MyModel] is missing"),
        ("""
        def MyModel(tokens, state):
            return tokens, state
        """, "with vocab_size = 6 and hidden_size = 5 it makes a tuple;"),
        ("MyModel = torch.nn.RNN(28, 64)", "hand in the class itself, `RNN`; this is a model made of it."),
        ("return self.output(self.rnn(tokens)), state", "`one_hot` gives whole numbers: `.float()` makes others of"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(x, state)
        return self.output(hidden).view(-1, self.vocab_size), state
        """, "the logits have the shape (T B, V); here time and batch stay"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, new = self.rnn(x, state)
        return self.output(hidden), state
        """, "the state returned is the one that came in; return the one"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(x, state)
        return self.output(hidden), hidden
        """, "all hidden states were returned for the state, which is the"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(x, state)
        return hidden, state
        """, "the hidden states were returned for logits: self.output is"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(x)
        return self.output(hidden), state
        """, "the state given to forward was not used: the layer started"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = self.rnn(x, state)
        return self.output(hidden).argmax(-1), state
        """, "the numbers of the likeliest tokens were returned (argmax);"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        hidden, state = rnn(x, state)
        return output(hidden), state
        """, "Is `self.rnn` meant?"),
        ("""
        x = tokens.float()[..., None].expand(-1, -1, self.vocab_size)
        hidden, state = self.rnn(x, state)
        return self.output(hidden), state
        """, "right shape, wrong values: entry [0, 0, 0] of the logits"),
        ("""
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        self.rnn(x, state)
        self.output(x)
        """, "Look at the order of the two factors: the inner sizes must be"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.GRU(vocab_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "self.rnn is GRU(6, 5); this exercise is for"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size, num_layers=2)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "self.rnn has more than one layer or reads both ways; this"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                rnn = torch.nn.RNN(vocab_size, hidden_size)
                output = torch.nn.Linear(hidden_size, vocab_size)
        """, "the model has no self.rnn; this exercise is for"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size, dropout=0.5)
                self.output = torch.nn.Sequential(
                    torch.nn.Linear(hidden_size, vocab_size), torch.nn.Softmax(-1)
                )
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
        ("""
        class MyModel(torch.nn.Module):
            def __init__(self, hidden_size, vocab_size):
                super().__init__()
                self.rnn = torch.nn.RNN(vocab_size, hidden_size)
                self.output = torch.nn.Linear(hidden_size, vocab_size)
        """, "asked for vocab_size = 6 and hidden_size = 5, self.rnn is"),
    ],
}  # fmt: skip


ALSO_RIGHT: dict[str, list[str]] = {
    "sequential_batches": [
        """
        rows = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
        for start in range(0, rows, num_steps):
            x = torch.stack(
                [tokens[b * rows + start : b * rows + start + num_steps] for b in range(batch_size)], dim=1
            )
            y = torch.stack([tokens[b * rows + start + 1 :][:num_steps] for b in range(batch_size)], dim=1)
            yield x, y
        """,
        """
        n = (len(tokens) - 1) // (batch_size * num_steps)
        used = n * batch_size * num_steps
        x = tokens[:used].reshape(batch_size, n, num_steps).permute(1, 2, 0)
        y = tokens[1 : used + 1].reshape(batch_size, n, num_steps).permute(1, 2, 0)
        return tuple((x[i], y[i]) for i in range(n))
        """,
        """
        length = (len(tokens) - 1) // batch_size
        batches = []
        for i in range(length // num_steps):
            where = torch.arange(batch_size) * length + i * num_steps + torch.arange(num_steps)[:, None]
            batches.append([tokens[where], tokens[where + 1]])
        return batches
        """,
    ],
    "perplexity": [
        "return torch.exp(torch.nn.CrossEntropyLoss()(logits.reshape(-1, logits.size(-1)), targets.reshape(-1)))",
        """
        import math
        return math.exp(torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets).item())
        """,
        """
        nll = -torch.log_softmax(logits.double(), -1)
        mine = nll[torch.arange(targets.size(0))[:, None], torch.arange(targets.size(1)), targets]
        return mine.mean().exp().numpy()[()]
        """,
        """
        return 2 ** (
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            / torch.tensor(2.0).log()
        )
        """,
    ],
    "smoothed_bigram": [
        """
        counts = torch.ones(vocab_size, vocab_size)
        for i in range(len(tokens) - 1):
            counts[tokens[i], tokens[i + 1]] += 1
        return counts / counts.sum(dim=1, keepdim=True)
        """,
        """
        counts = torch.bincount(tokens[:-1] * vocab_size + tokens[1:], minlength=vocab_size**2)
        counts = counts.reshape(vocab_size, vocab_size) + 1
        return (counts.T / counts.sum(1)).T
        """,
        """
        from collections import Counter
        pairs = Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist()))
        firsts = Counter(tokens[:-1].tolist())
        table = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
        for i in range(vocab_size):
            for j in range(vocab_size):
                table[i, j] = (1 + pairs[i, j]) / (vocab_size + firsts[i])
        return table
        """,
    ],
    "rnn_step": [
        "return torch.tanh(torch.mm(x, W_xh) + torch.mm(h, W_hh) + b_h)",
        "return (W_xh.T @ x.T + W_hh.T @ h.T + b_h[:, None]).tanh().T",
        """
        print(x.shape)
        z = x.matmul(W_xh)
        z = z + h.matmul(W_hh)
        z += b_h
        return z.tanh()
        """,
        """
        class Cell(torch.nn.Module):
            def forward(self, x, h, W_xh, W_hh, b_h):
                return torch.tanh(x @ W_xh + h @ W_hh + b_h)

        my_step = Cell()
        """,
    ],
    "unrolled_twice": [
        "return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)",
        """
        for x in (x_1, x_2):
            h_0 = torch.tanh(x @ W_xh + h_0 @ W_hh + b_h)
        return h_0
        """,
        """
        step = lambda x, h: torch.tanh(b_h + h @ W_hh + x @ W_xh)
        return step(x_2, step(x_1, h_0))
        """,
    ],
    "rnn_forward": [
        """
        states = []
        for t in range(xs.shape[0]):
            h = torch.tanh(xs[t] @ W_xh + h @ W_hh + b_h)
            states += [h]
        return torch.cat([state.unsqueeze(0) for state in states]), states[-1]
        """,
        """
        states = torch.zeros(xs.shape[0], *h.shape)
        x_in = xs @ W_xh + b_h
        for t in range(len(xs)):
            states[t] = torch.tanh(x_in[t] + (states[t - 1] if t else h) @ W_hh)
        return states, states[-1]
        """,
        """
        import itertools

        states = list(
            itertools.accumulate(xs, lambda h, x: torch.tanh(x @ W_xh + h @ W_hh + b_h), initial=h)
        )[1:]
        return torch.stack(states, dim=0), states[len(xs) - 1]
        """,
    ],
    "bptt": [
        """
        dh, dW_hh = direct.clone(), torch.zeros_like(W_hh)
        for t in reversed(range(len(direct))):
            if t < len(direct) - 1:
                dh[t] += (dh[t + 1] * (1 - h[t + 2] ** 2)) @ W_hh.T
            dW_hh += h[t].T @ (dh[t] * (1 - h[t + 1] ** 2))
        return dh, dW_hh
        """,
        """
        dh, dW_hh, later = [], 0, 0
        for t in range(len(direct) - 1, -1, -1):
            dh.insert(0, direct[t] + later)
            da = dh[0] - dh[0] * h[t + 1] * h[t + 1]
            dW_hh = dW_hh + sum(torch.outer(h[t, b], da[b]) for b in range(h.shape[1]))
            later = (W_hh @ da.T).T
        return torch.stack(dh), dW_hh
        """,
        """
        dh, later, das = torch.empty_like(direct), torch.zeros_like(direct[0]), []
        for t, (d, state) in reversed(list(enumerate(zip(direct, h[1:])))):
            dh[t] = d + later
            das.append(dh[t] * (1 - state.pow(2)))
            later = torch.einsum("bj,ij->bi", das[-1], W_hh)
        return [dh, (h[:-1].transpose(1, 2) @ torch.stack(das[::-1])).sum(0)]
        """,
    ],
    "truncated": [
        """
        total = 0
        for t in range(len(xs)):
            if t > 0 and t % k == 0:
                h = h.detach()
            h = torch.tanh(xs[t] + h @ W_hh)
            total += loss_of(t, h)
        total.backward()
        return W_hh.grad
        """,
        """
        grad = torch.zeros_like(W_hh)
        for first in range(0, len(xs), k):
            h, losses = h.detach(), []
            for t in range(first, min(first + k, len(xs))):
                h = torch.tanh(xs[t] + h @ W_hh)
                losses.append(loss_of(t, h))
            grad += torch.autograd.grad(sum(losses), W_hh)[0]
        return grad
        """,
        """
        for t, x in enumerate(xs):
            if t % k == 0:
                with torch.no_grad():
                    h = h.clone()
                h = h.data
            h = torch.tanh(x + h @ W_hh)
            loss_of(t, h).backward(retain_graph=True)
        return W_hh.grad
        """,
    ],
    "missing_detach": [
        """
        def repackage_hidden(h):
            if isinstance(h, torch.Tensor):
                return h.detach()
            return tuple(repackage_hidden(v) for v in h)

        def train(model, batches, state):
            losses = []
            for data, targets in batches:
                state = repackage_hidden(state)
                output, state = model(data, state)
                loss = torch.nn.CrossEntropyLoss()(output.view(-1, output.shape[-1]), targets.view(-1))
                loss.backward()
                losses.append(loss.item())
            return losses, state
        """,
        """
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, tuple(part.detach() for part in state))
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward(retain_graph=True)
            losses.append(loss.item())
        return losses, state
        """,
        """
        losses = []
        for tokens, targets in batches:
            logits, state = model(tokens, state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            losses.append(loss.item())
            state = [part.clone().detach() for part in state]
        return losses, state
        """,
        """
        losses = []
        for i in range(len(batches)):
            model.zero_grad()
            tokens, targets = batches[i]
            if isinstance(state, tuple):
                state = tuple(s.detach() for s in state)
            logits, state = model(tokens, state)
            loss = torch.nn.CrossEntropyLoss()(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
            loss.backward()
            losses += [float(loss)]
        return losses, state
        """,
    ],
    "clip_by_norm": [
        """
        for g in gradients:
            g.grad = g.view_as(g)
        torch.nn.utils.clip_grad_norm_(gradients, threshold)
        """,
        """
        norm = sum((g ** 2).sum() for g in gradients).sqrt()
        if norm > threshold:
            for g in gradients:
                g *= threshold / norm
        return ...
        """,
        """
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        for g in gradients:
            g.copy_(g * torch.clamp(threshold / norm, max=1))
        """,
        """
        norm = sum(float(x) ** 2 for g in gradients for x in g.flatten()) ** 0.5
        [g.mul_(threshold / norm) for g in gradients if norm > threshold]
        """,
        """
        norm = torch.sqrt(sum((g * g).sum() for g in gradients))
        for i in range(len(gradients)):
            gradients[i] *= min(1, threshold / norm)
        """,
    ],
    "clip_by_value": [
        """
        for g in gradients:
            g.grad = g.view_as(g)
        torch.nn.utils.clip_grad_value_(gradients, threshold)
        """,
        """
        for g in gradients:
            g.clamp_(-threshold, threshold)
        return ...
        """,
        """
        for i in range(len(gradients)):
            gradients[i][:] = gradients[i].clamp(min=-threshold, max=threshold)
        """,
        """
        for g in gradients:
            g.copy_(torch.minimum(torch.maximum(g, torch.tensor(-threshold)), torch.tensor(threshold)))
        """,
        """
        for g in gradients:
            flat = g.view(-1)
            for i in range(len(flat)):
                flat[i] = max(-threshold, min(threshold, flat[i].item()))
        """,
    ],
    "clipped_once": [
        """
        parameters = list(parameters)
        gradients = [gradients_of(number) for number in range(len(parameters))]
        norm = torch.cat([g.flatten() for g in gradients]).norm().item()
        for p, g in zip(parameters, gradients):
            p.data = p.data - learning_rate * g * (threshold / norm if norm > threshold else 1)
        """,
        """
        import itertools
        first, second = itertools.tee(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(first)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(second):
            parameter.add_(gradients_of(number), alpha=-learning_rate * scale)
        """,
        """
        parameters = tuple(parameters)
        squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
        scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
        for number, parameter in enumerate(parameters):
            parameter[...] = parameter - learning_rate * scale * gradients_of(number)
        return parameters
        """,
    ],
    "lstm_step": [
        """
        i, f, g, o = x_in + h @ W_hh
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
        """,
        """
        gates = [x_in[k] + torch.mm(h, W_hh[k]) for k in range(4)]
        I, F, O = (torch.sigmoid(gates[k]) for k in (0, 1, 3))
        C = F * c + I * torch.tanh(gates[2])
        H = O * torch.tanh(C)
        return (H, C)
        """,
        """
        a = torch.einsum("bj,kjh->kbh", h, W_hh) + x_in
        s = 1 / (1 + torch.exp(-a))
        new = torch.addcmul(s[1] * c, s[0], torch.tanh(a[2]))
        return s[3] * new.tanh(), new
        """,
    ],
    "gru_step": [
        """
        r = torch.sigmoid(x_in[0] + h @ W_hh[0])
        z = torch.sigmoid(x_in[1] + h @ W_hh[1])
        n = torch.tanh(x_in[2] + r * (h @ W_hh[2]))
        return (1 - z) * n + z * h
        """,
        """
        xr, xz, xn = x_in.unbind(0)
        hr, hz, hn = torch.matmul(h, W_hh).unbind(0)
        z = (xz + hz).sigmoid()
        return z * h + (1 - z) * torch.tanh(xn + (xr + hr).sigmoid() * hn)
        """,
        """
        cell = torch.nn.GRUCell(1, h.shape[1])
        rows = []
        with torch.no_grad():
            cell.weight_hh.copy_(torch.cat([W.T for W in W_hh])), cell.weight_ih.zero_(), cell.bias_hh.zero_()
            for b in range(len(h)):
                cell.bias_ih.copy_(x_in[:, b].reshape(-1))
                rows.append(cell(torch.zeros(1, 1), h[b : b + 1]))
        return torch.cat(rows)
        """,
    ],
    "time_stays_time": [
        "return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.T.reshape(-1))",
        "return torch.nn.CrossEntropyLoss()(logits.transpose(0, 1).flatten(0, 1), targets.flatten())",
        """
        T = len(logits)
        return sum(torch.nn.functional.cross_entropy(logits[t], targets[:, t]) for t in range(T)) / T
        """,
        """
        return (
            -(torch.nn.functional.one_hot(targets.T, logits.shape[-1]) * logits.log_softmax(-1))
            .sum(-1)
            .mean()
        )
        """,
    ],
    "model": [
        """
        x = torch.nn.functional.one_hot(tokens, self.vocab_size).float()
        y, state = self.rnn(x, state)
        return self.output(y), state
        """,
        """
        x = torch.nn.functional.one_hot(tokens.long(), self.vocab_size).type(torch.float32)
        y, last = self.rnn(x, state)
        logits = self.output(y.reshape(-1, y.shape[-1])).reshape(*y.shape[:2], -1)
        return logits, last
        """,
        """
        class MyModel(torch.nn.Module):
            def __init__(self, vocab_size, hidden_size, dropout=0.0):
                super().__init__()
                self.rnn = torch.nn.RNN(input_size=vocab_size, hidden_size=hidden_size, num_layers=1)
                self.output = torch.nn.Linear(hidden_size, vocab_size)

            def forward(self, tokens, state=None):
                x = torch.zeros(*tokens.shape, self.rnn.input_size).scatter_(2, tokens[..., None], 1.0)
                out, state = self.rnn(x, state)
                return self.output(out), state
        """,
    ],
}  # fmt: skip
