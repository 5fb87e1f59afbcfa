# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 03 Backpropagation through time
#
# When you have worked through this notebook, you can
#
# - compute a gradient through several steps by hand, and keep two kinds of derivative apart;
# - derive all five gradients of a recurrent network, and check them in two ways;
# - read a gradient map, and see on it what `detach` cuts;
# - say what truncation saves, what it costs, and what a forgotten `detach` does.
#
# 45 minutes to read, 26 for three exercises.

# %%
import timeit

import torch

from rnnlib import cells, checks, engine, figures, models, text, training
from rnnlib.topics import small_network, truncation
from rnnlib.widgets import GradientMap, OneStepBack, Truncation, UnrolledGraph

# %% [markdown]
# ## One unit, three steps, every number
#
# <!-- given: 0.5, 0.8 -->
# To learn, a network needs the gradient: how its loss changes with each weight. Begin with the smallest network there is: one unit, no input, weight $w = 0.8$, from $h_0 = 0.5$.
#
# $$a_t = w\,h_{t-1}, \qquad h_t = \tanh(a_t), \qquad L = \tfrac12 (h_3 - 1)^2.$$
#
# **Predict first.** $w$ is used three times. If it grows a little, $L$ changes through each use. Which of the three uses matters most, and which least?

# %%
w, h = 0.8, torch.tensor([0.5, 0.0, 0.0, 0.0]).double()
for t in (1, 2, 3):
    h[t] = torch.tanh(w * h[t - 1])
dh, da, shares = torch.zeros(4).double(), torch.zeros(4).double(), torch.zeros(4).double()
dh[3] = h[3] - 1
for t in (3, 2, 1):
    da[t] = dh[t] * (1 - h[t] ** 2)
    shares[t] = da[t] * h[t - 1]
    dh[t - 1] = da[t] * w
figures.scalar_chain(h, dh, shares, w)

# %% [markdown]
# *Blue arrows go forward; black, the states they give. Purple arrows go backward, from right to left; purple numbers, the gradients. Below, what each use of $w$ contributes to $dL/dw$.*
#
# Each step back multiplies twice: by $1 - h_t^2$, the derivative of tanh at this place, to pass through the tanh, and by $w$, to pass to $h_{t-1}$. On the way each use of $w$ gets its share,
# $\frac{dL}{da_t} h_{t-1}$: the last one {{ shares[3]:.3f }}, the first one {{ shares[1]:.3f }}. Because $w$ is one number, the shares add up: $dL/dw =$ {{ shares.sum():.3f }}.

# %% [markdown]
# **The product over steps.** Written out, the gradient that arrives at $h_0$ is a product with two factors for each step:
#
# $$\frac{dL}{dh_0} = (h_3 - 1) \cdot w (1 - h_3^2) \cdot w (1 - h_2^2) \cdot w (1 - h_1^2).$$
#
# Here {{ dh[3]:.3f }} · {{ w * (1 - h[3]**2):.3f }} · {{ w * (1 - h[2]**2):.3f }} · {{ w * (1 - h[1]**2):.3f }} = {{ dh[0]:.3f }}. Factors below 1 shrink it step by step; notebook 04 is about this product.
#
# Is it right? Ask autograd; and ask without any calculus: move $w$ up and down a little, and look at the loss.


# %% tags=["nbval-check-output"]
def loss_at(w: torch.Tensor) -> torch.Tensor:
    h = torch.tensor(0.5).double()
    for _ in range(3):
        h = torch.tanh(w * h)
    return 0.5 * (h - 1) ** 2


w_leaf = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
(by_autograd,) = torch.autograd.grad(loss_at(w_leaf), w_leaf)
by_difference = (loss_at(w_leaf.detach() + 1e-6) - loss_at(w_leaf.detach() - 1e-6)) / 2e-6
print(f"by hand {shares.sum():.6f}, by autograd {by_autograd:.6f}, by difference {by_difference:.6f}")

