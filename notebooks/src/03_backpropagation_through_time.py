# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 03 Backpropagation through time
#
# When you have worked through this notebook, you can
#
# - walk the graph of a recurrent network backward, one edge at a time, and keep two kinds of derivative apart;
# - write backpropagation through time as a loop of five lines, the very loop that stands in this course's library;
# - read a gradient map, and see on it what `detach` cuts;
# - say what truncation saves, what it costs, and what happens to whoever forgets to detach.
#
# 40 minutes to read, 25 for three exercises.

# %%
import timeit

import torch

from rnnlib import cells, checks, engine, figures, models, text, training
from rnnlib.topics import small_network, truncation
from rnnlib.widgets import GradientMap, OneStepBack, Truncation, UnrolledGraph

# %% [markdown] slideshow={"slide_type": "slide"}
# ## There and back
#
# The small network of notebook 02, over three steps. Black numbers were computed on the way forward; each output is compared with a
# target and gives a loss $L_t$, and $L = L_1 + L_2 + L_3$. Now the slider goes on, backward.
#
# **Predict first.** How many gradients must arrive at $h_3$ before it can pass anything on to $h_2$? And how many at $h_2$?

# %% slideshow={"slide_type": "slide"}
network = small_network.example_network()
inputs, targets = torch.eye(3).numpy(), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).numpy()
graph = UnrolledGraph(network, inputs, targets, backward=True)
graph.edges.value = 16
graph

# %% [markdown]
# *Purple arrows carry gradients; the thick one was walked last. Beside each node its value, in purple its gradient.*
#
# **Try this.** Move *Edges walked* from 12 to 20. (1) At $h_3$ one gradient arrives, from $o_3$. At $h_2$ two arrive: edge 16 brings one from $o_2$, edge 17
# another from $h_3$, and the purple numbers change. (2) Switch to *direct term only*: the second one is left out, as if $h_2$ did nothing but
# make $o_2$.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two derivatives with one name
#
# "The derivative of $L$ with respect to $h_t$" can mean two things, and most confusion about this algorithm comes from mixing them up:
#
# - the **direct** term $\dfrac{\partial^+ L}{\partial h_t}$: how $L$ changes through $o_t$ alone, with all later states held fixed;
# - the **total** derivative $\dfrac{dL}{dh_t}$: how $L$ changes when $h_t$ does, with everything that follows from it.
#
# Training needs the total one.

# %% [markdown]
# $h_t$ acts on $L$ through exactly two things, $o_t$ and $h_{t+1}$. With $a_t$ for the sum before the tanh, $h_t = \tanh(a_t)$:
#
# $$\frac{dL}{dh_t} = \underbrace{\frac{\partial^+ L}{\partial h_t}}_{\text{direct}} +
# \underbrace{\frac{dL}{da_{t+1}}\, W_{hh}^\top}_{\text{later}}, \qquad
# \frac{dL}{da_t} = \frac{dL}{dh_t} \odot (1 - h_t^2).$$
#
# At the last step there is no later term. So the loop begins there, and runs backward. States are rows here, hence $W_{hh}^\top$ at the
# right.

# %% [markdown] slideshow={"slide_type": "slide"}
# The same step with all its numbers.
#
# **Predict first.** At $t = 1$, which is larger in size, the direct term or what comes from later? For which of the four units does
# the tanh let least of the gradient through?

# %% slideshow={"slide_type": "slide"}
one_step = OneStepBack(network, inputs, targets)
one_step.t.value = 2
one_step

# %% [markdown]
# *Right: direct and later add up to $dL/dh_t$; times $1 - h_t^2$ they give $dL/da_t$. Below: this step's share of $dL/dW_{hh}$, and the sum over
# all steps.*
#
# **Try this.** (1) Begin at $t = 3$ and go down: *later* is zero at first. (2) At $t = 2$ the fourth unit has $h = 0.87$, so only
# 0.24 of its gradient passes: a unit near $\pm 1$ hardly learns. (3) $h_0$ is zero, so step 1 has no share in $dL/dW_{hh}$.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## By hand, with two numbers
#
# One unit, two steps, $h_0 = 0.5$, weight $w = 0.8$, no input, and $L = h_2$. Then $h_1 = \tanh(w h_0)$, $h_2 = \tanh(w h_1)$, and
# $w$ is used twice, so its derivative has two terms:
#
# $$\frac{dL}{dw} = (1 - h_2^2)\,\bigl(\underbrace{h_1}_{\text{second use}} + \underbrace{w (1 - h_1^2)\, h_0}_{\text{first use}}\bigr).$$