# %% [markdown]
# ## Two derivatives with one name
#
# Now a loss at every step. $h_t$ then acts on $L = L_1 + \dots + L_T$ in two ways, and "the derivative of $L$ with respect to $h_t$" can mean two things:
#
# - the **direct** term $\dfrac{\partial L}{\partial h_t}$: how $L$ changes through $o_t$ alone, with all later states held fixed;
# - the **total** derivative $\dfrac{dL}{dh_t}$: how $L$ changes when $h_t$ does, with everything that follows from it.
#
# Training needs the total one. Everywhere in this notebook a $\partial$ is direct and a $d$ is total. (Careful with other texts: most write $\partial$ for both.)

# %% [markdown]
# ## There and back
#
# The small network of notebook 02 reads *abc*. Each output is compared with a target, vowel or consonant: $y_1 = (1, 0)$, $y_2 = y_3 = (0, 1)$, and
#
# $$L_t = \tfrac12 |o_t - y_t|^2, \qquad \text{so} \quad \frac{dL}{do_t} = o_t - y_t.$$
#
# (With the cross-entropy of a language model it is $\mathrm{softmax}(o_t)$ minus the one-hot target. All else is the same.)
#
# **Predict first.** How many gradients must arrive at $h_3$ before it can pass anything on to $h_2$? How many at $h_2$? And how often does $W_{hh}$ get a share?

# %%
network = small_network.example_network()
inputs, targets = torch.eye(3).numpy(), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]).numpy()
graph = UnrolledGraph(network, inputs, targets, backward=True)
graph.edges.value = 17
graph

# %% [markdown]
# <!-- given: 12, 20, 16, 17 -->
# *Purple arrows carry gradients; the thick one was walked last. Beside the nodes, black numbers are values, purple ones gradients. Squares are the weights: each is
# one node, which collects a share from every step; below it, on purple, its gradient, the sum so far.*
#
# **Try this.** Move *Edges walked* from 12 to 20. (1) At $h_3$ one gradient arrives, from $o_3$. At $h_2$ two: edge 16 brings the direct term from $o_2$, edge 17
# the one from $h_3$, and the purple numbers change. (2) Watch the sums grow: three shares each; but that of $W_{hh}$ from step 1 is 0, since $h_0 = 0$. (3) Switch to *direct term only*: as if a state did
# nothing but give its own output.

# %% [markdown]
# **The two formulas.** $h_t$ acts on $L$ through exactly two things. One is $o_t = h_t W_{hq} + b_q$: a small change $\delta$ of $h_t$ changes $o_t$ by $\delta W_{hq}$, so the direct term is $\frac{dL}{do_t} W_{hq}^\top$. The other is
# $a_{t+1} = h_t W_{hh} + \dots$, in the same way. With $\tanh' = 1 - \tanh^2$:
#
# $$\frac{dL}{dh_t} = \underbrace{\frac{dL}{do_t} W_{hq}^\top}_{\text{direct, } \partial L / \partial h_t} +
# \underbrace{\frac{dL}{da_{t+1}}\, W_{hh}^\top}_{\text{later}}, \qquad
# \frac{dL}{da_t} = \frac{dL}{dh_t} \odot (1 - h_t^2).$$
#
# At the last step there is no later term: the computation begins there and runs backward. ($\odot$ multiplies unit by unit. States are rows, so a transposed matrix stands at the right.)

# %% [markdown]
# One step back, with all its numbers.
#
# **Predict first.** At $t = 1$, which is larger, whatever its sign: the direct term or what comes from later? At $t = 2$, which of the four units lets least of
# the gradient through its tanh?

# %%
one_step = OneStepBack(network, inputs, targets)
one_step.t.value = 2
one_step

# %% [markdown]
# *Left, gradients in the nodes, and the weights that carry them back (blue above zero, orange and dashed below). Right: direct and later add up to $dL/dh_t$; times $1 - h_t^2$ they give $dL/da_t$. Below: this
# step's share of $dL/dW_{hh}$, which is $h_{t-1}^\top$ times $dL/da_t$, and the sum of all shares. The darker a cell, the larger its number, whatever its sign.*
#
# **Try this.** (1) Begin at $t = 3$ and go down: *later* is zero at first; at $t = 1$ it is larger than the direct term in {{ int((abs(one_step.walk.later[0]) > abs(one_step.walk.direct[0])).sum()):d }} of the four units. (2) At $t = 2$ the fourth unit has $h =$ {{ one_step.walk.h[2, 3]:.2f }}, so only
# {{ 1 - one_step.walk.h[2, 3] ** 2:.2f }} of its gradient passes: the nearer a unit is to $\pm 1$, the less it lets through.

# %% [markdown]
# ## All five gradients
#
# A weight acts on the loss only through $o_t$ or $a_t$, and at every step:
#
# $$\frac{dL}{dW_{hq}} = \sum_t h_t^\top \frac{dL}{do_t}, \quad \frac{dL}{db_q} = \sum_t \frac{dL}{do_t}, \quad
# \frac{dL}{dW_{hh}} = \sum_t h_{t-1}^\top \frac{dL}{da_t}, \quad \frac{dL}{dW_{xh}} = \sum_t x_t^\top \frac{dL}{da_t}, \quad
# \frac{dL}{db_h} = \sum_t \frac{dL}{da_t}.$$
#
# Each share is what goes in, times the gradient of what comes out. Only the way back from step $T$ to step 1 is difficult, and it is yours now.

# %% [markdown]
# ## Exercise 1: backpropagation through time (10 minutes, medium)
#
# Write the loop yourself, from the two formulas. You are given
#
# - `h`, $(T + 1, B, H)$: the states; `h[0]` is $h_0$;
# - `direct`, $(T, B, H)$: the direct terms $\partial L / \partial h$. It is counted from 0, so `direct[t]` belongs to the state `h[t + 1]`;
# - `W_hh`, $(H, H)$.
#
# Return `dh`, $(T, B, H)$, with the total derivative $dL/dh$ of `h[t + 1]` in `dh[t]`, and `dW_hh`, $(H, H)$: $dL/dW_{hh}$, summed over all steps and all $B$ rows.
# Leave the arguments as they are.