# %% tags=["nbval-check-output"]
w, h_0 = torch.tensor(0.8, dtype=torch.float64, requires_grad=True), 0.5
h_1 = torch.tanh(w * h_0)
h_2 = torch.tanh(w * h_1)
h_2.backward()
by_hand = (1 - h_2**2) * (h_1 + w * (1 - h_1**2) * h_0)
print(f"by hand {by_hand.item():.6f}, by autograd {w.grad.item():.6f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The loop
#
# Given the states $h_0, \dots, h_T$ and the direct terms of all steps, five lines find everything. `later` is the second term of the formula, and
# at the last step it is zero.


# %%
def bptt(h: torch.Tensor, direct: torch.Tensor, W_hh: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """h (T + 1, B, H), direct (T, B, H) -> dL/dh_1 to dL/dh_T (T, B, H), dL/dW_hh (H, H)."""
    dh, dW_hh = torch.empty_like(direct), torch.zeros_like(W_hh)
    later = torch.zeros_like(h[0])
    for t in reversed(range(len(direct))):
        dh[t] = direct[t] + later  # the total derivative: directly, and by way of the next step
        da = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh
        dW_hh += h[t].mT @ da  # every step shares W_hh, so their gradients add up
        later = da @ W_hh.mT  # back to h_{t-1}
    return dh, dW_hh


# %% [markdown]
# In code `h[t + 1]` is the state *after* step $t$, counted from 0, because `h[0]` is $h_0$; `.mT` transposes a matrix. Is it right? Ask autograd, for a random network with
# $T = 6$, $B = 3$, $H = 5$ and a random loss, in double precision.

# %%
generator = torch.Generator().manual_seed(0)
x_in, coefficients = torch.randn(2, 6, 3, 5, generator=generator, dtype=torch.float64)
W_hh = torch.randn(5, 5, generator=generator, dtype=torch.float64).requires_grad_()


def states(W_hh: torch.Tensor) -> list[torch.Tensor]:
    """h_0 to h_6; the loss is the sum of coefficients * h_t, so the coefficients are its direct terms."""
    h = [torch.zeros(3, 5, dtype=torch.float64)]
    for x in x_in:
        h.append(torch.tanh(x + h[-1] @ W_hh))
    return h


# %%
h = states(W_hh)
loss = (coefficients * torch.stack(h[1:])).sum()
expected = torch.autograd.grad(loss, [*h[1:], W_hh])
dh, dW_hh = bptt(torch.stack(h).detach(), coefficients, W_hh.detach())
assert torch.allclose(dh, torch.stack(expected[:-1]))  # every dL/dh_t
assert torch.allclose(dW_hh, expected[-1])

# %% [markdown]
# Term by term. A second witness, who knows nothing of derivatives: move one weight by $\epsilon$ up and down, and look at what the loss
# does.

# %% tags=["nbval-check-output"]
epsilon, difference = 1e-6, torch.zeros(5, 5, dtype=torch.float64)
for i in range(5):
    for j in range(5):
        up, down = W_hh.detach().clone(), W_hh.detach().clone()
        up[i, j] += epsilon
        down[i, j] -= epsilon
        up, down = ((coefficients * torch.stack(states(moved)[1:])).sum() for moved in (up, down))
        difference[i, j] = (up - down) / (2 * epsilon)
print("largest difference below 1e-8:", bool((difference - dW_hh).abs().max() < 1e-8))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## You have just written the library's loop
#
# `cells.RNN.backward` is this code. It keeps $dL/da_t$ of every step, too, as `dx`: from it come the gradients of $W_{xh}$ and $b_h$.
#
# ```python
# for t in reversed(range(len(direct))):
#     dh[t] = direct[t] + later  # the total derivative: directly, and by way of the next step
#     da = dx[t] = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh; h[t + 1] is the state after this step
#     dW_hh += h[t].mT @ da  # every step shares W_hh, so their gradients add up
#     later = da @ W_hh.mT  # back to h_{t-1}
# ```

# %%
back = cells.RNN.backward(x_in, [(state,) for state in h], W_hh.detach(), coefficients)
assert torch.equal(back.hidden, dh)
assert torch.equal(back.W_hh, dW_hh)

# %% [markdown]
# That is the definition, plain torch on any device. A trainer on a CPU has the same numbers computed by `rnnlib/engine`: compiled loops, each
# thread with some rows of the batch. You may skip that folder; a test holds it against `rnnlib/cells.py`.
#
# One minibatch there and back, three ways:

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
# On the two CPU cores where this was built the compiled loop is several times faster than PyTorch's layer with autograd, because it knows what is
# coming. Whichever way, our loop gives $dL/dh_t$ for every $t$ at no cost: that is what the lab's upper right panel shows.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 1: backpropagation through time (10 minutes, medium)
#
# Close the cell above and write the loop yourself, from the two formulas.


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
# The function `bptt` above.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient map
#
# How far back does the loss of one step reach? Take the losses apart: $\left|dL_t / dh_k\right|$ for every pair of steps, a picture
# of $T \times T$ cells. Above the diagonal it is empty, for a loss cannot depend on later states.
#
# **Predict first.** Press **Start**. While the network learns, will the lower left corner, the long distances, grow darker or lighter? And what
# does *Cut every k steps* do to the map?

# %% slideshow={"slide_type": "slide"}
gradient_map = GradientMap(hidden_size=64)
gradient_map.session.run(300)
gradient_map

# %% [markdown]
# *Left: row $t$ is the loss of step $t$, column $k$ the state that it reaches; yellow is most, dark blue a millionth. Right: the same against the
# distance $t - k$.*
#
# **Try this.** (1) Reset, then Start: fresh weights let the gradient fade, learning opens the way for it. (2) Cut every 6 steps: the map falls into
# triangles. Each cut is a `detach`. (3) Switch the cell to LSTM and press Start: notebook 04 explains why its map looks as it does.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Full, truncated, randomised
#
# A text of 50,000 characters makes a graph of 50,000 steps. Nobody can hold it. Three ways out, all with the same forward values:
#
# - **full**: go all the way back;
# - **truncated**: detach the state every $k$ steps, as a training loop does between two minibatches;
# - **randomised**: cut at random, with probability $1/k$ at each step, and multiply what passes by $\frac{1}{1 - 1/k}$, so that in the mean
#   nothing is lost (Tallec and Ollivier 2017).

# %% [markdown]
# **Predict first.** Which of memory, time and error does truncation change, and in which direction? Everything below is measured on your
# machine, on a network trained for 500 steps, while the cell runs.

# %% slideshow={"slide_type": "slide"}
generator = torch.Generator().manual_seed(0)
small = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=32, generator=generator)
training.Trainer(small, batches).run(500)
three_ways = Truncation(small, corpus)
three_ways

# %% [markdown]
# *Left: memory held for the way back. Middle: time for one pass. Right: the gradient's error, $|g - g_{\text{full}}| / |g_{\text{full}}|$.*
#
# **Try this.** (1) Memory: full grows with $T$, truncated stops at $k$. (2) Time: all three grow with $T$ alike. Truncation saves memory, not
# time. (3) Move $k$ from 2 to 32: the error falls. The randomised gradient is no nearer to the full one than the truncated. Then what is
# it good for?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Biased or noisy
#
# The truncated gradient is always wrong in the same way; the randomised one is wrong in a different way each time. Draw it 300 times and
# take the mean.

# %%
T, k, state = 24, 4, small.initial_state(8)
tokens, wanted = batches[3].tokens[:T, :8], batches[3].targets[:T, :8]


def gradient(factors: list[float]) -> torch.Tensor:
    return truncation.truncated_bptt(small, tokens, wanted, state, factors).gradient


generator = torch.Generator().manual_seed(0)
draws = torch.stack([gradient(truncation.cut_at_random(T, k, generator)) for _ in range(300)])
full, truncated = gradient([1.0] * T), gradient(truncation.cut_after(T, k))
for name, found in (("truncated", truncated), ("one draw", draws[0]), ("mean of 300", draws.mean(0))):
    print(f"{name}: error {((found - full).norm() / full.norm()):.2f}")

# %% [markdown]
# The mean of many draws comes as near to the full gradient as you like: randomised truncation is *unbiased*. But one draw, which is all that a
# training step has, is noisier than plain truncation is wrong. That is why nearly everybody truncates regularly, and accepts the bias.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Without detach
#
# A training loop carries the state from minibatch to minibatch. Its *value*, that is. If the tensor is carried as it is, the graph of the
# first minibatch stays attached to it, and to the next, and so on.
#
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
    for ax, values in zip(axes, zip(*memory_and_time(detach), strict=True), strict=True):
        ax.plot(range(1, 13), values, ".-", color=color)
axes[0].set(xlabel="minibatch", ylabel="MB held", ylim=0, xticks=range(2, 13, 2))
axes[1].set(xlabel="minibatch", ylabel="ms for this minibatch", ylim=0, xticks=range(2, 13, 2))
figures.label_lines(axes[0], [("with detach", figures.BLUE), ("without", figures.ORANGE)])
drawing

# %% [markdown]
# *Blue is level. Orange climbs with every minibatch: each backward pass goes all the way back to the first.*
#
# Autograd usually stops you: without `retain_graph=True` the second backward pass raises *Trying to backward through the graph a second
# time*, because the first one has freed its part. The wrong cure is `retain_graph=True`. The right one is `detach`: keep the value, let go of
# the graph. A state is a tuple here, so `models.detach` does it part by part.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 2: find the missing detach (6 minutes, easy)
#
# This loop fails at the second minibatch. Repair it, for a GRU, whose state is $(h,)$, and for an LSTM, whose state is $(h, c)$. Then set
# `repaired = True`.


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
# The state returned must be free of the last graph, too. It is a tuple: detach each of its parts.
# </details>
# <details><summary>A solution</summary>
#
# After `loss.backward()`:
#
# ```python
# state = tuple(part.detach() for part in state)
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: truncate (10 minutes, hard)
#
# $h_t = \tanh(x_t + h_{t-1} W_{hh})$ for rows $x_t$ of `xs`; `loss_of(t, h)` is the loss of step $t$ (counted from 0). Return $dL/dW_{hh}$ for the sum of
# all losses, with the state detached before steps $k$, $2k$, and so on.


# %%
def my_truncated(xs: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor, loss_of, k: int) -> torch.Tensor:
    W_hh = W_hh.requires_grad_()
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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>What is the difference between the direct and the total derivative of L by h<sub>t</sub>?</summary>
#
# The direct one counts what h<sub>t</sub> does to its own output; the total one also what it does to all later states and outputs. At the last step they
# are the same.
# </details>
#
# <details><summary>Why is the gradient of W<sub>hh</sub> a sum over time?</summary>
#
# The same matrix is used at every step. Each use has its share, and a change of the matrix changes all of them.
# </details>
#
# <details><summary>What does detach change: values, gradients, memory, time?</summary>
#
# No value. Gradients end there; memory is free after each piece; the time for a text of given length stays the same.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [8.7 Backpropagation through time](https://d2l.ai/chapter_recurrent-neural-networks/bptt.html)
# - Werbos 1990, *Backpropagation through time: what it does and how to do it*
# - Williams and Peng 1990, *An efficient gradient-based algorithm for on-line training of recurrent network trajectories*: truncation
# - Tallec and Ollivier 2017, *Unbiasing truncated backpropagation through time*
# - Next: [04 Gradient problems](04_gradient_problems.ipynb)