# %%
def my_bptt(h: torch.Tensor, direct: torch.Tensor, W_hh: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """h (T + 1, B, H), direct (T, B, H), W_hh (H, H) -> dh (T, B, H), dW_hh (H, H)."""
    return ..., ...  # your lines


checks.bptt(my_bptt)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Two lines in the loop are the two formulas, one adds this step's share, $h_{t-1}^\top\, dL/da_t$, and one prepares what the step before will need.
# What must `later` be before the loop?
# </details>
# <details><summary>A solution</summary>
#
# ```python
# dh, dW_hh = torch.empty_like(direct), torch.zeros_like(W_hh)
# later = torch.zeros_like(h[0])
# for t in reversed(range(len(direct))):
#     dh[t] = direct[t] + later  # the total derivative: directly, and by way of the next step
#     da = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh; h[t + 1] is the state after this step
#     dW_hh += h[t].mT @ da  # every step shares W_hh, so their gradients add up
#     later = da @ W_hh.mT  # back to h_{t-1}
# return dh, dW_hh
# ```
# (`.mT` transposes a matrix.)
# </details>

# %% [markdown]
# ## The library's code
#
# The same loop trains the networks of this course: `cells.RNN.backward`. It keeps $dL/da_t$ of every step, too, as `dx`, for the gradients of $W_{xh}$ and $b_h$.
#
# <details><summary>The loop of rnnlib/cells.py, to compare with yours</summary>
#
# ```python
# for t in reversed(range(len(direct))):
#     dh[t] = direct[t] + later  # the total derivative: directly, and by way of the next step
#     da = dx[t] = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh; h[t + 1] is the state after this step
#     dW_hh += h[t].mT @ da  # every step shares W_hh, so their gradients add up
#     later = da @ W_hh.mT  # back to h_{t-1}
# ```
# </details>
#
# Is it right? Take all five gradients of the small network, and check them in two ways. First, the network as a function of its weights:

# %%
xs, ys = torch.from_numpy(inputs).double()[:, None], torch.from_numpy(targets).double()[:, None]
weights = {name: torch.from_numpy(matrix).clone().requires_grad_() for name, matrix in vars(network).items()}


def forward(W_xh, W_hh, b_h, W_hq, b_q) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """The states h_0 to h_3, the outputs o_1 to o_3, and the loss."""
    h, o = [torch.zeros(1, 4).double()], []
    for x in xs:
        h.append(torch.tanh(x @ W_xh + h[-1] @ W_hh + b_h))
        o.append(h[-1] @ W_hq + b_q)
    return h, o, 0.5 * (torch.stack(o) - ys).square().sum()


# %% [markdown]
# By the formulas, with the library's loop; by autograd; and by differences: each of the 42 weights is moved up and down by a millionth.
# <!-- given: 42 -->

# %%
with torch.no_grad():
    h, o, _ = forward(**weights)
    do = torch.stack(o) - ys
    x_in = xs @ weights["W_xh"] + weights["b_h"]
    back = cells.RNN.backward(x_in, [(state,) for state in h], weights["W_hh"], do @ weights["W_hq"].mT)
    da, h = back.x_in, torch.stack(h)
    by_formula = {
        "W_xh": (xs.mT @ da).sum(0), "W_hh": back.W_hh, "b_h": da.sum((0, 1)),
        "W_hq": (h[1:].mT @ do).sum(0), "b_q": do.sum((0, 1)),
    }  # fmt: skip
by_autograd = dict(zip(weights, torch.autograd.grad(forward(**weights)[-1], list(weights.values())), strict=True))


# %% tags=["nbval-check-output"]
def difference(name: str, place: int) -> torch.Tensor:
    """How the loss changes with one entry of one weight."""
    losses = []
    for step in (1e-6, -1e-6):
        moved = {each: value.detach().clone() for each, value in weights.items()}
        moved[name].view(-1)[place] += step
        losses.append(forward(**moved)[-1])
    return (losses[0] - losses[1]) / 2e-6


print("gradient  its first entries             same by autograd   same by differences")
for name, found in by_formula.items():
    by_difference = torch.stack([difference(name, place) for place in range(found.numel())]).view_as(found)
    first = "".join(f"{number:9.4f}" for number in found.flatten()[:3])
    same = torch.allclose(found, by_autograd[name]), torch.allclose(found, by_difference, atol=1e-7)
    print(f"dL/d{name:5}{first:30}{str(same[0]):19}{same[1]}")

# %% [markdown]
# That loop is the definition: plain torch, on any device. When a CPU trains, `rnnlib/engine` computes the same numbers with compiled loops, where each
# thread has some rows of the batch. You may skip that folder; a test holds it against `rnnlib/cells.py`.
#
# How long does one minibatch take, there and back? Beside the two, PyTorch's own layer:

# %%
corpus = text.load_corpus("story")
batches = text.SequentialBatches(corpus.train)
tokens, wanted = batches[0].tokens, batches[0].targets
scratch = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64)
concise = models.RNNModel(torch.nn.RNN(len(corpus.vocab), 64), len(corpus.vocab))
compiled = engine.CompiledEngine(scratch.cell)
ways = {
    "this loop": lambda: scratch.backpropagate(tokens, wanted, scratch.initial_state(32)),
    "this loop, compiled": lambda: compiled.backpropagate(scratch.weights, tokens, wanted, scratch.initial_state(32)),
    "nn.RNN and autograd": lambda: concise.backpropagate(tokens, wanted, concise.initial_state(32)),
}
defined, quick = ways["this loop"](), ways["this loop, compiled"]()
assert torch.allclose(quick.gradients[0], defined.gradients[0], atol=1e-6)
assert torch.allclose(quick.hidden_gradients, defined.hidden_gradients, atol=1e-6)

# %% tags=["nbval-ignore-output"]
for name, way in ways.items():
    print(f"{name}: {100 * min(timeit.repeat(way, number=10, repeat=10)):.1f} ms")

# %% [markdown]
# The compiled loop records no graph of operations and calls no library between two steps; where this notebook was built it is the quickest. And both loops compute
# $dL/dh_t$ of every $t$ on their way; for the last loss alone the lab's upper right panel shows it. `nn.RNN` does not hand it out.

# %% [markdown]
# ## The gradient map
#
# How far back does the loss of one step reach? Take the losses apart: $\left|dL_t / dh_j\right|$ for every pair of steps, a picture
# of $T \times T$ cells. Above the diagonal it is empty, for a loss does not depend on later states.
#
# **Predict first.** You will see the map of a network that has trained for 300 steps. Before it learnt anything, was the lower left corner, the long distances, darker or
# lighter? And what will *Cut every k steps* do to the map?

# %%
gradient_map = GradientMap(hidden_size=64)
gradient_map.session.run(300)
gradient_map

# %% [markdown]
# <!-- claim: over_twenty_steps_a_trained_rnn_passes_more_of_its_gradient_than_a_fresh_one -->
# <!-- given: 6 -->
# *The map after 300 steps. Left: row $t$ is the loss of step $t$, column $j$ the state that it reaches. Colours are logarithmic: yellow is the largest, dark blue a millionth of it, white is zero.
# Right: the mean over all pairs that are $t - j$ steps apart, divided by that at distance 0.*
#
# **Try this.** (1) Press **Reset**, then **Start**: with fresh weights the gradient fades within some steps, and the corner is dark; as the network learns, it grows lighter. (2) *Cut every k steps* at 6: the
# map falls into triangles. Each cut is a `detach`, which keeps a value and forgets how it was computed: no loss after it reaches a state before it.

# %% [markdown]
# ## Full, truncated, randomised
#
# How far back should the gradient go? All three have the same forward values:
#
# - **full**: all the way;
# - **truncated**: detach the state every $k$ steps, as a training loop does between two minibatches;
# - **randomised**: cut at random, with probability $1/k$ at each step, and multiply the gradient that passes by $\frac{1}{1 - 1/k}$, so that on average
#   nothing is lost (Tallec and Ollivier 2017).
#
# Does the graph of the whole training text, {{ len(corpus.train) - 1:,d}} steps, fit into memory? Try.

# %%
long_text, layer = corpus.train[:, None], models.RNNModel(torch.nn.RNN(len(corpus.vocab), 32), len(corpus.vocab))
with truncation.HeldMemory() as held:
    logits, _ = layer(long_text[:-1], layer.initial_state(1))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), long_text[1:].flatten())
    megabytes = held.bytes / 1e6
print(f"{len(long_text) - 1:,} steps, held for the way back: {megabytes:.0f} MB")

# %% [markdown]
# It does: this small network with one row needs {{ megabytes:.0f }} MB; memory grows with units and rows. What full backpropagation really costs is something else: a single update of the weights for a whole pass through the text,
# all steps one after the other, and gradients that have faded, or grown beyond all measure (notebook 04), long before they arrive. What truncation costs: no loss after a cut teaches the steps before it what to keep.

# %% [markdown]
# **Predict first.** For a text of $T$ characters: which of memory, time and error does truncation change, and in which direction? Everything below is measured on your
# machine, on a network trained for 500 steps, while the cell runs.

# %%
generator = torch.Generator().manual_seed(0)
small = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=32, generator=generator)
training.Trainer(small, batches).run(500)
three_ways = Truncation(small, corpus)
three_ways

# %% [markdown]
# <!-- claim: the_truncated_gradient_comes_nearer_to_the_full_one_when_it_goes_further_back -->
# <!-- claim: cutting_a_text_into_short_pieces_takes_longer_than_going_all_the_way -->
# <!-- given: 8, 2, 32 -->
# *Cut every 8 steps; randomised: one draw of cuts for each $T$. Left: memory held for the way back. Middle: time for one pass over all $T$ characters. Right: the gradient's error,
# $|g - g_{\text{full}}| / |g_{\text{full}}|$, where $g$ is all gradients in one long vector.*
#
# **Try this.** (1) Memory: full grows with $T$, truncated stops growing at $T = k$; up to there nothing is cut, and both do the same. (2) Time grows with $T$ for all three, and truncation saves none. It costs some: each piece has a loss and a backward pass of its own, and the smaller $k$, the
# more pieces. (3) Move $k$ from 2 to 32: the error of the truncated gradient falls.

# %% [markdown]
# ## Biased or noisy
#
# The truncated gradient is always wrong in the same way, the randomised one in a different way each time. Draw the randomised one 300 times, and
# take the mean.

# %%
T, k, state = 24, 4, small.initial_state(8)
tokens, wanted = batches[3].tokens[:T, :8], batches[3].targets[:T, :8]


def gradient(factors: list[float]) -> torch.Tensor:
    return truncation.truncated_bptt(small, tokens, wanted, state, factors).gradient


generator = torch.Generator().manual_seed(0)
draws = torch.stack([gradient(truncation.cut_at_random(T, k, generator)) for _ in range(300)])
full, truncated = gradient([1.0] * T), gradient(truncation.cut_after(T, k))
print(f"truncated: error {(truncated - full).norm() / full.norm():.2f}")
print(f"randomised, one draw, on average: error {((draws - full).norm(dim=1) / full.norm()).mean():.2f}")
print(f"randomised, the mean of 300 draws: error {(draws.mean(0) - full).norm() / full.norm():.2f}")

# %% [markdown]
# <!-- claim: a_randomised_gradient_is_further_off_than_the_truncated_one_and_the_mean_of_300_is_nearer -->
# The mean of many draws comes as near to the full gradient as you like: randomised truncation is *unbiased*. But a training step has one draw, which is
# on average further off than plain truncation. Most training loops cut at regular places and accept the bias.

# %% [markdown]
# ## Exercise 2: truncate (10 minutes, hard)
#
# Given are `xs`, $(T, B, H)$, the state `h` before the first step, $(B, H)$, `W_hh`, $(H, H)$, a function `loss_of` and $k$. Steps are counted from 0: step `t` makes
# `h = tanh(xs[t] + h @ W_hh)`, and `loss_of(t, h)`, a number, is its loss. $L$ is the sum of all $T$ losses. Return $dL/dW_{hh}$, $(H, H)$, with the state detached before
# steps $k$, $2k$, $3k$ and so on.


# %%
def my_truncated(xs: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor, loss_of, k: int) -> torch.Tensor:
    W_hh = W_hh.detach().requires_grad_()
    return ...  # your lines


checks.truncated(my_truncated)

# %% [markdown]
# <details><summary>A hint</summary>
#
# One loop over `enumerate(xs)`, one `if`, one sum; then `torch.autograd.grad(total, W_hh)[0]`.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# total = 0.0
# for t, x in enumerate(xs):
#     if t > 0 and t % k == 0:
#         h = h.detach()
#     h = torch.tanh(x + h @ W_hh)
#     total = total + loss_of(t, h)
# return torch.autograd.grad(total, W_hh)[0]
# ```
# </details>

# %% [markdown]
# ## Without detach
#
# A training loop carries the state from minibatch to minibatch: its *value*, that is. If the tensor itself is carried, with its graph, then the graph of the
# second minibatch hangs on that of the first, the third on both, and so on.
#
# <!-- given: 35 -->
# **Predict first.** Twelve minibatches of 35 steps: what do memory and time of the twelfth look like, with detach and without?


# %%
def memory_and_time(detach: bool) -> list[tuple[float, float]]:
    """Megabytes held and milliseconds taken, minibatch by minibatch; nothing is updated."""
    model, measured = models.RNNModel(torch.nn.RNN(28, 32), 28), []
    state = model.initial_state(32)
    with truncation.HeldMemory() as memory:
        for number in range(12):
            started, batch = timeit.default_timer(), batches[number]
            logits, state = model(batch.tokens, models.detach(state) if detach else state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
            held = memory.bytes / 1e6
            loss.backward(retain_graph=not detach)
            measured.append((held, 1000 * (timeit.default_timer() - started)))
    return measured


# %%
drawing, axes = figures.panels(2)
for detach, color in ((True, figures.BLUE), (False, figures.ORANGE)):
    passes = torch.tensor([memory_and_time(detach) for _ in range(9)])  # (9, 12, 2); the first one warms up
    for ax, values in zip(axes, passes.min(0).values.T, strict=True):
        ax.plot(range(1, 13), values, ".-", color=color)
axes[0].set(xlabel="minibatch", ylabel="MB held", ylim=0, xticks=range(2, 13, 2))
axes[1].set(xlabel="minibatch", ylabel="ms for this minibatch", ylim=0, xticks=range(2, 13, 2))
figures.label_lines(axes[0], [("with detach", figures.BLUE), ("without", figures.ORANGE)])
drawing

# %% [markdown]
# <!-- claim: without_detach_memory_and_time_grow_from_minibatch_to_minibatch_and_with_it_they_do_not -->
# *Blue, with detach: memory and time are level. Orange, without: both climb, for all graphs are kept, and each backward pass goes back through all of them. (The least of nine passes.)*
#
# Autograd usually stops you: without `retain_graph=True` the second backward pass raises *Trying to backward through the graph a second
# time*, because the first one has freed its part. The wrong cure is `retain_graph=True`. The right one is `detach`: keep the value, drop
# the graph. A state is a tuple here, so `models.detach` does it part by part.

# %% [markdown]
# ## Exercise 3: find the missing detach (6 minutes, easy)
#
# This loop fails at the second minibatch. Repair it, so that each minibatch begins with the values that the one before left, and without its graph: for a GRU and for an LSTM, two cells that you will meet in notebook 04. All you need here is that their states are $(h,)$ and
# $(h, c)$. Then set `repaired = True`.


# %%
repaired = False


def train(model, batches, state):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        losses.append(loss.item())
    return losses, state


checks.missing_detach(train if repaired else lambda *arguments: ...)

# %% [markdown]
# <details><summary>A hint</summary>
#
# A state is a tuple: detach each of its parts, before or after each minibatch.
# </details>
# <details><summary>A solution</summary>
#
# After `loss.backward()`:
#
# ```python
# state = tuple(part.detach() for part in state)
# ```
# </details>

# %% [markdown]
# ## Recap
#
# <details><summary>What is the difference between the direct and the total derivative of L with respect to h<sub>t</sub>?</summary>
#
# The direct one counts what h<sub>t</sub> does to its own output; the total one also what it does to all later states and outputs. At the last step they
# are the same.
# </details>
#
# <details><summary>Why is the gradient of W<sub>hh</sub> a sum over time?</summary>
#
# The same matrix is used at every step. Each use contributes its share: whoever changes the matrix changes every use.
# </details>
#
# <details><summary>What does detach between minibatches change: values, gradients, memory, time?</summary>
#
# No value. Gradients end there. Memory and time stay the same from minibatch to minibatch; without detach both grow.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [9.7 Backpropagation through time](https://d2l.ai/chapter_recurrent-neural-networks/bptt.html)
# - Werbos 1990, *Backpropagation through time: what it does and how to do it*
# - Williams and Peng 1990, *An efficient gradient-based algorithm for on-line training of recurrent network trajectories*: truncation
# - Tallec and Ollivier 2017, *Unbiasing truncated backpropagation through time*
# - Next: [04 Gradient problems](04_gradient_problems.ipynb)
